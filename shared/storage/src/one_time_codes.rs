//! What waits for a code of six digits.
//!
//! | question                             | table     | pk         | sk                       |
//! |--------------------------------------|-----------|------------|--------------------------|
//! | which number does a person prove     | ephemeral | USER#‹id›  | CODE#phone               |
//! | which sign-in waits for its code     | ephemeral | USER#‹id›  | CODE#‹challenge›         |

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use domain::{
    credentials::Credentials,
    epoch::Epoch,
    event::Event,
    id::{ChallengeId, UserId},
    one_time_code::{Pending, Purpose, TRIES},
    phone::PhoneNumber,
    session::TokenHash,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Tables, audit, credentials,
    tables::{Condition, Transaction, key},
    users,
};

#[derive(Debug, Serialize, Deserialize)]
struct Item {
    pk: String,
    sk: String,
    schema_version: u8,
    user_id: UserId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    phone: Option<PhoneNumber>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    challenge: Option<ChallengeId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secret_hash: Option<TokenHash>,
    epoch: Epoch,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code_hash: Option<String>,
    tries: u8,
    expires_at: Timestamp,
    ttl: i64,
}

fn sk(challenge: Option<ChallengeId>) -> String {
    challenge.map_or("CODE#phone".into(), |id| format!("CODE#{id}"))
}

fn sk_of(purpose: &Purpose) -> String {
    sk(purpose.challenge())
}

impl From<&Pending> for Item {
    fn from(pending: &Pending) -> Self {
        let (phone, challenge, secret) = match &pending.purpose {
            Purpose::ProvePhone { phone } => (Some(phone.clone()), None, None),
            Purpose::SignIn { challenge, secret } => (None, Some(*challenge), Some(secret.clone())),
        };
        Self {
            pk: users::pk(pending.user_id),
            sk: sk_of(&pending.purpose),
            schema_version: 1,
            user_id: pending.user_id,
            phone,
            challenge,
            secret_hash: secret,
            epoch: pending.epoch,
            code_hash: pending.code_hash.clone(),
            tries: pending.tries,
            expires_at: pending.expires_at,
            ttl: pending.expires_at.as_second(),
        }
    }
}

impl TryFrom<Item> for Pending {
    type Error = Error;
    fn try_from(item: Item) -> Result<Self, Error> {
        let purpose = match (item.phone, item.challenge, item.secret_hash) {
            (Some(phone), None, None) => Purpose::ProvePhone { phone },
            (None, Some(challenge), Some(secret)) => Purpose::SignIn { challenge, secret },
            _ => return Err(Error::Unreadable("what waits for a code".into())),
        };
        Ok(Self {
            user_id: item.user_id,
            purpose,
            epoch: item.epoch,
            code_hash: item.code_hash,
            tries: item.tries,
            expires_at: item.expires_at,
        })
    }
}

impl Transaction<'_> {
    /// Uses up what waited for a code, on the condition that it still does.
    pub(crate) fn spend_code(self, pending: &Pending) -> Result<Self, Error> {
        let table = &self.tables.ephemeral;
        self.delete(table, users::pk(pending.user_id), &sk_of(&pending.purpose), Condition::Present)
    }
}

impl Tables {
    /// Stores a sign-in that waits for its second step, and that the password was right.
    ///
    /// Fails with [`Error::Conflict`] if the account is suspended or in another epoch, or its credentials
    /// were changed since they were compared.
    pub async fn await_second_step(
        &self,
        pending: &Pending,
        compared: &Credentials,
        trail: &audit::Entry,
    ) -> Result<(), Error> {
        let user = users::pk(pending.user_id);
        self.transaction()
            .put(&self.ephemeral, &Item::from(pending), Condition::Absent)?
            .check_admits(pending.user_id, pending.epoch)?
            .check(&self.main, user, credentials::SK, Condition::version(compared.version))?
            .record(trail)?
            .commit()
            .await
    }

    /// Stores what waits for a code by text, and announces that one has to be sent.
    pub async fn await_text(&self, pending: &Pending, event: &Event) -> Result<(), Error> {
        self.transaction()
            .put(&self.ephemeral, &Item::from(pending), Condition::None)?
            .announce(event)?
            .commit()
            .await
    }

    /// What waits for a code; without a challenge, the number that the person proves.
    pub async fn pending(
        &self,
        user: UserId,
        challenge: Option<ChallengeId>,
    ) -> Result<Option<Pending>, Error> {
        let item = self.get::<Item>(&self.ephemeral, &users::pk(user), &sk(challenge)).await?;
        item.map(Pending::try_from).transpose()
    }

    /// Notes the hash of the code that is being sent. Fails with [`Error::Conflict`] if what waits for it is
    /// not what was read any more: it ended, waits for another number, or another code was noted.
    pub async fn set_code(&self, pending: &Pending, code_hash: String) -> Result<(), Error> {
        let text = |value: String| AttributeValue::S(value);
        let (unchanged, before) = match &pending.code_hash {
            Some(before) => ("code_hash = :before", Some(text(before.clone()))),
            None => ("attribute_not_exists(code_hash)", None),
        };
        let mut update = self
            .client
            .update_item()
            .table_name(&self.ephemeral)
            .set_key(Some(key(users::pk(pending.user_id), sk_of(&pending.purpose))))
            .update_expression("SET code_hash = :hash")
            .condition_expression(format!("expires_at = :expires_at AND {unchanged}"))
            .expression_attribute_values(":hash", text(code_hash))
            .expression_attribute_values(":expires_at", text(pending.expires_at.to_string()));
        if let Some(before) = before {
            update = update.expression_attribute_values(":before", before);
        }
        update.send().await?;
        Ok(())
    }

    /// Counts one try, and answers with what waits as it is then. It is counted before the code is
    /// compared, so that any number of requests at once have as many tries together as one after
    /// the other. `None` if nothing waits, or no try is left.
    pub async fn count_try(
        &self,
        user: UserId,
        challenge: Option<ChallengeId>,
        now: Timestamp,
    ) -> Result<Option<Pending>, Error> {
        let counted = self
            .client
            .update_item()
            .table_name(&self.ephemeral)
            .set_key(Some(key(users::pk(user), sk(challenge))))
            .update_expression("ADD tries :one")
            .condition_expression("attribute_exists(pk) AND tries < :all AND #ttl > :now")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":one", AttributeValue::N("1".into()))
            .expression_attribute_values(":all", AttributeValue::N(TRIES.to_string()))
            .expression_attribute_values(":now", AttributeValue::N(now.as_second().to_string()))
            .return_values(ReturnValue::AllNew)
            .send()
            .await
            .map_err(Error::from);
        match counted {
            Ok(output) => {
                let item = output.attributes.map(serde_dynamo::from_item::<_, Item>).transpose()?;
                item.map(Pending::try_from).transpose()
            }
            Err(Error::Conflict) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
