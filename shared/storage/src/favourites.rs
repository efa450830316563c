//! Sitters whom parents want to find again.
//!
//! | question                    | table | pk        | sk         |
//! |-----------------------------|-------|-----------|------------|
//! | whom does a parent favour   | main  | USER#‹id› | FAVOURITES |
//!
//! One small item holds them all, so that there are never too many, however many are added at once.

use domain::{favourites::Favourites, id::UserId};
use serde::{Deserialize, Serialize};

use crate::{Error, Tables, tables::Condition, users::pk};

const SK: &str = "FAVOURITES";

/// The form in which [`Favourites`] are stored.
#[derive(Debug, Serialize, Deserialize)]
struct Item {
    pk: String,
    sk: String,
    schema_version: u8,
    #[serde(flatten)]
    favourites: Favourites,
    version: u64,
}

impl Tables {
    /// The favourites of a parent, and their version: 0 before there are any.
    pub async fn favourites(&self, parent: UserId) -> Result<(Favourites, u64), Error> {
        let item = self.get::<Item>(&self.main, &pk(parent), SK).await?;
        Ok(item.map(|item| (item.favourites, item.version)).unwrap_or_default())
    }

    /// Stores changed favourites. Fails with [`Error::Conflict`] if they are not of the version `before`.
    pub async fn save_favourites(
        &self,
        parent: UserId,
        favourites: Favourites,
        before: u64,
    ) -> Result<(), Error> {
        let item = Item { pk: pk(parent), sk: SK.into(), schema_version: 1, favourites, version: before + 1 };
        self.put(&self.main, &item, Condition::still(before)).await
    }
}
