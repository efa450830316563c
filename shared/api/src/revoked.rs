use std::{collections::HashMap, fmt};

use domain::revocation::{Revocation, Subject};
use jiff::{SignedDuration, Timestamp};
use storage::{Tables, revocations::REMEMBERED_FOR};
use tokio::sync::RwLock;
use uuid::Uuid;

use crate::{Problem, tokens::Claims};

/// How long a function goes by what it has read.
const FRESH_FOR: SignedDuration = SignedDuration::from_secs(20);
/// How long it does if the store does not answer: a token ends within a minute, or nothing is
/// answered.
const USABLE_FOR: SignedDuration = SignedDuration::from_secs(50);
/// How far it goes back for what was written late, by clocks that are behind, or read too early.
const OVERLAP: SignedDuration = SignedDuration::from_secs(60);

/// The access tokens that ended before their time, as far as this function knows.
#[derive(Default)]
pub(crate) struct Revoked(RwLock<Option<Known>>);

struct Known {
    at: Timestamp,
    /// The latest for each session and each person.
    by_id: HashMap<Uuid, Revocation>,
}

impl fmt::Debug for Revoked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Revoked")
    }
}

impl Revoked {
    /// Refuses a token that has ended.
    pub(crate) async fn check(
        &self,
        tables: &Tables,
        claims: &Claims,
        now: Timestamp,
    ) -> Result<(), Problem> {
        let fresh = |known: &Option<Known>| {
            known.as_ref().is_some_and(|known| now.duration_since(known.at) < FRESH_FOR)
        };
        if !fresh(&*self.0.read().await) {
            self.refresh(tables, now).await?;
        }
        let known = self.0.read().await;
        let ended = known.iter().any(|known| {
            let of = |id| known.by_id.get(&id).is_some_and(|r| r.ends(claims.sub, claims.sid));
            of(claims.sub.uuid()) || of(claims.sid.uuid())
        });
        if ended { Err(Problem::unauthenticated()) } else { Ok(()) }
    }

    async fn refresh(&self, tables: &Tables, now: Timestamp) -> Result<(), Problem> {
        let mut known = self.0.write().await;
        let begin = now - REMEMBERED_FOR;
        let since = known.as_ref().map_or(begin, |known| (known.at - OVERLAP).max(begin));
        let news = match tables.revocations(since).await {
            Ok(news) => news,
            Err(error) => {
                let usable = known.as_ref().is_some_and(|known| now.duration_since(known.at) < USABLE_FOR);
                tracing::warn!(%error, usable, "revocations cannot be read");
                return if usable { Ok(()) } else { Err(Problem::unavailable()) };
            }
        };
        let mut by_id = known.take().map(|known| known.by_id).unwrap_or_default();
        by_id.retain(|_, revocation| revocation.at >= begin);
        for revocation in news {
            let id = match revocation.subject {
                Subject::Session(id) => id.uuid(),
                Subject::User { id, .. } => id.uuid(),
            };
            let latest = by_id.entry(id).or_insert(revocation);
            if latest.at <= revocation.at {
                *latest = revocation;
            }
        }
        *known = Some(Known { at: now, by_id });
        Ok(())
    }
}
