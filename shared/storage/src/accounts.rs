//! Accounts as a whole: the transactions that change a person together with what lies around them.
//!
//! The items, and the questions that find them, are described where they are: [`crate::users`],
//! [`crate::admins`], [`crate::credentials`], [`crate::sessions`], [`crate::mail_links`],
//! [`crate::one_time_codes`].

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    credentials::Credentials,
    event::{Event, Fact},
    mail_link::MailLink,
    one_time_code::Pending,
    revocation::Subject,
    role::Role,
    user::{Standing, User},
};
use jiff::Timestamp;

use crate::{
    Error, Tables, audit, credentials,
    tables::{Condition, Transaction},
    uploads,
    users::{CLAIM, ClaimItem, Item, PROFILE, email_pk, phone_pk, pk},
};

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
        let mut transaction = self.transaction().spend_link(link)?.record(trail)?;
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
            .record(trail)?
            .announce(event)?;
        if let Some(link) = link {
            transaction = transaction.spend_link(link)?;
        }
        transaction.put_signed_out(user, before, trail.at)?.commit().await
    }

    /// Stores a person all of whose sign-ins have ended.
    pub async fn sign_out_everywhere(
        &self,
        user: User,
        before: u64,
        trail: &audit::Entry,
    ) -> Result<(), Error> {
        let transaction = self.transaction().record(trail)?;
        transaction.put_signed_out(user, before, trail.at)?.commit().await
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
            Standing::Suspended { .. } => transaction.put_signed_out(user, before, trail.at)?.commit().await,
        }
    }

    /// Removes an account whose time has come, with everything that lies under it and its claims; its
    /// picture falls due in turn. Fails with [`Error::Conflict`] if the account has changed since it was
    /// read, e.g. because its owner has just proved the address.
    pub async fn remove_unverified(&self, user: &User, now: Timestamp) -> Result<(), Error> {
        let mut transaction = self
            .transaction()
            .delete(&self.main, pk(user.id), PROFILE, Condition::version(user.version))?
            .delete(&self.main, email_pk(&user.email), CLAIM, Condition::None)?;
        transaction = match user.role {
            Role::Parent => transaction.delete_children(&self.roll(user.id).await?)?,
            Role::Sitter => transaction.delete_certificates(&self.folder(user.id).await?)?,
            Role::Admin => transaction.delete_admin(user.id)?,
        };
        for sk in self.sort_keys(&pk(user.id)).await? {
            if !transaction.deletes(&pk(user.id), &sk) {
                transaction = transaction.delete(&self.main, pk(user.id), &sk, Condition::None)?;
            }
        }
        if let Some(phone) = &user.phone {
            transaction = transaction.delete(&self.main, phone_pk(phone), CLAIM, Condition::None)?;
        }
        if let Some(avatar) = &user.avatar {
            transaction = uploads::replace(self, transaction, avatar.upload, now).await?;
        }
        // Nobody who is signed in writes under it any more.
        transaction = transaction.revoke(Subject::User { id: user.id, except: None }, now)?;
        if user.role == Role::Sitter {
            transaction =
                transaction.announce(&Event::new(Fact::AccountRemoved { user_id: user.id }, now))?;
        }
        transaction.commit().await
    }

    /// Those of a partition of the main table. Nothing that an unverified account may have makes them
    /// more than a transaction takes.
    async fn sort_keys(&self, pk: &str) -> Result<Vec<String>, Error> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.main)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", AttributeValue::S(pk.to_owned()))
            .projection_expression("sk")
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let mut keys = Vec::new();
        while let Some(item) = pages.next().await {
            keys.extend(item?.remove("sk").and_then(|sk| sk.as_s().ok().cloned()));
        }
        Ok(keys)
    }
}

impl Transaction<'_> {
    /// The person, and the revocation of the access tokens that their sign-ins have got.
    fn put_signed_out(self, user: User, before: u64, at: Timestamp) -> Result<Self, Error> {
        let except = user.signed_out.and_then(|all| all.except);
        let subject = Subject::User { id: user.id, except };
        let table = &self.tables.main;
        self.put(table, &Item::from(user), Condition::version(before))?.revoke(subject, at)
    }
}
