//! Who wants nothing to do with whom.
//!
//! | question                                         | table | pk        | sk                |
//! |--------------------------------------------------|-------|-----------|-------------------|
//! | whom has somebody blocked, and who has blocked them | main | USER#‹id› | BLOCKS#‹id›, BLOCKED_BY#‹id› |
//!
//! A block is written at both ends in one transaction, so that either end is one question.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::id::UserId;

use crate::{
    Error, Tables,
    tables::{Condition, key},
    users::pk,
};

impl Tables {
    /// One blocks another. Doing so again changes nothing.
    pub async fn block(&self, who: UserId, whom: UserId) -> Result<(), Error> {
        self.transaction()
            .put_item(&self.main, key(pk(who), format!("BLOCKS#{whom}")), Condition::None)?
            .put_item(&self.main, key(pk(whom), format!("BLOCKED_BY#{who}")), Condition::None)?
            .commit()
            .await
    }

    /// One blocks another no more.
    pub async fn unblock(&self, who: UserId, whom: UserId) -> Result<(), Error> {
        self.transaction()
            .delete(&self.main, pk(who), &format!("BLOCKS#{whom}"), Condition::None)?
            .delete(&self.main, pk(whom), &format!("BLOCKED_BY#{who}"), Condition::None)?
            .commit()
            .await
    }

    /// Everybody whom somebody has blocked, or who has blocked them.
    pub async fn blocked(&self, id: UserId) -> Result<BTreeSet<UserId>, Error> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.main)
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":pk", AttributeValue::S(pk(id)))
            .expression_attribute_values(":prefix", AttributeValue::S("BLOCK".into()))
            .into_paginator()
            .items()
            .send();
        let mut blocked = BTreeSet::new();
        while let Some(item) = pages.next().await {
            let item = item?;
            let other = item.get("sk").and_then(|sk| sk.as_s().ok()?.split_once('#'));
            blocked.extend(other.and_then(|(_, id)| domain::id::parse(id).ok()));
        }
        Ok(blocked)
    }
}
