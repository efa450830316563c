//! The ledger, and what it says to each person.
//!
//! | question                                           | table | pk                | sk            |
//! |----------------------------------------------------|-------|-------------------|---------------|
//! | what has become of a booking's money               | main  | LEDGER#‹booking›  | ‹transaction› |
//! | what has somebody paid or earned, latest first     | main  | STATEMENT#‹user›  | ‹transaction› |
//! | what has somebody paid or earned altogether        | main  | BALANCE#‹user›    | ‹currency›    |
//!
//! A transaction is only ever added, in the transaction of the change that it tells of, together with the lines
//! and the sums that follow from it. The ledger decides; the others can be made of it.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    id::{BookingId, TransactionId, UserId},
    ledger::{self, Balance, Line},
    money::Currency,
};
use serde::{Deserialize, Serialize};

use crate::{
    Error, Tables,
    tables::{Condition, Transaction, key},
};

fn ledger_pk(booking: BookingId) -> String {
    format!("LEDGER#{booking}")
}

fn statement_pk(user: UserId) -> String {
    format!("STATEMENT#{user}")
}

fn balance_pk(user: UserId) -> String {
    format!("BALANCE#{user}")
}

/// The form in which a transaction, or a line of a statement, is stored.
#[derive(Debug, Serialize, Deserialize)]
struct Item<T> {
    pk: String,
    sk: TransactionId,
    schema_version: u8,
    #[serde(flatten)]
    content: T,
}

/// The form in which a [`Balance`] is stored. What has not happened yet is not there.
#[derive(Debug, Deserialize)]
struct BalanceItem {
    sk: Currency,
    #[serde(default)]
    charged: i64,
    #[serde(default)]
    refunded: i64,
    #[serde(default)]
    paid_out: i64,
    #[serde(default)]
    called_back: i64,
    #[serde(default)]
    waived: i64,
}

impl Transaction<'_> {
    /// Adds a transaction to the ledger, its lines to the statements, and what they say to the balances.
    pub(crate) fn post(self, moved: &ledger::Transaction) -> Result<Self, Error> {
        let table = &self.tables.main;
        let pk = ledger_pk(moved.booking);
        let item = Item { pk, sk: moved.id, schema_version: 1, content: moved };
        let transaction = self.put(table, &item, Condition::Absent)?;
        moved.lines().into_iter().try_fold(transaction, |transaction, (user, line)| {
            let (balance, amount) = (key(balance_pk(user), line.currency.to_string()), line.amount_minor);
            let pk = statement_pk(user);
            let item = Item { pk, sk: moved.id, schema_version: 1, content: line };
            transaction
                .put(table, &item, Condition::Absent)?
                // The attribute is called as the kind is.
                .add(table, balance, &[moved.kind.as_ref()], amount, None)
        })
    }
}

impl Tables {
    /// What has become of a booking's money, in that order.
    pub async fn ledger_of(&self, booking: BookingId) -> Result<Vec<ledger::Transaction>, Error> {
        let items: Vec<Item<_>> = self.partition(ledger_pk(booking)).await?;
        Ok(items.into_iter().map(|item| item.content).collect())
    }

    /// What somebody has paid or earned altogether, by currency. A statement's lines come to the same.
    pub async fn balances(&self, user: UserId) -> Result<Vec<Balance>, Error> {
        let items: Vec<BalanceItem> = self.partition(balance_pk(user)).await?;
        let balance = |item: BalanceItem| Balance {
            currency: item.sk,
            charged: item.charged,
            refunded: item.refunded,
            paid_out: item.paid_out,
            called_back: item.called_back,
            waived: item.waived,
        };
        Ok(items.into_iter().map(balance).collect())
    }

    /// One page of somebody's statement, the latest first, from before `before` on.
    pub async fn statement(
        &self,
        user: UserId,
        before: Option<TransactionId>,
        limit: i32,
    ) -> Result<Vec<Line>, Error> {
        let page = self
            .client
            .query()
            .table_name(&self.main)
            .key_condition_expression("pk = :pk AND sk < :before")
            .expression_attribute_values(":pk", AttributeValue::S(statement_pk(user)))
            .expression_attribute_values(
                ":before",
                // Above every identifier.
                AttributeValue::S(before.map_or("~".to_owned(), |id| id.to_string())),
            )
            .consistent_read(true)
            .scan_index_forward(false)
            .limit(limit)
            .send()
            .await?;
        let items = page.items.unwrap_or_default();
        items.into_iter().map(|item| Ok(serde_dynamo::from_item::<_, Item<Line>>(item)?.content)).collect()
    }
}
