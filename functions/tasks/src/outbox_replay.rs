//! `outbox-replay`: called by `scripts/relay` page by page, it publishes the events of a time again, for what
//! `outbox-relay` has set aside or what the stream has lost.
//!
//! It may publish what was published before: consumers are idempotent, and remember a message for longer than the
//! outbox keeps its event.

use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use messaging::queue::{Message, QueueError, Queues};
use runtime::Error;
use serde::{Deserialize, Serialize};
use storage::{
    Tables,
    outbox::{Lane, SLICES},
};

use crate::outbox_relay::publish;

/// Which page.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    lane: Lane,
    slice: u8,
    /// Its hour is the one that is looked at.
    from: Timestamp,
    until: Timestamp,
    /// Where the page begins, as the report of the one before says.
    after: Option<String>,
    /// Only counts.
    dry_run: bool,
}

/// What was done, and where the next page begins.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    events: usize,
    messages: usize,
    /// Events that this version cannot read, or whose messages a queue does not accept. The log names them.
    failed: usize,
    next: Option<String>,
}

/// Each event is a message or two.
const PAGE: i32 = 200;
/// How many events are published at once.
const AT_ONCE: usize = 10;

/// Publishes events again.
#[derive(Debug)]
pub struct Replayer {
    tables: Tables,
    queues: Queues,
}

impl Replayer {
    /// As the environment says.
    pub fn from_env() -> Result<Self, Error> {
        let aws = config::aws::from_env()?;
        Ok(Self::new(Tables::from_env(&aws)?, Queues::from_env(&aws)?))
    }

    /// From these tables to these queues.
    pub fn new(tables: Tables, queues: Queues) -> Self {
        Self { tables, queues }
    }

    /// Publishes the events of one page.
    pub async fn handle(&self, order: Order) -> Result<Report, Error> {
        replay(&self.tables, order, async |message: Message| self.queues.send(&message).await).await
    }
}

async fn replay(
    tables: &Tables,
    order: Order,
    send: impl AsyncFn(Message) -> Result<(), QueueError>,
) -> Result<Report, Error> {
    let Order { lane, slice, from, until, after, dry_run } = order;
    if slice >= SLICES {
        return Err(format!("an hour has {SLICES} slices").into());
    }
    let page = tables.outbox(lane, slice, [from, until], after, PAGE).await?;
    for sk in &page.unreadable {
        tracing::error!(?lane, slice, %from, sk, "event not readable");
    }
    let send = async |message| if dry_run { Ok(()) } else { send(message).await };
    let published = stream::iter(&page.events).map(async |event| match publish(event, &send).await {
        Ok(messages) => Ok(Some(messages)),
        Err(QueueError::Rejected(code)) => {
            tracing::error!(event = %event.id, code, "event not accepted by a queue");
            Ok(None)
        }
        Err(error @ QueueError::Unavailable(_)) => Err(error),
    });
    let published: Vec<_> = published.buffer_unordered(AT_ONCE).try_collect().await?;
    Ok(Report {
        events: page.events.len(),
        messages: published.iter().flatten().sum(),
        failed: page.unreadable.len() + published.iter().filter(|messages| messages.is_none()).count(),
        next: page.next,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{
        epoch::Epoch,
        event::{Event, Fact},
        id::UserId,
    };
    use jiff::SignedDuration;
    use messaging::queue::EmailMessage;
    use std::{cell::RefCell, collections::BTreeMap};
    use testing::{Dynamo, TABLES};

    /// Publishes all of an hour again.
    async fn replay_all(
        tables: &Tables,
        from: Timestamp,
        dry_run: bool,
        send: &impl AsyncFn(Message) -> Result<(), QueueError>,
    ) -> [usize; 3] {
        let mut total = [0; 3];
        for lane in [Lane::Urgent, Lane::Outbox] {
            for slice in 0..SLICES {
                let mut after = None;
                loop {
                    let until = from + SignedDuration::from_hours(1);
                    let order = Order { lane, slice, from, until, after, dry_run };
                    let report = replay(tables, order, send).await.unwrap();
                    for (sum, count) in total.iter_mut().zip([report.events, report.messages, report.failed])
                    {
                        *sum += count;
                    }
                    after = report.next;
                    if after.is_none() {
                        break;
                    }
                }
            }
        }
        total
    }

    #[tokio::test]
    async fn what_was_set_aside_is_published_and_nothing_takes_effect_twice() {
        let dynamo = Dynamo::start().await;
        let tables = Tables::new(dynamo.client.clone(), TABLES.map(String::from));
        let hour: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        let user_id: UserId = domain::id::new(hour);
        let events: Vec<_> = (0..300)
            .map(|n| {
                let fact = if n % 100 == 0 {
                    Fact::SitterDiscredited { user_id }
                } else {
                    Fact::EmailChangeRequested { user_id, epoch: Epoch::FIRST }
                };
                Event::new(fact, hour + SignedDuration::from_secs(10 * n))
            })
            .collect();
        for event in &events {
            tables.announce(event).await.unwrap();
        }
        // A consumer, as email-send is one.
        let sent = RefCell::new(BTreeMap::<String, u32>::new());
        let consume = async |message: Message| {
            let key = match &message {
                Message::Email(mail) => EmailMessage::key(mail),
                Message::Concern(concern) => concern.event_id.to_string(),
                other => panic!("nothing else follows: {other:?}"),
            };
            let lease = SignedDuration::from_mins(2);
            let work = async || {
                *sent.borrow_mut().entry(key.clone()).or_default() += 1;
                Ok(())
            };
            runtime::once(&tables, "test", &key, lease, work).await.unwrap();
            Ok(())
        };
        // Two of three were relayed; what is third was set aside.
        for event in events.iter().enumerate().filter(|(n, _)| n % 3 != 2).map(|(_, event)| event) {
            publish(event, &consume).await.unwrap();
        }
        let expected = [300, 597, 0];
        assert_eq!(replay_all(&tables, hour, true, &consume).await, expected);
        assert_eq!(sent.borrow().len(), 398, "a dry run publishes nothing");
        for _ in 0..2 {
            assert_eq!(replay_all(&tables, hour, false, &consume).await, expected);
            let sent = sent.borrow();
            assert_eq!((sent.len(), sent.values().max()), (597, Some(&1)));
        }
    }

    #[tokio::test]
    async fn what_a_queue_never_accepts_does_not_keep_the_rest() {
        let dynamo = Dynamo::start().await;
        let tables = Tables::new(dynamo.client.clone(), TABLES.map(String::from));
        let hour: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        for object in ["pi_good", "pi_bad"] {
            let fact = Fact::StripeEventReceived { object: object.to_owned().try_into().unwrap() };
            tables.announce(&Event::new(fact, hour)).await.unwrap();
        }
        let send = async |message: Message| match format!("{message:?}").contains("pi_bad") {
            true => Err(QueueError::Rejected("InvalidMessageContents".into())),
            false => Ok(()),
        };
        assert_eq!(replay_all(&tables, hour, false, &send).await, [2, 1, 1]);
        let order =
            Order { lane: Lane::Outbox, slice: SLICES, from: hour, until: hour, after: None, dry_run: true };
        assert!(replay(&tables, order, send).await.is_err());
    }
}
