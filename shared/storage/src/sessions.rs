//! Sign-ins.
//!
//! | question                 | table     | pk         | sk            |
//! |--------------------------|-----------|------------|---------------|
//! | what is this one         | ephemeral | USER#‹id›  | SESSION#‹id›  |
//! | which has this person    | ephemeral | USER#‹id›  | SESSION#…     |
//!
//! All sign-ins of a person end at once by a note on the person; see [`domain::user::SignOut`].

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    credentials::Credentials,
    event::Event,
    id::{SessionId, UserId},
    one_time_code::Pending,
    revocation::Subject,
    role::Role,
    session::{Client, Session, TokenHash},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Error, Tables, audit, credentials, tables::Condition, users};

#[derive(Debug, Serialize, Deserialize)]
struct Item {
    pk: String,
    sk: String,
    schema_version: u8,
    id: SessionId,
    user_id: UserId,
    role: Role,
    created_at: Timestamp,
    refreshed_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user_agent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ip_prefix: Option<String>,
    token_family: TokenHash,
    current_token: TokenHash,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous_token: Option<TokenHash>,
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
            refreshed_at: session.refreshed_at,
            user_agent: session.client.user_agent.clone(),
            ip_prefix: session.client.ip_prefix.clone(),
            token_family: session.family.clone(),
            current_token: session.current.clone(),
            previous_token: session.previous.clone(),
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
            refreshed_at: item.refreshed_at,
            client: Client { user_agent: item.user_agent, ip_prefix: item.ip_prefix },
            family: item.token_family,
            current: item.current_token,
            previous: item.previous_token,
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

impl Tables {
    /// Stores a new sign-in and its entry in the trail, and uses up what the person signed in with.
    ///
    /// Fails with [`Error::Conflict`] if the account was suspended or its credentials were changed
    /// since they were compared, or the code was used.
    pub async fn start_session(
        &self,
        session: &Session,
        proof: Proof<'_>,
        trail: &audit::Entry,
    ) -> Result<(), Error> {
        let user = users::pk(session.user_id);
        let mut transaction = self
            .transaction()
            .put(&self.ephemeral, &Item::from(session), Condition::Absent)?
            .record(trail)?
            .check(&self.main, user.clone(), users::PROFILE, Condition::Without(users::SUSPENDED_SINCE))?;
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

    /// All sign-ins of a person that the store still has, in no particular order. Whether one is
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

    /// Stores a sign-in whose token was exchanged. Fails with [`Error::Conflict`] if another
    /// exchange was quicker, or the sign-in has been ended: `before` is the token that was current.
    pub async fn rotate_session(&self, session: &Session, before: &TokenHash) -> Result<(), Error> {
        let condition = Condition::Equals("current_token", AttributeValue::S(before.encode()));
        self.put(&self.ephemeral, &Item::from(session), condition).await
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
