//! `GET /admin/disputes/{id}`: an admin reads what somebody does not agree with, whether they have told us or their bank. A
//! booking has one dispute at most, which goes by the booking's identifier. That it was read goes into the trail.

use api::{
    Admin, App, Json, Money, PathId, Problem, ProblemBody, RequestMeta,
    openapi::{ParameterProblems, RoleProblems, StoreProblems},
};
use axum::extract::State;
use domain::{
    booking::{Dispute, News, State as Standing, Who},
    chargeback,
    id::BookingTag,
    payment::Payment,
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
    /// Who does not agree: `parent` or `sitter`; `null` if they have told their bank alone.
    #[schema(value_type = Option<String>, example = "parent")]
    by: Option<Who>,
    /// Since when.
    #[schema(value_type = Option<String>, format = DateTime)]
    at: Option<Timestamp>,
    /// In their words; `null` once the family has been forgotten.
    complaint: Option<String>,
    /// What the family's bank has taken back.
    chargebacks: Vec<ChargebackView>,
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

/// What the family's bank has taken back of a payment.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Chargeback)]
pub struct ChargebackView {
    /// Of which payment.
    #[schema(example = "pay_01h455vb4pex5vsknk084sn02q")]
    payment_id: String,
    /// `open`, `won` or `lost`.
    #[schema(value_type = String, example = "open")]
    state: chargeback::State,
    /// What the bank has, and may give again.
    open: Money,
    /// What it keeps.
    lost: Money,
    /// Until when Stripe is to be shown that the care was given.
    #[schema(value_type = Option<String>, format = DateTime)]
    due_by: Option<Timestamp>,
}

impl ChargebackView {
    fn of(payment: &Payment) -> Option<Self> {
        let chargeback = payment.chargeback?;
        Some(Self {
            payment_id: payment.id.to_string(),
            state: chargeback.state,
            open: chargeback.open.into(),
            lost: chargeback.lost.into(),
            due_by: chargeback.due_by,
        })
    }
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
    let payments = app.tables().payments_of(id).await?;
    let chargebacks: Vec<_> = payments.iter().filter_map(ChargebackView::of).collect();
    if booking.dispute.is_none() && chargebacks.is_empty() {
        return Err(Problem::not_found());
    }
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
    caller.tables(&app).record(&read).await?;
    let dispute = booking.dispute.as_ref();
    let key = match dispute {
        Some(_) => app.tables().data_key(app.cipher()?, booking.parent).await?,
        None => None,
    };
    let open =
        |dispute: &Dispute| key.map(|key| open_complaint(&key, id, &dispute.sealed_complaint)).transpose();
    let complaint = dispute.map(open).transpose()?.flatten();
    Ok(Json(Response {
        booking_id: id.to_string(),
        state: booking.state,
        parent_id: booking.parent.to_string(),
        sitter_id: booking.sitter.to_string(),
        by: dispute.map(|dispute| dispute.by),
        at: dispute.map(|dispute| dispute.at),
        complaint: complaint.map(String::from),
        chargebacks,
        starts_at: booking.span.start,
        ends_at: booking.span.end,
        checked_in_at: booking.checked_in.map(|presence| presence.at),
        checked_in_distance_metres: booking.checked_in.and_then(|presence| presence.distance_metres),
        checked_out_at: booking.checked_out.map(|presence| presence.at),
        checked_out_distance_metres: booking.checked_out.and_then(|presence| presence.distance_metres),
        total: booking.quote.total().into(),
        overrun: booking.overrun.as_ref().map(|quote| quote.total().into()),
        refund: dispute.and_then(|dispute| dispute.refund).map(Money::from),
    }))
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_dispute))
}
