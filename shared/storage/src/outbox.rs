//! Events on their way out.
//!
//! | question                   | table | pk           | sk    |
//! |----------------------------|-------|--------------|-------|
//! | (none; the stream carries it) | main  | OUTBOX#‹id›  | EVENT |
//! | the same, of what is urgent   | main  | URGENT#‹id›  | EVENT |
//!
//! An event is written in the transaction of the change that it announces, and the table's stream,
//! filtered to these prefixes, hands it to the relay: nothing is announced that was not written, and
//! nothing written is forgotten. What is urgent is read by itself, and waits for nothing else.

use domain::{
    event::{Event, Fact},
    role::Role,
    user::User,
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    Error, Tables,
    tables::{Condition, Transaction},
};

/// A week is far longer than the stream keeps a record (a day), and lets an operator look back.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The form in which an event is stored.
#[derive(Debug, Serialize, Deserialize)]
struct Item {
    pk: String,
    sk: String,
    event: String,
    ttl: i64,
}

impl Item {
    fn new(event: &Event) -> Result<Self, Error> {
        let kept_until = event.occurred_at.saturating_add(KEPT_FOR).unwrap_or(Timestamp::MAX);
        Ok(Self {
            pk: format!("{}#{}", if event.fact.is_urgent() { "URGENT" } else { "OUTBOX" }, event.id),
            sk: "EVENT".into(),
            event: serde_json::to_string(event).map_err(|error| Error::Unreadable(error.to_string()))?,
            ttl: kept_until.as_second(),
        })
    }
}

/// The event that a stream record's image holds.
pub fn event(image: serde_dynamo::Item) -> Result<Event, Error> {
    let item: Item = serde_dynamo::from_item(image)?;
    serde_json::from_str(&item.event).map_err(|error| Error::Unreadable(error.to_string()))
}

impl Transaction<'_> {
    /// Announces an event.
    pub(crate) fn announce(self, event: &Event) -> Result<Self, Error> {
        let table = &self.tables.main;
        self.put(table, &Item::new(event)?, Condition::Absent)
    }

    /// Announces that something which search shows of a person may have changed; nothing, where the person is
    /// no sitter.
    pub(crate) fn announce_sitter(self, user: &User, now: Timestamp) -> Result<Self, Error> {
        match user.role {
            Role::Sitter => self.announce(&Event::new(Fact::SitterChanged { user_id: user.id }, now)),
            Role::Parent | Role::Admin => Ok(self),
        }
    }
}

impl Tables {
    /// Announces an event that goes with no other change.
    pub async fn announce(&self, event: &Event) -> Result<(), Error> {
        self.put(&self.main, &Item::new(event)?, Condition::Absent).await
    }
}
