//! Sign-ins.
//!
//! | question          | table     | pk         | sk            |
//! |-------------------|-----------|------------|---------------|
//! | what is this one  | ephemeral | USER#‹id›  | SESSION#‹id›  |
//!
//! All sign-ins of a person lie under one key, so that listing or ending them is one query.

use aws_sdk_dynamodb::types::AttributeValue;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use domain::{
    event::Event,
    id::{SessionId, UserId},
    session::{Session, TokenHash},
    user::Role,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Error, Tables, audit, outbox, tables::Condition, users};

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
    current_token: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous_token: Option<String>,
    ttl: i64,
}

fn sk(id: SessionId) -> String {
    format!("SESSION#{id}")
}

fn encode(hash: &TokenHash) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(hash.0)
}

fn decode(hash: &str) -> Result<TokenHash, Error> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(hash).ok();
    let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
    bytes.map(TokenHash).ok_or_else(|| Error::Unreadable("a session's token hash".into()))
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
            current_token: encode(&session.current),
            previous_token: session.previous.as_ref().map(encode),
            ttl: session.expires_at().as_second(),
        }
    }
}

impl TryFrom<Item> for Session {
    type Error = Error;
    fn try_from(item: Item) -> Result<Self, Error> {
        Ok(Self {
            id: item.id,
            user_id: item.user_id,
            role: item.role,
            created_at: item.created_at,
            refreshed_at: item.refreshed_at,
            current: decode(&item.current_token)?,
            previous: item.previous_token.as_deref().map(decode).transpose()?,
        })
    }
}

impl Tables {
    /// Stores a new sign-in and its entry in the trail.
    pub async fn start_session(&self, session: &Session, trail: &audit::Entry) -> Result<(), Error> {
        self.transaction()
            .put(&self.ephemeral, &Item::from(session), Condition::Absent)?
            .put(&self.audit, &audit::Item::from(trail), Condition::Absent)?
            .commit()
            .await
    }

    /// The sign-in of that name, unless it has ended. The store removes ended ones late, so the
    /// caller compares the time as well.
    pub async fn session(&self, user: UserId, id: SessionId) -> Result<Option<Session>, Error> {
        let item = self.get::<Item>(&self.ephemeral, &users::pk(user), &sk(id)).await?;
        item.map(Session::try_from).transpose()
    }

    /// Stores a sign-in whose token was exchanged. Fails with [`Error::Conflict`] if another
    /// exchange was quicker, or the sign-in has been ended: `before` is the token that was current.
    pub async fn rotate_session(&self, session: &Session, before: &TokenHash) -> Result<(), Error> {
        let condition = Condition::Equals("current_token", AttributeValue::S(encode(before)));
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
        self.transaction()
            .delete(&self.ephemeral, users::pk(session.user_id), &sk(session.id), Condition::None)?
            .put(&self.audit, &audit::Item::from(trail), Condition::Absent)?
            .put(&self.main, &outbox::Item::new(event)?, Condition::Absent)?
            .commit()
            .await
    }
}
