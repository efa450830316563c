//! How well searches go, by the hour.
//!
//! | question                          | table     | pk                 | sk             |
//! |-----------------------------------|-----------|--------------------|----------------|
//! | what was counted on a day         | main      | SEARCHES#‹date›    | ‹hour›         |
//! | which words found nobody on a day | main      | SEARCHES#‹date›    | ‹hour›#‹word›  |
//! | has this been counted             | ephemeral | INBOX#analytics#‹id› | LEASE        |
//!
//! A message is counted in the transaction that marks it as counted, so that one that comes twice
//! counts once.

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
    tables::{Condition, key},
};

/// For looking back at the same season of last year.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(400 * 24);
/// Queues keep a message for at most 14 days, so nothing older can come again.
const REMEMBERED_FOR: SignedDuration = SignedDuration::from_hours(15 * 24);

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
        let mut sums = vec![(format!("{:02}", hour.of_day()), counters)];
        sums.extend(
            searched.terms.iter().map(|term| (format!("{:02}#{term}", hour.of_day()), vec!["searches"])),
        );
        self.count(id, hour, sums, now).await
    }

    /// Counts that somebody was chosen from a search of an hour; a second time changes nothing.
    pub async fn count_click(&self, id: EventId, hour: Hour, now: Timestamp) -> Result<(), Error> {
        self.count(id, hour, vec![(format!("{:02}", hour.of_day()), vec!["clicks"])], now).await
    }

    async fn count(
        &self,
        id: EventId,
        hour: Hour,
        sums: Vec<(String, Vec<&str>)>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let mark = json!({
            "pk": format!("INBOX#analytics#{id}"), "sk": "LEASE", "ttl": after(now, REMEMBERED_FOR),
        });
        let mut transaction = self.transaction().put(&self.ephemeral, &mark, Condition::Absent)?;
        for (sk, counters) in sums {
            let item = key(pk(hour.date), sk);
            transaction = transaction.count_until(&self.main, item, &counters, Some(after(now, KEPT_FOR)))?;
        }
        match transaction.commit().await {
            Err(Error::Conflict) => Ok(()),
            other => other,
        }
    }

    /// The counts of a day, by its hours; those without any are left out.
    pub async fn search_counts(&self, date: Date) -> Result<BTreeMap<u8, Counts>, Error> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.main)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", AttributeValue::S(pk(date)))
            .into_paginator()
            .items()
            .send();
        let mut hours: BTreeMap<u8, Counts> = BTreeMap::new();
        while let Some(item) = pages.next().await {
            let item = item?;
            let sk = item.get("sk").and_then(|sk| sk.as_s().ok()).map_or("", String::as_str);
            let (hour, term) = sk.split_once('#').map_or((sk, None), |(hour, term)| (hour, Some(term)));
            let Ok(hour) = hour.parse() else { continue };
            let counts = hours.entry(hour).or_default();
            let count = |name: &str| number(&item, name);
            if let Some(term) = term {
                counts.terms.insert(term.to_owned(), count("searches"));
                continue;
            }
            counts.searches = count("searches");
            counts.in_vain = count("in_vain");
            counts.clicks = count("clicks");
            counts.latencies = std::array::from_fn(|step| count(&format!("latency_{step}")));
        }
        Ok(hours)
    }
}

fn number(item: &HashMap<String, AttributeValue>, name: &str) -> u64 {
    item.get(name).and_then(|value| value.as_n().ok()?.parse().ok()).unwrap_or_default()
}
