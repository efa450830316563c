//! The public halves of the keys that access tokens are signed with.
//!
//! | question                  | table | pk         | sk  |
//! |---------------------------|-------|------------|-----|
//! | which keys are published  | main  | TOKEN_KEYS | SET |
//!
//! Every function that verifies tokens reads this one item, once and then every few minutes; a warm
//! partition serves three thousand such reads a second. Only the rotation may write it: IAM denies
//! the key to everyone else.

use domain::token_keys::{KeySet, PublicKey};
use serde::{Deserialize, Serialize};

use crate::{Error, Tables, tables::Condition};

const PK: &str = "TOKEN_KEYS";
const SK: &str = "SET";

#[derive(Debug, Serialize, Deserialize)]
struct Item {
    pk: String,
    sk: String,
    schema_version: u8,
    keys: Vec<PublicKey>,
    version: u64,
}

impl Tables {
    /// The published keys; none before the first rotation.
    pub async fn token_keys(&self) -> Result<KeySet, Error> {
        let item = self.get::<Item>(&self.main, PK, SK).await?;
        Ok(item.map(|item| KeySet { keys: item.keys, version: item.version }).unwrap_or_default())
    }

    /// Publishes a changed set. Fails with [`Error::Conflict`] if another rotation was quicker:
    /// `before` is the version that was read.
    pub async fn publish_token_keys(&self, set: &KeySet, before: u64) -> Result<(), Error> {
        let item = Item {
            pk: PK.into(),
            sk: SK.into(),
            schema_version: 1,
            keys: set.keys.clone(),
            version: set.version,
        };
        let condition = if before == 0 { Condition::Absent } else { Condition::version(before) };
        self.put(&self.main, &item, condition).await
    }
}
