use std::{collections::HashMap, time::Duration};

use aws_sdk_dynamodb::{
    Client,
    error::SdkError,
    operation::transact_write_items::TransactWriteItemsError,
    types::{
        AttributeValue, ConditionCheck, ConsumedCapacity, Delete, KeysAndAttributes, Put,
        ReturnConsumedCapacity, TransactWriteItem, Update, builders::UpdateBuilder,
    },
};
use aws_types::SdkConfig;
use domain::id::UserId;
use serde::{Serialize, de::DeserializeOwned};

use crate::{Error, users};

/// The tables, and the few ways in which they are read and written.
#[derive(Debug, Clone)]
pub struct Tables {
    pub(crate) client: Client,
    /// What must not be lost.
    pub(crate) main: String,
    /// What may be lost: sessions, leases. Without stream; expired items go by themselves.
    pub(crate) ephemeral: String,
    /// What must not be changed. Functions may only add to it.
    pub(crate) audit: String,
    /// What sitters are found by. It is made of what is in the others.
    pub(crate) search: String,
    /// The user whose request is served; see [`Tables::acting_for`].
    pub(crate) caller: Option<UserId>,
}

impl Tables {
    /// The tables that the environment names.
    pub fn from_env(aws: &SdkConfig) -> Result<Self, Error> {
        let names = [
            config::required("MAIN_TABLE")?,
            config::required("EPHEMERAL_TABLE")?,
            config::required("AUDIT_TABLE")?,
            config::required("SEARCH_TABLE")?,
        ];
        Ok(Self::new(Client::new(aws), names))
    }

    /// The tables of those names: main, ephemeral, audit, search.
    pub fn new(client: Client, [main, ephemeral, audit, search]: [String; 4]) -> Self {
        Self { client, main, ephemeral, audit, search, caller: None }
    }

    /// The same tables, which write on the condition that this user's account exists and is not suspended. An
    /// access token outlives its account by some seconds; its holder writes nothing in them. Each write becomes a
    /// transaction with one condition check more, and fails with [`Error::Inactive`] if the check does. A
    /// transaction that writes the account itself has no such check: it depends on the version that was read.
    #[must_use]
    pub fn acting_for(&self, user: UserId) -> Self {
        Self { caller: Some(user), ..self.clone() }
    }

    /// Asks the main table for an item that is not there: it answers only if it is reachable.
    pub async fn ping(&self) -> Result<(), Error> {
        self.get::<serde_json::Value>(&self.main, "PING", "PING").await.map(|_| ())
    }

    /// One item, as it was written last.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        table: &str,
        pk: &str,
        sk: &str,
    ) -> Result<Option<T>, Error> {
        let found = self
            .client
            .get_item()
            .table_name(table)
            .set_key(Some(key(pk, sk)))
            .consistent_read(true)
            .send()
            .await?;
        Ok(found.item.map(serde_dynamo::from_item).transpose()?)
    }

    /// The items of these keys that there are, in no particular order, and the read request units that they
    /// took. At most [`BATCH`] of them.
    pub(crate) async fn get_all(
        &self,
        table: &str,
        keys: Vec<HashMap<String, AttributeValue>>,
        consistent: bool,
    ) -> Result<(Vec<HashMap<String, AttributeValue>>, f64), Error> {
        let (mut items, mut units) = (Vec::new(), 0.0);
        let wanted = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(consistent);
        let mut wanted = Some(HashMap::from([(table.to_owned(), wanted.build().map_err(incomplete)?)]));
        let mut attempt = 0;
        // What the table did not get to comes back as unprocessed.
        while let Some(request) = wanted.filter(|request| !request.is_empty()) {
            if attempt == ATTEMPTS {
                return Err(Error::Unavailable("unprocessed keys".into()));
            }
            if attempt > 0 {
                tokio::time::sleep(Duration::from_millis(20 << attempt)).await;
            }
            attempt += 1;
            let read = self
                .client
                .batch_get_item()
                .set_request_items(Some(request))
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await?;
            units +=
                read.consumed_capacity().iter().filter_map(ConsumedCapacity::capacity_units).sum::<f64>();
            items.extend(read.responses.and_then(|mut found| found.remove(table)).unwrap_or_default());
            wanted = read.unprocessed_keys;
        }
        Ok((items, units))
    }

    /// All items of a partition of the main table, in order, as they were written last.
    pub(crate) async fn partition<T: DeserializeOwned>(&self, pk: String) -> Result<Vec<T>, Error> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.main)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", AttributeValue::S(pk))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let mut items = Vec::new();
        while let Some(item) = pages.next().await {
            items.push(serde_dynamo::from_item(item?)?);
        }
        Ok(items)
    }

    /// Writes one item if the condition holds.
    pub(crate) async fn put(
        &self,
        table: &str,
        item: &impl Serialize,
        condition: Condition,
    ) -> Result<(), Error> {
        if self.caller.is_some() {
            return self.transaction().put(table, item, condition)?.commit().await;
        }
        let (expression, values) = condition.parts();
        self.client
            .put_item()
            .table_name(table)
            .set_item(Some(serde_dynamo::to_item(item)?))
            .set_condition_expression(expression)
            .set_expression_attribute_values(values)
            .send()
            .await?;
        Ok(())
    }

    /// Removes one item if the condition holds.
    pub(crate) async fn delete(
        &self,
        table: &str,
        pk: &str,
        sk: &str,
        condition: Condition,
    ) -> Result<(), Error> {
        if self.caller.is_some() {
            return self.transaction().delete(table, pk.to_owned(), sk, condition)?.commit().await;
        }
        let (expression, values) = condition.parts();
        self.client
            .delete_item()
            .table_name(table)
            .set_key(Some(key(pk, sk)))
            .set_condition_expression(expression)
            .set_expression_attribute_values(values)
            .send()
            .await?;
        Ok(())
    }

    /// Begins a transaction.
    pub(crate) fn transaction(&self) -> Transaction<'_> {
        Transaction { tables: self, writes: Vec::new() }
    }
}

/// BatchGetItem takes so many.
pub(crate) const BATCH: usize = 100;

/// The two attributes that every item of every table is found by.
pub(crate) fn key(pk: impl Into<String>, sk: impl Into<String>) -> HashMap<String, AttributeValue> {
    HashMap::from(
        [("pk", pk.into()), ("sk", sk.into())].map(|(name, value)| (name.into(), AttributeValue::S(value))),
    )
}

/// What must be true of the stored item for a write to happen.
#[derive(Debug, Clone)]
pub(crate) enum Condition {
    /// Nothing.
    None,
    /// There is no such item.
    Absent,
    /// There is such an item.
    Present,
    /// The attribute of that name has that value.
    Equals(&'static str, AttributeValue),
    /// There is such an item, and it has no attribute of that name.
    Without(&'static str),
    /// The first attribute has that value, and there is no second one.
    EqualsWithout(&'static str, AttributeValue, &'static str),
}

impl Condition {
    /// The item is still of that version.
    pub(crate) fn version(version: u64) -> Self {
        Self::Equals("version", AttributeValue::N(version.to_string()))
    }

    /// The item is still of that version, where 0 is that of one that is not there.
    pub(crate) fn still(version: u64) -> Self {
        if version == 0 { Self::Absent } else { Self::version(version) }
    }

    /// The item is of the revision before that one.
    pub(crate) fn revision_before(revision: u64) -> Self {
        Self::Equals("revision", AttributeValue::N((revision - 1).to_string()))
    }

    /// The item is of the version before that one, or, before the first, absent.
    pub(crate) fn after(version: u64) -> Self {
        Self::still(version - 1)
    }

    fn parts(self) -> (Option<String>, Option<HashMap<String, AttributeValue>>) {
        match self {
            Self::None => (None, None),
            Self::Absent => (Some("attribute_not_exists(pk)".into()), None),
            Self::Present => (Some("attribute_exists(pk)".into()), None),
            Self::Without(name) => {
                (Some(format!("attribute_exists(pk) AND attribute_not_exists({name})")), None)
            }
            Self::EqualsWithout(name, value, absent) => (
                Some(format!("{name} = :expected AND attribute_not_exists({absent})")),
                Some(HashMap::from([(":expected".into(), value)])),
            ),
            Self::Equals(name, value) => {
                (Some(format!("{name} = :expected")), Some(HashMap::from([(":expected".into(), value)])))
            }
        }
    }
}

/// Writes that happen all together or not at all.
#[must_use = "nothing is written before `commit`"]
pub(crate) struct Transaction<'a> {
    pub(crate) tables: &'a Tables,
    writes: Vec<TransactWriteItem>,
}

/// How often a transaction is tried while others hold its items, and a batch while the table does not get
/// to all of it. DynamoDB answers so at once, and the SDK does not retry it.
const ATTEMPTS: u32 = 4;

impl Transaction<'_> {
    pub(crate) fn put(self, table: &str, item: &impl Serialize, condition: Condition) -> Result<Self, Error> {
        self.put_item(table, serde_dynamo::to_item(item)?, condition)
    }

    pub(crate) fn put_item(
        mut self,
        table: &str,
        item: HashMap<String, AttributeValue>,
        condition: Condition,
    ) -> Result<Self, Error> {
        let (expression, values) = condition.parts();
        let put = Put::builder()
            .table_name(table)
            .set_item(Some(item))
            .set_condition_expression(expression)
            .set_expression_attribute_values(values);
        self.writes.push(TransactWriteItem::builder().put(put.build().map_err(incomplete)?).build());
        Ok(self)
    }

    /// Whether it writes or checks that item of the main table: DynamoDB takes an item once per transaction.
    fn touches(&self, pk: &str, sk: &str) -> bool {
        let (key, main) = (key(pk, sk), &self.tables.main);
        let is_key = |item: &HashMap<String, AttributeValue>| {
            key.iter().all(|(name, value)| item.get(name) == Some(value))
        };
        self.writes.iter().any(|write| {
            write.put().is_some_and(|put| put.table_name == *main && is_key(&put.item))
                || write.update().is_some_and(|update| update.table_name == *main && update.key == key)
                || write.delete().is_some_and(|delete| delete.table_name == *main && delete.key == key)
                || write.condition_check().is_some_and(|check| check.table_name == *main && check.key == key)
        })
    }

    pub(crate) fn delete(
        mut self,
        table: &str,
        pk: String,
        sk: &str,
        condition: Condition,
    ) -> Result<Self, Error> {
        let (expression, values) = condition.parts();
        let delete = Delete::builder()
            .table_name(table)
            .set_key(Some(key(pk, sk)))
            .set_condition_expression(expression)
            .set_expression_attribute_values(values);
        self.writes.push(TransactWriteItem::builder().delete(delete.build().map_err(incomplete)?).build());
        Ok(self)
    }

    /// Adds one to each of these counters of an item, which is there from the first one on.
    pub(crate) fn count(
        self,
        table: &str,
        item: HashMap<String, AttributeValue>,
        counters: &[&str],
    ) -> Result<Self, Error> {
        self.add(table, item, counters, 1, None)
    }

    /// The same, of an item that expires at `ttl`.
    pub(crate) fn count_until(
        self,
        table: &str,
        item: HashMap<String, AttributeValue>,
        counters: &[&str],
        ttl: Option<i64>,
    ) -> Result<Self, Error> {
        self.add(table, item, counters, 1, ttl)
    }

    /// Adds an amount, which may be below zero, to each of these counters of an item.
    pub(crate) fn add(
        self,
        table: &str,
        item: HashMap<String, AttributeValue>,
        counters: &[&str],
        amount: i64,
        ttl: Option<i64>,
    ) -> Result<Self, Error> {
        let number = |number: i64| AttributeValue::N(number.to_string());
        let sums: Vec<_> = counters.iter().map(|counter| format!("{counter} :amount")).collect();
        let sums = format!("ADD {}", sums.join(", "));
        let mut update = Update::builder()
            .table_name(table)
            .set_key(Some(item))
            .expression_attribute_values(":amount", number(amount));
        update = match ttl {
            Some(ttl) => update
                .update_expression(format!("SET #ttl = :ttl {sums}"))
                // A word of DynamoDB's own.
                .expression_attribute_names("#ttl", "ttl")
                .expression_attribute_values(":ttl", number(ttl)),
            None => update.update_expression(sums),
        };
        self.update(update)
    }

    /// Changes an item in place.
    pub(crate) fn update(mut self, update: UpdateBuilder) -> Result<Self, Error> {
        self.writes.push(TransactWriteItem::builder().update(update.build().map_err(incomplete)?).build());
        Ok(self)
    }

    /// Writes nothing, but lets nothing else happen unless the condition holds.
    pub(crate) fn check(
        mut self,
        table: &str,
        pk: String,
        sk: &str,
        condition: Condition,
    ) -> Result<Self, Error> {
        let (expression, values) = condition.parts();
        let check = ConditionCheck::builder()
            .table_name(table)
            .set_key(Some(key(pk, sk)))
            .set_condition_expression(expression)
            .set_expression_attribute_values(values);
        let check = check.build().map_err(incomplete)?;
        self.writes.push(TransactWriteItem::builder().condition_check(check).build());
        Ok(self)
    }

    /// Adds the check that the caller's account exists and is not suspended. Its place among the writes, if there is
    /// such a check.
    fn check_caller(self) -> Result<(Self, Option<usize>), Error> {
        let Some(pk) = self.tables.caller.map(users::pk) else { return Ok((self, None)) };
        if self.touches(&pk, users::PROFILE) {
            return Ok((self, None));
        }
        let (table, place) = (&self.tables.main, self.writes.len());
        let checked = self.check(table, pk, users::PROFILE, Condition::Without(users::SUSPENDED_SINCE))?;
        Ok((checked, Some(place)))
    }

    /// Writes everything. Fails with [`Error::Conflict`] if a condition does not hold, and with [`Error::Inactive`] if
    /// it is the one of [`Tables::acting_for`].
    pub(crate) async fn commit(self) -> Result<(), Error> {
        let (this, caller) = self.check_caller()?;
        let mut last = Error::Conflict;
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                // Those that have collided would meet again after the same pause.
                let pause = rand::random_range(10..=20) << attempt;
                tokio::time::sleep(Duration::from_millis(pause)).await;
            }
            let sent = this
                .tables
                .client
                .transact_write_items()
                .set_transact_items(Some(this.writes.clone()))
                .send();
            let Err(error) = sent.await else { return Ok(()) };
            match cancelled_by(&error, caller) {
                Some(Cancelled::Caller) => return Err(Error::Inactive),
                Some(Cancelled::Condition) => return Err(Error::Conflict),
                Some(Cancelled::ForNow(code)) => last = Error::Unavailable(code.into()),
                None => return Err(error.into()),
            }
        }
        Err(last)
    }
}

enum Cancelled {
    Caller,
    Condition,
    /// Others are at the same items, or more is written than the table takes just now.
    ForNow(&'static str),
}

const CONDITION: &str = "ConditionalCheckFailed";
const FOR_NOW: [&str; 3] = ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"];

/// Why DynamoDB did not do it; `caller` is the place of the check of the caller's account.
fn cancelled_by<R>(error: &SdkError<TransactWriteItemsError, R>, caller: Option<usize>) -> Option<Cancelled> {
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = error.as_service_error()? else {
        return None;
    };
    // One for each write, in the same order.
    let reasons = cancelled.cancellation_reasons();
    let has = |code| reasons.iter().any(|reason| reason.code() == Some(code));
    let at = |place: usize| reasons.get(place).and_then(|reason| reason.code());
    if caller.and_then(at) == Some(CONDITION) {
        return Some(Cancelled::Caller);
    }
    // A collision hides whether the other conditions hold, a failed condition is final.
    if has(CONDITION) {
        return Some(Cancelled::Condition);
    }
    FOR_NOW.into_iter().find(|code| has(code)).map(Cancelled::ForNow)
}

fn incomplete(error: aws_sdk_dynamodb::error::BuildError) -> Error {
    Error::Refused(error.to_string())
}
