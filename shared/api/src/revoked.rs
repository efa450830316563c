use std::{collections::HashMap, fmt};

use domain::revocation::{Revocation, Subject};
use jiff::{SignedDuration, Timestamp};
use storage::{
    Tables,
    revocations::{Position, REMEMBERED_FOR},
};
use tokio::sync::RwLock;
use uuid::Uuid;

use crate::{Problem, tokens::Claims};

/// How long a function goes by what it has read.
const FRESH_FOR: SignedDuration = SignedDuration::from_secs(20);
/// How long it does if the store does not answer: a token ends within a minute, or nothing is
/// answered.
const USABLE_FOR: SignedDuration = SignedDuration::from_secs(50);
/// How far it goes back for what was written late or read too early: a request that revokes takes at most 10 s. What
/// is written later still is read when its slice has settled.
const OVERLAP: SignedDuration = SignedDuration::from_secs(15);

/// The access tokens that ended before their time, as far as this function knows.
#[derive(Default)]
pub(crate) struct Revoked(RwLock<Option<Known>>);

struct Known {
    position: Position,
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
            known.as_ref().is_some_and(|known| now.duration_since(known.position.read_at()) < FRESH_FOR)
        };
        if !fresh(&*self.0.read().await) {
            self.refresh(tables, now).await?;
        }
        let known = self.0.read().await;
        let ended = known.iter().any(|known| {
            let of = |id| known.by_id.get(&id).is_some_and(|r| r.ends(claims.sub, claims.sid, claims.epoch));
            of(claims.sub.uuid()) || of(claims.sid.uuid())
        });
        if ended { Err(Problem::unauthenticated()) } else { Ok(()) }
    }

    async fn refresh(&self, tables: &Tables, now: Timestamp) -> Result<(), Problem> {
        let mut known = self.0.write().await;
        let begin = now - REMEMBERED_FOR;
        // An environment that was frozen for longer than any token lives starts again.
        let position =
            known.as_ref().map(|known| known.position).filter(|position| position.read_at() > begin);
        let position = position.unwrap_or_else(|| Position::start(now));
        let (news, position) = match tables.revocations(position, OVERLAP, now).await {
            Ok(found) => found,
            Err(error) => {
                let age = known.as_ref().map(|known| now.duration_since(known.position.read_at()));
                let usable = age.is_some_and(|age| age < USABLE_FOR);
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
            if revocation.supersedes(latest) {
                *latest = revocation;
            }
        }
        *known = Some(Known { position, by_id });
        Ok(())
    }
}
