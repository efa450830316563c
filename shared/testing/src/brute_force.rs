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
};
use jiff::Timestamp;

/// An index of sitters that asks every card there is: obviously right, and slow.
#[derive(Debug, Default)]
pub struct BruteForce(Mutex<BTreeMap<UserId, (u64, Option<View>)>>);

impl BruteForce {
    fn all(&self) -> MutexGuard<'_, BTreeMap<UserId, (u64, Option<View>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cards(&self) -> Vec<Card> {
        self.all().values().filter_map(|(_, view)| Some(view.as_ref()?.card.clone())).collect()
    }

    fn put(&self, id: UserId, version: u64, view: Option<View>) {
        let mut all = self.all();
        if all.get(&id).is_none_or(|(known, _)| *known <= version) {
            all.insert(id, (version, view));
        }
    }
}

impl Index for BruteForce {
    type Error = Infallible;

    async fn search(
        &self,
        query: &Query,
        after: Option<Position>,
        limit: Limit,
        _: Timestamp,
    ) -> Result<Page, Infallible> {
        let judge = |card: Card| query.judge(&card).map(|(distance, position)| (distance, position, card));
        Ok(Page::cut(self.cards().into_iter().filter_map(judge).collect(), after, limit))
    }

    async fn newest(&self, after: Option<Position>, limit: Limit) -> Result<Page, Infallible> {
        let all = self.cards().into_iter().map(|card| (Distance(0), Position::of_newest(&card), card));
        let mut page = Page::cut(all.collect(), after, limit);
        page.total = None;
        page.hits.iter_mut().for_each(|hit| hit.distance = None);
        Ok(page)
    }

    async fn view(&self, id: UserId) -> Result<Option<View>, Infallible> {
        Ok(self.all().get(&id).and_then(|(_, view)| view.clone()))
    }

    async fn show(&self, view: &View, version: u64) -> Result<(), Infallible> {
        self.put(view.card.id, version, Some(view.clone()));
        Ok(())
    }

    async fn hide(&self, id: UserId, version: u64) -> Result<(), Infallible> {
        self.put(id, version, None);
        Ok(())
    }
}
