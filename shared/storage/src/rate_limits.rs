//! Token buckets.
//!
//! | question                       | table     | pk                     | sk     |
//! |--------------------------------|-----------|------------------------|--------|
//! | may this key do it once more   | ephemeral | LIMIT#‹limit›#‹key›    | BUCKET |
//!
//! A bucket is stored as the moment at which it will be full again (the "theoretical arrival time"
//! of the [generic cell rate algorithm](https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm)),
//! so that taking a token is one conditional write that needs no read, and any number of
//! concurrent requests take exactly as many tokens as there are.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    operation::update_item::UpdateItemError,
    types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure},
};
use jiff::{SignedDuration, Timestamp};

use crate::{Error, Tables, tables};

/// How many tokens a bucket holds, and in what time an empty one is full again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Tokens.
    pub burst: u32,
    /// Time.
    pub per: SignedDuration,
}

impl Rate {
    /// The time that one token takes to come back, in milliseconds.
    fn token_ms(self) -> i64 {
        (self.per_ms() / i64::from(self.burst.max(1))).max(1)
    }

    fn per_ms(self) -> i64 {
        i64::try_from(self.per.as_millis()).unwrap_or(i64::MAX / 4)
    }
}

/// What a bucket answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Take {
    /// Whether there was a token.
    pub admitted: bool,
    /// How many are left.
    pub remaining: u32,
    /// When the next one is there, or, with some left, when the bucket is full again.
    pub wait: SignedDuration,
}

const SK: &str = "BUCKET";
/// A bucket can turn from full to used and back only while a request hangs for its whole period.
const ATTEMPTS: usize = 4;

impl Tables {
    /// Takes so many tokens, or none. `key` is hashed by the caller: buckets hold nothing personal.
    ///
    /// A full bucket and an empty one cost one write; one in between costs two, since the first
    /// supposes that nobody was there lately.
    pub async fn take_tokens(
        &self,
        limit: &str,
        key: &str,
        rate: Rate,
        count: u32,
        now: Timestamp,
    ) -> Result<Take, Error> {
        if rate.burst < count.max(1) {
            return Ok(Take { admitted: false, remaining: 0, wait: rate.per });
        }
        let now = now.as_millisecond();
        let (token, per) = (rate.token_ms(), rate.per_ms());
        let taken = token * i64::from(count);
        // The tokens are there while the bucket will be full again by then.
        let horizon = now + per - taken;
        let mut suppose = Suppose::Full;
        for _ in 0..ATTEMPTS {
            match self.write(limit, key, suppose, now, taken, per).await? {
                Wrote::FullAt(at) => {
                    let remaining = u32::try_from((now + per - at) / token).unwrap_or(0);
                    return Ok(Take {
                        admitted: true,
                        remaining,
                        wait: SignedDuration::from_millis(at - now),
                    });
                }
                Wrote::Not { stored } if stored > horizon => {
                    let wait = SignedDuration::from_millis(stored - horizon);
                    return Ok(Take { admitted: false, remaining: 0, wait });
                }
                Wrote::Not { stored } => suppose = if stored <= now { Suppose::Full } else { Suppose::Used },
            }
        }
        Err(Error::Unavailable("a bucket that changes all the time".into()))
    }

    async fn write(
        &self,
        limit: &str,
        key: &str,
        suppose: Suppose,
        now: i64,
        taken: i64,
        per: i64,
    ) -> Result<Wrote, Error> {
        let number = |value: i64| AttributeValue::N(value.to_string());
        let update = self
            .client
            .update_item()
            .table_name(&self.ephemeral)
            .set_key(Some(tables::key(format!("LIMIT#{limit}#{key}"), SK)))
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":now", number(now))
            .expression_attribute_values(":ttl", number((now + per) / 1000 + 1))
            .return_values(ReturnValue::UpdatedNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let update = match suppose {
            Suppose::Full => update
                .update_expression("SET full_at = :after, #ttl = :ttl")
                .condition_expression("attribute_not_exists(pk) OR full_at <= :now")
                .expression_attribute_values(":after", number(now + taken)),
            Suppose::Used => update
                .update_expression("SET full_at = full_at + :taken, #ttl = :ttl")
                .condition_expression("full_at > :now AND full_at <= :horizon")
                .expression_attribute_values(":taken", number(taken))
                .expression_attribute_values(":horizon", number(now + per - taken)),
        };
        let full_at = |item: Option<&HashMap<String, AttributeValue>>| {
            item.and_then(|item| item.get("full_at")?.as_n().ok()?.parse::<i64>().ok())
                .ok_or_else(|| Error::Unreadable("a bucket".into()))
        };
        let error = match update.send().await {
            Ok(output) => return Ok(Wrote::FullAt(full_at(output.attributes())?)),
            Err(error) => error,
        };
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(failed)) => match failed.item() {
                Some(item) => Ok(Wrote::Not { stored: full_at(Some(item))? }),
                // Removed after its time in between, so it is full.
                None => Ok(Wrote::Not { stored: now }),
            },
            _ => Err(error.into()),
        }
    }
}

/// What a write supposes of a bucket.
#[derive(Clone, Copy)]
enum Suppose {
    /// It is full, or was never used.
    Full,
    /// Tokens were taken and have not all come back.
    Used,
}

enum Wrote {
    FullAt(i64),
    Not { stored: i64 },
}
