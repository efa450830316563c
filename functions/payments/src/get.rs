//! `GET /payments/{id}`: a payment, to its parent and, as far as it is theirs, to its sitter.

use api::{
    App, Json, Money, PathId, Problem, ProblemBody, SignedIn,
    openapi::{ParameterProblems, SignedInProblems, StoreProblems},
};
use axum::extract::State;
use domain::{
    booking::policy::Charge,
    id::PaymentTag,
    payment::{Failure, Payment, Purpose, State as Standing},
};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

/// A payment.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Payment)]
pub struct View {
    /// Its identity.
    #[schema(example = "pay_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// For which booking.
    #[schema(example = "bkg_01h455vb4pex5vsknk084sn02q")]
    booking_id: String,
    /// `care`, `overrun` or `cancellation`.
    #[schema(value_type = String, example = "care")]
    purpose: Purpose,
    /// `pending`, `action_required`, `failed`, `authorised`, `captured`, `refunded` or `released`.
    #[schema(value_type = String, example = "captured")]
    state: Standing,
    /// What it was priced at; to a sitter, their part of it, as in all that follows.
    priced: Money,
    /// What has come.
    captured: Money,
    /// What of it went back.
    refunded: Money,
    /// Why the card was refused, e.g. `insufficient_funds`; to its parent only.
    #[schema(value_type = Option<String>, example = "insufficient_funds")]
    failure: Option<Failure>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

/// Shows a payment.
#[utoipa::path(
    get, path = "/payments/{id}", operation_id = "get_payment", tag = "Payments", security(("access_token" = [])),
    params(("id" = String, Path, description = "The payment", example = "pay_01h455vb4pex5vsknk084sn02q")),
    responses(
        (status = 200, description = "The payment", body = View),
        (status = 404, description = "There is no such payment, or it is somebody else's", body = ProblemBody,
         content_type = "application/problem+json"),
        ParameterProblems, SignedInProblems, StoreProblems,
    ),
)]
async fn get_payment(
    State(app): State<App>,
    caller: SignedIn,
    PathId(id): PathId<PaymentTag>,
) -> Result<Json<View>, Problem> {
    let payment = app.tables().payment(id).await?.ok_or_else(Problem::not_found)?;
    if ![payment.parent, payment.sitter].contains(&caller.user_id) {
        return Err(Problem::not_found());
    }
    let is_parent = caller.user_id == payment.parent;
    Ok(Json(view(&payment, is_parent)))
}

fn view(payment: &Payment, is_parent: bool) -> View {
    let seen = |charge: Charge| Money::from(if is_parent { charge.total() } else { charge.sitter() });
    View {
        id: payment.id.to_string(),
        booking_id: payment.booking.to_string(),
        purpose: payment.purpose,
        state: payment.state,
        priced: seen(payment.priced),
        captured: seen(payment.captured),
        refunded: seen(payment.refunded),
        failure: payment.failure.filter(|_| is_parent),
        created_at: payment.created_at,
    }
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_payment))
}
