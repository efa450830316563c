//! People with an account.
//!
//! | question                         | table | pk            | sk          |
//! |----------------------------------|-------|---------------|-------------|
//! | who is this                      | main  | USER#‹id›     | PROFILE     |
//! | what is the hash of the password | main  | USER#‹id›     | CREDENTIALS |
//! | whose address is this            | main  | EMAIL#‹email› | CLAIM       |
//!
//! The claim makes an address unique: it is written in the account's own transaction, on the
//! condition that there is none. An account whose address is unproved also lies in the index `due`.

use domain::{
    display_name::DisplayName,
    due::Kind,
    email::EmailAddress,
    event::Event,
    id::UserId,
    locale::Locale,
    time_zone::TimeZoneName,
    user::{Avatar, Role, User},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Error, Tables, audit, due::DueKeys, outbox, tables::Condition, uploads};

const PROFILE: &str = "PROFILE";
const CREDENTIALS: &str = "CREDENTIALS";
const CLAIM: &str = "CLAIM";

pub(crate) fn pk(id: UserId) -> String {
    format!("USER#{id}")
}

fn claim_pk(email: &EmailAddress) -> String {
    format!("EMAIL#{}", email.as_str())
}

/// The form in which a [`User`] is stored.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Item {
    pk: String,
    sk: String,
    schema_version: u8,
    id: UserId,
    role: Role,
    email: EmailAddress,
    email_verified: bool,
    name: DisplayName,
    locale: Locale,
    time_zone: TimeZoneName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    avatar: Option<Avatar>,
    created_at: Timestamp,
    #[serde(flatten)]
    due: DueKeys,
    version: u64,
}

impl From<User> for Item {
    fn from(user: User) -> Self {
        Self {
            pk: pk(user.id),
            sk: PROFILE.into(),
            schema_version: 1,
            due: DueKeys::new(Kind::UnverifiedAccount, user.due, &user.id),
            id: user.id,
            role: user.role,
            email: user.email,
            email_verified: user.email_verified,
            name: user.name,
            locale: user.locale,
            time_zone: user.time_zone,
            avatar: user.avatar,
            created_at: user.created_at,
            version: user.version,
        }
    }
}

impl From<Item> for User {
    fn from(item: Item) -> Self {
        Self {
            id: item.id,
            role: item.role,
            email: item.email,
            email_verified: item.email_verified,
            name: item.name,
            locale: item.locale,
            time_zone: item.time_zone,
            avatar: item.avatar,
            created_at: item.created_at,
            due: item.due.at(),
            version: item.version,
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct CredentialsItem {
    pk: String,
    sk: String,
    schema_version: u8,
    password_hash: String,
    role: Role,
}

#[derive(Debug, Serialize, Deserialize)]
struct ClaimItem {
    pk: String,
    sk: String,
    schema_version: u8,
    user_id: UserId,
}

/// What a sign-in compares with.
#[derive(Debug)]
pub struct Credentials {
    /// Whose they are.
    pub user_id: UserId,
    /// In the PHC string format.
    pub password_hash: String,
    /// What the person may do.
    pub role: Role,
}

impl Tables {
    /// Stores a new account, its claim on the address, and the event that announces it, together.
    /// Fails with [`Error::Conflict`] if the address is taken.
    pub async fn register(
        &self,
        user: User,
        password_hash: String,
        event: &Event,
        trail: &audit::Entry,
    ) -> Result<(), Error> {
        let claim =
            ClaimItem { pk: claim_pk(&user.email), sk: CLAIM.into(), schema_version: 1, user_id: user.id };
        let credentials = CredentialsItem {
            pk: pk(user.id),
            sk: CREDENTIALS.into(),
            schema_version: 1,
            password_hash,
            role: user.role,
        };
        self.transaction()
            .put(&self.main, &claim, Condition::Absent)?
            .put(&self.main, &credentials, Condition::Absent)?
            .put(&self.main, &Item::from(user), Condition::Absent)?
            .put(&self.main, &outbox::Item::new(event)?, Condition::Absent)?
            .put(&self.audit, &audit::Item::from(trail), Condition::Absent)?
            .commit()
            .await
    }

    /// The person of that identifier.
    pub async fn user(&self, id: UserId) -> Result<Option<User>, Error> {
        Ok(self.get::<Item>(&self.main, &pk(id), PROFILE).await?.map(User::from))
    }

    /// Whose address that is.
    pub async fn owner_of(&self, email: &EmailAddress) -> Result<Option<UserId>, Error> {
        Ok(self.get::<ClaimItem>(&self.main, &claim_pk(email), CLAIM).await?.map(|claim| claim.user_id))
    }

    /// What a sign-in with that address compares with.
    pub async fn credentials(&self, email: &EmailAddress) -> Result<Option<Credentials>, Error> {
        let Some(user_id) = self.owner_of(email).await? else { return Ok(None) };
        let item = self.get::<CredentialsItem>(&self.main, &pk(user_id), CREDENTIALS).await?;
        Ok(item.map(|item| Credentials { user_id, password_hash: item.password_hash, role: item.role }))
    }

    /// Stores a changed person. Fails with [`Error::Conflict`] if the stored one is not of the
    /// version `before`.
    pub async fn save_user(&self, user: User, before: u64) -> Result<(), Error> {
        self.put(&self.main, &Item::from(user), Condition::version(before)).await
    }

    /// Removes an account whose time has come, with its claim and its credentials; its picture
    /// falls due in turn. Fails with [`Error::Conflict`] if the account has changed since it was
    /// read, e.g. because its owner has just proved the address.
    pub async fn remove_unverified(&self, user: &User, now: Timestamp) -> Result<(), Error> {
        let mut transaction = self
            .transaction()
            .delete(&self.main, pk(user.id), PROFILE, Condition::version(user.version))?
            .delete(&self.main, pk(user.id), CREDENTIALS, Condition::None)?
            .delete(&self.main, claim_pk(&user.email), CLAIM, Condition::None)?;
        if let Some(avatar) = &user.avatar {
            transaction = uploads::replace(self, transaction, avatar.upload, now).await?;
        }
        transaction.commit().await
    }
}
