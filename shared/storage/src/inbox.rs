//! Messages that a consumer has seen: queues deliver at least once, people want one mail.
//!
//! | question                            | table     | pk                        | sk    |
//! |-------------------------------------|-----------|---------------------------|-------|
//! | has this consumer done this message | ephemeral | INBOX#‹consumer›#‹id›     | LEASE |
//!
//! A message is leased before the work and marked done after it. A crash in between leaves a lease
//! that ends, and the next delivery does the work again: at least once, and twice only after a crash.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};

use crate::{Error, Tables};

/// Queues keep a message for at most 14 days, so nothing older can come again.
const REMEMBERED_FOR: SignedDuration = SignedDuration::from_hours(15 * 24);

/// What a consumer is to do with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// Do the work, then say so.
    Yours,
    /// The work is done: acknowledge the message.
    Done,
    /// Another delivery is at it: let this one come again.
    Busy,
}

impl Tables {
    /// Leases a message until `now + lease`.
    pub async fn claim(
        &self,
        consumer: &str,
        message: &str,
        lease: SignedDuration,
        now: Timestamp,
    ) -> Result<Claim, Error> {
        let until = now.saturating_add(lease).unwrap_or(Timestamp::MAX).as_second();
        let claimed = self
            .inbox_write(consumer, message, now, until)
            .condition_expression(
                "attribute_not_exists(pk) OR (leased_until <= :now AND attribute_not_exists(done))",
            )
            .expression_attribute_values(":now", AttributeValue::N(now.as_second().to_string()))
            .send()
            .await
            .map_err(Error::from);
        match claimed {
            Ok(_) => Ok(Claim::Yours),
            Err(Error::Conflict) => {
                let seen: Option<serde_json::Value> =
                    self.get(&self.ephemeral, &pk(consumer, message), SK).await?;
                let done = seen.is_some_and(|item| item.get("done").is_some());
                Ok(if done { Claim::Done } else { Claim::Busy })
            }
            Err(error) => Err(error),
        }
    }

    /// Marks a leased message as done.
    pub async fn complete(&self, consumer: &str, message: &str, now: Timestamp) -> Result<(), Error> {
        self.inbox_write(consumer, message, now, now.as_second())
            .item("done", AttributeValue::Bool(true))
            .send()
            .await?;
        Ok(())
    }

    fn inbox_write(
        &self,
        consumer: &str,
        message: &str,
        now: Timestamp,
        leased_until: i64,
    ) -> aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder {
        let forgotten = now.saturating_add(REMEMBERED_FOR).unwrap_or(Timestamp::MAX).as_second();
        self.client
            .put_item()
            .table_name(&self.ephemeral)
            .item("pk", AttributeValue::S(pk(consumer, message)))
            .item("sk", AttributeValue::S(SK.into()))
            .item("leased_until", AttributeValue::N(leased_until.to_string()))
            .item("ttl", AttributeValue::N(forgotten.to_string()))
    }
}

const SK: &str = "LEASE";

fn pk(consumer: &str, message: &str) -> String {
    format!("INBOX#{consumer}#{message}")
}
