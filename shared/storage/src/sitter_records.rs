//! What others have made of sitters.
//!
//! | question                          | table | pk         | sk            |
//! |-----------------------------------|-------|------------|---------------|
//! | what is known of this sitter      | main  | USER#‹id›  | SITTER_RECORD |

use domain::{id::UserId, sitter::Record};
use serde::{Deserialize, Serialize};

use crate::{
    Error, Tables,
    tables::{Condition, Transaction},
    users,
};

pub(crate) const SK: &str = "SITTER_RECORD";

#[derive(Debug, Serialize, Deserialize)]
struct Item {
    pk: String,
    sk: String,
    schema_version: u8,
    #[serde(flatten)]
    record: Record,
}

impl Transaction<'_> {
    /// Stores a changed record, or the first one, on the condition that the stored one is of the version
    /// before.
    pub(crate) fn put_sitter_record(self, record: &Record) -> Result<Self, Error> {
        let item =
            Item { pk: users::pk(record.user_id), sk: SK.into(), schema_version: 1, record: record.clone() };
        let table = &self.tables.main;
        self.put(table, &item, Condition::after(record.version))
    }
}

impl Tables {
    /// What is known of a sitter; `None` where nothing is yet.
    pub async fn sitter_record(&self, id: UserId) -> Result<Option<Record>, Error> {
        Ok(self.get::<Item>(&self.main, &users::pk(id), SK).await?.map(|item| item.record))
    }
}
