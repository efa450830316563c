//! What Stripe has told of, so that it is heard once.
//!
//! | question                | table     | pk                 | sk    |
//! |-------------------------|-----------|--------------------|-------|
//! | was this told before    | ephemeral | STRIPE_EVENT#‹id›  | EVENT |

use domain::{event::Event, stripe::EventId};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Error, Tables, tables::Condition};

/// Stripe tells of the same thing for three days, and people send it again by hand for thirty.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What was told. Of the content nothing is kept: whoever acts on it asks Stripe how it stands now.
#[derive(Debug, Serialize, Deserialize)]
struct Item {
    pk: String,
    sk: String,
    schema_version: u8,
    /// In Stripe's words, e.g. `payment_intent.succeeded`.
    kind: String,
    received_at: Timestamp,
    ttl: i64,
}

impl Tables {
    /// Notes that Stripe has told of something, and announces it, together; `false` if it was told before, and
    /// nothing is announced.
    pub async fn receive(&self, id: &EventId, kind: &str, event: &Event) -> Result<bool, Error> {
        let item = Item {
            pk: format!("STRIPE_EVENT#{id}"),
            sk: "EVENT".into(),
            schema_version: 1,
            kind: kind.to_owned(),
            received_at: event.occurred_at,
            ttl: event.occurred_at.saturating_add(KEPT_FOR).unwrap_or(Timestamp::MAX).as_second(),
        };
        let received = self
            .transaction()
            .put(&self.ephemeral, &item, Condition::Absent)?
            .announce(event)?
            .commit()
            .await;
        match received {
            Ok(()) => Ok(true),
            Err(Error::Conflict) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
