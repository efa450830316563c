//! Requests that were answered, so that a client may repeat one.
//!
//! | question                              | table     | pk                                     | sk     |
//! |---------------------------------------|-----------|----------------------------------------|--------|
//! | what became of the request of this key | ephemeral | IDEMPOTENCY#‹user›#‹operation›#‹key›   | RECORD |
//!
//! A key is locked before the work and holds the answer after it. A crash in between leaves a lock
//! that ends, and the next request with the key does the work.

use aws_sdk_dynamodb::{
    operation::put_item::PutItemError,
    types::{AttributeValue, ReturnValuesOnConditionCheckFailure},
};
use domain::id::UserId;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Error, Tables, tables::Condition};

const SK: &str = "RECORD";
/// For how long an answer is repeated: a client that tries again after a day has forgotten.
const REMEMBERED_FOR: SignedDuration = SignedDuration::from_hours(24);

/// Which request.
#[derive(Debug, Clone)]
pub struct Key {
    /// Whose. A key of somebody else is another key.
    pub user_id: UserId,
    /// What is asked for, by the operation's name.
    pub operation: &'static str,
    /// Of the key that the client chose.
    pub hash: String,
    /// Of the request's content.
    pub fingerprint: String,
}

/// An answer as it was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: String,
}

/// What is to be done with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// Do it, then say so with this lock.
    Yours(Lock),
    /// It was done: answer the same.
    Done(Answer),
    /// Another request with the key is being worked on.
    Busy,
    /// The key was used for another request.
    Reused,
}

/// The right to do the work of a key, until it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock(String);

#[derive(Debug, Serialize, Deserialize)]
struct Item {
    pk: String,
    sk: String,
    schema_version: u8,
    fingerprint: String,
    lock_id: String,
    locked_until: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<Answer>,
    ttl: i64,
}

fn pk(key: &Key) -> String {
    format!("IDEMPOTENCY#{}#{}#{}", key.user_id, key.operation, key.hash)
}

fn item(key: &Key, lock: &Lock, locked_until: i64, answer: Option<Answer>, now: Timestamp) -> Item {
    let forgotten = now.saturating_add(REMEMBERED_FOR).unwrap_or(Timestamp::MAX).as_second();
    Item {
        pk: pk(key),
        sk: SK.into(),
        schema_version: 1,
        fingerprint: key.fingerprint.clone(),
        lock_id: lock.0.clone(),
        locked_until,
        answer,
        ttl: forgotten,
    }
}

impl Tables {
    /// Locks a key until `now + lock_for`.
    pub async fn begin(&self, key: &Key, lock_for: SignedDuration, now: Timestamp) -> Result<Begun, Error> {
        let lock = Lock(uuid::Uuid::new_v4().to_string());
        let until = now.saturating_add(lock_for).unwrap_or(Timestamp::MAX).as_second();
        let item = item(key, &lock, until, None, now);
        let sent = self
            .client
            .put_item()
            .table_name(&self.ephemeral)
            .set_item(Some(serde_dynamo::to_item(&item)?))
            // The store removes what is forgotten late.
            .condition_expression(
                "attribute_not_exists(pk) OR #ttl <= :now \
                 OR (attribute_not_exists(answer) AND locked_until <= :now AND fingerprint = :fingerprint)",
            )
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":now", AttributeValue::N(now.as_second().to_string()))
            .expression_attribute_values(":fingerprint", AttributeValue::S(key.fingerprint.clone()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let error = match sent {
            Ok(_) => return Ok(Begun::Yours(lock)),
            Err(error) => error,
        };
        let Some(PutItemError::ConditionalCheckFailedException(failed)) = error.as_service_error() else {
            return Err(error.into());
        };
        let Some(stored) = failed.item().cloned() else { return Ok(Begun::Busy) };
        let stored: Item = serde_dynamo::from_item(stored)?;
        Ok(if stored.fingerprint != key.fingerprint {
            Begun::Reused
        } else {
            stored.answer.map_or(Begun::Busy, Begun::Done)
        })
    }

    /// Keeps the answer. Fails with [`Error::Conflict`] if the lock had ended and another request
    /// took it.
    pub async fn finish(&self, key: &Key, lock: &Lock, answer: Answer, now: Timestamp) -> Result<(), Error> {
        let item = item(key, lock, now.as_second(), Some(answer), now);
        self.put(&self.ephemeral, &item, owned(lock)).await
    }

    /// Gives a key back, because nothing was done.
    pub async fn abandon(&self, key: &Key, lock: &Lock) -> Result<(), Error> {
        match self.delete(&self.ephemeral, &pk(key), SK, owned(lock)).await {
            Err(Error::Conflict) => Ok(()),
            other => other,
        }
    }
}

fn owned(lock: &Lock) -> Condition {
    Condition::Equals("lock_id", AttributeValue::S(lock.0.clone()))
}
