//! As whom Stripe knows parents.
//!
//! | question                          | table | pk        | sk    |
//! |-----------------------------------|-------|-----------|-------|
//! | as whom does Stripe know a parent | main  | USER#‹id› | PAYER |

use domain::{
    event::{Event, Fact},
    id::UserId,
    stripe::CustomerId,
};
use jiff::Timestamp;
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

    /// Removes as whom Stripe knows a parent who is gone, if it does, and announces that the customer there is nobody's.
    pub(crate) async fn remove_payer(&self, parent: UserId, now: Timestamp) -> Result<(), Error> {
        let Some(customer) = self.payer(parent).await? else { return Ok(()) };
        let abandoned = Event::new(Fact::StripeObjectAbandoned { object: customer.to_string() }, now);
        self.transaction()
            .delete(&self.main, pk(parent), SK, Condition::Present)?
            .announce(&abandoned)?
            .commit()
            .await
    }
}
