//! `outbox-relay`: called by the main table's stream for every event that was written, it puts the
//! messages that follow from it on their queues.
//!
//! A record that fails is tried again, and those behind it wait; after the tries that the template
//! allows it goes to the failure queue, and the stream moves on.

use aws_lambda_events::dynamodb::EventRecord;
use messaging::{messages::messages_for, queue::Queues};
use runtime::Error;

/// Relays one record after the other.
#[derive(Debug)]
pub struct Relay {
    queues: Queues,
}

impl Relay {
    /// As the environment says.
    pub fn from_env() -> Result<Self, Error> {
        Ok(Self { queues: Queues::from_env(&config::aws::from_env()?)? })
    }

    /// Relays the event of one stream record.
    pub async fn handle(&self, record: EventRecord) -> Result<(), Error> {
        let event = storage::outbox::event(record.change.new_image)?;
        for message in messages_for(&event) {
            self.queues.send(&message).await?;
        }
        tracing::info!(event = %event.id, "event relayed");
        Ok(())
    }
}
