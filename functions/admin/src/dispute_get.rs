//! `GET /admin/disputes/{id}`: an admin reads what somebody does not agree with. A booking has one dispute at most, which
//! goes by the booking's identifier. That it was read goes into the trail.

use api::{
    Admin, App, Json, Money, PathId, Problem, ProblemBody, RequestMeta,
    openapi::{ParameterProblems, RoleProblems, StoreProblems},
};
use axum::extract::State;
use domain::{
    booking::{News, State as Standing, Who},
    id::BookingTag,
};
use jiff::Timestamp;
use serde::Serialize;
use storage::{
    audit::{Action, Entry},
    bookings::open_complaint,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

/// What somebody does not agree with.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Dispute)]
pub struct Response {
    /// The booking.
    #[schema(example = "bkg_01h455vb4pex5vsknk084sn02q")]
    booking_id: String,
    /// `disputed`, or `settled` once it is decided.
    #[schema(value_type = String, example = "disputed")]
    state: Standing,
    /// Whose booking it is.
    #[schema(example = "usr_01h455vb4pex5vsknk084sn02q")]
    parent_id: String,
    /// Who was booked.
    #[schema(example = "usr_01h455vb4pex5vsknk084sn02q")]
    sitter_id: String,
    /// Who does not agree: `parent` or `sitter`.
    #[schema(value_type = String, example = "parent")]
    by: Who,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// In their words; `null` once the family has been forgotten.
    complaint: Option<String>,
    /// From when it was to be.
    #[schema(value_type = String, format = DateTime)]
    starts_at: Timestamp,
    /// Until when it was to be.
    #[schema(value_type = String, format = DateTime)]
    ends_at: Timestamp,
    /// When the sitter came.
    #[schema(value_type = Option<String>, format = DateTime)]
    checked_in_at: Option<Timestamp>,
    /// How far from the address the sitter was then, in metres, if their device told.
    #[schema(example = 40)]
    checked_in_distance_metres: Option<u32>,
    /// When the sitter went.
    #[schema(value_type = Option<String>, format = DateTime)]
    checked_out_at: Option<Timestamp>,
    /// How far from the address the sitter was then, in metres, if their device told.
    #[schema(example = 40)]
    checked_out_distance_metres: Option<u32>,
    /// What it cost, without what it took longer.
    total: Money,
    /// What it cost besides, because it took longer.
    overrun: Option<Money>,
    /// What the parent gets back, once it is decided.
    refund: Option<Money>,
}

/// Reads a dispute.
#[utoipa::path(
    get, path = "/admin/disputes/{id}", operation_id = "get_dispute", tag = "Administration",
    security(("access_token" = [])),
    params(("id" = String, Path, description = "The booking", example = "bkg_01h455vb4pex5vsknk084sn02q")),
    responses(
        (status = 200, description = "The dispute", body = Response),
        (status = 404, description = "There is no such booking, or nobody disagrees with it", body = ProblemBody,
         content_type = "application/problem+json"),
        ParameterProblems, RoleProblems, StoreProblems,
    ),
)]
async fn get_dispute(
    State(app): State<App>,
    Admin(caller): Admin,
    PathId(id): PathId<BookingTag>,
    meta: RequestMeta,
) -> Result<Json<Response>, Problem> {
    let booking = app.tables().booking(id).await?.ok_or_else(Problem::not_found)?;
    let dispute = booking.dispute.clone().ok_or_else(Problem::not_found)?;
    // First noted, then shown.
    let read = Entry {
        subject: booking.parent,
        actor: Some(caller.user_id),
        action: Action::DisputeRead,
        booking: Some((id, News::Event(domain::booking::Event::Dispute))),
        reason: None,
        at: app.now(),
        origin: meta.origin(),
    };
    app.tables().record(&read).await?;
    let key = app.tables().data_key(app.cipher()?, booking.parent).await?;
    let complaint = key.map(|key| open_complaint(&key, id, &dispute.sealed_complaint)).transpose()?;
    Ok(Json(Response {
        booking_id: id.to_string(),
        state: booking.state,
        parent_id: booking.parent.to_string(),
        sitter_id: booking.sitter.to_string(),
        by: dispute.by,
        at: dispute.at,
        complaint: complaint.map(String::from),
        starts_at: booking.span.start,
        ends_at: booking.span.end,
        checked_in_at: booking.checked_in.map(|presence| presence.at),
        checked_in_distance_metres: booking.checked_in.and_then(|presence| presence.distance_metres),
        checked_out_at: booking.checked_out.map(|presence| presence.at),
        checked_out_distance_metres: booking.checked_out.and_then(|presence| presence.distance_metres),
        total: booking.quote.total().into(),
        overrun: booking.overrun.map(|quote| quote.total().into()),
        refund: dispute.refund.map(Money::from),
    }))
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_dispute))
}
