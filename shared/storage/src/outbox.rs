//! Events on their way out.
//!
//! | question                                | table | pk                      | sk             |
//! |-----------------------------------------|-------|-------------------------|----------------|
//! | which events of a slice are from a time | main  | OUTBOX#‹hour›#‹slice›   | ‹seconds›#‹id› |
//! | the same, of what is urgent             | main  | URGENT#‹hour›#‹slice›   | ‹seconds›#‹id› |
//!
//! Nobody asks while all goes well: the stream carries the items. `scripts/relay` reads the slices of an hour to
//! publish its events again. An hour has [`SLICES`] of them, so that its writes spread: each takes 500 transactional
//! writes a second.
//!
//! An event is written in the transaction of the change that it announces, and the table's stream,
//! filtered to these prefixes, hands it to the relay: nothing is announced that was not written, and
//! nothing written is forgotten. What is urgent is read by itself, and waits for nothing else.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    due::sort_key,
    event::{Event, Fact},
    role::Role,
    user::User,
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    Error, Tables,
    tables::{Condition, Transaction, key},
};

/// A week is far longer than the stream keeps a record (a day), and lets an operator look back.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Into how many partitions the events of an hour go.
pub const SLICES: u8 = 64;

/// Which reader of the stream an event goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// All but what is urgent.
    Outbox,
    /// What waits for nothing else, see [`Fact::is_urgent`].
    Urgent,
}

impl Lane {
    fn of(event: &Event) -> Self {
        if event.fact.is_urgent() { Self::Urgent } else { Self::Outbox }
    }

    /// The partition of a slice of the hour that `at` is in.
    fn partition(self, at: Timestamp, slice: u8) -> String {
        let prefix = match self {
            Self::Outbox => "OUTBOX",
            Self::Urgent => "URGENT",
        };
        format!("{prefix}#{}#{slice:02}", at.strftime("%Y-%m-%dT%H"))
    }
}

/// Some events of a slice.
#[derive(Debug)]
pub struct Page {
    /// In the order in which they happened, to the second.
    pub events: Vec<Event>,
    /// The sort keys of items that hold no event that this version can read.
    pub unreadable: Vec<String>,
    /// The sort key after which the next page begins, if there is one.
    pub next: Option<String>,
}

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
            // The last byte of a UUIDv7 is random.
            pk: Lane::of(event).partition(event.occurred_at, event.id.uuid().as_bytes()[15] % SLICES),
            sk: sort_key(event.occurred_at, &event.id.to_string()),
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

    /// One page of the events of a slice that happened in the hour of `from`, from its second on and before the second
    /// of `until`. Reads the index of nothing: the slice is a partition.
    pub async fn outbox(
        &self,
        lane: Lane,
        slice: u8,
        [from, until]: [Timestamp; 2],
        after: Option<String>,
        limit: i32,
    ) -> Result<Page, Error> {
        debug_assert!(slice < SLICES, "an hour has {SLICES} slices");
        let partition = lane.partition(from, slice);
        let page = self
            .client
            .query()
            .table_name(&self.main)
            .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :until")
            .expression_attribute_values(":pk", AttributeValue::S(partition.clone()))
            .expression_attribute_values(":from", AttributeValue::S(sort_key(from, "")))
            // Below every key of that second, so it is not itself in the range.
            .expression_attribute_values(":until", AttributeValue::S(sort_key(until, "")))
            .set_exclusive_start_key(after.map(|sk| key(partition, sk)))
            .limit(limit)
            .send()
            .await?;
        let (mut events, mut unreadable) = (Vec::new(), Vec::new());
        for item in page.items.unwrap_or_default() {
            let sk = item.get("sk").and_then(|sk| sk.as_s().ok()).cloned().unwrap_or_default();
            match event(serde_dynamo::Item::from(item)) {
                Ok(event) => events.push(event),
                Err(_) => unreadable.push(sk),
            }
        }
        let next = page.last_evaluated_key.and_then(|key| key.get("sk")?.as_s().ok().cloned());
        Ok(Page { events, unreadable, next })
    }
}
