//! What people prove themselves with.
//!
//! | question                         | table | pk         | sk          |
//! |----------------------------------|-------|------------|-------------|
//! | what does a sign-in compare with | main  | USER#‹id›  | CREDENTIALS |
//!
//! Apart from the person, so that no reader carries hashes about.

use domain::{
    credentials::{Credentials, SecondStep},
    email::EmailAddress,
    event::Event,
    id::UserId,
    role::Role,
    session::TokenHash,
};
use serde::{Deserialize, Serialize};

use crate::{Error, Tables, audit, tables::Condition, users};

pub(crate) const SK: &str = "CREDENTIALS";

/// The form in which [`Credentials`] are stored.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Item {
    pk: String,
    sk: String,
    schema_version: u8,
    user_id: UserId,
    role: Role,
    password_hash: String,
    second_step: SecondStep,
    recovery_codes: Vec<TokenHash>,
    version: u64,
}

impl From<&Credentials> for Item {
    fn from(credentials: &Credentials) -> Self {
        Self {
            pk: users::pk(credentials.user_id),
            sk: SK.into(),
            schema_version: 1,
            user_id: credentials.user_id,
            role: credentials.role,
            password_hash: credentials.password_hash.clone(),
            second_step: credentials.second_step.clone(),
            recovery_codes: credentials.recovery_codes.clone(),
            version: credentials.version,
        }
    }
}

impl From<Item> for Credentials {
    fn from(item: Item) -> Self {
        Self {
            user_id: item.user_id,
            role: item.role,
            password_hash: item.password_hash,
            second_step: item.second_step,
            recovery_codes: item.recovery_codes,
            version: item.version,
        }
    }
}

impl Tables {
    /// What a person's sign-in compares with.
    pub async fn credentials(&self, user: UserId) -> Result<Option<Credentials>, Error> {
        Ok(self.get::<Item>(&self.main, &users::pk(user), SK).await?.map(Credentials::from))
    }

    /// What a sign-in with that address compares with. An address that nobody has is looked for just
    /// as long: the second read asks for a person who is not there.
    pub async fn credentials_of(&self, email: &EmailAddress) -> Result<Option<Credentials>, Error> {
        let owner = self.owner_of(email).await?;
        let nobody = UserId::from_uuid(uuid::Uuid::nil());
        self.credentials(owner.unwrap_or(nobody)).await
    }

    /// Stores changed credentials, tells the trail and announces it. Fails with [`Error::Conflict`]
    /// if the stored ones are not of the version before.
    pub async fn save_credentials(
        &self,
        credentials: &Credentials,
        trail: &audit::Entry,
        event: &Event,
    ) -> Result<(), Error> {
        let condition = Condition::version(credentials.version - 1);
        self.transaction()
            .put(&self.main, &Item::from(credentials), condition)?
            .record(trail)?
            .announce(event)?
            .commit()
            .await
    }
}
