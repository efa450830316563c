//! Sign-ins.
//!
//! | question                 | table     | pk         | sk            |
//! |--------------------------|-----------|------------|---------------|
//! | what is this one         | ephemeral | USER#‹id›  | SESSION#‹id›  |
//! | which has this person    | ephemeral | USER#‹id›  | SESSION#…     |
//! | how many has this person | ephemeral | USER#‹id›  | SESSIONS      |
//!
//! A person has at most [`MAX_SESSIONS`]. Their index lists the ids, so that a sign-in reads one item; only when the
//! index is full does it read them all, and ends the one that was used least recently.
//!
//! All sessions of a user end at once by a new epoch of the user; see [`domain::epoch::Epoch`].

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    credentials::Credentials,
    epoch::Epoch,
    event::Event,
    id::{SessionId, UserId},
    one_time_code::Pending,
    revocation::Subject,
    role::Role,
    session::{Client, LIFETIME, LiveToken, Session, TokenHash},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Tables, audit, credentials,
    tables::{Condition, Transaction},
    users,
};

#[derive(Debug, Serialize, Deserialize)]
struct Item {
    pk: String,
    sk: String,
    schema_version: u8,
    id: SessionId,
    user_id: UserId,
    role: Role,
    created_at: Timestamp,
    epoch: Epoch,
    refreshed_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user_agent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ip_prefix: Option<String>,
    token_family: TokenHash,
    tokens: Vec<LiveToken>,
    revision: u64,
    ttl: i64,
}

/// How many sign-ins a person has at most.
pub const MAX_SESSIONS: usize = 50;
/// How often a sign-in is tried while others of the same person change the index.
const ATTEMPTS: u32 = 12;
const INDEX: &str = "SESSIONS";

/// The ids of a person's sign-ins. Some may have ended; those are removed when the index is full.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Index {
    pk: String,
    sk: String,
    ids: Vec<SessionId>,
    version: u64,
    ttl: i64,
}

fn sk(id: SessionId) -> String {
    format!("SESSION#{id}")
}

impl From<&Session> for Item {
    fn from(session: &Session) -> Self {
        Self {
            pk: users::pk(session.user_id),
            sk: sk(session.id),
            schema_version: 1,
            id: session.id,
            user_id: session.user_id,
            role: session.role,
            created_at: session.created_at,
            epoch: session.epoch,
            refreshed_at: session.refreshed_at,
            user_agent: session.client.user_agent.clone(),
            ip_prefix: session.client.ip_prefix.clone(),
            token_family: session.family.clone(),
            tokens: session.tokens.clone(),
            revision: session.revision,
            ttl: session.expires_at().as_second(),
        }
    }
}

impl From<Item> for Session {
    fn from(item: Item) -> Self {
        Self {
            id: item.id,
            user_id: item.user_id,
            role: item.role,
            created_at: item.created_at,
            epoch: item.epoch,
            refreshed_at: item.refreshed_at,
            client: Client { user_agent: item.user_agent, ip_prefix: item.ip_prefix },
            family: item.token_family,
            tokens: item.tokens,
            revision: item.revision,
        }
    }
}

/// What somebody has signed in with.
#[derive(Debug, Clone, Copy)]
pub struct Proof<'a> {
    /// What was compared.
    pub compared: &'a Credentials,
    /// What becomes of it, where a code is used up or the password is hashed anew.
    pub changed: Option<&'a Credentials>,
    /// What waited for a code.
    pub pending: Option<&'a Pending>,
}

impl Transaction<'_> {
    /// Stores a session that goes on in a new epoch.
    pub(crate) fn put_session(self, session: &Session) -> Result<Self, Error> {
        let table = &self.tables.ephemeral;
        self.put(table, &Item::from(session), Condition::revision_before(session.revision))
    }
}

impl Tables {
    /// Stores a new sign-in and its entry in the trail, and uses up what the person signed in with.
    ///
    /// If the person has [`MAX_SESSIONS`] already, the one that was used least recently ends.
    ///
    /// Fails with [`Error::Conflict`] if the account is suspended or in another epoch than the session, its
    /// credentials were changed since they were compared, or the code was used.
    pub async fn start_session(
        &self,
        session: &Session,
        proof: Proof<'_>,
        trail: &audit::Entry,
    ) -> Result<(), Error> {
        let mut index = self.session_index(session.user_id).await?;
        for attempt in 0..ATTEMPTS {
            match self.start_session_in(index.clone(), session, proof, trail).await {
                Err(Error::Conflict) => {}
                other => return other,
            }
            let now = self.session_index(session.user_id).await?;
            if now.version == index.version {
                return Err(Error::Conflict);
            }
            // Another sign-in of the same person was quicker.
            index = now;
            let pause = rand::random_range(0..10 << attempt.min(5));
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        Err(Error::Unavailable("an index of sessions that changes all the time".into()))
    }

    async fn session_index(&self, user: UserId) -> Result<Index, Error> {
        let pk = users::pk(user);
        let found = self.get::<Index>(&self.ephemeral, &pk, INDEX).await?;
        Ok(found.unwrap_or(Index { pk, sk: INDEX.into(), ids: Vec::new(), version: 0, ttl: 0 }))
    }

    async fn start_session_in(
        &self,
        mut index: Index,
        session: &Session,
        proof: Proof<'_>,
        trail: &audit::Entry,
    ) -> Result<(), Error> {
        let user = users::pk(session.user_id);
        let mut transaction = self.transaction();
        if index.ids.len() >= MAX_SESSIONS {
            let mut all = self.sessions(session.user_id).await?;
            all.retain(|each| !each.is_expired(session.created_at));
            all.sort_by_key(|each| each.refreshed_at);
            // As many as a transaction takes, should the index have been lost; the next sign-ins end the rest.
            let ended = (all.len() + 1).saturating_sub(MAX_SESSIONS).min(40);
            for each in all.drain(..ended) {
                transaction = transaction
                    .delete(&self.ephemeral, user.clone(), &sk(each.id), Condition::None)?
                    .revoke(Subject::Session(each.id), trail.at)?;
            }
            index.ids = all.iter().map(|each| each.id).collect();
        }
        index.ids.push(session.id);
        index.version += 1;
        let longest = session.created_at.saturating_add(LIFETIME).unwrap_or(Timestamp::MAX);
        index.ttl = longest.as_second();
        let before = Condition::after(index.version);
        transaction = transaction
            .put(&self.ephemeral, &index, before)?
            .put(&self.ephemeral, &Item::from(session), Condition::Absent)?
            .record(trail)?
            .check_admits(session.user_id, session.epoch)?;
        transaction = match proof.changed {
            Some(changed) => transaction.put(
                &self.main,
                &credentials::Item::from(changed),
                Condition::version(proof.compared.version),
            )?,
            None => transaction.check(
                &self.main,
                user,
                credentials::SK,
                Condition::version(proof.compared.version),
            )?,
        };
        if let Some(pending) = proof.pending {
            transaction = transaction.spend_code(pending)?;
        }
        transaction.commit().await
    }

    /// All sign-ins of a person that the store still has, in no particular order; few more than [`MAX_SESSIONS`]. Whether one is
    /// still good is for [`domain::user::User::admits`] and the time to say.
    pub async fn sessions(&self, user: UserId) -> Result<Vec<Session>, Error> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.ephemeral)
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":pk", AttributeValue::S(users::pk(user)))
            .expression_attribute_values(":prefix", AttributeValue::S("SESSION#".into()))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let mut sessions = Vec::new();
        while let Some(item) = pages.next().await {
            sessions.push(serde_dynamo::from_item::<_, Item>(item?)?.into());
        }
        Ok(sessions)
    }

    /// Ends a sign-in, its tokens included. Fails with [`Error::Conflict`] if there is no such one.
    pub async fn end_session(
        &self,
        user: UserId,
        session: SessionId,
        trail: &audit::Entry,
    ) -> Result<(), Error> {
        let subject = Subject::Session(session);
        self.transaction()
            .delete(&self.ephemeral, users::pk(user), &sk(session), Condition::Present)?
            .revoke(subject, trail.at)?
            .record(trail)?
            .commit()
            .await
    }

    /// The sign-in of that name, unless it has ended. The store removes ended ones late, so the
    /// caller compares the time as well.
    pub async fn session(&self, user: UserId, id: SessionId) -> Result<Option<Session>, Error> {
        Ok(self.get::<Item>(&self.ephemeral, &users::pk(user), &sk(id)).await?.map(Session::from))
    }

    /// Stores a session whose token was exchanged. Fails with [`Error::Conflict`] if another exchange was
    /// quicker, or the session has ended.
    pub async fn rotate_session(&self, session: &Session) -> Result<(), Error> {
        self.put(&self.ephemeral, &Item::from(session), Condition::revision_before(session.revision)).await
    }

    /// Ends a sign-in because one of its tokens came twice, tells the trail and announces it.
    /// Doing so again changes nothing but the trail.
    pub async fn end_reused_session(
        &self,
        session: &Session,
        trail: &audit::Entry,
        event: &Event,
    ) -> Result<(), Error> {
        let subject = Subject::Session(session.id);
        self.transaction()
            .delete(&self.ephemeral, users::pk(session.user_id), &sk(session.id), Condition::None)?
            .revoke(subject, trail.at)?
            .record(trail)?
            .announce(event)?
            .commit()
            .await
    }
}
