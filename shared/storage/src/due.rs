//! What falls due.
//!
//! | question                     | table | index | pk                   | sk                   |
//! |------------------------------|-------|-------|----------------------|----------------------|
//! | what of one kind is due now  | main  | due   | DUE#‹kind›#‹shard›   | ‹seconds›#‹id›       |
//!
//! The index is sparse: an item without the two attributes is not in it, and leaves it when they
//! are removed. It is eventually consistent, so whoever finds an item there reads it again.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    due::{Kind, partition, shard_of, sort_key, upper_bound},
    id::{Id, Tag},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

use crate::{Error, Tables};

/// The two attributes that put an item into the index, or neither.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct DueKeys {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    due_pk: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    due_sk: Option<String>,
}

impl DueKeys {
    pub(crate) fn new<T: Tag>(kind: Kind, at: Option<Timestamp>, id: &Id<T>) -> Self {
        let Some(at) = at else { return Self::default() };
        Self {
            due_pk: Some(partition(kind, shard_of(id.uuid()))),
            due_sk: Some(sort_key(at, &id.to_string())),
        }
    }

    /// To the second: a fraction would only matter to the one who wrote it.
    pub(crate) fn at(&self) -> Option<Timestamp> {
        let (seconds, _) = self.due_sk.as_deref()?.split_once('#')?;
        Timestamp::from_second(seconds.parse().ok()?).ok()
    }
}

/// Where a page ended.
#[derive(Debug, Clone)]
pub struct Cursor(HashMap<String, AttributeValue>);

/// Some of what is due.
#[derive(Debug)]
pub struct Page {
    /// The identifiers, as they were written, in the order in which they fell due.
    pub ids: Vec<String>,
    /// Where the next page begins, if there is one.
    pub next: Option<Cursor>,
}

impl Tables {
    /// One page of what is due in one partition at `now`.
    pub async fn due(
        &self,
        kind: Kind,
        shard: u8,
        now: Timestamp,
        after: Option<Cursor>,
        limit: i32,
    ) -> Result<Page, Error> {
        let page = self
            .client
            .query()
            .table_name(&self.main)
            .index_name("due")
            .key_condition_expression("due_pk = :partition AND due_sk < :bound")
            .expression_attribute_values(":partition", AttributeValue::S(partition(kind, shard)))
            .expression_attribute_values(":bound", AttributeValue::S(upper_bound(now)))
            .set_exclusive_start_key(after.map(|cursor| cursor.0))
            .limit(limit)
            .send()
            .await?;
        let ids = page
            .items()
            .iter()
            .filter_map(|item| item.get("due_sk")?.as_s().ok()?.split_once('#'))
            .map(|(_, id)| id.to_owned())
            .collect();
        Ok(Page { ids, next: page.last_evaluated_key.map(Cursor) })
    }
}
