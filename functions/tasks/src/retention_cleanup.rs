//! `retention-cleanup`: called by a schedule, it removes what has no reason to be kept any more:
//! accounts whose address nobody proved, and uploads that never came, were refused, or were replaced.
//!
//! It works in pages and stops before Lambda stops it. What it removed is gone from the index, so
//! the next run goes on where this one ended, and a second run at the same time does no harm.

use std::collections::BTreeMap;

use domain::{
    due::{Kind, SHARDS},
    id,
};
use jiff::{SignedDuration, Timestamp};
use runtime::{Error, Invocation};
use serde::Serialize;
use storage::{Tables, files::Files};

/// An item takes about 20 ms, so a page ends well within [`RESERVE`].
const PAGE: i32 = 100;
/// Left over before the deadline, for the page at hand and for the last line in the log.
const RESERVE: SignedDuration = SignedDuration::from_secs(20);

/// Removes what is due.
#[derive(Debug)]
pub struct Cleanup {
    tables: Tables,
    files: Files,
}

/// What a run did, as counts.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Removed, by kind.
    pub removed: BTreeMap<&'static str, u64>,
    /// No longer due when it was looked at, e.g. because its owner was quicker.
    pub skipped: u64,
    /// Could not be removed; the next run tries again.
    pub failed: u64,
    /// Whether everything that was due has been looked at.
    pub complete: bool,
}

enum Outcome {
    Removed,
    Skipped,
}

impl Cleanup {
    /// As the environment says.
    pub fn from_env() -> Result<Self, Error> {
        let aws = config::aws::from_env()?;
        Ok(Self::new(Tables::from_env(&aws)?, Files::from_env(&aws)?))
    }

    /// With these tables and buckets.
    pub fn new(tables: Tables, files: Files) -> Self {
        Self { tables, files }
    }

    /// Runs until everything due is looked at or the time is up.
    pub async fn run(&self, invocation: Invocation) -> Result<Report, Error> {
        let mut report = Report { complete: true, ..Report::default() };
        'all: for kind in Kind::all() {
            for shard in 0..SHARDS {
                let now = Timestamp::now();
                let mut after = None;
                loop {
                    if Timestamp::now() + RESERVE > invocation.deadline {
                        report.complete = false;
                        break 'all;
                    }
                    let page = self.tables.due(kind, shard, now, after, PAGE).await?;
                    for id in &page.ids {
                        match self.remove(kind, id, now).await {
                            Ok(Outcome::Removed) => *report.removed.entry(kind.into()).or_default() += 1,
                            Ok(Outcome::Skipped) => report.skipped += 1,
                            Err(error) => {
                                // One that cannot be removed does not keep the others.
                                tracing::error!(id, %error, "could not be removed");
                                report.failed += 1;
                            }
                        }
                    }
                    after = page.next;
                    if after.is_none() {
                        break;
                    }
                }
            }
        }
        tracing::info!(
            removed = %serde_json::to_string(&report.removed).unwrap_or_default(),
            skipped = report.skipped,
            failed = report.failed,
            complete = report.complete,
            "retention cleanup"
        );
        Ok(report)
    }

    async fn remove(&self, kind: Kind, id: &str, now: Timestamp) -> Result<Outcome, Error> {
        let removed = match kind {
            Kind::UnverifiedAccount => self.account(id, now).await,
            Kind::Upload => self.upload(id, now).await,
        };
        match removed {
            // It has changed between reading and removing, so it was not to be removed.
            Err(storage::Error::Conflict) => Ok(Outcome::Skipped),
            other => Ok(other?),
        }
    }

    async fn account(&self, id: &str, now: Timestamp) -> Result<Outcome, storage::Error> {
        let Some(user) = self.tables.user(parse(id)?).await? else { return Ok(Outcome::Skipped) };
        // The index lags behind the table, so the item itself decides.
        if user.due.is_none_or(|due| due > now) {
            return Ok(Outcome::Skipped);
        }
        self.tables.remove_unverified(&user, now).await?;
        Ok(Outcome::Removed)
    }

    async fn upload(&self, id: &str, now: Timestamp) -> Result<Outcome, storage::Error> {
        let Some(upload) = self.tables.upload(parse(id)?).await? else { return Ok(Outcome::Skipped) };
        if upload.due.is_none_or(|due| due > now) {
            return Ok(Outcome::Skipped);
        }
        // Objects first: the item is what names them, and deleting them again does no harm.
        self.files.discard_received(upload.id, None).await?;
        for variant in upload.state.variants() {
            self.files.delete_variant(upload.id, variant).await?;
        }
        self.tables.remove_upload(&upload).await?;
        Ok(Outcome::Removed)
    }
}

fn parse<T: id::Tag>(raw: &str) -> Result<id::Id<T>, storage::Error> {
    id::parse(raw).map_err(|violation| storage::Error::Unreadable(violation.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{
        display_name::DisplayName,
        event::{Event, Fact},
        role::Role,
        user::User,
    };
    use storage::audit::{Action, Entry, Origin};
    use testing::{Dynamo, TABLES};

    const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);

    async fn register(tables: &Tables, email: &str, at: Timestamp) {
        let name = DisplayName::parse("Ada").unwrap();
        let user = User::register(Role::Parent, email.parse().unwrap(), name, WEEK, at);
        let event = Event::new(Fact::UserRegistered { user_id: user.id }, at);
        let trail = Entry::by_self(user.id, Action::Registered, at, Origin::default());
        tables.register(user, "hash".into(), &event, &trail).await.unwrap();
    }

    fn until(deadline: Timestamp) -> Invocation {
        Invocation { request_id: "test".into(), deadline }
    }

    #[tokio::test]
    async fn a_run_without_time_leaves_everything_to_the_next() {
        let dynamo = Dynamo::start().await;
        let tables = Tables::new(dynamo.client.clone(), TABLES.map(String::from));
        let files = Files::new(&dynamo.config, "uploads".into(), "media".into());
        let cleanup = Cleanup::new(tables.clone(), files);
        let now = Timestamp::now();
        // More than a page in each partition, if all were in one.
        for n in 0..120 {
            register(&tables, &format!("old{n}@example.org"), now - WEEK - SignedDuration::from_secs(n))
                .await;
        }
        register(&tables, "young@example.org", now - WEEK + SignedDuration::from_hours(1)).await;

        let hurried = cleanup.run(until(now + RESERVE)).await.unwrap();
        assert_eq!(hurried, Report::default());
        let whole = cleanup.run(until(Timestamp::MAX)).await.unwrap();
        assert_eq!((whole.removed["unverified_account"], whole.failed, whole.complete), (120, 0, true));
        let again = cleanup.run(until(Timestamp::MAX)).await.unwrap();
        assert_eq!(again, Report { complete: true, ..Report::default() });
        assert!(tables.owner_of(&"young@example.org".parse().unwrap()).await.unwrap().is_some());
        assert!(tables.owner_of(&"old7@example.org".parse().unwrap()).await.unwrap().is_none());
    }
}
