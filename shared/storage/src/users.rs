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
//! nobody can occupy one that is not theirs. An account whose address is unproved also lies in the index `due`.

use domain::{
    credentials::Credentials,
    display_name::DisplayName,
    due::Kind,
    email::EmailAddress,
    event::Event,
    id::UserId,
    locale::Locale,
    mail_link::{MailLink, Purpose},
    one_time_code::Pending,
    phone::PhoneNumber,
    revocation::{Revocation, Subject},
    time_zone::TimeZoneName,
    user::{Avatar, Role, SignOut, Standing, User},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Tables, audit, credentials,
    due::DueKeys,
    mail_links, one_time_codes, outbox, revocations,
    tables::{Condition, Transaction},
    uploads,
};

pub(crate) const PROFILE: &str = "PROFILE";
/// Set while an account is suspended.
pub(crate) const SUSPENDED_SINCE: &str = "suspended_since";
const CLAIM: &str = "CLAIM";

pub(crate) fn pk(id: UserId) -> String {
    format!("USER#{id}")
}

fn email_pk(email: &EmailAddress) -> String {
    format!("EMAIL#{}", email.as_str())
}

fn phone_pk(phone: &PhoneNumber) -> String {
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
    phone: Option<PhoneNumber>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    suspended_since: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signed_out: Option<SignOut>,
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
            phone: user.phone,
            suspended_since: match user.standing {
                Standing::Active => None,
                Standing::Suspended { since } => Some(since),
            },
            signed_out: user.signed_out,
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
            phone: item.phone,
            standing: item.suspended_since.map_or(Standing::Active, |since| Standing::Suspended { since }),
            signed_out: item.signed_out,
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
struct ClaimItem {
    pk: String,
    sk: String,
    schema_version: u8,
    user_id: UserId,
}

impl ClaimItem {
    fn new(pk: String, user_id: UserId) -> Self {
        Self { pk, sk: CLAIM.into(), schema_version: 1, user_id }
    }
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
        let credentials = Credentials::new(user.id, user.role, password_hash);
        let claim = ClaimItem::new(email_pk(&user.email), user.id);
        self.transaction()
            .put(&self.main, &claim, Condition::Absent)?
            .put(&self.main, &credentials::Item::from(&credentials), Condition::Absent)?
            .put(&self.main, &Item::from(user), Condition::Absent)?
            .put(&self.main, &outbox::Item::new(event)?, Condition::Absent)?
            .put(&self.audit, &audit::Item::from(trail), Condition::Absent)?
            .commit()
            .await
    }

    /// Tells the trail and announces that somebody tried to open an account with an address that has
    /// one. It takes as many writes as [`Tables::register`] does.
    pub async fn repeat_registration(&self, trail: &audit::Entry, event: &Event) -> Result<(), Error> {
        self.transaction()
            .put(&self.audit, &audit::Item::from(trail), Condition::Absent)?
            .put(&self.main, &outbox::Item::new(event)?, Condition::Absent)?
            .put(&self.ephemeral, &audit::nothing(trail.at), Condition::Absent)?
            .put(&self.ephemeral, &audit::nothing(trail.at), Condition::Absent)?
            .put(&self.ephemeral, &audit::nothing(trail.at), Condition::Absent)?
            .commit()
            .await
    }

    /// The person of that identifier.
    pub async fn user(&self, id: UserId) -> Result<Option<User>, Error> {
        Ok(self.get::<Item>(&self.main, &pk(id), PROFILE).await?.map(User::from))
    }

    /// Whose address that is.
    pub async fn owner_of(&self, email: &EmailAddress) -> Result<Option<UserId>, Error> {
        Ok(self.get::<ClaimItem>(&self.main, &email_pk(email), CLAIM).await?.map(|claim| claim.user_id))
    }

    /// Whose number that is.
    pub async fn owner_of_phone(&self, phone: &PhoneNumber) -> Result<Option<UserId>, Error> {
        Ok(self.get::<ClaimItem>(&self.main, &phone_pk(phone), CLAIM).await?.map(|claim| claim.user_id))
    }

    /// Stores a changed person. Fails with [`Error::Conflict`] if the stored one is not of the
    /// version `before`.
    pub async fn save_user(&self, user: User, before: u64) -> Result<(), Error> {
        self.put(&self.main, &Item::from(user), Condition::version(before)).await
    }

    /// Stores a person who wants another address, and announces it. Fails with [`Error::Conflict`]
    /// as [`Tables::save_user`] does.
    pub async fn request_email_change(
        &self,
        user: User,
        before: u64,
        trail: &audit::Entry,
        event: &Event,
    ) -> Result<(), Error> {
        self.transaction()
            .put(&self.main, &Item::from(user), Condition::version(before))?
            .put(&self.audit, &audit::Item::from(trail), Condition::Absent)?
            .put(&self.main, &outbox::Item::new(event)?, Condition::Absent)?
            .commit()
            .await
    }

    /// Stores a person who has proved their address by a link: `after` follows from `before`. If it
    /// is another address than before, its claim moves along. Fails with [`Error::Conflict`] if the
    /// link was used or replaced, the person has changed, or the address is somebody else's.
    pub async fn prove_email(
        &self,
        before: &User,
        after: User,
        link: &MailLink,
        trail: &audit::Entry,
    ) -> Result<(), Error> {
        let mut transaction = self
            .transaction()
            .delete(&self.ephemeral, pk(link.user_id), &mail_links::sk(link.purpose), mail_links::is(link))?
            .put(&self.audit, &audit::Item::from(trail), Condition::Absent)?;
        if before.email != after.email {
            let claim = ClaimItem::new(email_pk(&after.email), after.id);
            transaction = transaction.put(&self.main, &claim, Condition::Absent)?.delete(
                &self.main,
                email_pk(&before.email),
                CLAIM,
                Condition::None,
            )?;
        }
        transaction.put(&self.main, &Item::from(after), Condition::version(before.version))?.commit().await
    }

    /// Stores a person who has proved to read texts at a number: `after` follows from `before`, and
    /// the number's claim with it. Fails with [`Error::Conflict`] if the code was used, the person or
    /// what they sign in with has changed, or the number is somebody else's.
    pub async fn prove_phone(
        &self,
        before: &User,
        after: User,
        compared: &Credentials,
        pending: &Pending,
        trail: &audit::Entry,
    ) -> Result<(), Error> {
        let mut transaction = one_time_codes::spend(self, self.transaction(), pending)?
            .check(&self.main, pk(after.id), credentials::SK, Condition::version(compared.version))?
            .put(&self.audit, &audit::Item::from(trail), Condition::Absent)?;
        if before.phone != after.phone {
            if let Some(phone) = &after.phone {
                let claim = ClaimItem::new(phone_pk(phone), after.id);
                transaction = transaction.put(&self.main, &claim, Condition::Absent)?;
            }
            if let Some(phone) = &before.phone {
                transaction = transaction.delete(&self.main, phone_pk(phone), CLAIM, Condition::None)?;
            }
        }
        transaction.put(&self.main, &Item::from(after), Condition::version(before.version))?.commit().await
    }

    /// Stores a person with a new password, all of whose other sign-ins have ended. With a link, the
    /// link is used up. Fails with [`Error::Conflict`] if any of it has changed in between.
    pub async fn change_password(
        &self,
        user: User,
        before: u64,
        credentials: &Credentials,
        link: Option<&MailLink>,
        trail: &audit::Entry,
        event: &Event,
    ) -> Result<(), Error> {
        let mut transaction = self
            .transaction()
            .put(
                &self.main,
                &credentials::Item::from(credentials),
                Condition::version(credentials.version - 1),
            )?
            .put(&self.audit, &audit::Item::from(trail), Condition::Absent)?
            .put(&self.main, &outbox::Item::new(event)?, Condition::Absent)?;
        if let Some(link) = link {
            let sk = mail_links::sk(Purpose::ResetPassword);
            transaction = transaction.delete(&self.ephemeral, pk(user.id), &sk, mail_links::is(link))?;
        }
        self.put_signed_out(transaction, user, before, trail.at)?.commit().await
    }

    /// Stores a person all of whose sign-ins have ended.
    pub async fn sign_out_everywhere(
        &self,
        user: User,
        before: u64,
        trail: &audit::Entry,
    ) -> Result<(), Error> {
        let transaction =
            self.transaction().put(&self.audit, &audit::Item::from(trail), Condition::Absent)?;
        self.put_signed_out(transaction, user, before, trail.at)?.commit().await
    }

    /// Stores a person in another standing, and announces it. Fails with [`Error::Conflict`] as
    /// [`Tables::save_user`] does.
    pub async fn save_standing(
        &self,
        user: User,
        before: u64,
        trail: &audit::Entry,
        event: &Event,
    ) -> Result<(), Error> {
        let transaction = self
            .transaction()
            .put(&self.audit, &audit::Item::from(trail), Condition::Absent)?
            .put(&self.main, &outbox::Item::new(event)?, Condition::Absent)?;
        match user.standing {
            Standing::Active => {
                transaction.put(&self.main, &Item::from(user), Condition::version(before))?.commit().await
            }
            Standing::Suspended { .. } => {
                self.put_signed_out(transaction, user, before, trail.at)?.commit().await
            }
        }
    }

    /// The person, and the revocation of the access tokens that their sign-ins have got.
    fn put_signed_out<'a>(
        &self,
        transaction: Transaction<'a>,
        user: User,
        before: u64,
        at: Timestamp,
    ) -> Result<Transaction<'a>, Error> {
        let except = user.signed_out.and_then(|all| all.except);
        let revocation = Revocation { subject: Subject::User { id: user.id, except }, at };
        transaction.put(&self.main, &Item::from(user), Condition::version(before))?.put(
            &self.ephemeral,
            &revocations::Item::from(&revocation),
            Condition::None,
        )
    }

    /// Removes an account whose time has come, with its claim and its credentials; its picture
    /// falls due in turn. Fails with [`Error::Conflict`] if the account has changed since it was
    /// read, e.g. because its owner has just proved the address.
    pub async fn remove_unverified(&self, user: &User, now: Timestamp) -> Result<(), Error> {
        let mut transaction = self
            .transaction()
            .delete(&self.main, pk(user.id), PROFILE, Condition::version(user.version))?
            .delete(&self.main, pk(user.id), credentials::SK, Condition::None)?
            .delete(&self.main, email_pk(&user.email), CLAIM, Condition::None)?;
        if let Some(phone) = &user.phone {
            transaction = transaction.delete(&self.main, phone_pk(phone), CLAIM, Condition::None)?;
        }
        if let Some(avatar) = &user.avatar {
            transaction = uploads::replace(self, transaction, avatar.upload, now).await?;
        }
        transaction.commit().await
    }
}
