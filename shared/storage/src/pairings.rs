//! Which sitters a family has booked, and which are booked by the same families.
//!
//! | question                                  | table | index | pk                | sk              |
//! |-------------------------------------------|-------|-------|-------------------|-----------------|
//! | whom has a family booked, and how often   | main  |       | USER#‹parent›     | BOOKED#‹sitter› |
//! | which of its sitters have been compared   | main  |       | USER#‹parent›     | PAIRINGS        |
//! | which families have booked somebody new   | main  | due   | DUE#pairings#‹shard› | ‹time›#‹parent› |
//! | who is booked by families of this sitter  | main  |       | SIMILAR#‹sitter›  | ‹sitter›        |
//!
//! A booking marks its family as due. The scheduled task counts, for each sitter who is new to a family,
//! one family more between them and each of its others, in the transaction that notes them as
//! compared: whatever happens twice, each family counts once for each pair.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    due::Kind,
    id::{BookingId, UserId},
    pairings::new_pairs,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Tables,
    bookings::Count,
    due::DueKeys,
    tables::{Condition, key},
    users::pk,
};

const SK: &str = "PAIRINGS";
const BOOKED: &str = "BOOKED#";

/// Which sitters of a family have been compared.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Compared {
    pk: String,
    sk: String,
    parent: UserId,
    sitters: BTreeSet<UserId>,
    #[serde(flatten)]
    due: DueKeys,
    version: u64,
}

impl Compared {
    fn new(parent: UserId) -> Self {
        let (pk, due) = (pk(parent), DueKeys::default());
        Self { pk, sk: SK.into(), parent, sitters: BTreeSet::new(), due, version: 0 }
    }

    /// Whether the family has booked somebody new since.
    pub fn is_due(&self) -> bool {
        self.due.at().is_some()
    }

    fn due_at(self, at: Option<Timestamp>) -> Self {
        let due = DueKeys::new(Kind::Pairings, at, &self.parent);
        Self { due, version: self.version + 1, ..self }
    }
}

fn booked_sk(sitter: UserId) -> String {
    format!("{BOOKED}{sitter}")
}

fn similar_pk(sitter: UserId) -> String {
    format!("SIMILAR#{sitter}")
}

impl Tables {
    /// Notes that a sitter has come to a family, once for each booking. Fails with [`Error::Conflict`] if
    /// others keep changing what is noted of the family.
    pub async fn note_pairing(
        &self,
        booking: BookingId,
        parent: UserId,
        sitter: UserId,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.count_once(booking, Count::Visit, async || {
            let compared = self.compared(parent).await?.unwrap_or_else(|| Compared::new(parent));
            let before = Condition::still(compared.version);
            let item = key(pk(parent), booked_sk(sitter));
            let transaction = self.transaction().count(&self.main, item, &["times"])?;
            if compared.sitters.contains(&sitter) {
                return Ok(transaction);
            }
            transaction.put(&self.main, &compared.due_at(Some(now)), before)
        })
        .await
    }

    /// Whom a family has booked, and how often.
    pub async fn booked(&self, parent: UserId) -> Result<BTreeMap<UserId, u32>, Error> {
        self.counts(pk(parent), BOOKED, "times").await
    }

    /// How many families have booked both this sitter and each of others.
    pub async fn similar(&self, sitter: UserId) -> Result<BTreeMap<UserId, u32>, Error> {
        self.counts(similar_pk(sitter), "usr_", "families").await
    }

    async fn counts(&self, pk: String, prefix: &str, counter: &str) -> Result<BTreeMap<UserId, u32>, Error> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.main)
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":pk", AttributeValue::S(pk))
            .expression_attribute_values(":prefix", AttributeValue::S(prefix.to_owned()))
            // Whoever has just been booked must be seen by whoever compares, who then takes them for done.
            .consistent_read(prefix == BOOKED)
            .into_paginator()
            .items()
            .send();
        let mut counts = BTreeMap::new();
        while let Some(item) = pages.next().await {
            let item = item?;
            let sk = item.get("sk").and_then(|sk| sk.as_s().ok());
            let id = sk.and_then(|sk| domain::id::parse(sk.strip_prefix(BOOKED).unwrap_or(sk)).ok());
            let count = item.get(counter).and_then(|count| count.as_n().ok()?.parse().ok());
            counts.extend(id.zip(count));
        }
        Ok(counts)
    }

    /// Which sitters of a family have been compared; `None` before its first booking.
    pub async fn compared(&self, parent: UserId) -> Result<Option<Compared>, Error> {
        self.get(&self.main, &pk(parent), SK).await
    }

    /// Compares the sitters who are new to a family with its others. Doing so again changes nothing.
    /// Fails with [`Error::Conflict`] if the family was compared, or booked somebody, at the same moment.
    pub async fn compare(&self, mut compared: Compared) -> Result<(), Error> {
        let booked = self.booked(compared.parent).await?;
        let new: Vec<UserId> =
            booked.into_keys().filter(|sitter| !compared.sitters.contains(sitter)).collect();
        for sitter in new {
            let before = Condition::still(compared.version);
            let mut transaction = self.transaction();
            for (one, another) in new_pairs(&compared.sitters, sitter) {
                let item = key(similar_pk(one), another.to_string());
                transaction = transaction.count(&self.main, item, &["families"])?;
            }
            compared.sitters.insert(sitter);
            compared.version += 1;
            transaction.put(&self.main, &compared, before)?.commit().await?;
        }
        let before = Condition::still(compared.version);
        self.put(&self.main, &compared.due_at(None), before).await
    }
}
