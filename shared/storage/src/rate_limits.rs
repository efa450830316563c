//! Token buckets.
//!
//! | question                       | table     | pk                     | sk     |
//! |--------------------------------|-----------|------------------------|--------|
//! | may this key do it once more   | ephemeral | LIMIT#‹limit›#‹key›    | BUCKET |
//! | is this key remembered         | ephemeral | LIMIT#‹limit›#‹key›    | BUCKET |
//!
//! A bucket is stored as the moment at which it will be full again (the "theoretical arrival time"
//! of the [generic cell rate algorithm](https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm)),
//! so that taking a token is one conditional write that needs no read, and any number of
//! concurrent requests take exactly as many tokens as there are.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    config::http::HttpResponse,
    error::SdkError,
    operation::update_item::{UpdateItemError, UpdateItemOutput, builders::UpdateItemFluentBuilder},
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

/// Which bucket. The caller hashes `key` with a secret, so that buckets hold nothing personal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// The name of the limit.
    pub limit: &'static str,
    /// Whose bucket it is: a keyed hash.
    pub key: String,
}

impl Bucket {
    fn item(&self) -> HashMap<String, AttributeValue> {
        tables::key(format!("LIMIT#{}#{}", self.limit, self.key), SK)
    }
}

const SK: &str = "BUCKET";
/// A bucket can turn from full to used and back only while a request hangs for its whole period.
const ATTEMPTS: usize = 4;

impl Tables {
    /// Takes `count` tokens, or none.
    ///
    /// A full bucket and an empty one cost one write; one in between costs two, since the first
    /// supposes that nobody was there lately.
    pub async fn take_tokens(
        &self,
        bucket: &Bucket,
        rate: Rate,
        count: u32,
        now: Timestamp,
    ) -> Result<Take, Error> {
        match self.take(bucket, Whose::Anybodys, rate, count, now).await? {
            Some(take) => Ok(take),
            None => Err(Error::Unreadable("a bucket".into())),
        }
    }

    /// Takes a token from a bucket that [`Tables::remember_bucket`] has made, or returns `None` if there is no such
    /// bucket. Costs one write, or two if tokens were taken lately.
    pub async fn take_remembered(
        &self,
        bucket: &Bucket,
        rate: Rate,
        now: Timestamp,
    ) -> Result<Option<Take>, Error> {
        self.take(bucket, Whose::Remembered, rate, 1, now).await
    }

    /// Gives back tokens that were taken. A token that the bucket has regained in the meantime does not count twice.
    pub async fn give_back_tokens(&self, bucket: &Bucket, rate: Rate, count: u32) -> Result<(), Error> {
        let taken = rate.token_ms() * i64::from(count);
        let update = self
            .update_bucket(bucket)
            .update_expression("SET full_at = full_at - :taken")
            .condition_expression("attribute_exists(full_at)")
            .expression_attribute_values(":taken", number(taken));
        unless_absent(update.send().await)
    }

    /// Fills a bucket.
    pub async fn fill_bucket(&self, bucket: &Bucket, now: Timestamp) -> Result<(), Error> {
        let update = self
            .update_bucket(bucket)
            .update_expression("SET full_at = :now")
            .condition_expression("attribute_exists(full_at)")
            .expression_attribute_values(":now", number(now.as_millisecond()));
        unless_absent(update.send().await)
    }

    /// Makes a full bucket for a key that has proved itself, or fills the existing one, and keeps it for `kept_for`.
    pub async fn remember_bucket(
        &self,
        bucket: &Bucket,
        kept_for: SignedDuration,
        now: Timestamp,
    ) -> Result<(), Error> {
        let until = now.saturating_add(kept_for).unwrap_or(Timestamp::MAX);
        let update = self
            .update_bucket(bucket)
            .update_expression("SET full_at = :now, known_until = :until, #ttl = :ttl")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":now", number(now.as_millisecond()))
            .expression_attribute_values(":until", number(until.as_millisecond()))
            .expression_attribute_values(":ttl", number(until.as_second()));
        update.send().await?;
        Ok(())
    }

    fn update_bucket(&self, bucket: &Bucket) -> UpdateItemFluentBuilder {
        self.client.update_item().table_name(&self.ephemeral).set_key(Some(bucket.item()))
    }

    async fn take(
        &self,
        bucket: &Bucket,
        whose: Whose,
        rate: Rate,
        count: u32,
        now: Timestamp,
    ) -> Result<Option<Take>, Error> {
        if rate.burst < count.max(1) {
            return Ok(Some(Take { admitted: false, remaining: 0, wait: rate.per }));
        }
        let now = now.as_millisecond();
        let (token, per) = (rate.token_ms(), rate.per_ms());
        let taken = token * i64::from(count);
        // The tokens are there while the bucket will be full again by then.
        let horizon = now + per - taken;
        let mut suppose = Suppose::Full;
        for _ in 0..ATTEMPTS {
            match self.write(bucket, whose, suppose, now, taken, per).await? {
                Wrote::FullAt(at) => {
                    let remaining = u32::try_from((now + per - at) / token).unwrap_or(0);
                    return Ok(Some(Take {
                        admitted: true,
                        remaining,
                        wait: SignedDuration::from_millis(at - now),
                    }));
                }
                Wrote::Absent => return Ok(None),
                Wrote::Not { stored } if stored > horizon => {
                    let wait = SignedDuration::from_millis(stored - horizon);
                    return Ok(Some(Take { admitted: false, remaining: 0, wait }));
                }
                Wrote::Not { stored } => suppose = if stored <= now { Suppose::Full } else { Suppose::Used },
            }
        }
        Err(Error::Unavailable("a bucket that changes all the time".into()))
    }

    async fn write(
        &self,
        bucket: &Bucket,
        whose: Whose,
        suppose: Suppose,
        now: i64,
        taken: i64,
        per: i64,
    ) -> Result<Wrote, Error> {
        let (set, condition) = match suppose {
            Suppose::Full => ("SET full_at = :after", "full_at <= :now"),
            Suppose::Used => ("SET full_at = full_at + :taken", "full_at > :now AND full_at <= :horizon"),
        };
        let update = self
            .update_bucket(bucket)
            .expression_attribute_values(":now", number(now))
            .return_values(ReturnValue::UpdatedNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let update = match whose {
            Whose::Anybodys => {
                let condition = match suppose {
                    Suppose::Full => format!("attribute_not_exists(pk) OR {condition}"),
                    Suppose::Used => condition.into(),
                };
                update
                    .update_expression(format!("{set}, #ttl = :ttl"))
                    .condition_expression(condition)
                    .expression_attribute_names("#ttl", "ttl")
                    .expression_attribute_values(":ttl", number((now + per) / 1000 + 1))
            }
            Whose::Remembered => update
                .update_expression(set)
                .condition_expression(format!("known_until > :now AND {condition}")),
        };
        let update = match suppose {
            Suppose::Full => update.expression_attribute_values(":after", number(now + taken)),
            Suppose::Used => update
                .expression_attribute_values(":taken", number(taken))
                .expression_attribute_values(":horizon", number(now + per - taken)),
        };
        let error = match update.send().await {
            Ok(output) => return Ok(Wrote::FullAt(read(output.attributes(), "full_at")?)),
            Err(error) => error,
        };
        match (error.as_service_error(), whose) {
            (Some(UpdateItemError::ConditionalCheckFailedException(failed)), Whose::Remembered) => {
                match failed.item() {
                    Some(item) if read(Some(item), "known_until")? > now => {
                        Ok(Wrote::Not { stored: read(Some(item), "full_at")? })
                    }
                    _ => Ok(Wrote::Absent),
                }
            }
            (Some(UpdateItemError::ConditionalCheckFailedException(failed)), Whose::Anybodys) => {
                match failed.item() {
                    Some(item) => Ok(Wrote::Not { stored: read(Some(item), "full_at")? }),
                    // Removed after its time in between, so it is full.
                    None => Ok(Wrote::Not { stored: now }),
                }
            }
            _ => Err(error.into()),
        }
    }
}

fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

fn read(item: Option<&HashMap<String, AttributeValue>>, name: &str) -> Result<i64, Error> {
    item.and_then(|item| item.get(name)?.as_n().ok()?.parse().ok())
        .ok_or_else(|| Error::Unreadable("a bucket".into()))
}

/// A bucket that does not exist is full.
fn unless_absent(
    updated: Result<UpdateItemOutput, SdkError<UpdateItemError, HttpResponse>>,
) -> Result<(), Error> {
    match updated {
        Err(error)
            if matches!(
                error.as_service_error(),
                Some(UpdateItemError::ConditionalCheckFailedException(_))
            ) =>
        {
            Ok(())
        }
        other => other.map(drop).map_err(Error::from),
    }
}

/// Who has a bucket.
#[derive(Clone, Copy)]
enum Whose {
    /// Everyone: the first use makes the bucket.
    Anybodys,
    /// Those who are remembered.
    Remembered,
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
    Not {
        stored: i64,
    },
    /// There is no such remembered bucket.
    Absent,
}
