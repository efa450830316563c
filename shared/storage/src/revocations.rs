//! Access tokens that ended before their time.
//!
//! | question                          | table     | pk               | sk                   |
//! |-----------------------------------|-----------|------------------|----------------------|
//! | what was revoked within a minute  | ephemeral | REVOKED#‹minute› | ‹milliseconds›#‹id›  |
//!
//! Every function that verifies tokens asks every few seconds for what is new, so that a request is
//! answered without asking. An entry is kept for as long as a token lives. Each minute is a slice with a partition
//! key of its own: an execution environment reads the slice that is open from where it stopped, and each slice
//! once more as a whole after it has closed. So all environments together read no single key too often; see
//! docs/PERFORMANCE.md.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::revocation::{Revocation, Subject};
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    Error, Tables,
    tables::{Condition, Transaction},
};

/// How much time a slice covers.
const SLICE: SignedDuration = SignedDuration::from_mins(1);
/// A slice is complete so long after its end: writers take at most as long as a request may, 10 s, and their clocks
/// differ little.
const SETTLED_AFTER: SignedDuration = SignedDuration::from_secs(30);
/// How many slices are read at once. A cold start reads one for each minute that a token may live; all at once, they would
/// each open a connection, and many cold starts together would time out in their own queue.
const AT_ONCE: usize = 4;
/// How long an access token can live, and then some for clocks that differ.
pub const REMEMBERED_FOR: SignedDuration = SignedDuration::from_mins(16);

/// The form in which a [`Revocation`] is stored.
#[derive(Debug, Serialize, Deserialize)]
struct Item {
    pk: String,
    sk: String,
    revocation: Revocation,
    ttl: i64,
}

impl From<&Revocation> for Item {
    fn from(revocation: &Revocation) -> Self {
        let id = match revocation.subject {
            Subject::Session(id) => id.to_string(),
            Subject::User { id, .. } => id.to_string(),
        };
        let kept_until = revocation.at.saturating_add(REMEMBERED_FOR).unwrap_or(Timestamp::MAX);
        Self {
            pk: Slice::of(revocation.at).pk(),
            sk: format!("{}#{id}", position(revocation.at)),
            revocation: *revocation,
            ttl: kept_until.as_second(),
        }
    }
}

/// Sorts as time does, until the year 2286.
fn position(at: Timestamp) -> String {
    format!("{:013}", at.as_millisecond().max(0))
}

/// The revocations of one minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Slice(i64);

impl Slice {
    fn of(at: Timestamp) -> Self {
        Self(at.as_second().div_euclid(SLICE.as_secs()))
    }

    fn pk(self) -> String {
        format!("REVOKED#{}", self.0)
    }

    fn start(self) -> Timestamp {
        Timestamp::from_second(self.0 * SLICE.as_secs()).unwrap_or(Timestamp::MAX)
    }
}

/// How far a reader has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Everything that was there then was read.
    read_at: Timestamp,
    /// The first slice that has yet to be read as a whole.
    unsettled: Slice,
}

impl Position {
    /// Nothing was read of what tokens may still live that it ends.
    pub fn start(now: Timestamp) -> Self {
        let begin = now.saturating_sub(REMEMBERED_FOR).unwrap_or(Timestamp::MIN);
        Self { read_at: begin, unsettled: Slice::of(begin) }
    }

    /// When the reader read last.
    pub fn read_at(&self) -> Timestamp {
        self.read_at
    }

    /// What is to be read at `now`: slices, each from a moment on. A slice that has settled is read as a whole. One
    /// that has not is read from `overlap` before the last read on, for what was written late.
    fn reads(self, overlap: SignedDuration, now: Timestamp) -> Vec<(Slice, Timestamp)> {
        let resumed = self.read_at.saturating_sub(overlap).unwrap_or(Timestamp::MIN);
        let settled = Self::settled(now);
        (self.unsettled.0..=Slice::of(now).0)
            .map(Slice)
            .filter_map(|slice| match slice.0 < settled.0 {
                true => Some((slice, slice.start())),
                false => (Slice(slice.0 + 1).start() > resumed).then(|| (slice, resumed.max(slice.start()))),
            })
            .collect()
    }

    /// The first slice that may still grow.
    fn settled(now: Timestamp) -> Slice {
        Slice::of(now.saturating_sub(SETTLED_AFTER).unwrap_or(Timestamp::MIN))
    }
}

impl Transaction<'_> {
    /// Ends access tokens.
    pub(crate) fn revoke(self, subject: Subject, at: Timestamp) -> Result<Self, Error> {
        let table = &self.tables.ephemeral;
        self.put(table, &Item::from(&Revocation { subject, at }), Condition::None)
    }
}

impl Tables {
    /// What was revoked since that position, and the next position. Reads are eventually consistent, and go back by
    /// `overlap`.
    pub async fn revocations(
        &self,
        position: Position,
        overlap: SignedDuration,
        now: Timestamp,
    ) -> Result<(Vec<Revocation>, Position), Error> {
        let reads = stream::iter(position.reads(overlap, now));
        let found = reads.map(|(slice, since)| self.revocations_of(slice, since)).buffer_unordered(AT_ONCE);
        let found = found.try_concat().await?;
        let unsettled = Slice(Position::settled(now).0.max(position.unsettled.0));
        Ok((found, Position { read_at: now, unsettled }))
    }

    async fn revocations_of(&self, slice: Slice, since: Timestamp) -> Result<Vec<Revocation>, Error> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.ephemeral)
            .key_condition_expression("pk = :pk AND sk >= :since")
            .expression_attribute_values(":pk", AttributeValue::S(slice.pk()))
            .expression_attribute_values(":since", AttributeValue::S(position(since)))
            .into_paginator()
            .items()
            .send();
        let mut found = Vec::new();
        while let Some(item) = pages.next().await {
            found.push(serde_dynamo::from_item::<_, Item>(item?)?.revocation);
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OVERLAP: SignedDuration = SignedDuration::from_secs(15);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    /// Which minutes are read, and from which second on.
    fn reads(position: Position, second: i64) -> Vec<(i64, i64)> {
        let first = Slice::of(at(0)).0;
        let reads = position.reads(OVERLAP, at(second)).into_iter();
        reads.map(|(slice, since)| (slice.0 - first, since.as_second() - at(0).as_second())).collect()
    }

    fn next(position: Position, second: i64) -> Position {
        let unsettled = Slice(Position::settled(at(second)).0.max(position.unsettled.0));
        Position { read_at: at(second), unsettled }
    }

    #[test]
    fn each_slice_is_read_once_as_a_whole_and_the_open_one_from_where_it_stopped() {
        let cold = reads(Position::start(at(30)), 30);
        assert_eq!(cold.len(), 17, "one for each minute that a token may live");
        assert_eq!((cold[0], cold[16]), ((-16, -960), (0, 0)));
        let warm = next(Position::start(at(30)), 30);
        assert_eq!(reads(warm, 50), [(0, 15)]);
        let warm = next(warm, 50);
        assert_eq!(reads(warm, 70), [(0, 35), (1, 60)]);
        let warm = next(warm, 70);
        assert_eq!(reads(warm, 90), [(0, 0), (1, 60)], "minute 0 has settled");
        let warm = next(warm, 90);
        assert_eq!(reads(warm, 110), [(1, 75)]);
    }

    #[test]
    fn a_reader_that_slept_reads_each_slice_that_it_missed() {
        let warm = next(Position::start(at(30)), 30);
        assert_eq!(reads(warm, 200), [(0, 0), (1, 60), (2, 120), (3, 180)]);
    }
}
