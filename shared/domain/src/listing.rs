//! Whether a sitter is shown to parents: a table of states.

use serde::{Deserialize, Serialize};
use strum::{AsRefStr, EnumIter};

use State::{Draft, InReview, Listed, Paused, Suspended};

/// Where a sitter's profile stands.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, AsRefStr, EnumIter)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum State {
    /// It is being written.
    #[default]
    Draft,
    /// An admin is to look at it.
    InReview,
    /// Parents find it, as long as the background check is good.
    Listed,
    /// Its sitter takes no bookings for now.
    Paused,
    /// An admin has taken it away.
    Suspended,
}

/// What happens to a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, AsRefStr, EnumIter)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Event {
    /// Its sitter wants to be shown. The profile must be complete.
    Submit,
    /// Its sitter wants to go on writing.
    Withdraw,
    /// An admin agrees. The sitter's background check must be valid.
    Approve,
    /// An admin sends it back.
    Reject,
    /// Its sitter wants not to be shown for now.
    Pause,
    /// Its sitter wants to be shown again. The profile must be complete and the background check valid.
    Resume,
    /// An admin takes it away.
    Suspend,
    /// An admin gives it back.
    Reinstate,
}

/// Every transition that there is: from, event, to.
pub const TABLE: &[(State, Event, State)] = &[
    (Draft, Event::Submit, InReview),
    (InReview, Event::Withdraw, Draft),
    (InReview, Event::Approve, Listed),
    (InReview, Event::Reject, Draft),
    (Listed, Event::Pause, Paused),
    (Listed, Event::Suspend, Suspended),
    (Paused, Event::Resume, Listed),
    (Paused, Event::Suspend, Suspended),
    // Not straight to be listed: a check may have expired in between, and its sitter may not want to.
    (Suspended, Event::Reinstate, Paused),
];

/// An event that a state does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a profile that is {} cannot {}", .from.as_ref(), .event.as_ref())]
pub struct Refused {
    /// Where the profile stands.
    pub from: State,
    /// What was to happen.
    pub event: Event,
}

impl State {
    /// The state after an event.
    pub fn after(self, event: Event) -> Result<Self, Refused> {
        let row = TABLE.iter().find(|(from, on, _)| (*from, *on) == (self, event));
        row.map(|(.., to)| *to).ok_or(Refused { from: self, event })
    }

    /// What a sitter's wish to be shown, or not, means in this state; `None` where it is so already, or
    /// where it is not for the sitter to say.
    pub fn on_wish(self, shown: bool) -> Option<Event> {
        match (self, shown) {
            (Draft, true) => Some(Event::Submit),
            (Paused, true) => Some(Event::Resume),
            (InReview, false) => Some(Event::Withdraw),
            (Listed, false) => Some(Event::Pause),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use strum::IntoEnumIterator;

    #[test]
    fn each_transition_is_named_once() {
        for (index, (from, event, _)) in TABLE.iter().enumerate() {
            assert!(!TABLE[..index].iter().any(|(other, on, _)| (other, on) == (from, event)));
        }
    }

    #[test]
    fn nobody_is_shown_whom_no_admin_has_seen() {
        let into_listed: Vec<_> = TABLE.iter().filter(|(.., to)| *to == Listed).collect();
        assert_eq!(into_listed, [&(InReview, Event::Approve, Listed), &(Paused, Event::Resume, Listed)]);
        // And only from there does anything lead to a pause, or past an admin's suspension.
        let mut into_paused = TABLE.iter().filter(|(.., to)| *to == Paused).map(|(from, ..)| *from);
        assert!(into_paused.all(|from| [Listed, Suspended].contains(&from)));
        assert!(TABLE.iter().all(|(from, _, to)| *to != Suspended || [Listed, Paused].contains(from)));
    }

    #[test]
    fn every_wish_is_a_transition() {
        for (state, shown) in State::iter().flat_map(|state| [(state, true), (state, false)]) {
            if let Some(event) = state.on_wish(shown) {
                state.after(event).unwrap();
            }
        }
        assert_eq!(Suspended.on_wish(true), None);
        let refused = Draft.after(Event::Approve).unwrap_err();
        assert_eq!(refused.to_string(), "a profile that is draft cannot approve");
    }
}
