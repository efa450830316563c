//! `POST /admin/payments/{id}/refund`: an admin gives back a part of what was paid, or all of it. It is decided here; the
//! payments queue gives it back, and the parent gets a mail.

use api::{
    Admin, App, Fields, Idempotent, Json, Money, PathId, Problem, ProblemBody, RequestMeta, SignedIn,
    openapi::{BodyProblems, IdempotencyProblems, RoleProblems, StoreProblems},
};
use axum::{extract::State, http::StatusCode, response::Response as HttpResponse};
use domain::{
    Violation,
    booking::News,
    event::{Event, Fact},
    id::{PaymentId, PaymentTag, RequestId},
    text::Reason,
};
use serde::{Deserialize, Serialize};
use storage::audit::{Action, Entry};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

const OPERATION: &str = "refund_payment";

/// What goes back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RefundRequest)]
pub struct Request {
    /// How much, out of what was paid and is not to go back already.
    amount: Money,
    /// Why, for the audit trail.
    #[schema(example = "Agreed with the family by phone", min_length = 1, max_length = 500)]
    reason: String,
}

/// What has become of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Refund)]
pub struct Response {
    /// The payment.
    #[schema(example = "pay_01h455vb4pex5vsknk084sn02q")]
    payment_id: String,
    /// What is on its way back, this included.
    refunding: Money,
}

/// Gives back a part of a payment. With an `Idempotency-Key` it may be repeated.
#[utoipa::path(
    post, path = "/admin/payments/{id}/refund", operation_id = "refund_payment", tag = "Administration",
    security(("access_token" = [])),
    params(("id" = String, Path, description = "The payment", example = "pay_01h455vb4pex5vsknk084sn02q"),
     ("Idempotency-Key" = Option<String>, Header, description = "The same for each repetition of this request")),
    request_body = Request,
    responses(
        (status = 202, description = "It goes back", body = Response),
        (status = 404, description = "There is no such payment", body = ProblemBody,
         content_type = "application/problem+json"),
        BodyProblems, RoleProblems, IdempotencyProblems, StoreProblems,
        // In place of the one that repetitions have.
        (status = 409, description = "Nothing was paid, or not so much, or it changed at the same moment; or a request \
         with this key is being worked on", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
async fn refund_payment(
    State(app): State<App>,
    Admin(caller): Admin,
    PathId(id): PathId<PaymentTag>,
    meta: RequestMeta,
    request: Idempotent<Request>,
) -> Result<HttpResponse, Problem> {
    let name = request.name(caller.user_id, OPERATION);
    let grant = async |request| grant(&app, caller, id, &meta, name, request).await;
    request.once(&app, caller.user_id, OPERATION, grant).await
}

async fn grant(
    app: &App,
    caller: SignedIn,
    id: PaymentId,
    meta: &RequestMeta,
    name: Option<RequestId>,
    request: Request,
) -> Result<(StatusCode, Json<Response>), Problem> {
    let (now, mut fields) = (app.now(), Fields::default());
    let amount = request.amount.parse("/amount", &mut fields).and_then(|amount| {
        let nothing = || Violation::new("out_of_range", "must be more than nothing");
        fields.take(
            "/amount/amount_minor",
            Some(amount).filter(|amount| amount.amount_minor > 0).ok_or_else(nothing),
        )
    });
    let reason = fields.take("/reason", Reason::parse(&request.reason));
    let (Some(amount), Some(reason)) = (amount, reason) else { return Err(fields.into_problem()) };
    // It may have been done, and the answer lost.
    if let Some(name) = name
        && let Some(refunding) = app.tables().granted(id, name).await?
    {
        return Ok(accepted(id, refunding));
    }
    let payment = app.tables().payment(id).await?.ok_or_else(Problem::not_found)?;
    let granted = payment.grant_refund(amount).map_err(|refused| {
        Problem::new(StatusCode::CONFLICT, "not_refundable", format!("It cannot be given back: {refused}."))
    })?;
    let (booking_id, parent, sitter, news) =
        (payment.booking, payment.parent, payment.sitter, News::RefundGranted);
    let trail = Entry {
        subject: parent,
        actor: Some(caller.user_id),
        action: Action::PaymentRefunded,
        booking: Some((booking_id, news)),
        reason: Some(reason.into()),
        at: now,
        origin: meta.origin(),
    };
    let event = Event::new(Fact::Booking { booking_id, parent, sitter, news }, now);
    caller.tables(app).grant_refund(&granted.payment, name, &trail, &event).await?;
    Ok(accepted(id, granted.payment.to_refund()))
}

fn accepted(id: PaymentId, refunding: domain::money::Money) -> (StatusCode, Json<Response>) {
    (StatusCode::ACCEPTED, Json(Response { payment_id: id.to_string(), refunding: refunding.into() }))
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(refund_payment))
}
