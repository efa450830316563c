use aws_lambda_events::{
    dynamodb::{Event as DynamoEvent, EventRecord},
    sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage},
};
use jiff::Timestamp;
use lambda_runtime::{LambdaEvent, service_fn};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    Error, log,
    task::{self, Progress},
};

/// What Lambda says of one call.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// By which the logs can be searched.
    pub request_id: String,
    /// When Lambda ends the call, whatever it is doing.
    pub deadline: Timestamp,
}

/// How a message has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// By which its queue knows the delivery.
    pub receipt: String,
    /// How often the message has come by now, about.
    pub tries: u32,
}

impl Delivery {
    fn of(record: &SqsMessage) -> Self {
        let tries = record.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok());
        Self { receipt: record.receipt_handle.clone().unwrap_or_default(), tries: tries.unwrap_or(1) }
    }
}

/// Serves calls that carry one event, e.g. of a bucket or a schedule. A failure is Lambda's to
/// retry.
pub async fn serve_event<E, R, H>(handler: H) -> Result<(), Error>
where
    E: DeserializeOwned,
    R: Serialize,
    H: AsyncFn(E, Invocation) -> Result<R, Error>,
{
    log::init();
    let handler = &handler;
    lambda_runtime::run(service_fn(async move |event: LambdaEvent<E>| {
        let milliseconds = i64::try_from(event.context.deadline).unwrap_or(i64::MAX);
        let invocation = Invocation {
            request_id: event.context.request_id,
            deadline: Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::MAX),
        };
        // Boxed, because the compiler would otherwise lay out everything that is awaited as one type.
        Box::pin(handler(event.payload, invocation)).await
    }))
    .await
}

/// Serves a schedule's calls: whatever they carry does not matter. Logs how each run ended, see [`task`].
pub async fn serve_task<R, H>(handler: H) -> Result<(), Error>
where
    R: Serialize + Progress,
    H: AsyncFn(Invocation) -> Result<R, Error>,
{
    serve_event(async |_: Value, invocation| {
        let result = handler(invocation).await;
        task::log_run(&result);
        result
    })
    .await
}

/// Serves a queue, message by message. One that fails comes again, alone, after the queue's timeout; after the tries
/// that its queue allows it lies in the dead-letter queue.
pub async fn serve_queue<M, H>(handler: H) -> Result<(), Error>
where
    M: DeserializeOwned,
    H: AsyncFn(M) -> Result<(), Error>,
{
    serve_event(async |batch: SqsEvent, _| Ok(work_through(batch, &handler, async |_| Ok(())).await)).await
}

/// The same, but a message that fails comes again when `postpone` has told its queue to bring it. If that fails as well,
/// it comes after the queue's timeout.
pub async fn serve_queue_with_backoff<M, H, P>(handler: H, postpone: P) -> Result<(), Error>
where
    M: DeserializeOwned,
    H: AsyncFn(M) -> Result<(), Error>,
    P: AsyncFn(Delivery) -> Result<(), Error>,
{
    serve_event(async |batch: SqsEvent, _| Ok(work_through(batch, &handler, &postpone).await)).await
}

async fn work_through<M, H, P>(batch: SqsEvent, handler: H, postpone: P) -> SqsBatchResponse
where
    M: DeserializeOwned,
    H: AsyncFn(M) -> Result<(), Error>,
    P: AsyncFn(Delivery) -> Result<(), Error>,
{
    let mut response = SqsBatchResponse::default();
    for record in batch.records {
        let delivery = Delivery::of(&record);
        let id = record.message_id.unwrap_or_default();
        let body = record.body.unwrap_or_default();
        let done = match serde_json::from_str(&body) {
            Ok(message) => Box::pin(handler(message)).await,
            // The text of serde's error may repeat the message's.
            Err(_) => Err("the message is not of the expected form".into()),
        };
        if let Err(error) = done {
            tracing::error!(message_id = id, tries = delivery.tries, %error, "message failed");
            if let Err(error) = postpone(delivery).await {
                tracing::warn!(message_id = id, %error, "message comes again at its queue's own time");
            }
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = id;
            response.batch_item_failures.push(failure);
        }
    }
    response
}

/// Serves a table's stream, record by record, in order. After a failure nothing behind it is done:
/// Lambda comes again from there.
pub async fn serve_stream<H>(handler: H) -> Result<(), Error>
where
    H: AsyncFn(EventRecord) -> Result<(), Error>,
{
    serve_event(async |batch: DynamoEvent, _| {
        for record in batch.records {
            let id = record.change.sequence_number.clone().unwrap_or_default();
            if let Err(error) = Box::pin(handler(record)).await {
                tracing::error!(sequence_number = id, %error, "record failed");
                return Ok(json!({ "batchItemFailures": [{ "itemIdentifier": id }] }));
            }
        }
        Ok(json!({ "batchItemFailures": [] }))
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    fn batch() -> SqsEvent {
        let record = |name: &str, body: &str, tries: &str| {
            json!({
                "messageId": name, "receiptHandle": format!("receipt of {name}"), "body": body,
                "attributes": { "ApproximateReceiveCount": tries },
            })
        };
        let records = [
            record("good", "1", "1"),
            record("bad", "2", "1"),
            record("poison", "{", "7"),
            record("odd", "2", ""),
        ];
        serde_json::from_value(json!({ "Records": records })).unwrap()
    }

    /// Whatever is even fails.
    async fn odd_only(number: u32) -> Result<(), Error> {
        if number % 2 == 1 { Ok(()) } else { Err("even".into()) }
    }

    fn failed(response: &SqsBatchResponse) -> Vec<&str> {
        response.batch_item_failures.iter().map(|failure| failure.item_identifier.as_str()).collect()
    }

    #[tokio::test]
    async fn what_fails_is_postponed_and_comes_again_alone() {
        let postponed = RefCell::new(Vec::new());
        let response = work_through(batch(), odd_only, async |delivery: Delivery| {
            postponed.borrow_mut().push((delivery.receipt, delivery.tries));
            Ok(())
        })
        .await;
        assert_eq!(failed(&response), ["bad", "poison", "odd"]);
        let expected = [("receipt of bad", 1), ("receipt of poison", 7), ("receipt of odd", 1)];
        assert_eq!(postponed.into_inner(), expected.map(|(receipt, tries)| (receipt.to_owned(), tries)));
    }

    #[tokio::test]
    async fn what_cannot_be_postponed_comes_again_all_the_same() {
        let response =
            work_through(batch(), odd_only, async |_| Err("the queue does not answer".into())).await;
        assert_eq!(failed(&response), ["bad", "poison", "odd"]);
    }
}
