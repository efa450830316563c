use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Mutex, MutexGuard, PoisonError},
};

use domain::{
    geo::Distance,
    id::UserId,
    page::Limit,
    search::{Card, Index, Page, Position, Query, View},
    sitter::today,
};
use jiff::Timestamp;

/// An index of sitters that asks every card there is: obviously right, and slow.
#[derive(Debug, Default)]
pub struct BruteForce(Mutex<BTreeMap<UserId, (u64, Option<View>)>>);

impl BruteForce {
    fn all(&self) -> MutexGuard<'_, BTreeMap<UserId, (u64, Option<View>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cards(&self, now: Timestamp) -> Vec<Card> {
        let all = self.all();
        let cards = all.values().filter_map(|(_, view)| Some(&view.as_ref()?.card));
        cards.filter(|card| card.is_checked(today(now))).cloned().collect()
    }

    fn revision(&self, id: UserId) -> u64 {
        self.all().get(&id).map_or(0, |(revision, _)| *revision)
    }
}

impl Index for BruteForce {
    type Error = Infallible;

    async fn search(
        &self,
        query: &Query,
        after: Option<Position>,
        limit: Limit,
        now: Timestamp,
    ) -> Result<Page, Infallible> {
        let judge = |card: Card| query.judge(&card).map(|(distance, position)| (distance, position, card));
        Ok(Page::cut(self.cards(now).into_iter().filter_map(judge).collect(), after, limit))
    }

    async fn newest(
        &self,
        after: Option<Position>,
        limit: Limit,
        now: Timestamp,
    ) -> Result<Page, Infallible> {
        let all = self.cards(now).into_iter().map(|card| (Distance(0), Position::of_newest(&card), card));
        let mut page = Page::cut(all.collect(), after, limit);
        page.total = None;
        page.hits.iter_mut().for_each(|hit| hit.distance = None);
        Ok(page)
    }

    async fn view(&self, id: UserId, now: Timestamp) -> Result<Option<View>, Infallible> {
        let view = self.all().get(&id).and_then(|(_, view)| view.clone());
        Ok(view.filter(|view| view.card.is_checked(today(now))))
    }

    async fn refresh(
        &self,
        id: UserId,
        truth: impl AsyncFn() -> Result<Option<View>, Infallible>,
    ) -> Result<(), Infallible> {
        loop {
            let before = self.revision(id);
            let view = truth().await?;
            if self.revision(id) == before {
                self.all().insert(id, (before + 1, view));
                return Ok(());
            }
        }
    }
}
