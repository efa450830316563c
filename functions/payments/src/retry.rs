//! `POST /bookings/{id}/payment`: a parent mends a payment that was refused: with another card, with the same once
//! more, or by confirming it to their bank, in the app. Before anything is held they may take another card in any case.

use api::{
    App, Fields, Json, Limiter, Parent, PathId, Problem, ProblemBody, RequestMeta, limits,
    openapi::{BodyProblems, LimitProblems, RoleProblems, StoreProblems},
    present,
};
use axum::{extract::State, http::StatusCode};
use domain::{
    Violation,
    booking::{self, Booking, News},
    id::BookingTag,
    payment::{Payment, Refused, State as Standing},
    stripe::PaymentMethodId,
};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use storage::bookings::{Actor, ChangeError, Changed};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{card, problem::from_stripe};

/// How to mend it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RetryPaymentRequest)]
pub struct Request {
    /// Another card, or the refused one, to be tried once more. Without, what waits for the bank is confirmed.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, example = "pm_1NQ3kX2eZvKYlo2C", max_length = 255)]
    payment_method_id: Option<String>,
}

/// How it goes on.
#[derive(Serialize, ToSchema)]
#[schema(as = RetryPayment)]
pub struct Response {
    /// `retrying`: the card is asked again, and the booking tells of the outcome. `confirm`: the app lets the bank
    /// confirm the payment with the secret.
    #[schema(value_type = String, example = "retrying")]
    next: &'static str,
    /// For Stripe's own form, if the bank is to confirm.
    client_secret: Option<String>,
}

/// Mends a payment.
#[utoipa::path(
    post, path = "/bookings/{id}/payment", operation_id = "retry_payment", tag = "Payments",
    // Stripe takes 100 calls a second from one account.
    extensions(("x-gateway" = json!({ "throttle": [50, 100] }))),
    security(("access_token" = [])),
    params(("id" = String, Path, description = "The booking", example = "bkg_01h455vb4pex5vsknk084sn02q")),
    request_body = Request,
    responses(
        (status = 200, description = "How it goes on", body = Response),
        (status = 404, description = "There is no such booking, or it is somebody else's", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 409, description = "`nothing_to_mend`; `too_late`: the booking is called off; or the payment changed at the same moment", body = ProblemBody,
         content_type = "application/problem+json"),
        BodyProblems, RoleProblems, LimitProblems, StoreProblems,
    ),
)]
async fn retry_payment(
    State(app): State<App>,
    Parent(caller): Parent,
    limiter: Limiter,
    PathId(id): PathId<BookingTag>,
    meta: RequestMeta,
    Json(request): Json<Request>,
) -> Result<Json<Response>, Problem> {
    limiter.admit(&limits::CARD, &caller.user_id.to_string()).await?;
    let mut fields = Fields::default();
    let method = request.payment_method_id.map(PaymentMethodId::parse);
    let method = fields.take_optional("/payment_method_id", method).ok_or_else(|| fields.into_problem())?;
    let booking = app.tables().booking(id).await?.filter(|booking| booking.parent == caller.user_id);
    let booking = booking.ok_or_else(Problem::not_found)?;
    let payments = app.tables().payments_of(id).await?;
    let waiting = |payment: &&Payment| payment.state == Standing::ActionRequired;
    if let (None, Some(payment)) = (&method, payments.iter().find(waiting)) {
        return confirm(&app, payment).await;
    }
    let is_unasked = payments.is_empty();
    let broken = |payment: &Payment| matches!(payment.state, Standing::Failed | Standing::ActionRequired);
    let broken: Vec<Payment> = payments.into_iter().filter(broken).collect();
    let method = method.unwrap_or_else(|| booking.method.clone());
    if broken.is_empty() && !waits_for_card(&booking) {
        let is_other = is_unasked && method != booking.method;
        if !(is_other && matches!(booking.state, booking::State::Accepted | booking::State::Confirmed)) {
            let detail = "No payment of it was refused.";
            return Err(Problem::new(StatusCode::CONFLICT, "nothing_to_mend", detail));
        }
        // Whoever gave a good card for one that is none would be free of the booking for nothing.
        if !will_do(&app, &booking, &method).await? {
            let violation = Violation::new("unusable_card", "must be one of your cards, and good until then");
            return Err(Problem::invalid_field("/payment_method_id", violation));
        }
    }
    let retried = broken.iter().map(|payment| payment.retry(method.clone()).map(|change| change.payment));
    let payments = retried.collect::<Result<Vec<_>, Refused>>().map_err(|_| Problem::conflict())?;
    let actor = Actor { user: Some(caller.user_id), origin: meta.origin(), ..Actor::default() };
    let now = app.now();
    let rule = |before: &Booking| {
        if before.is_unpayable(now) {
            let detail = "The time to mend it is over, and the booking is called off.";
            return Err(Problem::new(StatusCode::CONFLICT, "too_late", detail));
        }
        let changed = Changed::told(before.with_method(method.clone()), News::CardChanged);
        Ok(Some(Changed { payments: payments.clone(), ..changed }))
    };
    match caller.tables(&app).change_booking(id, &actor, now, rule).await {
        Ok(_) => Ok(Json(Response { next: "retrying", client_secret: None })),
        Err(ChangeError::Store(error)) => Err(error.into()),
        Err(ChangeError::NotFound | ChangeError::Taken(_)) => Err(Problem::conflict()),
        Err(ChangeError::Refused(problem)) => Err(problem),
    }
}

async fn will_do(app: &App, booking: &Booking, method: &PaymentMethodId) -> Result<bool, Problem> {
    let Some(customer) = app.tables().payer(booking.parent).await? else { return Ok(false) };
    card::is_good(app.stripe().await?, method, &customer, booking.span.start).await.map_err(from_stripe)
}

/// A card may be refused before anything was to be paid.
fn waits_for_card(booking: &Booking) -> bool {
    use booking::State::{Accepted, Confirmed, InProgress};
    booking.is_refused() && matches!(booking.state, Accepted | Confirmed | InProgress)
}

/// The bank asks the parent, in the app, and a webhook tells how it went.
async fn confirm(app: &App, payment: &Payment) -> Result<Json<Response>, Problem> {
    let intent = payment.intent.as_ref().ok_or_else(Problem::conflict)?;
    let intent = app.stripe().await?.payment_intent(intent).await.map_err(from_stripe)?;
    let client_secret = intent.client_secret.map(|secret| secret.expose_secret().to_owned());
    Ok(Json(Response { next: "confirm", client_secret }))
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(retry_payment))
}
