//! The index of sitters. It can be made again from the main table at any time.
//!
//! | question                                              | table  | pk              | sk                        |
//! |-------------------------------------------------------|--------|-----------------|---------------------------|
//! | who lives in this cell                                | search | CELL#‹cell›     | ‹sitter›                  |
//! | which cells of a region have had how many changes     | search | REGION#‹cell›   | CELLS                     |
//! | who was first listed in this month, the last first    | search | NEWEST#‹month›  | ‹time, inverted›#‹sitter› |
//! | in which months was anybody listed                    | search | NEWEST          | MONTHS                    |
//! | what may everybody see of a sitter                    | search | SITTER#‹sitter› | VIEW                      |
//!
//! Cells are those of the [H3](https://h3geo.org) grid at [`cover::CELLS`], 36 km² each on average,
//! so that a town is a few items under each of a few keys. A query reads the cells that its circle
//! touches side by side. Their region tells which of them have anybody at all, and whether what a warm
//! function has read of them before is still so: a cell in which nothing has happened costs no second
//! read.
//!
//! A sitter's view carries a revision and where the other items lie. Whoever writes it reads it first, then
//! the sitter and what is taken of their time, and then writes it with the other items in one transaction, on
//! the condition that it is still the one that was read. So each has read the truth after the one before has
//! written: in whatever order messages come, and however often, the latest stays, and no card is left behind
//! where somebody has moved. The regions are told afterwards; after a crash in between the message comes again,
//! and what it cannot tell any more, a warm function forgets after ten seconds.

mod cell;
mod cover;
mod write;

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use aws_sdk_dynamodb::types::{AttributeValue, ConsumedCapacity, ReturnConsumedCapacity};
use cell::{ByCards, Cell, Region};
use domain::{
    geo::{Point, Radius},
    id::UserId,
    page::Limit,
    search::{Card, Hit, Index, Page, Position, Query, View},
    sitter::today,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use h3o::CellIndex;
use jiff::{SignedDuration, Timestamp, civil::Date};
use quick_cache::sync::Cache;
pub use write::items;

use crate::{
    Error, Tables,
    tables::{BATCH, key},
};

/// For so long what a region has told is believed.
const REGION_LIFETIME: SignedDuration = SignedDuration::from_millis(500);
/// For so long a cell is believed whose region tells of no change. Reads are not consistent: what was
/// read just after a change may be what was before it.
const CELL_LIFETIME: SignedDuration = SignedDuration::from_secs(10);
/// How many cards a warm function holds at most.
const CACHED_CARDS: u64 = 50_000;
/// How many cells are read at once.
const SIDE_BY_SIDE: usize = 32;

/// The index, with what a warm function has read of it.
#[derive(Debug)]
pub struct SearchIndex {
    tables: Tables,
    cells: Cache<CellIndex, Arc<Cell>, ByCards>,
    regions: Mutex<HashMap<CellIndex, Arc<Region>>>,
    consumed: Mutex<f64>,
}

/// Everybody who lives within a circle, and some who live around it.
#[derive(Debug, Clone)]
pub struct Nearby {
    cells: Vec<Arc<Cell>>,
    today: Date,
}

impl Nearby {
    /// Those whose background check is good, in no particular order.
    pub fn cards(&self) -> impl Iterator<Item = &Card> + Clone {
        self.cells.iter().flat_map(|cell| &cell.cards).filter(|card| card.is_checked(self.today))
    }
}

impl SearchIndex {
    /// In these tables.
    pub fn new(tables: Tables) -> Self {
        Self {
            tables,
            cells: Cache::with_weighter(1000, CACHED_CARDS, ByCards),
            regions: Mutex::default(),
            consumed: Mutex::default(),
        }
    }

    /// The read request units that its reads have cost so far.
    pub fn consumed(&self) -> f64 {
        *lock(&self.consumed)
    }

    /// Forgets what it has read.
    pub fn cool(&self) {
        self.cells.clear();
        lock(&self.regions).clear();
    }

    /// Everybody who lives within that circle.
    pub async fn nearby(&self, near: Point, radius: Radius, now: Timestamp) -> Result<Nearby, Error> {
        let cells: Vec<_> = cover::cells(near, radius);
        let regions = self.regions(cells.iter().map(|cell| cover::region(*cell)).collect(), now).await?;
        // A cell that its region does not know has never had anybody.
        let settled = cells.into_iter().filter_map(|cell| {
            let changes = regions.get(&cover::region(cell))?.changes.get(&cell)?;
            Some((cell, *changes))
        });
        let read = stream::iter(settled.collect::<Vec<_>>())
            .map(|(cell, changes)| self.cell(cell, changes, now))
            .buffer_unordered(SIDE_BY_SIDE);
        Ok(Nearby { cells: read.try_collect().await?, today: today(now) })
    }

    async fn cell(&self, index: CellIndex, changes: u64, now: Timestamp) -> Result<Arc<Cell>, Error> {
        let cached = self.cells.get(&index);
        if let Some(cell) = cached.filter(|cell| cell.is_fresh(changes, now)) {
            return Ok(cell);
        }
        let mut pages = self
            .tables
            .client
            .query()
            .table_name(&self.tables.search)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", AttributeValue::S(cover::pk(index)))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .into_paginator()
            .send();
        let mut cards = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page?;
            self.note(page.consumed_capacity());
            cards.extend(page.items().iter().filter_map(cell::card));
        }
        let cell = Arc::new(Cell::new(cards, changes, now));
        self.cells.insert(index, cell.clone());
        Ok(cell)
    }

    async fn regions(
        &self,
        wanted: BTreeSet<CellIndex>,
        now: Timestamp,
    ) -> Result<HashMap<CellIndex, Arc<Region>>, Error> {
        let mut known: HashMap<_, _> = {
            let cached = lock(&self.regions);
            let fresh = |region: &&Arc<Region>| now.duration_since(region.read_at) < REGION_LIFETIME;
            wanted
                .iter()
                .filter_map(|index| Some((*index, cached.get(index).filter(fresh)?.clone())))
                .collect()
        };
        let unknown: Vec<_> = wanted.into_iter().filter(|index| !known.contains_key(index)).collect();
        for batch in unknown.chunks(BATCH) {
            let mut read = self.read_regions(batch).await?;
            for index in batch {
                let changes = read.remove(&cover::region_pk(*index)).unwrap_or_default();
                known.insert(*index, Arc::new(Region { changes, read_at: now }));
            }
        }
        let mut cached = lock(&self.regions);
        cached.retain(|_, region| now.duration_since(region.read_at) < REGION_LIFETIME);
        cached.extend(known.iter().map(|(index, region)| (*index, region.clone())));
        Ok(known)
    }

    /// By their partition keys; what is not there has never changed.
    async fn read_regions(
        &self,
        batch: &[CellIndex],
    ) -> Result<HashMap<String, HashMap<CellIndex, u64>>, Error> {
        let keys = batch.iter().map(|index| key(cover::region_pk(*index), cell::CELLS_SK));
        let items = self.get_all(keys.collect()).await?;
        let region = |item: HashMap<String, AttributeValue>| {
            let pk = item.get("pk")?.as_s().ok()?.clone();
            Some((pk, cell::changes(&item)))
        };
        Ok(items.into_iter().filter_map(region).collect())
    }

    async fn get_all(
        &self,
        keys: Vec<HashMap<String, AttributeValue>>,
    ) -> Result<Vec<HashMap<String, AttributeValue>>, Error> {
        let (items, units) = self.tables.get_all(&self.tables.search, keys, false).await?;
        *lock(&self.consumed) += units;
        Ok(items)
    }

    /// What everybody may see of these sitters; those who are not shown are left out.
    pub async fn views(&self, ids: &[UserId], now: Timestamp) -> Result<Vec<View>, Error> {
        let mut views = Vec::new();
        for batch in ids.chunks(BATCH) {
            let keys = batch.iter().map(|id| write::view_key(*id));
            let items = self.get_all(keys.collect()).await?;
            let found = items.iter().filter_map(write::view);
            views.extend(found.filter(|view| view.card.is_checked(today(now))));
        }
        Ok(views)
    }

    /// The months in which anybody was listed, the last first.
    async fn months(&self) -> Result<Vec<String>, Error> {
        let item = self.get_all(vec![key(write::NEWEST, write::MONTHS_SK)]).await?.pop();
        let mut months: Vec<String> =
            item.and_then(|mut item| item.remove(write::MONTHS)?.as_ss().ok().cloned()).unwrap_or_default();
        months.sort_unstable_by(|a, b| b.cmp(a));
        Ok(months)
    }

    /// Adds those of a month until there are as many as wanted.
    async fn newest_of(
        &self,
        month: &str,
        after: Option<Position>,
        wanted: usize,
        today: Date,
        hits: &mut Vec<Hit>,
    ) -> Result<(), Error> {
        let mut pages = self
            .tables
            .client
            .query()
            .table_name(&self.tables.search)
            .key_condition_expression("pk = :pk AND sk > :after")
            .expression_attribute_values(":pk", AttributeValue::S(write::month_pk(month)))
            .expression_attribute_values(
                ":after",
                AttributeValue::S(after.map_or("0".to_owned(), write::newest_sk)),
            )
            .limit(i32::try_from(wanted).unwrap_or(i32::MAX))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .into_paginator()
            .send();
        while hits.len() < wanted
            && let Some(page) = pages.next().await
        {
            let page = page?;
            self.note(page.consumed_capacity());
            let cards = page.items().iter().filter_map(cell::card).filter(|card| card.is_checked(today));
            hits.extend(cards.map(|card| {
                let position = Position::of_newest(&card);
                Hit { card, distance: None, position }
            }));
        }
        Ok(())
    }

    fn note(&self, capacity: Option<&ConsumedCapacity>) {
        *lock(&self.consumed) += capacity.and_then(ConsumedCapacity::capacity_units).unwrap_or_default();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Index for SearchIndex {
    type Error = Error;

    async fn search(
        &self,
        query: &Query,
        after: Option<Position>,
        limit: Limit,
        now: Timestamp,
    ) -> Result<Page, Error> {
        let nearby = self.nearby(query.near, query.radius, now).await?;
        let answer = nearby.cells.iter().flat_map(|cell| cell.answer(query)).collect();
        Ok(Page::cut(answer, after, limit))
    }

    async fn newest(&self, after: Option<Position>, limit: Limit, now: Timestamp) -> Result<Page, Error> {
        let mut hits: Vec<Hit> = Vec::new();
        // One more than the page holds tells whether there is another.
        let wanted = limit.size() + 1;
        for month in self.months().await? {
            if hits.len() < wanted && after.is_none_or(|after| month <= write::month_of(after)) {
                self.newest_of(&month, after, wanted, today(now), &mut hits).await?;
            }
        }
        let has_more = hits.len() >= wanted;
        hits.truncate(limit.size());
        Ok(Page { hits, total: None, has_more })
    }

    async fn view(&self, id: UserId, now: Timestamp) -> Result<Option<View>, Error> {
        Ok(self.views(&[id], now).await?.pop())
    }

    async fn refresh(
        &self,
        id: UserId,
        truth: impl AsyncFn() -> Result<Option<View>, Error>,
    ) -> Result<(), Error> {
        self.place(id, truth).await
    }
}
