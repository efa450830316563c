//! Links in mails.
//!
//! | question                                  | table     | pk         | sk              |
//! |-------------------------------------------|-----------|------------|-----------------|
//! | which link for that purpose has a person  | ephemeral | USER#‹id›  | LINK#‹purpose›  |
//!
//! One per person and purpose: a new one replaces the one before, so that however often a mail is
//! asked for, one link is good and one item is stored.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    email::EmailAddress,
    epoch::Epoch,
    id::UserId,
    mail_link::{MailLink, Purpose},
    session::TokenHash,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Tables,
    tables::{Condition, Transaction},
    users,
};

#[derive(Debug, Serialize, Deserialize)]
struct Item {
    pk: String,
    sk: String,
    schema_version: u8,
    user_id: UserId,
    purpose: Purpose,
    email: EmailAddress,
    epoch: Epoch,
    secret_hash: TokenHash,
    expires_at: Timestamp,
    ttl: i64,
}

fn sk(purpose: Purpose) -> String {
    format!("LINK#{}", purpose.as_ref())
}

impl Transaction<'_> {
    /// Uses up a link, on the condition that it is still the one.
    pub(crate) fn spend_link(self, link: &MailLink) -> Result<Self, Error> {
        let unchanged = Condition::Equals("secret_hash", AttributeValue::S(link.hash.encode()));
        let table = &self.tables.ephemeral;
        self.delete(table, users::pk(link.user_id), &sk(link.purpose), unchanged)
    }
}

impl Tables {
    /// Stores a link in place of the one before.
    pub async fn save_link(&self, link: &MailLink) -> Result<(), Error> {
        let item = Item {
            pk: users::pk(link.user_id),
            sk: sk(link.purpose),
            schema_version: 1,
            user_id: link.user_id,
            purpose: link.purpose,
            email: link.email.clone(),
            epoch: link.epoch,
            secret_hash: link.hash.clone(),
            expires_at: link.expires_at,
            ttl: link.expires_at.as_second(),
        };
        self.put(&self.ephemeral, &item, Condition::None).await
    }

    /// The link of a person for a purpose. It may have ended; see [`MailLink::opens`].
    pub async fn link(&self, user: UserId, purpose: Purpose) -> Result<Option<MailLink>, Error> {
        let item = self.get::<Item>(&self.ephemeral, &users::pk(user), &sk(purpose)).await?;
        Ok(item.map(|item| MailLink {
            user_id: item.user_id,
            purpose: item.purpose,
            email: item.email,
            epoch: item.epoch,
            hash: item.secret_hash,
            expires_at: item.expires_at,
        }))
    }
}
