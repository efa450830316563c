//! How a sitter gets into the index, and out of it.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    id::UserId,
    search::{Card, Position, View},
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

/// Whoever is overtaken twice need not try again: the second one has begun after the first had written, so it has
/// read all that was true when this one began.
const ATTEMPTS: usize = 2;
/// Longer than anybody takes from reading to writing: nothing that was read before somebody was hidden is written
/// after.
const HIDDEN_FOR: SignedDuration = SignedDuration::from_hours(24);

type Item = HashMap<String, AttributeValue>;

/// What is stored of a view besides the view.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    pk: String,
    sk: String,
    /// Rises by one with each change.
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

/// Everything that is written of a sitter who was not in the index, for whoever fills an empty one. See
/// [`SearchIndex::announce`].
pub fn items(view: &View) -> Result<Vec<Item>, Error> {
    let head = Head::new(view.card.id, Some(view), 0);
    let mut items = head.cards(Some(view))?;
    items.push(head.item(Some(view))?);
    Ok(items)
}

pub(super) fn view_key(id: UserId) -> HashMap<String, AttributeValue> {
    key(view_pk(id), VIEW_SK)
}

fn view_pk(id: UserId) -> String {
    format!("SITTER#{id}")
}

/// The view of an item; none of somebody who is not shown, nor of another form.
pub(super) fn view(item: &Item) -> Option<View> {
    let packed = item.get(VIEW)?.as_b().ok()?;
    let view = cell::unpack(packed.as_ref());
    if view.is_none() {
        tracing::warn!(pk = ?item.get("pk"), "a view is of another form; run scripts/reindex");
    }
    view
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
    /// Tells of sitters whose [`items`] were written together: a million shown one by one take hours.
    pub async fn announce(&self, cards: impl Iterator<Item = &Card>) -> Result<(), Error> {
        let (mut cells, mut months) = (BTreeSet::new(), BTreeSet::new());
        for card in cards {
            cells.insert(cover::cell(card.place));
            months.insert(month_of(Position::of_newest(card)));
        }
        for month in months {
            self.note_month(month).await?;
        }
        for cell in cells {
            self.tell_region(cell).await?;
        }
        Ok(())
    }

    /// Puts a sitter where they belong, or nowhere.
    pub(super) async fn place(
        &self,
        id: UserId,
        truth: impl AsyncFn() -> Result<Option<View>, Error>,
    ) -> Result<(), Error> {
        for _ in 0..ATTEMPTS {
            let old = self.tables.get::<Head>(&self.tables.search, &view_pk(id), VIEW_SK).await?;
            match self.replace(id, old.as_ref(), truth().await?.as_ref()).await {
                Err(Error::Conflict) => {}
                other => return other,
            }
        }
        Ok(())
    }

    async fn replace(&self, id: UserId, old: Option<&Head>, view: Option<&View>) -> Result<(), Error> {
        let table = &self.tables.search;
        let head = Head::new(id, view, old.map_or(0, |old| old.revision + 1));
        let unchanged = old.map_or(Condition::Absent, |old| {
            Condition::Equals("revision", AttributeValue::N(old.revision.to_string()))
        });
        let mut transaction = self.tables.transaction().put_item(table, head.item(view)?, unchanged)?;
        let (before, after) = (old.map(|old| old.card_keys(id)).unwrap_or_default(), head.card_keys(id));
        for (pk, sk) in before.difference(&after) {
            transaction = transaction.delete(table, pk.clone(), sk, Condition::None)?;
        }
        for item in head.cards(view)? {
            transaction = transaction.put_item(table, item, Condition::None)?;
        }
        // Before, because a repetition after a crash would not see that it is new. A month with nobody does no
        // harm.
        if let Some(view) = view.filter(|_| old.is_none_or(|old| old.newest.is_none())) {
            self.note_month(month_of(Position::of_newest(&view.card))).await?;
        }
        transaction.commit().await?;
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
    fn new(id: UserId, view: Option<&View>, revision: u64) -> Self {
        let at = view.map(|view| (cover::cell(view.card.place), Position::of_newest(&view.card)));
        let forgotten = Timestamp::now().saturating_add(HIDDEN_FOR).unwrap_or(Timestamp::MAX).as_second();
        Self {
            pk: view_pk(id),
            sk: VIEW_SK.into(),
            revision,
            cell: at.map(|(cell, _)| cell.to_string()),
            newest: at.map(|(_, position)| (month_pk(&month_of(position)), newest_sk(position))),
            ttl: view.is_none().then_some(forgotten),
        }
    }

    fn item(&self, view: Option<&View>) -> Result<Item, Error> {
        let mut item: Item = serde_dynamo::to_item(self)?;
        if let Some(view) = view {
            item.insert(VIEW.into(), cell::pack(view)?);
        }
        Ok(item)
    }

    fn cards(&self, view: Option<&View>) -> Result<Vec<Item>, Error> {
        let Some(view) = view else { return Ok(Vec::new()) };
        let card = cell::pack(&view.card)?;
        let item = |(pk, sk)| {
            let mut item = key(pk, sk);
            item.insert(cell::CARD.into(), card.clone());
            item
        };
        Ok(self.card_keys(view.card.id).into_iter().map(item).collect())
    }

    /// Where the card lies: once for its place, once for its age.
    fn card_keys(&self, id: UserId) -> BTreeSet<(String, String)> {
        let cell = self.cell.as_ref().and_then(|cell| cell.parse().ok());
        let cell = cell.map(|cell| (cover::pk(cell), id.to_string()));
        [cell, self.newest.clone()].into_iter().flatten().collect()
    }
}
