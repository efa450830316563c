//! Bookings: a sitter for a family at a time.
//!
//! What can happen to one is a table, [`state::TABLE`]. What falls due for one follows from what it is,
//! [`Booking::next_step`], so that one mechanism serves all of it.

pub mod claims;
pub mod policy;
pub mod quote;
pub mod series;
pub mod state;
pub mod window;

use enumset::{EnumSet, EnumSetType};
use jiff::{SignedDuration, Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use strum::{AsRefStr, EnumIter, IntoStaticStr};

pub use state::{Event, Guard, State, Who};

use crate::{
    availability::Span,
    event::Fact,
    id::{BookingId, ChildId, SeriesId, UserId},
    money::{HourlyRate, Money, MoneyError},
    role::Role,
    stripe::PaymentMethodId,
    text::text_type,
};
use policy::{Charge, Policy};
use quote::{Quote, Tariff};
use window::Window;

text_type! {
    /// What a parent tells the sitter: paragraphs of 1 to 1000 characters together.
    Note = paragraphs(1000)
}

text_type! {
    /// Why somebody does not agree: paragraphs of 1 to 2000 characters together.
    Complaint = paragraphs(2000)
}

/// How many children one sitter looks after at once.
pub const MAX_CHILDREN: usize = 6;
/// How long a sitter has to answer, at most.
const ANSWER: SignedDuration = SignedDuration::from_hours(24);
/// Before the start a sitter must have answered, and a card must be good.
const SETTLED_BEFORE: SignedDuration = SignedDuration::from_hours(1);
/// How long a parent has at least to mend a refused card.
const MEND: SignedDuration = SignedDuration::from_mins(30);
/// So long a sitter's time is taken at most by somebody whose card was never good.
const UNPROVED: SignedDuration = SignedDuration::from_hours(24);
/// So long before the start the card is asked for the money: a hold lasts for days only.
pub const HOLD: SignedDuration = SignedDuration::from_hours(24);
const REMIND: SignedDuration = SignedDuration::from_hours(3);
/// So early a sitter may be there.
const EARLY: SignedDuration = SignedDuration::from_mins(30);
/// So late a sitter may be.
const LATE: SignedDuration = SignedDuration::from_mins(15);
/// So long after it was completed a booking can be disputed.
const DISPUTABLE: SignedDuration = SignedDuration::from_hours(48);
/// So long after it was completed a booking can be reviewed.
const REVIEWABLE: SignedDuration = SignedDuration::from_hours(14 * 24);
/// Help is called for from so long before the start ...
const HELP_BEFORE: SignedDuration = SignedDuration::from_hours(2);
/// ... until so long after the end.
const HELP_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// What falls due for a booking. Of several at one moment the first comes first.
#[derive(
    Debug, Hash, PartialOrd, Ord, Serialize, Deserialize, AsRefStr, IntoStaticStr, EnumIter, EnumSetType,
)]
#[enumset(serialize_repr = "list")]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Step {
    /// The sitter has not answered.
    Expire,
    /// The card is to be asked for the money.
    Hold,
    /// Both are reminded, a day ahead.
    RemindDay,
    /// Both are reminded, three hours ahead.
    RemindHours,
    /// A card that is refused still will not be good in time.
    GiveUpCard,
    /// The sitter is not there.
    MissStart,
    /// The sitter has not said that they have gone.
    Complete,
    /// Nobody has disagreed.
    Settle,
    /// Nobody can write a review any more.
    CloseReviews,
}

/// What is known of the card.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, AsRefStr, EnumIter)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Card {
    /// Nothing.
    #[default]
    Unasked,
    /// It is there, and it is the parent's.
    Good,
    /// It keeps the money ready.
    Held,
    /// Its bank has said no, or it is not there.
    Refused,
    /// Its bank wants to see its owner.
    ActionRequired,
}

/// What is private of a booking, sealed with the parent's key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// An [`Address`](crate::address::Address), as it was when the booking was made.
    pub address: String,
    /// A [`Point`](crate::geo::Point), likewise.
    pub point: String,
    /// An [`EmergencyContact`](crate::parent::EmergencyContact), likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emergency_contact: Option<String>,
    /// A [`Note`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Somebody was there. Where exactly is where a family lives, so only how far from there is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// When.
    pub at: Timestamp,
    /// From the address, in metres, if the device told where it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distance_metres: Option<u32>,
}

/// Another time that the parent wants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Proposal {
    /// By the clock on the wall.
    pub window: Window,
    /// The same in moments.
    pub span: Span,
    /// What it would cost.
    pub quote: Quote,
    /// When it was made.
    pub made_at: Timestamp,
}

/// How it came that a booking does not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancellation {
    /// Who called it off.
    pub by: Who,
    /// When.
    pub at: Timestamp,
    /// What is owed all the same.
    pub kept: Charge,
}

/// A disagreement, and its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispute {
    /// Who does not agree.
    pub by: Who,
    /// Since when.
    pub at: Timestamp,
    /// A [`Complaint`], sealed with the parent's key.
    pub sealed_complaint: String,
    /// What the parent gets back, once an admin has decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund: Option<Money>,
}

/// The part of a series that a booking is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Occurrence {
    /// Of which.
    pub series: SeriesId,
    /// The day that the rule names; the booking may have been moved since.
    pub date: Date,
}

/// A sitter for a family at a time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Booking {
    /// Never reused.
    pub id: BookingId,
    /// Whose.
    pub parent: UserId,
    /// Who is booked.
    pub sitter: UserId,
    /// The part of a series that it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurrence: Option<Occurrence>,
    /// Where it stands.
    pub state: State,
    /// When, by the clock on the wall.
    pub window: Window,
    /// The same in moments.
    pub span: Span,
    /// Who is looked after.
    pub children: Vec<ChildId>,
    /// What is private.
    pub sealed: Sealed,
    /// What an hour cost when the booking was made.
    pub rate: HourlyRate,
    /// What is kept when it is called off, as it was then.
    pub policy: Policy,
    /// The supplements, fees and taxes, as they were then.
    pub tariff: Tariff,
    /// What it costs.
    pub quote: Quote,
    /// What it costs besides, because the sitter stayed longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overrun: Option<Quote>,
    /// What is to be paid with.
    pub method: PaymentMethodId,
    /// What is known of it.
    #[serde(default)]
    pub card: Card,
    /// Until when the sitter can answer.
    pub answer_by: Timestamp,
    /// Since when the sitter's time is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_at: Option<Timestamp>,
    /// Another time that is to be agreed on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposal: Option<Proposal>,
    /// The sitter has come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked_in: Option<Presence>,
    /// The sitter has gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked_out: Option<Presence>,
    /// Since when nothing but the money is left to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Timestamp>,
    /// How it came that it does not happen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancellation: Option<Cancellation>,
    /// A disagreement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispute: Option<Dispute>,
    /// The steps that were taken.
    #[serde(default)]
    pub done: EnumSet<Step>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// Rises by one with each change; what an `If-Match` names.
    pub version: u64,
}

/// What a parent asks for.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "see the fields of the booking")]
pub struct Request {
    pub id: BookingId,
    pub parent: UserId,
    pub sitter: UserId,
    pub occurrence: Option<Occurrence>,
    pub window: Window,
    pub span: Span,
    pub children: Vec<ChildId>,
    pub sealed: Sealed,
    pub rate: HourlyRate,
    pub policy: Policy,
    pub tariff: Tariff,
    pub quote: Quote,
    pub method: PaymentMethodId,
}

/// What is told of a booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum News {
    /// It was asked for.
    Requested,
    /// Something has happened to it.
    Event(Event),
    /// Something fell due.
    Step(Step),
    /// Its card was refused, or its bank wants to see its owner.
    CardRefused,
    /// It is to be paid with another card, or with the same once more.
    CardChanged,
    /// An admin gives back a part of what was paid.
    RefundGranted,
}

impl News {
    /// In one word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Event(event) => event.into(),
            Self::Step(step) => step.into(),
            Self::CardRefused => "card_refused",
            Self::CardChanged => "card_changed",
            Self::RefundGranted => "refund_granted",
        }
    }
}

/// Why something cannot happen to a booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Its state does not know the event.
    #[error("a booking that is {} cannot {}: that is for one that is {}", .from.as_ref(), .event.as_ref(), names(*.event))]
    WrongState {
        /// Where it stands.
        from: State,
        /// What was to happen.
        event: Event,
    },
    /// Somebody else's to say.
    #[error("{} is not for the {} to do", .event.as_ref(), .who.as_ref())]
    NotTheirs {
        /// What was to happen.
        event: Event,
        /// Who wanted it.
        who: Who,
    },
    /// It is too early or too late.
    #[error("{} is not possible now: {}", .event.as_ref(), .guard.words())]
    NotNow {
        /// What was to happen.
        event: Event,
        /// What is not so.
        guard: Guard,
    },
    /// An amount that it has not, or in another currency.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

fn names(event: Event) -> String {
    let names: Vec<String> = event.from().map(|state| state.as_ref().to_owned()).collect();
    names.join(" or ")
}

impl Guard {
    /// What must be so, for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Always => "it always is",
            Self::Unanswered => "the time to answer is over",
            Self::NotAnswered => "there is time left to answer",
            Self::BeforeStart => "it has begun",
            Self::Changeable => "it begins within a day",
            Self::Proposed => "no other time is proposed, or the time to agree is over",
            Self::Refused => "the card was not refused, or there is time left to mend it",
            Self::AtTheDoor => "it can be from half an hour before the start until the end",
            Self::NobodyCame => "the sitter may still come",
            Self::Overdue => "the sitter may still be there",
            Self::Near => "it can be from two hours before the start until a day after the end",
            Self::DisputeOpen => "the two days for that are over",
            Self::DisputeOver => "it can still be disputed",
        }
    }
}

impl Booking {
    /// A new request.
    pub fn request(request: Request, now: Timestamp) -> Self {
        let Request { id, parent, sitter, occurrence, window, span, .. } = request;
        let Request { children, sealed, rate, policy, tariff, quote, method, .. } = request;
        Self {
            id,
            parent,
            sitter,
            occurrence,
            state: State::Requested,
            window,
            span,
            children,
            sealed,
            rate,
            policy,
            tariff,
            quote,
            overrun: None,
            method,
            card: Card::Unasked,
            answer_by: answer_by(span, now),
            accepted_at: None,
            proposal: None,
            checked_in: None,
            checked_out: None,
            completed_at: None,
            cancellation: None,
            dispute: None,
            done: EnumSet::empty(),
            created_at: now,
            version: 1,
        }
    }

    /// What it would cost at another time, at the rate that it was made with.
    pub fn priced(&self, window: &Window, span: Span) -> Result<Quote, MoneyError> {
        Quote::price(self.rate, self.child_count(), window, span, &self.tariff)
    }

    fn child_count(&self) -> u8 {
        u8::try_from(self.children.len()).unwrap_or(u8::MAX)
    }

    /// As whom somebody takes part in it.
    pub fn role_of(&self, user: UserId) -> Option<Role> {
        if user == self.parent { Some(Role::Parent) } else { (user == self.sitter).then_some(Role::Sitter) }
    }

    /// What is told of it.
    pub fn fact(&self, news: News) -> Fact {
        Fact::Booking { booking_id: self.id, parent: self.parent, sitter: self.sitter, news }
    }

    /// Until when a refused card can be mended.
    pub fn card_by(&self) -> Timestamp {
        let start = self.span.start;
        let mend = self.accepted_at.map_or(start, |at| at + MEND).min(start);
        let by = (start - SETTLED_BEFORE).max(mend);
        match self.accepted_at {
            Some(at) if self.state == State::Accepted && self.is_refused() => by.min(at + UNPROVED),
            _ => by,
        }
    }

    /// What is owed by now, or would be when all goes as agreed.
    pub fn charge(&self) -> Charge {
        self.cancellation.map_or_else(|| Charge::of(&self.quote), |cancellation| cancellation.kept)
    }

    /// What is kept if somebody calls it off now.
    pub fn kept(&self, by: Who, now: Timestamp) -> Charge {
        // Only a parent's change of mind costs anything, and nothing before the card is good.
        let percent = match (by, self.state) {
            (Who::Parent, State::Confirmed) => self.policy.kept_percent(self.span.start, now),
            _ => 0,
        };
        Charge::share(&self.quote, percent)
    }

    /// The step that falls due first, and when.
    pub fn next_step(&self) -> Option<(Step, Timestamp)> {
        let Span { start, end } = self.span;
        let completed = self.completed_at.unwrap_or(Timestamp::MAX);
        let later = |from: Timestamp, by| from.saturating_add(by).unwrap_or(Timestamp::MAX);
        let steps = match self.state {
            State::Requested => vec![(Step::Expire, self.answer_by)],
            State::Accepted => vec![(Step::GiveUpCard, self.card_by())],
            State::Confirmed => vec![
                (Step::Hold, start - HOLD),
                (Step::RemindDay, start - HOLD),
                (Step::RemindHours, start - REMIND),
                (Step::GiveUpCard, self.card_by()),
                (Step::MissStart, start + LATE),
            ],
            State::InProgress => vec![(Step::Complete, end + self.tariff.longest_stay())],
            State::Completed => vec![
                (Step::Settle, later(completed, DISPUTABLE)),
                (Step::CloseReviews, later(completed, REVIEWABLE)),
            ],
            State::Disputed | State::Settled => vec![(Step::CloseReviews, later(completed, REVIEWABLE))],
            State::Declined | State::Expired | State::Withdrawn | State::Cancelled | State::NoShow => vec![],
        };
        let open = steps.into_iter().filter(|(step, _)| !self.done.contains(*step));
        open.min_by_key(|(step, at)| (*at, *step))
    }

    /// The booking after its next step, if that is due, and what is told of it.
    pub fn after_step(&self, now: Timestamp) -> Result<Option<(Self, News)>, Refusal> {
        let Some((step, _)) = self.next_step().filter(|(_, at)| *at <= now) else { return Ok(None) };
        let by_system = |event| self.after(event, Who::System, now).map(|after| (after, News::Event(event)));
        let (after, news) = match step {
            Step::Expire => by_system(Event::Expire)?,
            Step::GiveUpCard if self.is_refused() => by_system(Event::FailPayment)?,
            // Nobody could ask the card, and the family counts on the sitter.
            Step::GiveUpCard if self.state == State::Accepted => by_system(Event::Confirm)?,
            Step::MissStart => by_system(Event::MissStart)?,
            Step::Complete => by_system(Event::Complete)?,
            Step::Settle => by_system(Event::Settle)?,
            Step::GiveUpCard | Step::Hold | Step::RemindDay | Step::RemindHours | Step::CloseReviews => {
                (self.changed(), News::Step(step))
            }
        };
        Ok(Some((Self { done: after.done | step, ..after }, news)))
    }

    /// The booking after an event that needs to be told nothing else.
    pub fn after(&self, event: Event, who: Who, now: Timestamp) -> Result<Self, Refusal> {
        let state = self.may(event, who, now)?;
        let after = Self { state, ..self.changed() };
        Ok(match event {
            Event::Accept => Self { accepted_at: Some(now), ..after },
            Event::Confirm => Self { done: after.done | needless(self.span, now), ..after },
            Event::Cancel | Event::FailPayment | Event::MissStart => {
                let cancellation = Some(Cancellation { by: who, at: now, kept: self.kept(who, now) });
                Self { cancellation, proposal: None, ..after }
            }
            Event::AcceptChange => match self.proposal.clone() {
                // All falls due anew, and the card can be mended as after a first yes.
                Some(Proposal { window, span, quote, .. }) => {
                    let (accepted_at, done) = (Some(now), needless(span, now));
                    Self { window, span, quote, proposal: None, accepted_at, done, ..after }
                }
                None => return Err(Refusal::NotNow { event, guard: Guard::Proposed }),
            },
            Event::DeclineChange => Self { proposal: None, ..after },
            Event::CheckIn => Self { proposal: None, ..after },
            Event::Complete => Self { completed_at: Some(now), ..after },
            _ => after,
        })
    }

    /// The booking with another time: at once while nobody has accepted, else as a proposal.
    pub fn proposed(&self, proposal: Proposal, now: Timestamp) -> Result<Self, Refusal> {
        let after = self.after(Event::Propose, Who::Parent, now)?;
        if self.state != State::Requested {
            return Ok(Self { proposal: Some(proposal), ..after });
        }
        let Proposal { window, span, quote, .. } = proposal;
        Ok(Self { window, span, quote, answer_by: answer_by(span, now), ..after })
    }

    /// The sitter has come.
    pub fn checked_in(&self, presence: Presence) -> Result<Self, Refusal> {
        let after = self.after(Event::CheckIn, Who::Sitter, presence.at)?;
        Ok(Self { checked_in: Some(presence), ..after })
    }

    /// The sitter goes; what they stayed longer costs besides.
    pub fn checked_out(&self, presence: Presence) -> Result<Self, Refusal> {
        let after = self.after(Event::CheckOut, Who::Sitter, presence.at)?;
        let late = presence.at.duration_since(self.span.end);
        let overrun = Quote::overrun(self.rate, self.child_count(), late, &self.tariff)?;
        Ok(Self { checked_out: Some(presence), completed_at: Some(presence.at), overrun, ..after })
    }

    /// Somebody does not agree.
    pub fn disputed(&self, by: Who, sealed_complaint: String, now: Timestamp) -> Result<Self, Refusal> {
        let after = self.after(Event::Dispute, by, now)?;
        Ok(Self { dispute: Some(Dispute { by, at: now, sealed_complaint, refund: None }), ..after })
    }

    /// An admin ends a dispute: the parent gets that much back, at most what was owed, with what it took longer.
    pub fn decided(&self, refund: Money, now: Timestamp) -> Result<Self, Refusal> {
        let after = self.after(Event::Decide, Who::Admin, now)?;
        let overrun = self.overrun.as_ref().map_or(Money::zero(refund.currency), Quote::total);
        self.charge().total().checked_add(overrun)?.checked_sub(refund)?;
        let dispute = after.dispute.clone().map(|dispute| Dispute { refund: Some(refund), ..dispute });
        Ok(Self { dispute, ..after })
    }

    /// Something was learned of the card; a good one confirms a booking that waits for it.
    pub fn with_card(&self, card: Card, now: Timestamp) -> Result<(Self, Option<News>), Refusal> {
        let known = Self { card, ..self.clone() };
        let is_good = matches!(card, Card::Good | Card::Held);
        Ok(if is_good && self.state == State::Accepted {
            (known.after(Event::Confirm, Who::System, now)?, Some(News::Event(Event::Confirm)))
        } else {
            let is_refused = known.is_refused();
            // It may have been given up on while it was asked, and nobody knew better: then that was too early.
            let steps = EnumSet::from_iter((is_refused && now < self.span.start).then_some(Step::GiveUpCard));
            (Self { done: self.done - steps, ..known.changed() }, is_refused.then_some(News::CardRefused))
        })
    }

    /// It is to be paid with that card from now on.
    #[must_use]
    pub fn with_method(&self, method: PaymentMethodId) -> Self {
        Self { method, card: Card::Unasked, ..self.changed() }
    }

    /// Whether the time to mend a refused card is over.
    pub fn is_unpayable(&self, now: Timestamp) -> bool {
        self.after(Event::FailPayment, Who::System, now).is_ok()
    }

    /// Whether the card needs its owner.
    pub fn is_refused(&self) -> bool {
        matches!(self.card, Card::Refused | Card::ActionRequired)
    }

    /// The state that an event leads to.
    fn may(&self, event: Event, who: Who, now: Timestamp) -> Result<State, Refusal> {
        let row = self.state.on(event).ok_or(Refusal::WrongState { from: self.state, event })?;
        if !row.who.contains(&who) {
            return Err(Refusal::NotTheirs { event, who });
        }
        if self.holds(row.guard, now) { Ok(row.to) } else { Err(Refusal::NotNow { event, guard: row.guard }) }
    }

    fn holds(&self, guard: Guard, now: Timestamp) -> bool {
        let Span { start, end } = self.span;
        let since_completed = self.completed_at.map(|at| now.duration_since(at));
        match guard {
            Guard::Always => true,
            Guard::Unanswered => now < self.answer_by,
            Guard::NotAnswered => now >= self.answer_by,
            Guard::BeforeStart => now < start,
            Guard::Changeable => now < start - HOLD,
            Guard::Proposed => self
                .proposal
                .as_ref()
                .is_some_and(|proposal| now < start - HOLD && now < proposal.span.start - SETTLED_BEFORE),
            Guard::Refused => self.is_refused() && now >= self.card_by(),
            Guard::AtTheDoor => (start - EARLY..end).contains(&now),
            Guard::NobodyCame => now >= start + LATE,
            Guard::Overdue => now >= end + self.tariff.longest_stay(),
            Guard::Near => (start - HELP_BEFORE..end + HELP_AFTER).contains(&now),
            Guard::DisputeOpen => since_completed.is_some_and(|since| since < DISPUTABLE),
            Guard::DisputeOver => since_completed.is_some_and(|since| since >= DISPUTABLE),
        }
    }

    fn changed(&self) -> Self {
        Self { version: self.version + 1, ..self.clone() }
    }
}

/// Whoever books on the same day needs no reminder of it.
fn needless(span: Span, now: Timestamp) -> EnumSet<Step> {
    let reminders = [(Step::RemindDay, HOLD), (Step::RemindHours, REMIND)];
    reminders.into_iter().filter(|(_, ahead)| now >= span.start - *ahead).map(|(step, _)| step).collect()
}

/// A day, but not later than an hour before the start.
fn answer_by(span: Span, now: Timestamp) -> Timestamp {
    (now + ANSWER).min(span.start - SETTLED_BEFORE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        address::Country,
        availability::{Hours, Minute},
        money::Currency,
        time_zone::TimeZoneName,
    };
    use proptest::prelude::*;
    use state::{Row, TABLE};
    use strum::IntoEnumIterator;

    fn at(raw: &str) -> Timestamp {
        raw.parse().unwrap()
    }

    const SECOND: SignedDuration = SignedDuration::from_secs(1);

    /// When the bookings of these tests are asked for: nine days and six hours ahead.
    const ASKED: &str = "2026-06-01T12:00:00Z";
    const START: &str = "2026-06-10T18:00:00Z";
    const END: &str = "2026-06-10T22:00:00Z";

    /// 19:00 to 23:00 of a day in summer in London.
    fn evening(date: &str) -> (Window, Span) {
        let hours = Hours { start: Minute::parse("19:00").unwrap(), end: Minute::parse("23:00").unwrap() };
        let window = Window { date: date.parse().unwrap(), hours, zone: TimeZoneName::default() };
        let span = window.span().unwrap();
        (window, span)
    }

    /// Asked for at a moment, for the evening of the 10th of June.
    fn requested(now: Timestamp) -> Booking {
        let (window, span) = evening("2026-06-10");
        let rate = HourlyRate::parse(1500, Currency::Gbp).unwrap();
        let tariff = Tariff::of(Country::parse("GB").unwrap());
        let quote = Quote::price(rate, 1, &window, span, &tariff).unwrap();
        let sealed =
            Sealed { address: "sealed".into(), point: "sealed".into(), emergency_contact: None, note: None };
        let request = Request {
            id: crate::id::new(now),
            parent: crate::id::new(now),
            sitter: crate::id::new(now),
            occurrence: None,
            window,
            span,
            children: vec![crate::id::new(now)],
            sealed,
            rate,
            policy: Policy::Moderate,
            tariff,
            quote,
            method: PaymentMethodId::parse("pm_1").unwrap(),
        };
        Booking::request(request, now)
    }

    /// With a good card.
    fn confirmed(asked: Timestamp, accepted: Timestamp) -> Booking {
        let accepted = requested(asked).after(Event::Accept, Who::Sitter, accepted).unwrap();
        let (confirmed, news) = accepted.with_card(Card::Good, accepted.accepted_at.unwrap()).unwrap();
        assert_eq!(news, Some(News::Event(Event::Confirm)));
        confirmed
    }

    /// One of each state, which came there as soon as it can.
    fn standing(state: State) -> Booking {
        let asked = at(ASKED);
        let requested = requested(asked);
        let then = |booking: Booking, event, who, at| booking.after(event, who, at).unwrap();
        match state {
            State::Requested => requested,
            State::Declined => then(requested, Event::Decline, Who::Sitter, asked),
            State::Expired => then(requested, Event::Expire, Who::System, at("2026-06-02T12:00:00Z")),
            State::Withdrawn => then(requested, Event::Withdraw, Who::Parent, asked),
            State::Accepted => then(requested, Event::Accept, Who::Sitter, asked),
            State::Confirmed => confirmed(asked, asked),
            State::Cancelled => then(confirmed(asked, asked), Event::Cancel, Who::Parent, asked),
            State::NoShow => {
                then(confirmed(asked, asked), Event::MissStart, Who::System, at("2026-06-10T18:15:00Z"))
            }
            State::InProgress => confirmed(asked, asked).checked_in(presence(START)).unwrap(),
            State::Completed => standing(State::InProgress).checked_out(presence(END)).unwrap(),
            State::Disputed => {
                standing(State::Completed).disputed(Who::Parent, "sealed".into(), at(END)).unwrap()
            }
            State::Settled => {
                then(standing(State::Completed), Event::Settle, Who::System, at("2026-06-12T22:00:00Z"))
            }
        }
    }

    fn presence(raw: &str) -> Presence {
        Presence { at: at(raw), distance_metres: None }
    }

    fn proposal(date: &str, booking: &Booking, now: Timestamp) -> Proposal {
        let (window, span) = evening(date);
        let quote = booking.priced(&window, span).unwrap();
        Proposal { window, span, quote, made_at: now }
    }

    /// A booking from which a row of the table leads away, with what its guard asks for but the time.
    fn before(row: &Row) -> Booking {
        let booking = standing(row.from);
        match row.guard {
            Guard::Proposed => {
                let proposal = proposal("2026-06-11", &booking, at(ASKED));
                booking.proposed(proposal, at(ASKED)).unwrap()
            }
            Guard::Refused => Booking { card: Card::Refused, ..booking },
            _ => booking,
        }
    }

    /// Lets an event happen, by the method that is for it.
    fn happen(booking: &Booking, event: Event, who: Who, now: Timestamp) -> Result<Booking, Refusal> {
        let presence = Presence { at: now, distance_metres: Some(10) };
        match (event, who) {
            (Event::Propose, Who::Parent) => booking.proposed(proposal("2026-06-11", booking, now), now),
            (Event::CheckIn, Who::Sitter) => booking.checked_in(presence),
            (Event::CheckOut, Who::Sitter) => booking.checked_out(presence),
            (Event::Dispute, who) => booking.disputed(who, "sealed".into(), now),
            (Event::Decide, Who::Admin) => booking.decided(Money::new(1, Currency::Gbp), now),
            (event, who) => booking.after(event, who, now),
        }
    }

    /// From when on, and until when, the guards of these bookings hold.
    fn open(row: &Row) -> (Option<&'static str>, Option<&'static str>) {
        match row.guard {
            Guard::Always => (None, None),
            Guard::Unanswered => (None, Some("2026-06-02T12:00:00Z")),
            Guard::NotAnswered => (Some("2026-06-02T12:00:00Z"), None),
            Guard::BeforeStart => (None, Some(START)),
            Guard::Changeable | Guard::Proposed => (None, Some("2026-06-09T18:00:00Z")),
            Guard::Refused if row.from == State::Accepted => (Some("2026-06-02T12:00:00Z"), None),
            Guard::Refused => (Some("2026-06-10T17:00:00Z"), None),
            Guard::AtTheDoor => (Some("2026-06-10T17:30:00Z"), Some(END)),
            Guard::NobodyCame => (Some("2026-06-10T18:15:00Z"), None),
            Guard::Overdue => (Some("2026-06-11T02:15:00Z"), None),
            Guard::Near => (Some("2026-06-10T16:00:00Z"), Some("2026-06-11T22:00:00Z")),
            Guard::DisputeOpen => (None, Some("2026-06-12T22:00:00Z")),
            Guard::DisputeOver => (Some("2026-06-12T22:00:00Z"), None),
        }
    }

    /// A moment at which a row's guard holds.
    fn moment(row: &Row) -> Timestamp {
        match open(row) {
            (Some(from), _) => at(from),
            (None, Some(until)) => at(until) - SECOND,
            (None, None) => at(START),
        }
    }

    #[test]
    fn every_row_of_the_table_can_be_walked_by_those_whom_it_names() {
        for row in TABLE {
            for who in row.who {
                let before = before(row);
                let after = happen(&before, row.event, *who, moment(row));
                let after = after.unwrap_or_else(|refusal| panic!("{row:?} {who:?}: {refusal}"));
                assert_eq!((after.state, after.version), (row.to, before.version + 1), "{row:?}");
            }
        }
    }

    #[test]
    fn what_the_table_does_not_have_is_refused_and_names_the_states() {
        for from in State::iter() {
            for event in Event::iter().filter(|event| from.on(*event).is_none()) {
                for who in Who::iter() {
                    let refusal = happen(&standing(from), event, who, at(START)).unwrap_err();
                    assert_eq!(refusal, Refusal::WrongState { from, event });
                    let words = refusal.to_string();
                    let mut states = event.from().chain([from]);
                    assert!(states.all(|state| words.contains(state.as_ref())), "{words}");
                }
            }
        }
        let words = standing(State::Settled).after(Event::Cancel, Who::Parent, at(START)).unwrap_err();
        let expected =
            "a booking that is settled cannot cancel: that is for one that is accepted or confirmed";
        assert_eq!(words.to_string(), expected);
    }

    #[test]
    fn nobody_does_what_is_for_others() {
        for row in TABLE {
            for who in Who::iter().filter(|who| !row.who.contains(who)) {
                let refusal = happen(&before(row), row.event, who, moment(row)).unwrap_err();
                assert_eq!(refusal, Refusal::NotTheirs { event: row.event, who });
            }
        }
    }

    #[test]
    fn guards_open_and_close_at_their_second() {
        for row in TABLE {
            let try_at = |now: Timestamp| happen(&before(row), row.event, row.who[0], now).map(|_| ());
            let closed = Err(Refusal::NotNow { event: row.event, guard: row.guard });
            let (from, until) = open(row);
            if let Some(from) = from.map(at) {
                assert_eq!((try_at(from - SECOND), try_at(from)), (closed, Ok(())), "{row:?}");
            }
            if let Some(until) = until.map(at) {
                assert_eq!((try_at(until - SECOND), try_at(until)), (Ok(()), closed), "{row:?}");
            }
        }
        for guard in Guard::iter() {
            assert!(!guard.words().is_empty());
        }
    }

    #[test]
    fn the_documentation_names_every_step_and_guard() {
        let document = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/BOOKINGS.md");
        let document = std::fs::read_to_string(document).unwrap();
        for step in Step::iter() {
            assert!(document.contains(&format!("\n| `{}` |", step.as_ref())), "{step:?}");
        }
        for guard in Guard::iter().filter(|guard| *guard != Guard::Always) {
            assert!(document.contains(&format!("`{}`", guard.as_ref())), "{guard:?}");
        }
    }

    #[test]
    fn what_is_missing_closes_a_guard_at_any_time() {
        let confirmed = standing(State::Confirmed);
        for event in [Event::AcceptChange, Event::DeclineChange] {
            let refusal = confirmed.after(event, Who::Sitter, at(ASKED)).unwrap_err();
            assert_eq!(refusal, Refusal::NotNow { event, guard: Guard::Proposed });
        }
        for card in Card::iter() {
            let booking = Booking { card, ..confirmed.clone() };
            let given_up = booking.after(Event::FailPayment, Who::System, at(START)).is_ok();
            assert_eq!(given_up, [Card::Refused, Card::ActionRequired].contains(&card), "{card:?}");
        }
    }

    #[test]
    fn is_seen_by_its_two_sides_only() {
        let booking = requested(at(ASKED));
        assert_eq!(booking.role_of(booking.parent), Some(Role::Parent));
        assert_eq!(booking.role_of(booking.sitter), Some(Role::Sitter));
        assert_eq!(booking.role_of(crate::id::new(at(ASKED))), None);
    }

    /// All steps that are due at a moment, each with what is told of it.
    fn run(booking: &mut Booking, now: Timestamp) -> Vec<(Step, News)> {
        let mut taken = Vec::new();
        while let Some((step, _)) = booking.next_step() {
            let Some((after, news)) = booking.after_step(now).unwrap() else { break };
            assert_eq!(after.version, booking.version + 1);
            taken.push((step, news));
            *booking = after;
        }
        taken
    }

    /// When which step falls due, if all of them are taken in time and nobody does anything else.
    fn schedule(booking: &Booking) -> Vec<(Step, String)> {
        let mut booking = booking.clone();
        let mut schedule = Vec::new();
        while let Some((step, at)) = booking.next_step() {
            assert_eq!(booking.after_step(at - SECOND).unwrap(), None);
            schedule.push((step, at.to_string()));
            booking = booking.after_step(at).unwrap().unwrap().0;
        }
        schedule
    }

    fn steps(expected: &[(Step, &str)]) -> Vec<(Step, String)> {
        expected.iter().map(|(step, at)| (*step, (*at).to_owned())).collect()
    }

    #[test]
    fn a_request_expires_after_a_day_but_an_hour_before_the_start_at_the_latest() {
        assert_eq!(schedule(&requested(at(ASKED))), steps(&[(Step::Expire, "2026-06-02T12:00:00Z")]));
        let late = requested(at("2026-06-10T16:00:00Z"));
        assert_eq!(schedule(&late), steps(&[(Step::Expire, "2026-06-10T17:00:00Z")]));
        // Another time is answered anew.
        let mut moved = requested(at(ASKED));
        let now = at("2026-06-02T11:59:59Z");
        moved = moved.proposed(proposal("2026-06-11", &moved, now), now).unwrap();
        assert_eq!((moved.state, moved.span.start), (State::Requested, at("2026-06-11T18:00:00Z")));
        assert_eq!(moved.proposal, None);
        assert_eq!(schedule(&moved), steps(&[(Step::Expire, "2026-06-03T11:59:59Z")]));
    }

    #[test]
    fn a_booking_that_everybody_forgets_goes_through_its_steps() {
        let expected = steps(&[
            (Step::Hold, "2026-06-09T18:00:00Z"),
            (Step::RemindDay, "2026-06-09T18:00:00Z"),
            (Step::RemindHours, "2026-06-10T15:00:00Z"),
            (Step::GiveUpCard, "2026-06-10T17:00:00Z"),
            (Step::MissStart, "2026-06-10T18:15:00Z"),
        ]);
        assert_eq!(schedule(&standing(State::Confirmed)), expected);
        // Nothing was heard of the card: the family counts on the sitter, and the rest is late.
        let mut unheard = standing(State::Accepted);
        assert_eq!(unheard.next_step(), Some((Step::GiveUpCard, at("2026-06-10T17:00:00Z"))));
        let taken = run(&mut unheard, at("2026-06-10T17:00:00Z"));
        let confirmed = (Step::GiveUpCard, News::Event(Event::Confirm));
        assert_eq!(taken, [confirmed, (Step::Hold, News::Step(Step::Hold))]);
        assert_eq!(unheard.state, State::Confirmed);

        let expected = steps(&[
            (Step::Complete, "2026-06-11T02:15:00Z"),
            (Step::Settle, "2026-06-13T02:15:00Z"),
            (Step::CloseReviews, "2026-06-25T02:15:00Z"),
        ]);
        assert_eq!(schedule(&standing(State::InProgress)), expected);
        assert_eq!(
            schedule(&standing(State::Disputed)),
            steps(&[(Step::CloseReviews, "2026-06-24T22:00:00Z")])
        );
        for state in State::iter().filter(|state| state.is_final() && *state != State::Settled) {
            assert_eq!(standing(state).next_step(), None, "{state:?}");
        }
    }

    #[test]
    fn a_last_minute_booking_holds_at_once_and_reminds_of_nothing() {
        let (asked, accepted) = (at("2026-06-10T16:00:00Z"), at("2026-06-10T16:50:00Z"));
        let mut booking = confirmed(asked, accepted);
        assert_eq!(booking.done, Step::RemindDay | Step::RemindHours);
        // There is half an hour to mend the card.
        assert_eq!(booking.card_by(), at("2026-06-10T17:20:00Z"));
        assert_eq!(run(&mut booking, accepted), [(Step::Hold, News::Step(Step::Hold))]);
        let expected =
            steps(&[(Step::GiveUpCard, "2026-06-10T17:20:00Z"), (Step::MissStart, "2026-06-10T18:15:00Z")]);
        assert_eq!(schedule(&booking), expected);
        // On the day before, one reminder is left.
        let booking = confirmed(at("2026-06-10T12:00:00Z"), at("2026-06-10T12:00:00Z"));
        assert_eq!(booking.done, EnumSet::only(Step::RemindDay));
    }

    #[test]
    fn a_card_that_stays_refused_calls_off_and_a_mended_one_does_not() {
        let hold = at("2026-06-09T18:00:00Z");
        let mut booking = standing(State::Confirmed);
        assert_eq!(run(&mut booking, hold).len(), 2);
        let (refused, news) = booking.with_card(Card::Refused, hold).unwrap();
        assert_eq!((refused.state, news), (State::Confirmed, Some(News::CardRefused)));
        let mut late = refused.clone();
        let taken = run(&mut late, at("2026-06-10T17:00:00Z"));
        let last = taken.last().unwrap();
        assert_eq!(last, &(Step::GiveUpCard, News::Event(Event::FailPayment)));
        let cancellation = late.cancellation.unwrap();
        assert_eq!((late.state, cancellation.by), (State::Cancelled, Who::System));
        assert!(cancellation.kept.is_zero() && late.charge().is_zero());

        let mended = refused.with_method(PaymentMethodId::parse("pm_2").unwrap());
        assert_eq!((mended.card, mended.method.as_str()), (Card::Unasked, "pm_2"));
        let (mut mended, news) = mended.with_card(Card::Held, hold).unwrap();
        assert_eq!(news, None);
        let taken = run(&mut mended, at("2026-06-10T17:00:00Z"));
        assert_eq!(taken.last(), Some(&(Step::GiveUpCard, News::Step(Step::GiveUpCard))));
        assert_eq!(mended.state, State::Confirmed);

        // At once, before it was ever good.
        let accepted = standing(State::Accepted);
        let (refused, news) = accepted.with_card(Card::ActionRequired, at(ASKED)).unwrap();
        assert_eq!((refused.state, news), (State::Accepted, Some(News::CardRefused)));
        let (good, news) = refused.with_card(Card::Good, at(ASKED)).unwrap();
        assert_eq!((good.state, news), (State::Confirmed, Some(News::Event(Event::Confirm))));
        // A sitter's time is not taken for long by somebody who has never shown a good card.
        let given_up = (Step::GiveUpCard, "2026-06-02T12:00:00Z".to_owned());
        assert_eq!(schedule(&refused), [given_up]);
        let mut refused = refused;
        assert_eq!(run(&mut refused, at("2026-06-02T12:00:00Z")).len(), 1);
        assert_eq!(refused.state, State::Cancelled);
        // Nor by trying one after the other.
        let late = at("2026-06-03T12:00:00Z");
        let asked = standing(State::Accepted);
        assert_eq!(asked.card_by(), at("2026-06-10T17:00:00Z"), "it may be Stripe that does not answer");
        let (mut refused, _) = asked.with_card(Card::Refused, late).unwrap();
        assert_eq!(run(&mut refused, late), [(Step::GiveUpCard, News::Event(Event::FailPayment))]);
    }

    #[test]
    fn a_card_that_is_tried_at_the_last_moment_and_refused_calls_off_all_the_same() {
        let (deadline, start) = (at("2026-06-10T17:00:00Z"), at(START));
        for state in [State::Accepted, State::Confirmed] {
            let accepted_at = Some(deadline - ANSWER);
            let booking = Booking { accepted_at, ..standing(state) };
            let (refused, _) = booking.with_card(Card::Refused, deadline - SECOND).unwrap();
            assert!(!refused.is_unpayable(deadline - SECOND) && refused.is_unpayable(deadline));
            let mut asked = refused.with_method(PaymentMethodId::parse("pm_2").unwrap());
            run(&mut asked, deadline);
            assert!(asked.state == State::Confirmed && asked.done.contains(Step::GiveUpCard), "{state:?}");
            for card in [Card::Refused, Card::ActionRequired] {
                let (mut late, _) = asked.with_card(card, deadline + SECOND).unwrap();
                assert_eq!(late.next_step(), Some((Step::GiveUpCard, deadline)));
                let taken = run(&mut late, deadline + SECOND);
                assert_eq!(taken, [(Step::GiveUpCard, News::Event(Event::FailPayment))]);
                // Who is on the way, or there, is not called back.
                let (begun, _) = asked.with_card(card, start).unwrap();
                assert_eq!(begun.next_step().map(|(step, _)| step), Some(Step::MissStart));
            }
            let (held, _) = asked.with_card(Card::Held, deadline + SECOND).unwrap();
            assert_eq!(held.next_step().map(|(step, _)| step), Some(Step::MissStart));
        }
    }

    #[test]
    fn another_time_resets_the_steps() {
        let mut booking = standing(State::Confirmed);
        let now = at("2026-06-08T12:00:00Z");
        booking = booking.proposed(proposal("2026-06-13", &booking, now), now).unwrap();
        assert_eq!((booking.state, booking.span.start), (State::Confirmed, at(START)), "nothing is agreed");
        let declined = booking.after(Event::DeclineChange, Who::Sitter, now).unwrap();
        assert_eq!((declined.proposal, declined.span), (None, booking.span));
        let moved = booking.after(Event::AcceptChange, Who::Sitter, now).unwrap();
        assert_eq!((moved.span.start, &moved.proposal), (at("2026-06-13T18:00:00Z"), &None));
        assert_eq!(moved.window.date.to_string(), "2026-06-13");
        assert_eq!((moved.done, moved.accepted_at), (EnumSet::empty(), Some(now)));
        assert_eq!(schedule(&moved)[0], (Step::Hold, "2026-06-12T18:00:00Z".into()));
        // Whoever comes, or calls off, has no other time to agree on any more.
        for gone in [
            booking.checked_in(presence(START)).unwrap(),
            booking.after(Event::Cancel, Who::Sitter, now).unwrap(),
            booking.after(Event::MissStart, Who::System, at(END)).unwrap(),
        ] {
            assert_eq!(gone.proposal, None);
        }
    }

    #[test]
    fn an_earlier_time_is_agreed_on_while_there_is_time_for_it() {
        let now = at("2026-06-04T15:00:00Z");
        let booking = standing(State::Confirmed);
        let proposed = booking.proposed(proposal("2026-06-04", &booking, now), now).unwrap();
        let accept = |now| proposed.after(Event::AcceptChange, Who::Sitter, now);
        let moved = accept(at("2026-06-04T16:59:59Z")).unwrap();
        // Nobody is reminded, and the card can be mended for half an hour.
        assert_eq!(moved.done, Step::RemindDay | Step::RemindHours);
        assert_eq!(moved.next_step().map(|(step, _)| step), Some(Step::Hold));
        assert_eq!(moved.card_by(), at("2026-06-04T17:29:59Z"));
        let closed = Refusal::NotNow { event: Event::AcceptChange, guard: Guard::Proposed };
        assert_eq!(accept(at("2026-06-04T17:00:00Z")), Err(closed));
    }

    #[test]
    fn what_is_kept_goes_by_who_and_when_and_the_policy() {
        let asked = at(ASKED);
        let whole = requested(asked).quote.total().amount_minor;
        // Four hours at 15.00, of which one at night; 12 % and the tax on them.
        assert_eq!(whole, 6375 + 765 + 153);
        let kept = |policy, who, ahead: SignedDuration| {
            let booking = Booking { policy, ..confirmed(asked, asked) };
            let now = booking.span.start - ahead;
            let kept = booking.kept(who, now);
            let cancelled = booking.after(Event::Cancel, who, now).unwrap();
            assert_eq!(cancelled.cancellation, Some(Cancellation { by: who, at: now, kept }));
            assert_eq!(cancelled.charge(), kept);
            kept.total().amount_minor
        };
        let hours = SignedDuration::from_hours;
        for (policy, ahead, expected) in [
            (Policy::Flexible, hours(24), 0),
            (Policy::Flexible, hours(24) - SECOND, 3647),
            (Policy::Moderate, hours(72), 0),
            (Policy::Moderate, hours(72) - SECOND, 3647),
            (Policy::Moderate, hours(24), 3647),
            (Policy::Moderate, hours(24) - SECOND, whole),
            (Policy::Strict, hours(7 * 24), 0),
            (Policy::Strict, hours(48), 3647),
            (Policy::Strict, SECOND, whole),
        ] {
            assert_eq!(kept(policy, Who::Parent, ahead), expected, "{policy:?} {ahead:?}");
            assert_eq!([kept(policy, Who::Sitter, ahead), kept(policy, Who::Admin, ahead)], [0, 0]);
        }
        // Nothing is owed before the card is good.
        let accepted = Booking { policy: Policy::Strict, ..standing(State::Accepted) };
        assert!(accepted.kept(Who::Parent, at(START) - SECOND).is_zero());
        assert!(standing(State::NoShow).charge().is_zero());
    }

    #[test]
    fn staying_longer_costs_besides() {
        let there = standing(State::InProgress);
        let out = |raw| there.checked_out(presence(raw)).unwrap();
        assert_eq!(out("2026-06-10T22:15:00Z").overrun, None);
        let late = out("2026-06-10T22:20:00Z");
        assert_eq!(late.overrun.unwrap().lines()[0].minutes, Some(15));
        let early = out("2026-06-10T20:00:00Z");
        assert_eq!((early.overrun, early.quote.total()), (None, there.quote.total()));
        assert_eq!(early.completed_at, Some(at("2026-06-10T20:00:00Z")));
        let mut forgotten = there.clone();
        run(&mut forgotten, at("2026-06-11T03:00:00Z"));
        assert_eq!(
            (forgotten.state, &forgotten.checked_out, &forgotten.overrun),
            (State::Completed, &None, &None)
        );
        assert_eq!(forgotten.completed_at, Some(at("2026-06-11T03:00:00Z")));
    }

    #[test]
    fn a_sitter_is_taken_to_have_gone_when_staying_longer_earns_no_more() {
        let there = standing(State::InProgress);
        let (step, overdue) = there.next_step().unwrap();
        assert_eq!((step, there.after_step(overdue - SECOND).unwrap()), (Step::Complete, None));
        let out = there.checked_out(Presence { at: overdue - SECOND, distance_metres: None }).unwrap();
        let counted = |overrun: Quote| overrun.lines()[0].minutes.unwrap();
        assert_eq!(out.overrun.map(counted), Some(there.tariff.overrun_most_minutes));
        let quarter = SignedDuration::from_mins(there.tariff.overrun_step_minutes.into());
        let before = there.checked_out(Presence { at: overdue - quarter, distance_metres: None }).unwrap();
        assert!(before.overrun.map(counted) < Some(there.tariff.overrun_most_minutes));
    }

    #[test]
    fn no_more_is_given_back_than_was_owed() {
        let disputed = standing(State::Disputed);
        let whole = disputed.charge().total();
        let refund = |amount, currency| disputed.decided(Money::new(amount, currency), at(END));
        let decided = refund(whole.amount_minor, Currency::Gbp).unwrap();
        assert_eq!((decided.state, decided.dispute.unwrap().refund), (State::Settled, Some(whole)));
        let more = refund(whole.amount_minor + 1, Currency::Gbp);
        assert_eq!(more, Err(Refusal::Money(MoneyError::Negative)));
        assert_eq!(refund(1, Currency::Eur), Err(Refusal::Money(MoneyError::CurrencyMismatch)));
    }

    #[test]
    fn words_keep_their_form() {
        let json = |news: News| serde_json::to_string(&news).unwrap();
        let news = [News::Requested, News::Event(Event::AcceptChange), News::Step(Step::RemindDay)];
        let expected = [r#""requested""#, r#"{"event":"accept_change"}"#, r#"{"step":"remind_day"}"#];
        assert_eq!(news.map(json), expected.map(String::from));
        assert_eq!(news.map(News::name), ["requested", "accept_change", "remind_day"]);
        let moved = Booking { done: Step::Hold | Step::RemindDay, ..standing(State::Settled) };
        let stored = serde_json::to_value(&moved).unwrap();
        assert_eq!(stored["done"], serde_json::json!(["hold", "remind_day"]));
        assert_eq!(serde_json::from_value::<Booking>(stored).unwrap(), moved);
    }

    /// Something of what may happen from where a booking stands, so long after what was tried before; the steps
    /// that are due by then are taken first, or not.
    #[derive(Debug, Clone)]
    struct Try {
        wait: SignedDuration,
        row: prop::sample::Index,
        card: Option<Card>,
        runs: bool,
    }

    fn any_try() -> impl Strategy<Value = Try> {
        let waits = prop_oneof![0i64..60, 0i64..100_000, 0i64..500_000];
        let cards = prop::option::weighted(0.3, prop::sample::select(Card::iter().collect::<Vec<_>>()));
        (waits, any::<prop::sample::Index>(), cards, any::<bool>()).prop_map(|(wait, row, card, runs)| Try {
            wait: SignedDuration::from_secs(wait),
            row,
            card,
            runs,
        })
    }

    /// The steps since all of them began anew.
    #[derive(Debug, Default)]
    struct Taken(Vec<Step>);

    impl Taken {
        fn run(&mut self, booking: &mut Booking, now: Timestamp) -> Result<(), TestCaseError> {
            for (step, _) in run(booking, now) {
                prop_assert!(!self.0.contains(&step), "{:?} twice", step);
                self.0.push(step);
            }
            prop_assert!(run(booking, now).is_empty(), "a second run takes nothing");
            prop_assert!(booking.next_step().is_none_or(|(_, at)| at > now));
            Ok(())
        }
    }

    fn consistent(booking: &Booking) {
        let state = booking.state;
        let has = |states: &[State]| states.contains(&state);
        let completed = has(&[State::Completed, State::Disputed, State::Settled]);
        assert_eq!(booking.completed_at.is_some(), completed);
        assert_eq!(booking.cancellation.is_some(), has(&[State::Cancelled, State::NoShow]));
        assert!(booking.dispute.is_some() || state != State::Disputed);
        assert!(booking.dispute.is_none() || has(&[State::Disputed, State::Settled]));
        assert!(booking.accepted_at.is_some() || !state.holds_time());
        assert!(booking.proposal.is_none() || state == State::Confirmed);
        assert!(booking.overrun.is_none() || booking.checked_out.is_some());
        assert_eq!(booking.window.span().unwrap(), booking.span);
    }

    proptest! {
        /// Whatever happens to a booking, and whenever the clock's worker comes, each step is taken once, as long as
        /// no card is refused, and in the end none is left.
        #[test]
        fn steps_come_once_and_end(tries in prop::collection::vec(any_try(), 0..25), delays in prop::collection::vec(0i64..400_000, 20)) {
            let mut now = at(ASKED);
            let mut booking = requested(now);
            let mut taken = Taken::default();
            for Try { wait, row, card, runs } in tries {
                now += wait;
                if runs {
                    taken.run(&mut booking, now)?;
                }
                let rows: Vec<&Row> = TABLE.iter().filter(|row| row.from == booking.state).collect();
                if rows.is_empty() {
                    break;
                }
                let row = row.get(&rows);
                if let Ok(after) = happen(&booking, row.event, row.who[0], now) {
                    if row.event == Event::AcceptChange {
                        taken = Taken::default();
                    }
                    booking = after;
                }
                if let Some((after, _)) = card.and_then(|card| booking.with_card(card, now).ok()) {
                    booking = after;
                    // A card that is refused is given up on anew.
                    taken.0.retain(|step| *step != Step::GiveUpCard || booking.done.contains(*step));
                }
                consistent(&booking);
            }
            let mut delays = delays.into_iter();
            while let Some((_, due)) = booking.next_step() {
                let delay = delays.next();
                prop_assert!(delay.is_some(), "no end of steps");
                now = now.max(due + SignedDuration::from_secs(delay.unwrap_or(0)));
                taken.run(&mut booking, now)?;
                consistent(&booking);
            }
            prop_assert!(booking.state.is_final() || booking.state == State::Disputed, "{:?}", booking.state);
        }
    }
}
