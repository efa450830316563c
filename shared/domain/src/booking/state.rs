//! Where a booking stands, and what can happen to it: a table.
//!
//! `docs/BOOKINGS.md` has it as a picture, which [`diagram`] draws.

use std::fmt::Write;

use enumset::EnumSetType;
use serde::{Deserialize, Serialize};
use strum::{AsRefStr, EnumIter, IntoStaticStr};

use Guard::{Always, AtTheDoor, BeforeStart, Changeable, DisputeOpen, DisputeOver, Near, NobodyCame};
use Guard::{NotAnswered, Overdue, Proposed, Refused, Unanswered};
use State::{Accepted, Cancelled, Completed, Confirmed, Declined, Disputed};
use State::{Expired, InProgress, NoShow, Requested, Settled, Withdrawn};
use Who::{Admin, Parent, Sitter, System};

/// Where a booking stands.
#[derive(Debug, Hash, Serialize, Deserialize, AsRefStr, EnumIter, EnumSetType)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum State {
    /// The sitter is to answer.
    Requested,
    /// The sitter comes, if the card is good; their time is taken.
    Accepted,
    /// The card is good.
    Confirmed,
    /// The sitter is there.
    InProgress,
    /// The sitter has gone. What is owed is collected.
    Completed,
    /// One side does not agree; an admin is to decide.
    Disputed,
    /// The sitter's money is theirs.
    Settled,
    /// The sitter does not come, or may not.
    Declined,
    /// The sitter has not answered in time.
    Expired,
    /// The parent did not wait for the answer.
    Withdrawn,
    /// It does not happen after all.
    Cancelled,
    /// The sitter did not come.
    NoShow,
}

/// What happens to a booking.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, AsRefStr, IntoStaticStr, EnumIter,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Event {
    /// The sitter says yes.
    Accept,
    /// The sitter says no.
    Decline,
    /// Nobody has answered.
    Expire,
    /// The parent does not want to wait.
    Withdraw,
    /// The card is good, or nobody could say that it is not.
    Confirm,
    /// The card stays refused.
    FailPayment,
    /// Somebody calls it off.
    Cancel,
    /// One side may not take part any more; or, of a request, an admin says so.
    CallOff,
    /// The parent wants another time.
    Propose,
    /// The sitter agrees with another time.
    AcceptChange,
    /// The sitter does not.
    DeclineChange,
    /// The sitter has come.
    CheckIn,
    /// The sitter has not come.
    MissStart,
    /// The sitter goes.
    CheckOut,
    /// The sitter has forgotten to say that they have gone.
    Complete,
    /// Somebody calls for help.
    CallForHelp,
    /// Somebody does not agree with how it was.
    Dispute,
    /// An admin ends a dispute.
    Decide,
    /// Nobody has disagreed.
    Settle,
}

/// Who lets it happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, AsRefStr, EnumIter)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Who {
    /// Whose booking it is.
    Parent,
    /// Who is booked.
    Sitter,
    /// Somebody who operates the marketplace.
    Admin,
    /// The clock, Stripe, or what follows from a suspension.
    System,
}

/// What must be so besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, AsRefStr, EnumIter)]
#[strum(serialize_all = "snake_case")]
pub enum Guard {
    /// Nothing.
    Always,
    /// There is time left to answer.
    Unanswered,
    /// There is none.
    NotAnswered,
    /// It has not begun.
    BeforeStart,
    /// It is longer ahead than the card is asked for money.
    Changeable,
    /// The parent has proposed another time, and both are far enough ahead: the one that was agreed as for a
    /// proposal, the other one as for an answer to a request.
    Proposed,
    /// The card was refused, and the time to mend that is over.
    Refused,
    /// From half an hour before the start to the end.
    AtTheDoor,
    /// A quarter of an hour after the start.
    NobodyCame,
    /// So long after the end that staying longer earns the sitter no more.
    Overdue,
    /// From two hours before the start to a day after the end.
    Near,
    /// Two days after it was completed at most.
    DisputeOpen,
    /// Two days after it was completed at least.
    DisputeOver,
}

/// One transition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// From where.
    pub from: State,
    /// What happens.
    pub event: Event,
    /// Who lets it.
    pub who: &'static [Who],
    /// What must be so besides.
    pub guard: Guard,
    /// To where.
    pub to: State,
}

const fn row(from: State, event: Event, who: &'static [Who], guard: Guard, to: State) -> Row {
    Row { from, event, who, guard, to }
}

const EITHER: &[Who] = &[Parent, Sitter];
const ANYBODY: &[Who] = &[Parent, Sitter, Admin];

/// Every transition that there is.
pub const TABLE: &[Row] = &[
    row(Requested, Event::Accept, &[Sitter], Unanswered, Accepted),
    row(Requested, Event::Decline, &[Sitter], Always, Declined),
    row(Requested, Event::Expire, &[System], NotAnswered, Expired),
    row(Requested, Event::Withdraw, &[Parent], Always, Withdrawn),
    // Nobody has agreed to anything yet, so nobody has to agree to a change.
    row(Requested, Event::Propose, &[Parent], Unanswered, Requested),
    row(Requested, Event::CallOff, &[Admin, System], Always, Declined),
    row(Accepted, Event::Confirm, &[System], Always, Confirmed),
    row(Accepted, Event::FailPayment, &[System], Refused, Cancelled),
    row(Accepted, Event::Cancel, ANYBODY, BeforeStart, Cancelled),
    row(Accepted, Event::CallOff, &[System], Always, Cancelled),
    row(Confirmed, Event::Propose, &[Parent], Changeable, Confirmed),
    row(Confirmed, Event::AcceptChange, &[Sitter], Proposed, Confirmed),
    row(Confirmed, Event::DeclineChange, &[Sitter], Proposed, Confirmed),
    row(Confirmed, Event::FailPayment, &[System], Refused, Cancelled),
    row(Confirmed, Event::Cancel, ANYBODY, BeforeStart, Cancelled),
    row(Confirmed, Event::CallOff, &[System], Always, Cancelled),
    row(Confirmed, Event::CheckIn, &[Sitter], AtTheDoor, InProgress),
    row(Confirmed, Event::MissStart, &[System], NobodyCame, NoShow),
    row(InProgress, Event::CheckOut, &[Sitter], Always, Completed),
    row(InProgress, Event::Complete, &[System], Overdue, Completed),
    row(Completed, Event::Dispute, EITHER, DisputeOpen, Disputed),
    row(Completed, Event::Settle, &[System], DisputeOver, Settled),
    row(Disputed, Event::Decide, &[Admin], Always, Settled),
    // Wherever somebody may be in the house, whatever the clock has made of it.
    row(Accepted, Event::CallForHelp, EITHER, Near, Accepted),
    row(Confirmed, Event::CallForHelp, EITHER, Near, Confirmed),
    row(InProgress, Event::CallForHelp, EITHER, Near, InProgress),
    row(NoShow, Event::CallForHelp, EITHER, Near, NoShow),
    row(Completed, Event::CallForHelp, EITHER, Near, Completed),
    row(Disputed, Event::CallForHelp, EITHER, Near, Disputed),
    row(Settled, Event::CallForHelp, EITHER, Near, Settled),
];

impl State {
    /// The transition that an event makes from here, if there is one.
    pub fn on(self, event: Event) -> Option<&'static Row> {
        TABLE.iter().find(|row| (row.from, row.event) == (self, event))
    }

    /// Whether nothing leads away from here.
    pub fn is_final(self) -> bool {
        TABLE.iter().all(|row| row.from != self || row.to == self)
    }

    /// Whether children are still to be looked after, or are at the moment.
    pub fn needs_children(self) -> bool {
        matches!(self, Requested | Accepted | Confirmed | InProgress)
    }

    /// Whether the sitter's time is taken.
    pub fn holds_time(self) -> bool {
        matches!(self, Accepted | Confirmed | InProgress | Completed | Disputed | Settled)
    }
}

impl Event {
    /// From where it can happen.
    pub fn from(self) -> impl Iterator<Item = State> {
        TABLE.iter().filter(move |row| row.event == self).map(|row| row.from)
    }
}

/// The table as a picture in [Mermaid](https://mermaid.js.org/syntax/stateDiagram.html).
pub fn diagram() -> String {
    let mut picture = String::from("stateDiagram-v2\n    [*] --> requested\n");
    for row in TABLE {
        let who: Vec<&str> = row.who.iter().map(AsRef::as_ref).collect();
        let guard = if row.guard == Always { String::new() } else { format!(" [{}]", row.guard.as_ref()) };
        let (from, to, event) = (row.from.as_ref(), row.to.as_ref(), row.event.as_ref());
        // Writing to a text cannot fail.
        writeln!(picture, "    {from} --> {to}: {event}{guard} ({})", who.join(", ")).ok();
    }
    for state in <State as strum::IntoEnumIterator>::iter().filter(|state| state.is_final()) {
        writeln!(picture, "    {} --> [*]", state.as_ref()).ok();
    }
    picture
}

#[cfg(test)]
mod tests {
    use super::*;
    use strum::IntoEnumIterator;

    #[test]
    fn each_transition_is_named_once_and_everything_is_used() {
        for (index, row) in TABLE.iter().enumerate() {
            let same = |other: &&Row| (other.from, other.event) == (row.from, row.event);
            assert!(!TABLE[..index].iter().any(|other| same(&other)), "{row:?}");
        }
        assert!(Event::iter().all(|event| event.from().count() > 0));
        assert!(Guard::iter().all(|guard| TABLE.iter().any(|row| row.guard == guard)));
        let reached = |state: &State| *state == Requested || TABLE.iter().any(|row| row.to == *state);
        assert!(State::iter().all(|state| reached(&state)));
    }

    #[test]
    fn nothing_happens_without_a_yes_and_a_good_card() {
        let into = |state| TABLE.iter().filter(move |row| row.to == state && row.from != state);
        assert_eq!(
            into(Accepted).map(|row| (row.from, row.who)).collect::<Vec<_>>(),
            [(Requested, &[Sitter][..])]
        );
        assert_eq!(into(Confirmed).map(|row| row.from).collect::<Vec<_>>(), [Accepted]);
        assert_eq!(into(InProgress).map(|row| row.from).collect::<Vec<_>>(), [Confirmed]);
        assert!(into(Settled).all(|row| [Completed, Disputed].contains(&row.from)));
    }

    #[test]
    fn help_can_be_called_wherever_a_sitter_has_agreed_to_come() {
        for state in State::iter() {
            let row = state.on(Event::CallForHelp);
            assert_eq!(row.is_some(), state.holds_time() || state == NoShow, "{state:?}");
            assert!(row.is_none_or(|row| row.to == state));
        }
    }

    #[test]
    fn the_picture_in_the_documentation_is_of_this_table() {
        let document = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/BOOKINGS.md");
        let document = std::fs::read_to_string(document).unwrap();
        let picture = format!("```mermaid\n{}```", diagram());
        assert!(document.contains(&picture), "put this into docs/BOOKINGS.md:\n{picture}");
    }
}
