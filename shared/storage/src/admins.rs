//! Who operates the marketplace.
//!
//! | question         | table | pk     | sk   |
//! |------------------|-------|--------|------|
//! | who is an admin  | main  | ADMINS | ‹id› |
//!
//! The transaction that opens an admin's account writes it, and the one that removes the account takes it away.
//! There are few, so one key has them all.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    id::UserId,
    user::{Standing, User},
};

use crate::{
    Error, Tables,
    tables::{BATCH, Condition, Transaction, key},
    users,
};

const PK: &str = "ADMINS";

impl Tables {
    /// The admins who can be told of something: those whose address is proved and whose account may be used.
    pub async fn admins(&self) -> Result<Vec<User>, Error> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.main)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", AttributeValue::S(PK.into()))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let mut keys = Vec::new();
        while let Some(item) = pages.next().await {
            let id = item?.remove("sk").and_then(|sk| domain::id::parse(sk.as_s().ok()?).ok());
            keys.extend(id.map(|id: UserId| key(users::pk(id), users::PROFILE)));
        }
        let mut admins = Vec::with_capacity(keys.len());
        for keys in keys.chunks(BATCH) {
            let (items, _) = self.get_all(&self.main, keys.to_vec(), true).await?;
            for item in items {
                admins.push(User::from(serde_dynamo::from_item::<_, users::Item>(item)?));
            }
        }
        admins.retain(|admin| admin.email_verified && admin.standing == Standing::Active);
        Ok(admins)
    }
}

impl Transaction<'_> {
    /// Somebody becomes an admin.
    pub(crate) fn put_admin(self, id: UserId) -> Result<Self, Error> {
        let table = &self.tables.main;
        self.put_item(table, key(PK, id.to_string()), Condition::Absent)
    }

    /// Somebody is an admin no longer.
    pub(crate) fn delete_admin(self, id: UserId) -> Result<Self, Error> {
        let table = &self.tables.main;
        self.delete(table, PK.into(), &id.to_string(), Condition::None)
    }
}
