//! Children, as their parents describe them.
//!
//! | question                     | table | pk             | sk         |
//! |------------------------------|-------|----------------|------------|
//! | who is this child            | main  | USER#‹parent›  | CHILD#‹id› |
//! | which has this parent        | main  | USER#‹parent›  | CHILD#…    |
//! | how many has this parent     | main  | USER#‹parent›  | CHILDREN   |
//!
//! Every field is sealed with the parent's key, one by one, so that a list opens no more than it shows.
//! The roll, `CHILDREN`, is written with every child that comes or goes, and with every booking and series that a
//! parent asks for.

use aws_sdk_dynamodb::types::{AttributeValue, Update};
use domain::{
    child::{Child, Details, Roll, Summary},
    id::{ChildId, UserId},
};
use serde::{Deserialize, Serialize};

use crate::{
    Error, Tables,
    data_keys::DataKey,
    tables::{Condition, Transaction, key},
    users,
};

const PREFIX: &str = "CHILD#";
const ROLL: &str = "CHILDREN";

fn sk(id: ChildId) -> String {
    format!("{PREFIX}{id}")
}

#[derive(Debug, Serialize, Deserialize)]
struct Item {
    pk: String,
    sk: String,
    schema_version: u8,
    id: ChildId,
    sealed_name: String,
    sealed_birth_month: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sealed_allergies: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sealed_needs: Option<String>,
    version: u64,
}

impl Item {
    fn seal(key: &DataKey, child: &Child) -> Result<Self, Error> {
        let sk = sk(child.id);
        let Details { name, birth_month, allergies, needs } = &child.details;
        let sealed = Self {
            pk: users::pk(key.user_id()),
            schema_version: 1,
            id: child.id,
            sealed_name: key.seal(&sk, "name", name)?,
            sealed_birth_month: key.seal(&sk, "birth_month", birth_month)?,
            sealed_allergies: allergies.as_ref().map(|text| key.seal(&sk, "allergies", text)).transpose()?,
            sealed_needs: needs.as_ref().map(|text| key.seal(&sk, "needs", text)).transpose()?,
            version: child.version,
            sk,
        };
        Ok(sealed)
    }

    fn open(self, key: &DataKey) -> Result<Child, Error> {
        let Self { sk, sealed_allergies, sealed_needs, .. } = &self;
        let details = Details {
            name: key.open(sk, "name", &self.sealed_name)?,
            birth_month: key.open(sk, "birth_month", &self.sealed_birth_month)?,
            allergies: sealed_allergies.as_ref().map(|text| key.open(sk, "allergies", text)).transpose()?,
            needs: sealed_needs.as_ref().map(|text| key.open(sk, "needs", text)).transpose()?,
        };
        Ok(Child { id: self.id, parent: key.user_id(), details, version: self.version })
    }
}

/// What a list reads of an [`Item`].
#[derive(Debug, Deserialize)]
struct Excerpt {
    sk: String,
    id: ChildId,
    sealed_name: String,
    sealed_birth_month: String,
}

impl Excerpt {
    const ATTRIBUTES: &'static str = "sk, id, sealed_name, sealed_birth_month";

    fn open(&self, key: &DataKey) -> Result<Summary, Error> {
        Ok(Summary {
            id: self.id,
            name: key.open(&self.sk, "name", &self.sealed_name)?,
            birth_month: key.open(&self.sk, "birth_month", &self.sealed_birth_month)?,
        })
    }
}

/// The form in which a [`Roll`] is stored.
#[derive(Debug, Serialize, Deserialize)]
struct RollItem {
    pk: String,
    sk: String,
    schema_version: u8,
    children: Vec<ChildId>,
    version: u64,
}

impl Transaction<'_> {
    fn put_roll(self, roll: &Roll) -> Result<Self, Error> {
        let item = RollItem {
            pk: users::pk(roll.parent),
            sk: ROLL.into(),
            schema_version: 1,
            children: roll.children.clone(),
            version: roll.version,
        };
        let table = &self.tables.main;
        self.put(table, &item, Condition::after(roll.version))
    }

    /// Lets bookings name children on the condition that the roll does, and raises the roll's version: so a child is
    /// not removed at the same moment.
    pub(crate) fn name_children(self, parent: UserId, children: &[ChildId]) -> Result<Self, Error> {
        let names = (0..children.len()).map(|place| format!(":child{place}"));
        let named = names.clone().zip(children.iter().map(|id| AttributeValue::S(id.to_string())));
        let all: Vec<_> = names.map(|name| format!("contains(children, {name})")).collect();
        let update = Update::builder()
            .table_name(&self.tables.main)
            .set_key(Some(key(users::pk(parent), ROLL)))
            .update_expression("ADD version :one")
            .condition_expression(all.join(" AND "))
            .set_expression_attribute_values(Some(named.collect()))
            .expression_attribute_values(":one", AttributeValue::N("1".into()));
        self.update(update)
    }
}

impl Tables {
    /// How many children a parent has described, and which.
    pub async fn roll(&self, parent: UserId) -> Result<Roll, Error> {
        let item = self.get::<RollItem>(&self.main, &users::pk(parent), ROLL).await?;
        Ok(item.map_or_else(
            || Roll::new(parent),
            |item| Roll { parent, children: item.children, version: item.version },
        ))
    }

    /// The children of the parent whose key it is, in the order in which they were added.
    pub async fn children(&self, key: &DataKey) -> Result<Vec<Summary>, Error> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.main)
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":pk", AttributeValue::S(users::pk(key.user_id())))
            .expression_attribute_values(":prefix", AttributeValue::S(PREFIX.into()))
            .projection_expression(Excerpt::ATTRIBUTES)
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let mut children = Vec::new();
        while let Some(item) = pages.next().await {
            children.push(serde_dynamo::from_item::<_, Excerpt>(item?)?.open(key)?);
        }
        Ok(children)
    }

    /// A child of the parent whose key it is.
    pub async fn child(&self, key: &DataKey, id: ChildId) -> Result<Option<Child>, Error> {
        let item = self.get::<Item>(&self.main, &users::pk(key.user_id()), &sk(id)).await?;
        item.map(|item| item.open(key)).transpose()
    }

    /// Stores a new child of the parent whose key it is, and the roll that names it. Fails with
    /// [`Error::Conflict`] if another child came or went since the roll was read.
    pub async fn add_child(&self, key: &DataKey, child: &Child, roll: &Roll) -> Result<(), Error> {
        self.transaction()
            .put(&self.main, &Item::seal(key, child)?, Condition::Absent)?
            .put_roll(roll)?
            .commit()
            .await
    }

    /// Stores a changed child of the parent whose key it is. Fails with [`Error::Conflict`] if the stored
    /// one is not of the version before, or is gone.
    pub async fn save_child(&self, key: &DataKey, child: &Child) -> Result<(), Error> {
        self.put(&self.main, &Item::seal(key, child)?, Condition::version(child.version - 1)).await
    }

    /// Removes a child that the roll does not name any more. Fails with [`Error::Conflict`] if another
    /// child came or went since the roll was read, or something was booked.
    pub async fn remove_child(&self, id: ChildId, roll: &Roll) -> Result<(), Error> {
        self.transaction()
            .delete(&self.main, users::pk(roll.parent), &sk(id), Condition::Present)?
            .put_roll(roll)?
            .commit()
            .await
    }
}
