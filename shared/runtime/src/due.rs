//! Work that falls due, done by functions that a schedule calls.
//!
//! A run works in pages and stops before Lambda stops it. What is done is gone from the index, so the
//! next run goes on where this one ended, and a second run at the same time does no harm.

use std::collections::BTreeMap;

use domain::{
    due::{Kind, SHARDS},
    id,
};
use futures_util::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use storage::Tables;

use crate::{Error, Invocation, task::Progress};

/// An item takes about 20 ms, so a page ends well within [`RESERVE`].
const PAGE: i32 = 100;
/// Of a page so many are worked on at once: what takes the time is waiting for the store.
const AT_ONCE: usize = 8;
/// Left over before the deadline, for the page at hand and for the last line in the log.
pub const RESERVE: SignedDuration = SignedDuration::from_secs(20);

/// What a run did, as counts.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Done, by kind.
    pub done: BTreeMap<&'static str, u64>,
    /// No longer due when it was looked at, e.g. because its owner was quicker.
    pub skipped: u64,
    /// Could not be done; the next run tries again.
    pub failed: u64,
    /// Whether everything that was due has been looked at.
    pub complete: bool,
}

impl Progress for Report {
    fn failed(&self) -> u64 {
        self.failed
    }

    fn is_complete(&self) -> bool {
        self.complete
    }
}

/// What became of one thing that was due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Done,
    /// It is not due any more.
    Skipped,
}

/// One run, as it goes on.
#[derive(Debug)]
pub struct Run<'a> {
    tables: &'a Tables,
    deadline: Timestamp,
    report: Report,
}

impl<'a> Run<'a> {
    /// A run that ends in time.
    pub fn new(tables: &'a Tables, invocation: &Invocation) -> Self {
        let report = Report { complete: true, ..Report::default() };
        Self { tables, deadline: invocation.deadline, report }
    }

    /// Does `work` for everything of that kind that is due, until all is looked at or the time is up.
    pub async fn each(
        &mut self,
        kind: Kind,
        work: impl AsyncFn(&str, Timestamp) -> Result<Outcome, storage::Error>,
    ) -> Result<(), Error> {
        for shard in 0..SHARDS {
            let now = Timestamp::now();
            let mut after = None;
            loop {
                if Timestamp::now() + RESERVE > self.deadline {
                    self.report.complete = false;
                    return Ok(());
                }
                let page = self.tables.due(kind, shard, now, after, PAGE).await?;
                let work = &work;
                let worked = stream::iter(&page.ids).map(async |id| (id, work(id, now).await));
                let mut worked = std::pin::pin!(worked.buffer_unordered(AT_ONCE));
                while let Some((id, outcome)) = worked.next().await {
                    self.count(kind, id, outcome);
                }
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        }
        Ok(())
    }

    fn count(&mut self, kind: Kind, id: &str, outcome: Result<Outcome, storage::Error>) {
        match outcome {
            Ok(Outcome::Done) => *self.report.done.entry(kind.into()).or_default() += 1,
            // It has changed between reading and writing, so it was not to be done.
            Ok(Outcome::Skipped) | Err(storage::Error::Conflict) => self.report.skipped += 1,
            Err(error) => {
                // One that cannot be done does not keep the others.
                tracing::error!(id, %error, "what is due could not be done");
                self.report.failed += 1;
            }
        }
    }

    /// What was done, which is also logged.
    pub fn finish(self) -> Report {
        tracing::info!(
            done = %serde_json::to_string(&self.report.done).unwrap_or_default(),
            skipped = self.report.skipped,
            failed = self.report.failed,
            complete = self.report.complete,
            "did what was due"
        );
        self.report
    }
}

/// The identifier of what is due.
pub fn parse<T: id::Tag>(raw: &str) -> Result<id::Id<T>, storage::Error> {
    id::parse(raw).map_err(|violation| storage::Error::Unreadable(violation.to_string()))
}
