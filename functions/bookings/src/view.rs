//! A booking, as those who take part in it see it.

use std::collections::BTreeMap;

use api::{App, Json, Money, Problem};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use domain::{
    booking::{Booking, Card, State, Who, quote},
    display_name::DisplayName,
    id::UserId,
    role::Role,
};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::time::Time;

/// A booking.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Booking)]
pub struct View {
    /// Its identity.
    #[schema(example = "bkg_01h455vb4pex5vsknk084sn02q")]
    pub(crate) id: String,
    /// `requested`, `accepted`, `confirmed`, `in_progress`, `completed`, `disputed`, `settled`, `declined`,
    /// `expired`, `withdrawn`, `cancelled` or `no_show`.
    #[schema(value_type = String, example = "requested")]
    state: State,
    /// Whose it is.
    parent: Person,
    /// Who is booked.
    sitter: Person,
    /// By the clock on the wall of the place.
    time: Time,
    /// The same as a moment.
    #[schema(value_type = String, format = DateTime)]
    starts_at: Timestamp,
    /// The same as a moment.
    #[schema(value_type = String, format = DateTime)]
    ends_at: Timestamp,
    /// How many are looked after.
    #[schema(example = 2)]
    children: usize,
    /// What it costs; to the sitter, what they earn.
    price: Price,
    /// What it costs besides, because the sitter stayed longer.
    overrun: Option<Price>,
    /// What calling it off costs the parent.
    cancellation_terms: Terms,
    /// Until when the sitter can answer, while they have not.
    #[schema(value_type = Option<String>, format = DateTime)]
    answer_by: Option<Timestamp>,
    /// Of the payment, for the parent: `unasked`, `good`, `held`, `refused`, or `action_required`, for which
    /// the parent goes on with `POST /bookings/{id}/payment`.
    #[schema(value_type = Option<String>, example = "good")]
    card: Option<Card>,
    /// Another time that the parent wants, and the sitter has not answered yet.
    proposal: Option<ProposalView>,
    /// When the sitter came.
    #[schema(value_type = Option<String>, format = DateTime)]
    checked_in_at: Option<Timestamp>,
    /// When the sitter went.
    #[schema(value_type = Option<String>, format = DateTime)]
    checked_out_at: Option<Timestamp>,
    /// How it came that it does not happen.
    cancellation: Option<CancellationView>,
    /// A disagreement.
    dispute: Option<DisputeView>,
    /// The series that it is part of.
    #[schema(example = "ser_01h455vb4pex5vsknk084sn02q")]
    series_id: Option<String>,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Rises with each change; the `ETag`.
    #[schema(example = 1)]
    version: u64,
}

/// Somebody who takes part in it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Participant)]
pub struct Person {
    /// Who.
    #[schema(example = "usr_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// As others see it; none of somebody who has left.
    #[schema(example = "Beth Ackroyd")]
    name: Option<String>,
}

/// An amount, line by line.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Price)]
pub struct Price {
    /// They add up to the total.
    lines: Vec<Line>,
    /// All together.
    total: Money,
}

/// What a part of the price is for.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PriceLine)]
pub struct Line {
    /// `care`, `extra_children`, `night`, `holiday`, `overrun`, `service_fee` or `tax`.
    #[schema(value_type = String, example = "care")]
    kind: quote::LineKind,
    /// How long, where it goes by time.
    #[schema(example = 360)]
    minutes: Option<u32>,
    /// The share, where it goes by one.
    #[schema(example = 25)]
    percent: Option<u16>,
    /// Rounded once, to the nearest minor unit, half a unit up.
    amount: Money,
}

/// What calling it off costs the parent.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CancellationTerms)]
pub struct Terms {
    /// `flexible`, `moderate` or `strict`.
    #[schema(value_type = String, example = "flexible")]
    policy: domain::booking::policy::Policy,
    /// Until when it costs nothing.
    #[schema(value_type = String, format = DateTime)]
    free_until: Timestamp,
}

/// Another time.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BookingProposal)]
pub struct ProposalView {
    /// By the clock on the wall of the place.
    time: Time,
    /// The same as a moment.
    #[schema(value_type = String, format = DateTime)]
    starts_at: Timestamp,
    /// The same as a moment.
    #[schema(value_type = String, format = DateTime)]
    ends_at: Timestamp,
    /// What it would cost; to the sitter, what they would earn.
    price: Price,
}

/// How it came that it does not happen.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BookingCancellation)]
pub struct CancellationView {
    /// `parent`, `sitter`, `admin` or `system`.
    #[schema(value_type = String, example = "parent")]
    by: Who,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// What the parent pays all the same; to the sitter, what they earn all the same.
    kept: Money,
}

/// A disagreement.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BookingDispute)]
pub struct DisputeView {
    /// Who does not agree: `parent` or `sitter`.
    #[schema(value_type = String, example = "parent")]
    by: Who,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// What the parent gets back, once an admin has decided.
    refund: Option<Money>,
}

impl Price {
    /// As somebody of that role sees it: sitters see what is theirs.
    pub(crate) fn new(quote: &quote::Quote, role: Role) -> Self {
        let seen = |line: &&quote::Line| role != Role::Sitter || line.kind.is_the_sitters();
        let line = |line: &quote::Line| Line {
            kind: line.kind,
            minutes: line.minutes,
            percent: line.percent,
            amount: line.amount.into(),
        };
        let total = if role == Role::Sitter { quote.sitter() } else { quote.total() };
        Self { lines: quote.lines().iter().filter(seen).map(line).collect(), total: total.into() }
    }
}

impl Terms {
    pub(crate) fn new(policy: domain::booking::policy::Policy, start: Timestamp) -> Self {
        Self { policy, free_until: policy.free_until(start) }
    }
}

impl View {
    pub(crate) fn new(booking: &Booking, role: Role, names: &BTreeMap<UserId, DisplayName>) -> Self {
        let person = |id: UserId| Person {
            id: id.to_string(),
            name: names.get(&id).map(|name| name.as_str().to_owned()),
        };
        let proposal = booking.proposal.as_ref();
        let cancellation = booking.cancellation.as_ref();
        Self {
            id: booking.id.to_string(),
            state: booking.state,
            parent: person(booking.parent),
            sitter: person(booking.sitter),
            time: Time::from(&booking.window),
            starts_at: booking.span.start,
            ends_at: booking.span.end,
            children: booking.children.len(),
            price: Price::new(&booking.quote, role),
            overrun: booking.overrun.as_ref().map(|quote| Price::new(quote, role)),
            cancellation_terms: Terms::new(booking.policy, booking.span.start),
            answer_by: (booking.state == State::Requested).then_some(booking.answer_by),
            card: (role != Role::Sitter).then_some(booking.card),
            proposal: proposal.map(|proposal| ProposalView {
                time: Time::from(&proposal.window),
                starts_at: proposal.span.start,
                ends_at: proposal.span.end,
                price: Price::new(&proposal.quote, role),
            }),
            checked_in_at: booking.checked_in.map(|presence| presence.at),
            checked_out_at: booking.checked_out.map(|presence| presence.at),
            cancellation: cancellation.map(|cancellation| CancellationView {
                by: cancellation.by,
                at: cancellation.at,
                kept: match role {
                    Role::Sitter => cancellation.kept.sitter().into(),
                    Role::Parent | Role::Admin => cancellation.kept.total().into(),
                },
            }),
            dispute: booking.dispute.as_ref().map(|dispute| DisputeView {
                by: dispute.by,
                at: dispute.at,
                refund: dispute.refund.map(Money::from),
            }),
            series_id: booking.occurrence.map(|occurrence| occurrence.series.to_string()),
            created_at: booking.created_at,
            version: booking.version,
        }
    }

    /// Bookings as somebody of that role sees them.
    pub(crate) async fn all(app: &App, bookings: &[Booking], role: Role) -> Result<Vec<Self>, Problem> {
        let people = bookings.iter().flat_map(|booking| [booking.parent, booking.sitter]);
        let names = app.tables().names(people.collect()).await?;
        Ok(bookings.iter().map(|booking| Self::new(booking, role, &names)).collect())
    }

    /// A booking as somebody of that role sees it.
    pub(crate) async fn of(app: &App, booking: &Booking, role: Role) -> Result<Self, Problem> {
        let names = app.tables().names([booking.parent, booking.sitter].into()).await?;
        Ok(Self::new(booking, role, &names))
    }
}

/// The answer that shows a booking, with its version as the `ETag`.
pub(crate) async fn answer(app: &App, booking: &Booking, role: Role) -> Result<Response, Problem> {
    let view = View::of(app, booking, role).await?;
    Ok(([(header::ETAG, format!("\"{}\"", booking.version))], Json(view)).into_response())
}
