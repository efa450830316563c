//! How well searches go, by the hour.
//!
//! | question                          | table     | pk                 | sk             |
//! |-----------------------------------|-----------|--------------------|----------------|
//! | what was counted on a day         | main      | SEARCHES#‹date›    | ‹hour›         |
//! | which words found nobody on a day | ephemeral | SEARCHES#‹date›    | ‹hour›#‹word›#‹group› |
//! | has this been counted             | ephemeral | INBOX#analytics#‹id› | LEASE        |
//!
//! A message is counted in the transaction that marks it as counted, so that one that comes twice
//! counts once. Words are not told after two weeks: somebody may have typed a name.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    analytics::{Counts, Hour, LATENCIES, Searched},
    id::EventId,
};
use jiff::{SignedDuration, Timestamp, civil::Date};
use serde_json::json;

use crate::{
    Error, Tables,
    tables::{Condition, Transaction, key},
};

/// For looking back at the same season of last year.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(400 * 24);
/// Long enough to learn from the words of a week.
const WORDS_KEPT_FOR: SignedDuration = SignedDuration::from_hours(14 * 24);
/// Queues keep a message for at most 14 days, so nothing older can come again.
const REMEMBERED_FOR: SignedDuration = SignedDuration::from_hours(15 * 24);

/// More words than are counted in a day; see the limit `search_words`.
const MAX_READ: usize = 20_000;

fn pk(date: Date) -> String {
    format!("SEARCHES#{date}")
}

fn after(now: Timestamp, time: SignedDuration) -> i64 {
    now.saturating_add(time).unwrap_or(Timestamp::MAX).as_second()
}

impl Tables {
    /// Counts one search of an hour; a second time changes nothing.
    pub async fn count_search(
        &self,
        id: EventId,
        hour: Hour,
        searched: &Searched,
        now: Timestamp,
    ) -> Result<(), Error> {
        let latency = format!("latency_{}", searched.latency.min(LATENCIES.len() - 1));
        let in_vain = searched.in_vain.then_some("in_vain");
        let counters: Vec<&str> = ["searches", &latency].into_iter().chain(in_vain).collect();
        let mut transaction = self.count(id, hour, &counters, now)?;
        for term in &searched.terms {
            let item = key(pk(hour.date), format!("{:02}#{term}#{}", hour.of_day(), searched.group));
            let until = Some(after(now, WORDS_KEPT_FOR));
            transaction = transaction.count_until(&self.ephemeral, item, &["searches"], until)?;
        }
        once(transaction).await
    }

    /// Counts that somebody was chosen from a search of an hour; a second time changes nothing.
    pub async fn count_click(&self, id: EventId, hour: Hour, now: Timestamp) -> Result<(), Error> {
        once(self.count(id, hour, &["clicks"], now)?).await
    }

    fn count(
        &self,
        id: EventId,
        hour: Hour,
        counters: &[&str],
        now: Timestamp,
    ) -> Result<Transaction<'_>, Error> {
        let mark = json!({
            "pk": format!("INBOX#analytics#{id}"), "sk": "LEASE", "ttl": after(now, REMEMBERED_FOR),
        });
        let item = key(pk(hour.date), format!("{:02}", hour.of_day()));
        self.transaction().put(&self.ephemeral, &mark, Condition::Absent)?.count_until(
            &self.main,
            item,
            counters,
            Some(after(now, KEPT_FOR)),
        )
    }

    /// The counts of a day, by its hours; those without any are left out.
    pub async fn search_counts(&self, date: Date, now: Timestamp) -> Result<BTreeMap<u8, Counts>, Error> {
        let now = u64::try_from(now.as_second()).unwrap_or_default();
        let mut hours: BTreeMap<u8, Counts> = BTreeMap::new();
        for (hour, item) in self.counted(&self.main, date).await? {
            let Ok(hour) = hour.parse() else { continue };
            let counts = hours.entry(hour).or_default();
            let count = |name: &str| number(&item, name);
            counts.searches = count("searches");
            counts.in_vain = count("in_vain");
            counts.clicks = count("clicks");
            counts.latencies = std::array::from_fn(|step| count(&format!("latency_{step}")));
        }
        for (sk, item) in self.counted(&self.ephemeral, date).await? {
            let parts: Vec<&str> = sk.split('#').collect();
            let (&[hour, term, group], true) = (&parts[..], number(&item, "ttl") > now) else { continue };
            let counts = hour.parse().ok().and_then(|hour| hours.get_mut(&hour));
            if let (Some(counts), Ok(group)) = (counts, group.parse()) {
                counts.terms.entry(term.to_owned()).or_default().insert(group, number(&item, "searches"));
            }
        }
        Ok(hours)
    }

    async fn counted(
        &self,
        table: &str,
        date: Date,
    ) -> Result<Vec<(String, HashMap<String, AttributeValue>)>, Error> {
        let mut pages = self
            .client
            .query()
            .table_name(table)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", AttributeValue::S(pk(date)))
            .into_paginator()
            .items()
            .send();
        let mut counted = Vec::new();
        while counted.len() < MAX_READ
            && let Some(item) = pages.next().await
        {
            let item = item?;
            let sk = item.get("sk").and_then(|sk| sk.as_s().ok()).cloned().unwrap_or_default();
            counted.push((sk, item));
        }
        Ok(counted)
    }
}

/// What was counted before is not counted again.
async fn once(transaction: Transaction<'_>) -> Result<(), Error> {
    match transaction.commit().await {
        Err(Error::Conflict) => Ok(()),
        other => other,
    }
}

fn number(item: &HashMap<String, AttributeValue>, name: &str) -> u64 {
    item.get(name).and_then(|value| value.as_n().ok()?.parse().ok()).unwrap_or_default()
}
