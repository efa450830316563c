//! `POST /admin/disputes/{id}/decision`: an admin ends a dispute. What the parent gets back is decided here; the payments
//! queue gives it back, and pays the sitter the rest. Both sides get a mail.

use api::{
    Admin, App, Fields, Json, Money, PathId, Problem, ProblemBody, RequestMeta,
    openapi::{BodyProblems, RoleProblems, StoreProblems},
};
use axum::{extract::State, http::StatusCode};
use domain::{
    booking::{Booking, Event, News, Refusal, State as Standing},
    id::BookingTag,
    text::Reason,
};
use serde::{Deserialize, Serialize};
use storage::bookings::{Actor, ChangeError, Changed};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

/// How a dispute ends.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DecideDisputeRequest)]
pub struct Request {
    /// What the parent gets back: from nothing to all that the booking cost, with what it took longer.
    refund: Money,
    /// Why, for the audit trail; neither side sees it.
    #[schema(example = "She left at nine by her own words", min_length = 1, max_length = 500)]
    reason: String,
}

/// What has become of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DisputeDecision)]
pub struct Response {
    /// The booking.
    #[schema(example = "bkg_01h455vb4pex5vsknk084sn02q")]
    booking_id: String,
    /// `settled`.
    #[schema(value_type = String, example = "settled")]
    state: Standing,
    /// What the parent gets back.
    refund: Money,
}

/// Ends a dispute.
#[utoipa::path(
    post, path = "/admin/disputes/{id}/decision", operation_id = "decide_dispute", tag = "Administration",
    security(("access_token" = [])),
    params(("id" = String, Path, description = "The booking", example = "bkg_01h455vb4pex5vsknk084sn02q")),
    request_body = Request,
    responses(
        (status = 200, description = "As decided", body = Response),
        (status = 404, description = "There is no such booking", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 409, description = "It is not disputed, or the amount is more than it cost, or in another currency",
         body = ProblemBody, content_type = "application/problem+json"),
        BodyProblems, RoleProblems, StoreProblems,
    ),
)]
async fn decide_dispute(
    State(app): State<App>,
    Admin(caller): Admin,
    PathId(id): PathId<BookingTag>,
    meta: RequestMeta,
    Json(request): Json<Request>,
) -> Result<Json<Response>, Problem> {
    let (now, mut fields) = (app.now(), Fields::default());
    let refund = request.refund.parse("/refund", &mut fields);
    let reason = fields.take("/reason", Reason::parse(&request.reason));
    let (Some(refund), Some(reason)) = (refund, reason) else { return Err(fields.into_problem()) };
    let actor =
        Actor { user: Some(caller.user_id), origin: meta.origin(), reason: Some(String::from(reason)) };
    let rule = |before: &Booking| {
        let after = before.decided(refund, now)?;
        Ok::<_, Refusal>(Some(Changed::told(after, News::Event(Event::Decide))))
    };
    let booking = caller.tables(&app).change_booking(id, &actor, now, rule).await.map_err(refused)?;
    Ok(Json(Response { booking_id: id.to_string(), state: booking.state, refund: refund.into() }))
}

fn refused(error: ChangeError<Refusal>) -> Problem {
    match error {
        ChangeError::NotFound => Problem::not_found(),
        ChangeError::Refused(refusal) => {
            let code = if matches!(refusal, Refusal::Money(_)) { "too_much" } else { "wrong_state" };
            Problem::new(StatusCode::CONFLICT, code, refusal.to_string())
        }
        ChangeError::Taken(_) => Problem::conflict(),
        ChangeError::Store(error) => error.into(),
    }
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(decide_dispute))
}
