//! As whom Stripe knows sitters, and what waits to be paid out to them.
//!
//! | question                              | table | pk               | sk        |
//! |---------------------------------------|-------|------------------|-----------|
//! | as whom does Stripe know a sitter     | main  | USER#‹id›        | PAYEE     |
//! | whose is this account at Stripe       | main  | ACCOUNT#‹account› | PAYEE    |
//! | what waits to be paid out to a sitter | main  | OWED#‹sitter›    | ‹payment› |
//!
//! Stripe's webhooks name the account alone. How much waits is written in the payment that it comes out of; the list
//! follows in the same transaction, and so does the ledger when it was paid out: so it is paid out once.

use domain::{
    event::{Event, Fact},
    id::{BookingId, PaymentId, UserId},
    money::Money,
    payment::Change,
    stripe::AccountId,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Tables,
    tables::{Condition, Transaction},
    users,
};

const SK: &str = "PAYEE";

fn account_pk(account: &AccountId) -> String {
    format!("ACCOUNT#{account}")
}

fn owed_pk(sitter: UserId) -> String {
    format!("OWED#{sitter}")
}

/// As whom Stripe knows a sitter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payee {
    /// Who.
    pub user_id: UserId,
    /// Their account.
    pub account: AccountId,
    /// Whether Stripe knows enough of them to pay them.
    pub payouts_enabled: bool,
    /// Rises by one with each change.
    pub version: u64,
}

impl Payee {
    /// One who has told Stripe nothing yet.
    pub fn new(user_id: UserId, account: AccountId) -> Self {
        Self { user_id, account, payouts_enabled: false, version: 1 }
    }

    /// What has changed, if Stripe says now whether it can pay them.
    pub fn told(&self, payouts_enabled: bool) -> Option<Self> {
        let changed = payouts_enabled != self.payouts_enabled;
        changed.then(|| Self { payouts_enabled, version: self.version + 1, ..self.clone() })
    }
}

/// The form in which a [`Payee`] is stored.
#[derive(Debug, Serialize, Deserialize)]
struct Item {
    pk: String,
    sk: String,
    schema_version: u8,
    user_id: UserId,
    account: AccountId,
    payouts_enabled: bool,
    version: u64,
}

/// Whose an account is.
#[derive(Debug, Serialize, Deserialize)]
struct Pointer {
    pk: String,
    sk: String,
    schema_version: u8,
    user_id: UserId,
}

/// What waits to be paid out to a sitter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owed {
    /// Out of which payment.
    pub payment: PaymentId,
    /// For which booking.
    pub booking: BookingId,
    /// How much.
    pub amount: Money,
    /// Since when it is so much.
    pub since: Timestamp,
}

/// The form in which [`Owed`] is stored.
#[derive(Debug, Serialize, Deserialize)]
struct OwedItem {
    pk: String,
    sk: PaymentId,
    schema_version: u8,
    booking: BookingId,
    #[serde(flatten)]
    amount: Money,
    since: Timestamp,
}

impl From<OwedItem> for Owed {
    fn from(item: OwedItem) -> Self {
        Self { payment: item.sk, booking: item.booking, amount: item.amount, since: item.since }
    }
}

impl Tables {
    /// As whom Stripe knows a sitter; `None` before they have asked to be paid.
    pub async fn payee(&self, sitter: UserId) -> Result<Option<Payee>, Error> {
        let item = self.get::<Item>(&self.main, &users::pk(sitter), SK).await?;
        Ok(item.map(|Item { user_id, account, payouts_enabled, version, .. }| Payee {
            user_id,
            account,
            payouts_enabled,
            version,
        }))
    }

    /// Whose an account is.
    pub async fn payee_of(&self, account: &AccountId) -> Result<Option<Payee>, Error> {
        match self.get::<Pointer>(&self.main, &account_pk(account), SK).await? {
            Some(pointer) => self.payee(pointer.user_id).await,
            None => Ok(None),
        }
    }

    /// Stores as whom Stripe knows a sitter, new or changed by one version, and announces the events. Fails with
    /// [`Error::Conflict`] if it has changed since it was read.
    pub async fn save_payee(&self, payee: &Payee, events: &[Event]) -> Result<(), Error> {
        let Payee { user_id, account, payouts_enabled, version } = payee.clone();
        let (pk, sk) = (users::pk(user_id), SK.into());
        let pointer = Pointer { pk: account_pk(&account), sk: SK.into(), schema_version: 1, user_id };
        let item = Item { pk, sk, schema_version: 1, user_id, account, payouts_enabled, version };
        let mut transaction = self.transaction().put(&self.main, &item, Condition::after(version))?;
        if version == 1 {
            transaction = transaction.put(&self.main, &pointer, Condition::Absent)?;
        }
        events.iter().try_fold(transaction, Transaction::announce)?.commit().await
    }

    /// Removes as whom Stripe knows a sitter who is gone, if it does, and announces that the account there is nobody's.
    pub(crate) async fn remove_payee(&self, sitter: UserId, now: Timestamp) -> Result<(), Error> {
        let Some(Payee { account, version, .. }) = self.payee(sitter).await? else { return Ok(()) };
        let abandoned = Event::new(Fact::StripeObjectAbandoned { object: account.to_string() }, now);
        self.transaction()
            .delete(&self.main, users::pk(sitter), SK, Condition::version(version))?
            .delete(&self.main, account_pk(&account), SK, Condition::None)?
            .announce(&abandoned)?
            .commit()
            .await
    }

    /// What waits to be paid out to a sitter, the oldest booking first.
    pub async fn owed(&self, sitter: UserId) -> Result<Vec<Owed>, Error> {
        let items: Vec<OwedItem> = self.partition(owed_pk(sitter)).await?;
        Ok(items.into_iter().map(Owed::from).collect())
    }

    /// Stores a payment of which another amount waits for its sitter, or of which they were paid, and what follows
    /// for the list and for the ledger. Fails with [`Error::Conflict`] if the payment has changed since it was
    /// read.
    pub async fn save_payable(&self, change: &Change, now: Timestamp) -> Result<(), Error> {
        let Change { payment, transaction, .. } = change;
        let (pk, sk, amount) = (owed_pk(payment.sitter), payment.id, payment.payable);
        let writes = self.transaction().put_payment(payment)?;
        let writes = if amount.amount_minor > 0 {
            let item = OwedItem { pk, sk, schema_version: 1, booking: payment.booking, amount, since: now };
            writes.put(&self.main, &item, Condition::None)?
        } else {
            writes.delete(&self.main, pk, &sk.to_string(), Condition::None)?
        };
        match transaction {
            Some(moved) => writes.post(moved)?.commit().await,
            None => writes.commit().await,
        }
    }
}
