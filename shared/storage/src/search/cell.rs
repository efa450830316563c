//! What is stored of a cell and of a region, and what a warm function makes of it.

use std::{collections::HashMap, sync::Arc};

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use domain::{
    geo::Distance,
    search::{Card, Match, Position, Query, stem},
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
const FORMAT: u8 = 1;

/// The sitters of a cell, made ready to be asked.
#[derive(Debug)]
pub(super) struct Cell {
    pub(super) cards: Vec<Card>,
    changes: u64,
    read_at: Timestamp,
    /// Every word of the cards once, with its stem: a cell has far fewer than its cards have together.
    vocabulary: Vec<(String, String)>,
    /// For each card, the places of its words in the vocabulary.
    words: Vec<Vec<usize>>,
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
        let mut places: HashMap<String, usize> = HashMap::new();
        let mut vocabulary = Vec::new();
        let mut place = |word: &str| {
            *places.entry(word.to_owned()).or_insert_with(|| {
                vocabulary.push((word.to_owned(), stem(word)));
                vocabulary.len() - 1
            })
        };
        let words =
            cards.iter().map(|card| card.words.iter().map(|word| place(&word.text)).collect()).collect();
        Self { cards, changes, read_at, vocabulary, words }
    }

    /// Whether it is still so, where the region tells of that many changes.
    pub(super) fn is_fresh(&self, changes: u64, now: Timestamp) -> bool {
        self.changes == changes && now.duration_since(self.read_at) < CELL_LIFETIME
    }

    /// Those who answer a query, in no particular order.
    pub(super) fn answer(&self, query: &Query) -> Vec<(Distance, Position, &Card)> {
        let terms = query.words.terms();
        let found: Vec<Vec<Option<Match>>> = terms
            .iter()
            .map(|term| self.vocabulary.iter().map(|(word, stem)| term.find_stemmed(word, stem)).collect())
            .collect();
        let judge = |(card, words): (_, &Vec<usize>)| {
            let (distance, position) = query.judge_with(card, |word, term| found[term][words[word]])?;
            Some((distance, position, card))
        };
        self.cards.iter().zip(&self.words).filter_map(judge).collect()
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
