//! How a sitter gets into the index, and out of it.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    id::UserId,
    search::{Position, View},
};
use h3o::CellIndex;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};

use super::{SearchIndex, cell, cover};
use crate::{
    Error,
    tables::{Condition, key},
};

pub(super) const NEWEST: &str = "NEWEST";
pub(super) const MONTHS_SK: &str = "MONTHS";
pub(super) const MONTHS: &str = "months";
const VIEW_SK: &str = "VIEW";
const VIEW: &str = "view";

/// How often a change is tried while others change the same sitter.
const ATTEMPTS: usize = 5;
/// Longer than any queue keeps a message: nothing that was sent before somebody was hidden comes after.
const HIDDEN_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What is stored of a view besides the view.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    pk: String,
    sk: String,
    /// That of the sitter.
    version: u64,
    /// That of this item.
    revision: u64,
    /// Where the cards lie, of somebody who is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cell: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    newest: Option<(String, String)>,
    /// When somebody who is not shown is forgotten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ttl: Option<i64>,
}

pub(super) fn view_key(id: UserId) -> HashMap<String, AttributeValue> {
    key(view_pk(id), VIEW_SK)
}

fn view_pk(id: UserId) -> String {
    format!("SITTER#{id}")
}

/// The view of an item; none of somebody who is not shown.
pub(super) fn view(item: HashMap<String, AttributeValue>) -> Result<Option<View>, Error> {
    let Some(packed) = item.get(VIEW).and_then(|value| value.as_b().ok()) else { return Ok(None) };
    let view = cell::unpack(packed.as_ref());
    view.map(Some).ok_or_else(|| Error::Unreadable("a view is of another form".into()))
}

pub(super) fn month_pk(month: &str) -> String {
    format!("{NEWEST}#{month}")
}

/// The month of a place in the order of listing.
pub(super) fn month_of(position: Position) -> String {
    let at = Timestamp::from_millisecond(position.listed_at_millisecond()).unwrap_or(Timestamp::MAX);
    at.to_zoned(TimeZone::UTC).strftime("%Y-%m").to_string()
}

/// Sorts as places in the order of listing do: the last comes first.
pub(super) fn newest_sk(position: Position) -> String {
    // Thirteen digits hold until the year 2286.
    let inverted = 9_999_999_999_999_i64.saturating_sub(position.listed_at_millisecond());
    format!("{inverted:013}#{}", position.id())
}

impl SearchIndex {
    /// Puts a sitter where they belong as of a version, or nowhere.
    pub(super) async fn place(&self, id: UserId, view: Option<&View>, version: u64) -> Result<(), Error> {
        for _ in 0..ATTEMPTS {
            let old = self.tables.get::<Head>(&self.tables.search, &view_pk(id), VIEW_SK).await?;
            if old.as_ref().is_some_and(|old| old.version > version) {
                return Ok(());
            }
            match self.replace(id, old.as_ref(), view, version).await {
                Err(Error::Conflict) => {}
                other => return other,
            }
        }
        Err(Error::Unavailable("others keep changing the same sitter".into()))
    }

    async fn replace(
        &self,
        id: UserId,
        old: Option<&Head>,
        view: Option<&View>,
        version: u64,
    ) -> Result<(), Error> {
        let table = &self.tables.search;
        let at = view.map(|view| (cover::cell(view.card.place), Position::of_newest(&view.card)));
        let newest = at.map(|(_, position)| (month_pk(&month_of(position)), newest_sk(position)));
        let forgotten = Timestamp::now().saturating_add(HIDDEN_FOR).unwrap_or(Timestamp::MAX).as_second();
        let head = Head {
            pk: view_pk(id),
            sk: VIEW_SK.into(),
            version,
            revision: old.map_or(0, |old| old.revision + 1),
            cell: at.map(|(cell, _)| cell.to_string()),
            newest,
            ttl: view.is_none().then_some(forgotten),
        };
        let mut item: HashMap<String, AttributeValue> = serde_dynamo::to_item(&head)?;
        if let Some(view) = view {
            item.insert(VIEW.into(), cell::pack(view)?);
        }
        let unchanged = old.map_or(Condition::Absent, |old| {
            Condition::Equals("revision", AttributeValue::N(old.revision.to_string()))
        });
        let mut transaction = self.tables.transaction().put_item(table, item, unchanged)?;
        let (before, after) = (old.map(|old| old.card_keys(id)).unwrap_or_default(), head.card_keys(id));
        for (pk, sk) in before.difference(&after) {
            transaction = transaction.delete(table, pk.clone(), sk, Condition::None)?;
        }
        if let Some(view) = view {
            let card = cell::pack(&view.card)?;
            for (pk, sk) in &after {
                let mut item = key(pk.clone(), sk.clone());
                item.insert(cell::CARD.into(), card.clone());
                transaction = transaction.put_item(table, item, Condition::None)?;
            }
        }
        transaction.commit().await?;
        if let Some((_, position)) = at.filter(|_| old.is_none_or(|old| old.newest.is_none())) {
            self.note_month(month_of(position)).await?;
        }
        let cells = [old.and_then(|old| old.cell.as_ref()), head.cell.as_ref()];
        for cell in cells.into_iter().flatten().collect::<BTreeSet<_>>() {
            if let Ok(cell) = cell.parse() {
                self.tell_region(cell).await?;
            }
        }
        Ok(())
    }

    async fn tell_region(&self, cell: CellIndex) -> Result<(), Error> {
        self.tables
            .client
            .update_item()
            .table_name(&self.tables.search)
            .set_key(Some(key(cover::region_pk(cover::region(cell)), cell::CELLS_SK)))
            .update_expression("ADD #cell :one")
            .expression_attribute_names("#cell", cell.to_string())
            .expression_attribute_values(":one", AttributeValue::N("1".into()))
            .send()
            .await?;
        Ok(())
    }

    async fn note_month(&self, month: String) -> Result<(), Error> {
        self.tables
            .client
            .update_item()
            .table_name(&self.tables.search)
            .set_key(Some(key(NEWEST, MONTHS_SK)))
            .update_expression("ADD #months :month")
            .expression_attribute_names("#months", MONTHS)
            .expression_attribute_values(":month", AttributeValue::Ss(vec![month]))
            .send()
            .await?;
        Ok(())
    }
}

impl Head {
    /// Where the card lies: once for its place, once for its age.
    fn card_keys(&self, id: UserId) -> BTreeSet<(String, String)> {
        let cell = self.cell.as_ref().and_then(|cell| cell.parse().ok());
        let cell = cell.map(|cell| (cover::pk(cell), id.to_string()));
        [cell, self.newest.clone()].into_iter().flatten().collect()
    }
}
