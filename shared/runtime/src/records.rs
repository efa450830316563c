use aws_lambda_events::{
    dynamodb::{Event as DynamoEvent, EventRecord},
    sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent},
};
use jiff::Timestamp;
use lambda_runtime::{LambdaEvent, service_fn};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{Error, log};

/// What Lambda says of one call.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// By which the logs can be searched.
    pub request_id: String,
    /// When Lambda ends the call, whatever it is doing.
    pub deadline: Timestamp,
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

/// Serves a schedule's calls: whatever they carry does not matter.
pub async fn serve_task<R, H>(handler: H) -> Result<(), Error>
where
    R: Serialize,
    H: AsyncFn(Invocation) -> Result<R, Error>,
{
    serve_event(async |_: Value, invocation| handler(invocation).await).await
}

/// Serves a queue, message by message. One that fails comes again, alone; after the tries that its
/// queue allows it lies in the dead-letter queue.
pub async fn serve_queue<M, H>(handler: H) -> Result<(), Error>
where
    M: DeserializeOwned,
    H: AsyncFn(M) -> Result<(), Error>,
{
    serve_event(async |batch: SqsEvent, _| {
        let mut response = SqsBatchResponse::default();
        for record in batch.records {
            let id = record.message_id.unwrap_or_default();
            let body = record.body.unwrap_or_default();
            let done = match serde_json::from_str(&body) {
                Ok(message) => Box::pin(handler(message)).await,
                // The text of serde's error may repeat the message's.
                Err(_) => Err("the message is not of the expected form".into()),
            };
            if let Err(error) = done {
                tracing::error!(message_id = id, %error, "message failed");
                let mut failure = BatchItemFailure::default();
                failure.item_identifier = id;
                response.batch_item_failures.push(failure);
            }
        }
        Ok(response)
    })
    .await
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
