//! What is stored of a cell and of a region, and what a warm function makes of it.

use std::{collections::HashMap, sync::Arc};

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use domain::{
    geo::Distance,
    search::{Card, Found, Position, Query, stem},
};
use h3o::CellIndex;
use jiff::Timestamp;
use quick_cache::Weighter;
use serde::{Serialize, de::DeserializeOwned};

use super::CELL_LIFETIME;
use crate::Error;

pub(super) const CELLS_SK: &str = "CELLS";
pub(super) const CARD: &str = "card";

/// Cards and views are stored in this form; what is in another is not read, and `scripts/reindex`
/// writes it anew.
const FORMAT: u8 = 2;

/// The sitters of a cell, made ready to be asked.
#[derive(Debug)]
pub(super) struct Cell {
    pub(super) cards: Vec<Card>,
    changes: u64,
    read_at: Timestamp,
    /// Every word of the cards once: a cell has far fewer than its cards have together.
    vocabulary: Vec<Known>,
}

/// A word that cards are found by.
#[derive(Debug)]
struct Known {
    word: String,
    stem: String,
    /// The cards that have it, and which of their words it is: both by their index.
    at: Box<[(u32, u32)]>,
}

/// How many changes each cell of a region has seen.
#[derive(Debug)]
pub(super) struct Region {
    pub(super) changes: HashMap<CellIndex, u64>,
    pub(super) read_at: Timestamp,
}

/// A cell weighs what it holds.
#[derive(Debug, Clone)]
pub(super) struct ByCards;

impl Weighter<CellIndex, Arc<Cell>> for ByCards {
    fn weight(&self, _: &CellIndex, cell: &Arc<Cell>) -> u64 {
        u64::try_from(cell.cards.len()).unwrap_or(u64::MAX).max(1)
    }
}

impl Cell {
    pub(super) fn new(cards: Vec<Card>, changes: u64, read_at: Timestamp) -> Self {
        let mut words: HashMap<&str, Vec<(u32, u32)>> = HashMap::new();
        for (card, each) in (0..).zip(&cards) {
            for (word, each) in (0..).zip(&each.words) {
                words.entry(&each.text).or_default().push((card, word));
            }
        }
        let known =
            |(word, at): (&str, Vec<_>)| Known { word: word.to_owned(), stem: stem(word), at: at.into() };
        let vocabulary = words.into_iter().map(known).collect();
        Self { cards, changes, read_at, vocabulary }
    }

    /// Whether it is still so, where the region tells of that many changes.
    pub(super) fn is_fresh(&self, changes: u64, now: Timestamp) -> bool {
        self.changes == changes && now.duration_since(self.read_at) < CELL_LIFETIME
    }

    /// Those who answer a query, in no particular order.
    pub(super) fn answer(&self, query: &Query) -> Vec<(Distance, Position, &Card)> {
        let judge = |card, found: &[(u32, Found)]| {
            let (distance, position) = query.judge_found(card, found.iter().map(|(_, found)| *found))?;
            Some((distance, position, card))
        };
        let terms = query.words.terms();
        if terms.is_empty() {
            return self.cards.iter().filter_map(|card| judge(card, &[])).collect();
        }
        // Only who has a word that is looked for can be in the answer, and few have.
        let mut found: Vec<(u32, Found)> = Vec::new();
        for (term, asked) in terms.iter().enumerate() {
            for known in &self.vocabulary {
                if let Some(how) = asked.find_stemmed(&known.word, &known.stem) {
                    let met = |(card, word): &(u32, u32)| (*card, Found { term, word: *word as usize, how });
                    found.extend(known.at.iter().map(met));
                }
            }
        }
        found.sort_unstable_by_key(|(card, _)| *card);
        found
            .chunk_by(|a, b| a.0 == b.0)
            .filter_map(|found| judge(&self.cards[found[0].0 as usize], found))
            .collect()
    }
}

/// The changes that a region's item tells of: an attribute for each cell.
pub(super) fn changes(item: &HashMap<String, AttributeValue>) -> HashMap<CellIndex, u64> {
    let cell = |(name, value): (&String, &AttributeValue)| {
        Some((name.parse().ok()?, value.as_n().ok()?.parse().ok()?))
    };
    item.iter().filter_map(cell).collect()
}

/// The card of an item; none of another form.
pub(super) fn card(item: &HashMap<String, AttributeValue>) -> Option<Card> {
    let card = item.get(CARD).and_then(|value| unpack(value.as_b().ok()?.as_ref()));
    if card.is_none() {
        tracing::warn!(pk = ?item.get("pk"), "a card is of another form; run scripts/reindex");
    }
    card
}

/// Compact, because what a search costs is how many bytes it reads.
pub(super) fn pack(value: &impl Serialize) -> Result<AttributeValue, Error> {
    let packed =
        postcard::to_extend(value, vec![FORMAT]).map_err(|error| Error::Unreadable(error.to_string()))?;
    Ok(AttributeValue::B(Blob::new(packed)))
}

pub(super) fn unpack<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let (format, rest) = bytes.split_first()?;
    (*format == FORMAT).then(|| postcard::from_bytes(rest).ok())?
}

#[cfg(test)]
mod tests {
    use domain::{availability::Span, search::Busy};
    use jiff::SignedDuration;
    use testing::country::Country;

    use super::*;

    /// A page of cold cells costs what their cards weigh.
    #[test]
    fn twenty_bookings_weigh_a_hundred_bytes() {
        let evenings = (0..20).map(|number| {
            let start =
                Country::now() + SignedDuration::from_mins(number * 9 * 24 * 60 + number * 7919 % 1440);
            Span { start, end: start + SignedDuration::from_mins(215) }
        });
        let free = Card { busy: Busy::default(), ..Country::new(1).sitters(1).next().unwrap().card };
        let taken = Card { busy: Busy::new(evenings), ..free.clone() };
        let [free, taken] = [free, taken].map(|card| {
            let packed = pack(&card).unwrap();
            assert_eq!(unpack::<Card>(packed.as_b().unwrap().as_ref()), Some(card));
            packed.as_b().unwrap().as_ref().len()
        });
        assert!((60..=100).contains(&(taken - free)), "{free} {taken}");
    }

    /// What a cell makes of its words changes no answer.
    #[test]
    fn a_cell_answers_as_its_cards_are_judged() {
        let country = Country::new(1);
        let cards: Vec<_> = country.sitters(300).map(|view| view.card).collect();
        let cell = Cell::new(cards.clone(), 1, Country::now());
        let mut found = 0;
        for query in country.queries(country.town(0)).take(300) {
            let judge = |card| query.judge(card).map(|(distance, position)| (distance, position, card));
            let mut judged: Vec<_> = cards.iter().filter_map(judge).collect();
            let mut answer = cell.answer(&query);
            judged.sort_unstable_by_key(|(_, position, _)| *position);
            answer.sort_unstable_by_key(|(_, position, _)| *position);
            assert_eq!(answer, judged, "{query:?}");
            found += usize::from(!answer.is_empty() && !query.words.terms().is_empty());
        }
        assert!(found > 30, "{found}");
    }
}
