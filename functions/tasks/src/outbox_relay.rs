//! `outbox-relay`: called by the main table's stream for every event that was written, it puts the
//! messages that follow from it on their queues.
//!
//! While a queue does not answer, the stream comes again from that record, for as long as the template allows. A record
//! that never can be relayed holds up nothing: its keys go to the failure queue, and the stream moves on. The item stays
//! in the table for a week, where `scripts/relay` finds it.

use aws_lambda_events::dynamodb::EventRecord;
use domain::event::Event;
use messaging::{
    messages::messages_for,
    queue::{Message, Queue, QueueError, Queues},
};
use runtime::Error;
use serde::Serialize;

/// Relays one record after the other.
#[derive(Debug)]
pub struct Relay {
    queues: Queues,
    failures: Queue,
}

/// A record that never can be relayed.
#[derive(Debug, Serialize)]
struct SetAside {
    /// Of its item in the main table.
    keys: serde_json::Value,
    reason: &'static str,
}

impl Relay {
    /// As the environment says.
    pub fn from_env() -> Result<Self, Error> {
        let aws = config::aws::from_env()?;
        let failures = Queue::from_env(&aws, "OUTBOX_FAILURES_QUEUE_URL")?;
        Ok(Self::new(Queues::from_env(&aws)?, failures))
    }

    /// To these queues; what cannot be relayed goes to `failures`.
    pub fn new(queues: Queues, failures: Queue) -> Self {
        Self { queues, failures }
    }

    /// Relays the event of one stream record.
    pub async fn handle(&self, record: EventRecord) -> Result<(), Error> {
        let send = async |message: Message| self.queues.send(&message).await;
        relay(record, send, async |record: SetAside| self.failures.send(&record).await).await
    }
}

/// Puts all that follows from an event on queues. How many messages that is.
pub(crate) async fn publish(
    event: &Event,
    send: impl AsyncFn(Message) -> Result<(), QueueError>,
) -> Result<usize, QueueError> {
    let messages = messages_for(event);
    let count = messages.len();
    for message in messages {
        send(message).await?;
    }
    tracing::info!(event = %event.id, "event relayed");
    Ok(count)
}

async fn relay(
    record: EventRecord,
    send: impl AsyncFn(Message) -> Result<(), QueueError>,
    set_aside: impl AsyncFn(SetAside) -> Result<(), QueueError>,
) -> Result<(), Error> {
    let keys = serde_json::to_value(&record.change.keys)?;
    let reason = match storage::outbox::event(record.change.new_image) {
        // Serde's own words would repeat the value.
        Err(_) => "unreadable",
        Ok(event) => match publish(&event, send).await {
            Ok(_) => return Ok(()),
            Err(QueueError::Rejected(_)) => "rejected by a queue",
            Err(error @ QueueError::Unavailable(_)) => return Err(error.into()),
        },
    };
    tracing::error!(%keys, reason, "record set aside");
    Ok(set_aside(SetAside { keys, reason }).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{epoch::Epoch, event::Fact};
    use jiff::Timestamp;
    use serde_json::json;
    use std::cell::RefCell;

    fn record(event: &str) -> EventRecord {
        let keys = json!({ "pk": { "S": "OUTBOX#1" }, "sk": { "S": "2" } });
        let image = json!({
            "pk": { "S": "OUTBOX#1" }, "sk": { "S": "2" }, "event": { "S": event }, "ttl": { "N": "1" },
        });
        serde_json::from_value(json!({
            "awsRegion": "eu-west-1", "eventID": "1", "eventName": "INSERT",
            "dynamodb": { "Keys": keys, "NewImage": image, "SizeBytes": 1, "SequenceNumber": "1" },
        }))
        .unwrap()
    }

    /// What a record comes to where queues answer like this: whether the stream moves on, how many messages were
    /// tried, and what was set aside.
    async fn relayed(
        record: EventRecord,
        answer: Result<(), QueueError>,
    ) -> (bool, usize, Vec<&'static str>) {
        let (tried, aside) = (RefCell::new(0), RefCell::new(Vec::new()));
        let send = async |_| {
            *tried.borrow_mut() += 1;
            answer.clone()
        };
        let set_aside = async |record: SetAside| {
            assert_eq!(record.keys, json!({ "pk": { "S": "OUTBOX#1" }, "sk": { "S": "2" } }));
            aside.borrow_mut().push(record.reason);
            Ok(())
        };
        let done = relay(record, send, set_aside).await.is_ok();
        (done, tried.into_inner(), aside.into_inner())
    }

    #[tokio::test]
    async fn an_outage_is_waited_for_and_poison_is_set_aside() {
        let now = Timestamp::UNIX_EPOCH;
        let event = Event::new(
            Fact::EmailChangeRequested { user_id: domain::id::new(now), epoch: Epoch::FIRST },
            now,
        );
        let event = serde_json::to_string(&event).unwrap();
        let unavailable = || Err(QueueError::Unavailable("no answer".into()));
        let rejected = || Err(QueueError::Rejected("InvalidMessageContents".into()));
        assert_eq!(relayed(record(&event), Ok(())).await, (true, 2, vec![]));
        assert_eq!(relayed(record(&event), unavailable()).await, (false, 1, vec![]));
        assert_eq!(relayed(record(&event), rejected()).await, (true, 1, vec!["rejected by a queue"]));
        for poison in ["{", r#"{"type":"unheard_of"}"#] {
            assert_eq!(relayed(record(poison), unavailable()).await, (true, 0, vec!["unreadable"]));
        }
    }

    #[tokio::test]
    async fn poison_that_cannot_be_set_aside_comes_again() {
        let refused = async |_| Err(QueueError::Unavailable("no answer".into()));
        assert!(relay(record("{"), async |_| Ok(()), refused).await.is_err());
    }
}
