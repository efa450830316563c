//! People with an account.
//!
//! | question              | table | pk             | sk      |
//! |-----------------------|-------|----------------|---------|
//! | who is this           | main  | USER#‹id›      | PROFILE |
//! | whose address is this | main  | EMAIL#‹email›  | CLAIM   |
//! | whose number is this  | main  | PHONE#‹number› | CLAIM   |
//!
//! A claim makes an address or a number unique: it is written in the transaction that gives it to an
//! account, on the condition that there is none. A number is claimed when it is proved, so that
//! nobody can occupy one that is not theirs. The claim on a verified address that a change has replaced
//! stays, as a former one, while the change can be reverted, and lies in the index `due`. An account whose address is unproved also lies in the index `due`.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    display_name::DisplayName,
    due::Kind,
    email::EmailAddress,
    epoch::Epoch,
    id::UserId,
    locale::Locale,
    phone::PhoneNumber,
    role::Role,
    time_zone::TimeZoneName,
    user::{Avatar, PreviousEmail, Standing, User},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Tables,
    due::DueKeys,
    tables::{BATCH, Condition, Transaction, key},
};
use aws_sdk_dynamodb::types::AttributeValue;

pub(crate) const PROFILE: &str = "PROFILE";
/// Set while an account is suspended.
pub(crate) const SUSPENDED_SINCE: &str = "suspended_since";
pub(crate) const CLAIM: &str = "CLAIM";

pub(crate) fn pk(id: UserId) -> String {
    format!("USER#{id}")
}

pub(crate) fn email_pk(email: &EmailAddress) -> String {
    format!("EMAIL#{}", email.as_str())
}

pub(crate) fn phone_pk(phone: &PhoneNumber) -> String {
    format!("PHONE#{}", phone.as_str())
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pending_email: Option<EmailAddress>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous_email: Option<PreviousEmail>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    phone: Option<PhoneNumber>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    suspended_since: Option<Timestamp>,
    epoch: Epoch,
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
            pending_email: user.pending_email,
            previous_email: user.previous_email,
            phone: user.phone,
            suspended_since: match user.standing {
                Standing::Active => None,
                Standing::Suspended { since } => Some(since),
            },
            epoch: user.epoch,
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
            pending_email: item.pending_email,
            previous_email: item.previous_email,
            phone: item.phone,
            standing: item.suspended_since.map_or(Standing::Active, |since| Standing::Suspended { since }),
            epoch: item.epoch,
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
pub(crate) struct ClaimItem {
    pk: String,
    sk: String,
    schema_version: u8,
    user_id: UserId,
    /// Set on the claim on a previous address: until when it is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    former_until: Option<Timestamp>,
    #[serde(flatten)]
    due: DueKeys,
}

impl ClaimItem {
    pub(crate) fn new(pk: String, user_id: UserId) -> Self {
        let due = DueKeys::default();
        Self { pk, sk: CLAIM.into(), schema_version: 1, user_id, former_until: None, due }
    }

    /// The claim on the address that a change has replaced.
    pub(crate) fn former(previous: &PreviousEmail, user_id: UserId) -> Self {
        Self {
            former_until: Some(previous.until),
            due: DueKeys::new(Kind::PreviousEmail, Some(previous.until), &user_id),
            ..Self::new(email_pk(&previous.address), user_id)
        }
    }
}

/// The claim is that user's.
pub(crate) fn claimed_by(user: UserId) -> Condition {
    Condition::Equals("user_id", AttributeValue::S(user.to_string()))
}

/// Whose an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// The address of that user.
    Current(UserId),
    /// The previous address of that user, kept while the change can be reverted.
    Former(UserId),
}

impl Transaction<'_> {
    /// Lets nothing happen unless the account is open and in that epoch.
    pub(crate) fn check_admits(self, user: UserId, epoch: Epoch) -> Result<Self, Error> {
        let epoch = AttributeValue::N(epoch.number().to_string());
        let admits = Condition::EqualsWithout("epoch", epoch, SUSPENDED_SINCE);
        let table = &self.tables.main;
        self.check(table, pk(user), PROFILE, admits)
    }
}

impl Tables {
    /// The person of that identifier.
    pub async fn user(&self, id: UserId) -> Result<Option<User>, Error> {
        Ok(self.get::<Item>(&self.main, &pk(id), PROFILE).await?.map(User::from))
    }

    /// The names of people, as others see them; of those who have left there are none.
    pub async fn names(&self, ids: BTreeSet<UserId>) -> Result<BTreeMap<UserId, DisplayName>, Error> {
        let keys: Vec<_> = ids.into_iter().map(|id| key(pk(id), PROFILE)).collect();
        let mut names = BTreeMap::new();
        for keys in keys.chunks(BATCH) {
            for item in self.get_all(&self.main, keys.to_vec(), false).await?.0 {
                let item: Item = serde_dynamo::from_item(item)?;
                names.insert(item.id, item.name);
            }
        }
        Ok(names)
    }

    /// Whose address that is, or was.
    pub async fn claim_on(&self, email: &EmailAddress) -> Result<Option<Claim>, Error> {
        let claim = self.get::<ClaimItem>(&self.main, &email_pk(email), CLAIM).await?;
        Ok(claim.map(|claim| match claim.former_until {
            None => Claim::Current(claim.user_id),
            Some(_) => Claim::Former(claim.user_id),
        }))
    }

    /// Whose address that is.
    pub async fn owner_of(&self, email: &EmailAddress) -> Result<Option<UserId>, Error> {
        Ok(match self.claim_on(email).await? {
            Some(Claim::Current(user)) => Some(user),
            Some(Claim::Former(_)) | None => None,
        })
    }

    /// Whose number that is.
    pub async fn owner_of_phone(&self, phone: &PhoneNumber) -> Result<Option<UserId>, Error> {
        Ok(self.get::<ClaimItem>(&self.main, &phone_pk(phone), CLAIM).await?.map(|claim| claim.user_id))
    }

    /// Stores a changed person; where it is a sitter, it is announced. Fails with [`Error::Conflict`] if
    /// the stored one is not of the version `before`.
    pub async fn save_user(&self, user: User, before: u64, now: Timestamp) -> Result<(), Error> {
        self.transaction()
            .announce_sitter(&user, now)?
            .put(&self.main, &Item::from(user), Condition::version(before))?
            .commit()
            .await
    }
}
