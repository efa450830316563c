//! Finding sitters: what can be asked, what answers, and in which order.
//!
//! The rules are here, and an [`Index`] only finds the cards that they are asked of. Two indexes
//! that read the same cards therefore answer the same, in the same order.

mod busy;
mod card;
mod suggest;
mod words;

use std::future::Future;

use enumset::EnumSet;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use strum::{AsRefStr, EnumString};

pub use busy::Busy;
pub use card::{Card, Found, Picture, View, Word};
pub use suggest::{Suggestion, SuggestionKind, suggest};
pub use words::{Match, Term, Words, fold, stem};

use crate::{
    Violation,
    availability::Span,
    care::{AgeGroup, Skill},
    geo::{Distance, Point, Radius},
    id::{self, UserId},
    language::Languages,
    money::Money,
    page::Limit,
};

/// What a parent looks for. Everything that is asked for must be so.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// Each must be found, or one letter next to it.
    pub words: Words,
    /// Where the children are.
    pub near: Point,
    /// How far away a sitter may live; the sitter must also come that far.
    pub radius: Radius,
    /// For which hours.
    pub when: Option<Span>,
    /// At most that an hour, in that currency.
    pub rate: Option<Money>,
    /// Each must be spoken.
    pub languages: Languages,
    /// Each must be looked after.
    pub ages: EnumSet<AgeGroup>,
    /// Each must be there.
    pub skills: EnumSet<Skill>,
    /// At least that many hundredths of a star on average. Those without a review are left out.
    pub min_rating: Option<u32>,
    /// What comes first.
    pub sort: Sort,
    /// The day on which a sitter's background check must be good: today, or the last day of the time that is asked for.
    pub today: Date,
}

/// What comes first.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, AsRefStr, EnumString)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Sort {
    /// Where the words are found, and how exactly; then the nearest.
    #[default]
    Relevance,
    /// The nearest; then the best.
    Distance,
    /// The best, see [`crate::rating::Rating::expected`]; then the nearest.
    Rating,
    /// The least that is asked for; then the nearest. Currencies are kept apart.
    Price,
}

impl Sort {
    /// Reads an order.
    pub fn parse(raw: &str) -> Result<Self, Violation> {
        let message = "must be relevance, distance, rating or price";
        raw.parse().map_err(|_| Violation::new("unknown_sort", message))
    }
}

/// A place in the order of an answer: the smaller comes first. No two sitters have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    first: i64,
    then: i64,
    id: UserId,
}

impl Position {
    /// In the order of listing: the newest comes first.
    pub fn of_newest(card: &Card) -> Self {
        Self { first: -card.listed_at.as_millisecond(), then: 0, id: card.id }
    }

    /// For a cursor.
    pub fn encode(self) -> String {
        format!("{}/{}/{}", self.first, self.then, self.id)
    }

    /// What [`Self::encode`] has made.
    pub fn decode(raw: &str) -> Option<Self> {
        let mut parts = raw.splitn(3, '/');
        let first = parts.next()?.parse().ok()?;
        let then = parts.next()?.parse().ok()?;
        Some(Self { first, then, id: id::parse(parts.next()?).ok()? })
    }

    /// When the sitter of this place in the order of listing was listed, in milliseconds since 1970.
    pub fn listed_at_millisecond(self) -> i64 {
        -self.first
    }

    /// Whose place it is.
    pub fn id(self) -> UserId {
        self.id
    }
}

/// Somebody who was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// Who.
    pub card: Card,
    /// From where it was looked, between public places; `None` where no place was asked for.
    pub distance: Option<Distance>,
    /// Where in the answer.
    pub position: Position,
}

/// Some of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// In order.
    pub hits: Vec<Hit>,
    /// How many there are in the whole answer; `None` where that is not known.
    pub total: Option<usize>,
    /// Whether something comes after these.
    pub has_more: bool,
}

impl Query {
    /// The place in the answer of a card, if it is in it.
    pub fn judge(&self, card: &Card) -> Option<(Distance, Position)> {
        let found = self.words.terms().iter().enumerate().flat_map(|(term, asked)| {
            card.words.iter().enumerate().filter_map(move |(word, written)| {
                let how = asked.find(&written.text)?;
                Some(Found { term, word, how })
            })
        });
        self.judge_found(card, found)
    }

    /// The same, where it is known which words of the card meet a term. `found` is asked only of a card
    /// that is otherwise near enough and fit.
    pub fn judge_found(
        &self,
        card: &Card,
        found: impl IntoIterator<Item = Found>,
    ) -> Option<(Distance, Position)> {
        // From cheap to dear.
        if !self.fits(card) {
            return None;
        }
        let distance = self.near.distance(card.place);
        if !(self.radius.reaches(distance) && card.travels.reaches(distance)) {
            return None;
        }
        let score = card.relevance(self.words.terms().len(), found)?;
        let is_free = self.when.is_none_or(|span| card.busy.is_free(span) && card.availability.covers(span));
        is_free.then(|| (distance, self.position(card, distance, score)))
    }

    fn fits(&self, card: &Card) -> bool {
        let affordable = |most: Money| {
            let rate = card.rate.money();
            rate.currency == most.currency && rate.amount_minor <= most.amount_minor
        };
        card.is_checked(self.today)
            && self.ages.is_subset(card.ages)
            && self.skills.is_subset(card.skills)
            && self.rate.is_none_or(affordable)
            && self.min_rating.is_none_or(|least| card.rating.hundredths().is_some_and(|mean| mean >= least))
            && self.languages.is_subset(&card.languages)
    }

    fn position(&self, card: &Card, distance: Distance, score: u32) -> Position {
        let away = i64::from(distance.0);
        let best = -i64::from(card.rating.expected());
        let rate = card.rate.money();
        let (first, then) = match self.sort {
            Sort::Relevance => (-i64::from(score), away),
            Sort::Distance => (away, best),
            Sort::Rating => (best, away),
            Sort::Price => ((rate.currency as i64) << 32 | i64::from(rate.amount_minor), away),
        };
        Position { first, then, id: card.id }
    }
}

impl Page {
    /// The page that follows `after`, out of an answer in any order.
    pub fn cut<C: std::borrow::Borrow<Card>>(
        mut answer: Vec<(Distance, Position, C)>,
        after: Option<Position>,
        limit: Limit,
    ) -> Self {
        let total = Some(answer.len());
        answer.retain(|(_, position, _)| after.is_none_or(|after| *position > after));
        let has_more = answer.len() > limit.size();
        if has_more {
            answer.select_nth_unstable_by_key(limit.size(), |(_, position, _)| *position);
            answer.truncate(limit.size());
        }
        answer.sort_unstable_by_key(|(_, position, _)| *position);
        let hits = answer.into_iter().map(|(distance, position, card)| {
            let card: &Card = card.borrow();
            Hit { card: card.clone(), distance: Some(distance), position }
        });
        Self { hits: hits.collect(), total, has_more }
    }
}

/// Finds sitters.
pub trait Index {
    /// Why it could not.
    type Error: std::error::Error + Send + Sync + 'static;

    /// One page of the answer to a query.
    fn search(
        &self,
        query: &Query,
        after: Option<Position>,
        limit: Limit,
        now: jiff::Timestamp,
    ) -> impl Future<Output = Result<Page, Self::Error>>;

    /// One page of all sitters, the last listed first.
    fn newest(
        &self,
        after: Option<Position>,
        limit: Limit,
        now: jiff::Timestamp,
    ) -> impl Future<Output = Result<Page, Self::Error>>;

    /// What everybody may see of a sitter; `None` of one who is not shown.
    fn view(
        &self,
        id: UserId,
        now: jiff::Timestamp,
    ) -> impl Future<Output = Result<Option<View>, Self::Error>>;

    /// Shows a sitter as `truth` tells of them, in place of what was shown; no more where it tells nothing.
    ///
    /// `truth` must tell what has been written when it is asked. It is asked after it is noted what is shown, and again
    /// if somebody else was quicker to change that. So whoever calls this after a change, in whatever order and however
    /// often, leaves the sitter as of that change or of a later one.
    fn refresh(
        &self,
        id: UserId,
        truth: impl AsyncFn() -> Result<Option<View>, Self::Error>,
    ) -> impl Future<Output = Result<(), Self::Error>>;
}
