//! What has happened, in the words in which it is announced.
//!
//! An event names identifiers and nothing personal: whoever acts on it reads the rest when it acts,
//! so that an erased person is not written to from a queue.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{EventId, SessionId, UserId};

/// An event with its identity, by which a consumer knows that it has seen it before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The same at every delivery.
    pub id: EventId,
    /// When it happened, not when it was delivered.
    pub occurred_at: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub fact: Fact,
}

impl Event {
    /// Something that happens at `now`.
    pub fn new(fact: Fact, now: Timestamp) -> Self {
        Self { id: crate::id::new(now), occurred_at: now, fact }
    }
}

/// What can happen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Fact {
    /// Somebody opened an account.
    UserRegistered {
        /// The new account.
        user_id: UserId,
    },
    /// Somebody tried to open an account with an address that has one; its owner should know.
    RegistrationRepeated {
        /// The account that the address belongs to.
        user_id: UserId,
    },
    /// A refresh token was used a second time, so that the whole sign-in was ended.
    SessionReused {
        /// Whose sign-in it was.
        user_id: UserId,
        /// The sign-in.
        session_id: SessionId,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_a_stable_form() {
        let json = r#"{"id":"evt_01h455vb4pex5vsknk084sn02q","occurred_at":"2026-03-01T12:00:00Z","type":"user_registered","user_id":"usr_01h455vb4pex5vsknk084sn02q"}"#;
        let event: Event = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&event).unwrap(), json);
    }
}
