//! Whom to recommend to a family, and why.
//!
//! Each sitter gets a score between 0 and 1: the weighted mean of a few factors, each between 0 and 1
//! and each with words for people. The weights are in one place, [`WEIGHTS`].

use std::collections::{BTreeMap, BTreeSet};

use enumset::EnumSet;
use strum::{AsRefStr, EnumIter, IntoEnumIterator};

use crate::{
    care::{AgeGroup, Skill},
    geo::{Distance, Point, Radius},
    id::UserId,
    language::Languages,
    money::HourlyRate,
    search::Card,
};

/// What is known of a family that looks for a sitter.
#[derive(Debug, Clone, PartialEq)]
pub struct Family {
    /// Private; used for distances only.
    pub home: Point,
    /// How far away a sitter may live.
    pub radius: Radius,
    /// Those of the children.
    pub ages: EnumSet<AgeGroup>,
    /// That a sitter should speak.
    pub languages: Languages,
    /// That a sitter should have.
    pub skills: EnumSet<Skill>,
    /// What an hour should cost at most.
    pub max_rate: Option<HourlyRate>,
    /// How often each sitter has come.
    pub booked: BTreeMap<UserId, u32>,
    /// How many families have booked both a sitter and one of those who have come.
    pub similar: BTreeMap<UserId, u32>,
    /// Either has blocked the other: never recommended.
    pub blocked: BTreeSet<UserId>,
}

/// Why somebody is recommended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, AsRefStr, EnumIter)]
#[strum(serialize_all = "snake_case")]
pub enum Factor {
    /// They have come before.
    BookedBefore,
    /// Families who have booked the same sitters have booked them.
    FamiliesLikeYours,
    /// They live near.
    Near,
    /// Families praise them.
    WellRated,
    /// They look after children of these ages.
    Ages,
    /// They can do what is wanted.
    Skills,
    /// They speak what is wanted.
    Languages,
    /// They cost no more than is wanted.
    Price,
    /// They answer nearly every request.
    Responsive,
}

/// What each factor counts. They add up to 100.
pub const WEIGHTS: [(Factor, f64); 9] = [
    (Factor::BookedBefore, 24.0),
    (Factor::FamiliesLikeYours, 14.0),
    (Factor::Near, 22.0),
    (Factor::WellRated, 12.0),
    (Factor::Ages, 8.0),
    (Factor::Skills, 6.0),
    (Factor::Languages, 6.0),
    (Factor::Price, 6.0),
    (Factor::Responsive, 2.0),
];

/// How much of a factor there must be for it to be given as a reason.
const TELLING: f64 = 0.7;
/// Somebody so far away counts half as near as a neighbour.
const HALF_WAY: f64 = 3_000.0;

/// Somebody who is recommended.
#[derive(Debug, Clone, PartialEq)]
pub struct Recommendation<'a> {
    /// Who.
    pub card: &'a Card,
    /// Between public places, or near enough.
    pub distance: Distance,
    /// From 0 to 1.
    pub score: f64,
    /// The weightiest first.
    pub reasons: Vec<Factor>,
}

/// The best for a family out of those who live near, the best first.
pub fn recommend<'a>(
    family: &Family,
    cards: impl Iterator<Item = &'a Card>,
    at_most: usize,
) -> Vec<Recommendation<'a>> {
    let mut all: Vec<_> = cards.filter_map(|card| family.judge(card)).collect();
    all.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.card.id.cmp(&b.card.id)));
    all.truncate(at_most);
    all
}

impl Family {
    fn judge<'a>(&self, card: &'a Card) -> Option<Recommendation<'a>> {
        // From the public place of the home: what is shown must not tell where the sitter lives either.
        let distance = self.home.public().distance(card.place);
        let comes = self.radius.reaches(distance) && card.travels.reaches(distance);
        if !comes || self.blocked.contains(&card.id) {
            return None;
        }
        let mut parts: Vec<(Factor, f64, f64)> = WEIGHTS
            .iter()
            .map(|(factor, weight)| (*factor, self.measure(*factor, card, distance), *weight))
            .collect();
        let total: f64 = WEIGHTS.iter().map(|(_, weight)| weight).sum();
        let score = parts.iter().map(|(_, measure, weight)| measure * weight).sum::<f64>() / total;
        parts.retain(|(factor, measure, _)| *measure >= TELLING && self.asks_for(*factor));
        parts.sort_by(|a, b| (b.1 * b.2).total_cmp(&(a.1 * a.2)));
        Some(Recommendation {
            card,
            distance,
            score,
            reasons: parts.into_iter().map(|(factor, ..)| factor).collect(),
        })
    }

    /// How much of a factor a sitter has, from 0 to 1. What the family does not ask for tells nobody from
    /// another.
    fn measure(&self, factor: Factor, card: &Card, distance: Distance) -> f64 {
        match factor {
            Factor::BookedBefore => saturate(self.booked.get(&card.id).copied(), 0.25),
            Factor::FamiliesLikeYours => saturate(self.similar.get(&card.id).copied(), 1.0),
            Factor::Near => HALF_WAY / (HALF_WAY + f64::from(distance.0)),
            // Ratings lie between 3.5 and 5 nearly all.
            Factor::WellRated => ((f64::from(card.rating.expected()) / 1000.0 - 3.5) / 1.5).clamp(0.0, 1.0),
            Factor::Ages => share(self.ages.len(), (self.ages & card.ages).len()),
            Factor::Skills => share(self.skills.len(), (self.skills & card.skills).len()),
            Factor::Languages => {
                share(self.languages.len(), self.languages.intersection(&card.languages).count())
            }
            Factor::Price => self.max_rate.map_or(1.0, |most| {
                let (most, asked) = (most.money(), card.rate.money());
                if most.currency != asked.currency {
                    return 0.0;
                }
                let beyond = f64::from(asked.amount_minor) / f64::from(most.amount_minor) - 1.0;
                // A tenth more is still bearable, half as much again is not.
                (1.0 - beyond.max(0.0) * 2.0).max(0.0)
            }),
            Factor::Responsive => {
                let (requests, answered) = card.requests;
                // Four of five, as long as little is known.
                f64::from(answered + 4) / f64::from(requests + 5)
            }
        }
    }

    /// Whether a factor tells anything to this family.
    fn asks_for(&self, factor: Factor) -> bool {
        match factor {
            Factor::Ages => !self.ages.is_empty(),
            Factor::Skills => !self.skills.is_empty(),
            Factor::Languages => !self.languages.is_empty(),
            Factor::Price => self.max_rate.is_some(),
            Factor::BookedBefore | Factor::FamiliesLikeYours | Factor::Near => true,
            Factor::WellRated | Factor::Responsive => true,
        }
    }
}

/// The first counts most: from 0 towards 1, half of it at `half`.
fn saturate(count: Option<u32>, half: f64) -> f64 {
    let count = f64::from(count.unwrap_or_default());
    count / (count + half)
}

#[expect(clippy::cast_precision_loss, reason = "a handful")]
fn share(wanted: usize, there: usize) -> f64 {
    if wanted == 0 { 1.0 } else { there as f64 / wanted as f64 }
}

/// Every factor, for whoever describes them.
pub fn factors() -> impl Iterator<Item = Factor> {
    Factor::iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_factor_has_its_weight() {
        assert_eq!(WEIGHTS.map(|(factor, _)| factor).to_vec(), factors().collect::<Vec<_>>());
        let total: f64 = WEIGHTS.iter().map(|(_, weight)| weight).sum();
        assert!((total - 100.0).abs() < f64::EPSILON);
    }
}
