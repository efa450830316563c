//! Accounts as a whole: the transactions that change a person together with what lies around them.
//!
//! The items, and the questions that find them, are described where they are: [`crate::users`],
//! [`crate::admins`], [`crate::credentials`], [`crate::sessions`], [`crate::mail_links`],
//! [`crate::one_time_codes`]. Besides them there is:
//!
//! | question                         | table | pk        | sk      |
//! |----------------------------------|-------|-----------|---------|
//! | is this account being removed    | main  | USER#‹id› | REMOVAL |
//!
//! `REMOVAL` takes the place of the account in the index `due` until everything under its key is gone.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    credentials::Credentials,
    due::Kind,
    event::{Event, Fact},
    id::UserId,
    mail_link::MailLink,
    one_time_code::Pending,
    revocation::Subject,
    role::Role,
    session::Session,
    user::{Standing, User},
};
use jiff::Timestamp;
use serde::Serialize;

use crate::{
    Error, Tables, audit, certificates, credentials, data_keys,
    due::DueKeys,
    tables::{Condition, Transaction},
    uploads,
    users::{CLAIM, ClaimItem, Item, PROFILE, claimed_by, email_pk, phone_pk, pk},
};

const REMOVAL: &str = "REMOVAL";

/// So many items are removed at once. A certificate takes two writes, and a transaction takes 100.
const REMOVED_AT_ONCE: i32 = 40;

/// Notes that an account is being removed.
#[derive(Debug, Serialize)]
struct RemovalItem {
    pk: String,
    sk: String,
    schema_version: u8,
    #[serde(flatten)]
    due: DueKeys,
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
        let transaction = match user.role {
            Role::Parent | Role::Sitter => self.transaction(),
            Role::Admin => self.transaction().put_admin(user.id)?,
        };
        transaction
            .put(&self.main, &claim, Condition::Absent)?
            .put(&self.main, &credentials::Item::from(&credentials), Condition::Absent)?
            .put(&self.main, &Item::from(user), Condition::Absent)?
            .announce(event)?
            .record(trail)?
            .commit()
            .await
    }

    /// Tells the trail and announces that somebody tried to open an account with an address that has
    /// one. It takes as many writes as [`Tables::register`] does.
    pub async fn repeat_registration(&self, trail: &audit::Entry, event: &Event) -> Result<(), Error> {
        self.transaction()
            .record(trail)?
            .announce(event)?
            .put(&self.ephemeral, &audit::nothing(trail.at), Condition::Absent)?
            .put(&self.ephemeral, &audit::nothing(trail.at), Condition::Absent)?
            .put(&self.ephemeral, &audit::nothing(trail.at), Condition::Absent)?
            .commit()
            .await
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
            .record(trail)?
            .announce(event)?
            .commit()
            .await
    }

    /// Stores a user who has verified an address by a link: `after` follows from `before`. If it is another
    /// address than before, its claim moves along, the claim on a verified one before becomes a former one,
    /// and the change is announced. If the epoch is another one, all sessions end but the one that is `kept`.
    ///
    /// Fails with [`Error::Conflict`] if the link was used or replaced, the user or that session has
    /// changed, or the address is somebody else's.
    pub async fn prove_email(
        &self,
        before: &User,
        after: User,
        kept: Option<&Session>,
        link: &MailLink,
        trail: &audit::Entry,
    ) -> Result<(), Error> {
        let mut transaction = self.transaction().spend_link(link)?.record(trail)?;
        if before.email != after.email {
            let claim = ClaimItem::new(email_pk(&after.email), after.id);
            transaction = transaction.put(&self.main, &claim, Condition::Absent)?;
            transaction = match &after.previous_email {
                Some(previous) => {
                    let changed = Event::new(Fact::EmailChanged { user_id: after.id }, trail.at);
                    let former = ClaimItem::former(previous, after.id);
                    transaction.put(&self.main, &former, claimed_by(after.id))?.announce(&changed)?
                }
                None => transaction.delete(&self.main, email_pk(&before.email), CLAIM, Condition::None)?,
            };
        }
        if before.epoch == after.epoch {
            transaction =
                transaction.put(&self.main, &Item::from(after), Condition::version(before.version))?;
        } else {
            transaction = transaction.put_next_epoch(after, before.version, kept, trail.at)?;
        }
        transaction.commit().await
    }

    /// Stores a user whose last change of the address was reverted: `after` follows from `before`. The
    /// link is used up, all sessions end, the password is void, and the event announces a link to choose
    /// another one. Fails with [`Error::Conflict`] if any of it has changed in between.
    pub async fn revert_email(
        &self,
        before: &User,
        after: User,
        credentials: &Credentials,
        link: &MailLink,
        trail: &audit::Entry,
        event: &Event,
    ) -> Result<(), Error> {
        let claim = ClaimItem::new(email_pk(&after.email), after.id);
        self.transaction()
            .spend_link(link)?
            .put(&self.main, &claim, claimed_by(after.id))?
            .delete(&self.main, email_pk(&before.email), CLAIM, claimed_by(after.id))?
            .put(&self.main, &credentials::Item::from(credentials), Condition::after(credentials.version))?
            .put_next_epoch(after, before.version, None, trail.at)?
            .record(trail)?
            .announce(event)?
            .commit()
            .await
    }

    /// Releases the address that a change has replaced, because the change cannot be reverted any more.
    /// Fails with [`Error::Conflict`] as [`Tables::save_user`] does.
    pub async fn release_previous_email(&self, user: User) -> Result<(), Error> {
        let Some(previous) = &user.previous_email else { return Ok(()) };
        let (pk, id, before) = (email_pk(&previous.address), user.id, user.version);
        let after = User { previous_email: None, version: before + 1, ..user };
        self.transaction()
            .delete(&self.main, pk, CLAIM, claimed_by(id))?
            .put(&self.main, &Item::from(after), Condition::version(before))?
            .commit()
            .await
    }

    /// Gives the address of an account that nobody has verified to a new account, whose owner has: `link`
    /// is used up, all sessions of the account `before` end, and it falls due for removal with everything
    /// that a stranger may have put there. Fails with [`Error::Conflict`] if the link was used, or the
    /// account before has changed.
    pub async fn replace_unverified(
        &self,
        before: User,
        after: User,
        password_hash: String,
        link: &MailLink,
        trail: [&audit::Entry; 2],
        event: &Event,
    ) -> Result<(), Error> {
        let (id, version, now) = (before.id, before.version, event.occurred_at);
        let credentials = Credentials::new(after.id, after.role, password_hash);
        let claim = ClaimItem::new(email_pk(&after.email), after.id);
        let removed = before.with_standing(Standing::Suspended { since: now });
        self.transaction()
            .spend_link(link)?
            .put(&self.main, &claim, claimed_by(id))?
            .put(&self.main, &credentials::Item::from(&credentials), Condition::Absent)?
            .put(&self.main, &Item::from(after), Condition::Absent)?
            .put_next_epoch(User { due: Some(now), ..removed }, version, None, now)?
            .record(trail[0])?
            .record(trail[1])?
            .announce(event)?
            .commit()
            .await
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
        let mut transaction = self
            .transaction()
            .spend_code(pending)?
            .check(&self.main, pk(after.id), credentials::SK, Condition::version(compared.version))?
            .record(trail)?;
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

    /// Stores a user with changed credentials in a new epoch: all sessions end but the one that is `kept`.
    /// With a link, the link is used up. Fails with [`Error::Conflict`] if any of it has changed in between.
    #[expect(clippy::too_many_arguments, reason = "one transaction writes all of them")]
    pub async fn change_credentials(
        &self,
        user: User,
        before: u64,
        credentials: &Credentials,
        kept: Option<&Session>,
        link: Option<&MailLink>,
        trail: &audit::Entry,
        event: &Event,
    ) -> Result<(), Error> {
        let mut transaction = self
            .transaction()
            .put(&self.main, &credentials::Item::from(credentials), Condition::after(credentials.version))?
            .record(trail)?
            .announce(event)?;
        if let Some(link) = link {
            transaction = transaction.spend_link(link)?;
        }
        transaction.put_next_epoch(user, before, kept, trail.at)?.commit().await
    }

    /// Stores a user in a new epoch, all of whose sessions have ended.
    pub async fn sign_out_everywhere(
        &self,
        user: User,
        before: u64,
        trail: &audit::Entry,
    ) -> Result<(), Error> {
        let transaction = self.transaction().record(trail)?;
        transaction.put_next_epoch(user, before, None, trail.at)?.commit().await
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
        let transaction = self.transaction().record(trail)?.announce(event)?;
        match user.standing {
            Standing::Active => {
                transaction.put(&self.main, &Item::from(user), Condition::version(before))?.commit().await
            }
            Standing::Suspended { .. } => {
                transaction.put_next_epoch(user, before, None, trail.at)?.commit().await
            }
        }
    }

    /// Removes an account whose time has come. One transaction takes the account away, with its claims and the key
    /// that its private fields are sealed with; everything else goes in steps, as [`Self::finish_removal`] says. Fails
    /// with [`Error::Conflict`] if the account has changed since it was read, e.g. because its owner has just proved
    /// the address.
    pub async fn remove_unverified(&self, user: &User, now: Timestamp) -> Result<(), Error> {
        let due = DueKeys::new(Kind::UnverifiedAccount, Some(now), &user.id);
        let note = RemovalItem { pk: pk(user.id), sk: REMOVAL.into(), schema_version: 1, due };
        let mut transaction = self
            .transaction()
            .put(&self.main, &note, Condition::Absent)?
            .delete(&self.main, pk(user.id), PROFILE, Condition::version(user.version))?
            .delete(&self.main, pk(user.id), data_keys::SK, Condition::None)?;
        // Somebody who has verified the address may have it by now.
        if self.owner_of(&user.email).await? == Some(user.id) {
            transaction =
                transaction.delete(&self.main, email_pk(&user.email), CLAIM, claimed_by(user.id))?;
        }
        if let Some(phone) = &user.phone {
            transaction = transaction.delete(&self.main, phone_pk(phone), CLAIM, Condition::None)?;
        }
        if let Some(avatar) = &user.avatar {
            transaction = uploads::replace(self, transaction, avatar.upload, now).await?;
        }
        // Nobody who is signed in writes under it any more.
        transaction =
            transaction.revoke(Subject::User { id: user.id, epoch: user.epoch.next(), except: None }, now)?;
        transaction = match user.role {
            Role::Parent => transaction,
            Role::Sitter => {
                transaction.announce(&Event::new(Fact::AccountRemoved { user_id: user.id }, now))?
            }
            Role::Admin => transaction.delete_admin(user.id)?,
        };
        transaction.commit().await?;
        self.finish_removal(user.id, now).await.map(|_| ())
    }

    /// Removes what is left of an account that [`Self::remove_unverified`] has taken away, in steps, however much it
    /// is, and the note of the removal last: after a failure the next call goes on where this one stopped. Whether
    /// there was anything to do.
    pub async fn finish_removal(&self, id: UserId, now: Timestamp) -> Result<bool, Error> {
        if self.get::<serde_json::Value>(&self.main, &pk(id), REMOVAL).await?.is_none() {
            return Ok(false);
        }
        self.remove_payee(id, now).await?;
        self.remove_payer(id, now).await?;
        loop {
            let mut transaction = self.transaction();
            let mut is_empty = true;
            for sk in self.some_sort_keys(&pk(id)).await?.into_iter().filter(|sk| sk != REMOVAL) {
                is_empty = false;
                if certificates::is_copy(&sk) {
                    transaction =
                        transaction.delete(&self.main, sk.clone(), certificates::SK, Condition::None)?;
                }
                transaction = transaction.delete(&self.main, pk(id), &sk, Condition::None)?;
            }
            if is_empty {
                break;
            }
            transaction.commit().await?;
        }
        self.delete(&self.main, &pk(id), REMOVAL, Condition::None).await?;
        Ok(true)
    }

    /// The first of a partition of the main table.
    async fn some_sort_keys(&self, pk: &str) -> Result<Vec<String>, Error> {
        let page = self
            .client
            .query()
            .table_name(&self.main)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", AttributeValue::S(pk.to_owned()))
            .projection_expression("sk")
            .consistent_read(true)
            // The note of the removal is one of them.
            .limit(REMOVED_AT_ONCE + 1)
            .send()
            .await?;
        Ok(page.items().iter().filter_map(|item| item.get("sk")?.as_s().ok().cloned()).collect())
    }
}

impl Transaction<'_> {
    /// The user in a new epoch, the revocation of the access tokens of the epochs before, and the session
    /// that goes on.
    fn put_next_epoch(
        self,
        user: User,
        before: u64,
        kept: Option<&Session>,
        at: Timestamp,
    ) -> Result<Self, Error> {
        let subject =
            Subject::User { id: user.id, epoch: user.epoch, except: kept.map(|session| session.id) };
        let epoch = user.epoch;
        let table = &self.tables.main;
        let transaction =
            self.put(table, &Item::from(user), Condition::version(before))?.revoke(subject, at)?;
        match kept {
            Some(session) => transaction.put_session(&session.clone().with_epoch(epoch)),
            None => Ok(transaction),
        }
    }
}
