//! As whom Stripe knows parents.
//!
//! | question                          | table | pk        | sk    |
//! |-----------------------------------|-------|-----------|-------|
//! | as whom does Stripe know a parent | main  | USER#‹id› | PAYER |

use domain::{id::UserId, stripe::CustomerId};
use serde::{Deserialize, Serialize};

use crate::{Error, Tables, tables::Condition, users::pk};

const SK: &str = "PAYER";

#[derive(Debug, Serialize, Deserialize)]
struct Item {
    pk: String,
    sk: String,
    schema_version: u8,
    customer: CustomerId,
    version: u64,
}

impl Tables {
    /// As whom Stripe knows a parent; `None` before they have left a card there.
    pub async fn payer(&self, parent: UserId) -> Result<Option<CustomerId>, Error> {
        Ok(self.get::<Item>(&self.main, &pk(parent), SK).await?.map(|item| item.customer))
    }

    /// Stores as whom Stripe knows a parent. Fails with [`Error::Conflict`] if that is known already.
    pub async fn put_payer(&self, parent: UserId, customer: &CustomerId) -> Result<(), Error> {
        let (pk, sk) = (pk(parent), SK.into());
        let item = Item { pk, sk, schema_version: 1, customer: customer.clone(), version: 1 };
        self.put(&self.main, &item, Condition::Absent).await
    }
}
