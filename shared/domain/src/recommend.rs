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
    /// See [`crate::pairings::similar`].
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

/// What each factor counts. They add up to 100. What they were looked for with is in
/// `shared/testing/tests/recommendations.rs`, what they achieve in `docs/PERFORMANCE.md`.
pub const WEIGHTS: [(Factor, f64); 9] = [
    (Factor::BookedBefore, 40.0),
    (Factor::FamiliesLikeYours, 14.0),
    (Factor::Near, 12.0),
    (Factor::WellRated, 10.0),
    (Factor::Ages, 10.0),
    (Factor::Skills, 4.0),
    (Factor::Languages, 4.0),
    (Factor::Price, 4.0),
    (Factor::Responsive, 2.0),
];

/// How much of a factor there must be for it to be given as a reason. Wishes must be met altogether.
const TELLING: f64 = 0.7;
/// So many families count half as much as all could, and fewer count nothing: of one or two it could be
/// guessed who they are, by the score as by the reason.
const FAMILIES: f64 = 3.0;
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
        parts.retain(|(factor, measure, _)| self.is_told(*factor, *measure));
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
            Factor::BookedBefore => saturate(self.booked.get(&card.id).copied(), 1.0),
            Factor::FamiliesLikeYours => {
                let families = self.similar.get(&card.id).copied();
                saturate(families.filter(|families| f64::from(*families) >= FAMILIES), FAMILIES)
            }
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
                // Four of five, as long as little is known; less than half is as bad as none.
                let expected = f64::from(answered.min(requests) + 4) / f64::from(requests + 5);
                ((expected - 0.5) * 2.0).max(0.0)
            }
        }
    }

    /// Whether so much of a factor is a reason for this family. A wish that it does not have is none.
    fn is_told(&self, factor: Factor, measure: f64) -> bool {
        let is_met = measure >= 1.0;
        match factor {
            Factor::Ages => is_met && !self.ages.is_empty(),
            Factor::Skills => is_met && !self.skills.is_empty(),
            Factor::Languages => is_met && !self.languages.is_empty(),
            Factor::Price => is_met && self.max_rate.is_some(),
            Factor::BookedBefore | Factor::FamiliesLikeYours => measure > 0.0,
            Factor::Near | Factor::WellRated | Factor::Responsive => measure >= TELLING,
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
    use crate::{
        availability::Availability, id, language::Language, money::Currency, rating::Rating, search::Busy,
        time_zone::TimeZoneName,
    };
    use jiff::Timestamp;
    use proptest::{collection::vec, option, prelude::*, sample::subsequence};

    fn home() -> Point {
        Point::parse(53.7416, -2.0133).unwrap()
    }

    fn rate(minor: u32) -> HourlyRate {
        HourlyRate::parse(minor, Currency::Gbp).unwrap()
    }

    /// Somebody next door of whom nothing is known.
    fn card() -> Card {
        Card {
            id: id::new(Timestamp::UNIX_EPOCH),
            name: "Beth Ackroyd".into(),
            headline: "Patient and playful".into(),
            town: "Hebden Bridge".into(),
            place: home().public(),
            travels: Radius::default(),
            rate: rate(1450),
            languages: Languages::new(),
            ages: EnumSet::empty(),
            skills: EnumSet::empty(),
            rating: Rating::default(),
            requests: (0, 0),
            availability: Availability::new(TimeZoneName::default()),
            busy: Busy::default(),
            picture: None,
            listed_at: Timestamp::UNIX_EPOCH,
            checked_until: None,
            words: Vec::new(),
        }
    }

    /// One without a wish.
    fn family() -> Family {
        Family {
            home: home(),
            radius: Radius::default(),
            ages: EnumSet::empty(),
            languages: Languages::new(),
            skills: EnumSet::empty(),
            max_rate: None,
            booked: BTreeMap::new(),
            similar: BTreeMap::new(),
            blocked: BTreeSet::new(),
        }
    }

    fn reasons(family: &Family, card: &Card) -> Vec<Factor> {
        family.judge(card).unwrap().reasons
    }

    #[test]
    fn every_factor_has_its_weight() {
        assert_eq!(WEIGHTS.map(|(factor, _)| factor).to_vec(), factors().collect::<Vec<_>>());
        let total: f64 = WEIGHTS.iter().map(|(_, weight)| weight).sum();
        assert!((total - 100.0).abs() < f64::EPSILON);
    }

    /// Of a newcomer only the place is known, and nobody is told that they do what was not asked for.
    #[test]
    fn nothing_is_praised_that_is_not_known() {
        assert_eq!(reasons(&family(), &card()), [Factor::Near]);
    }

    #[test]
    fn a_wish_is_a_reason_only_if_it_is_met_altogether() {
        let languages = |codes: &[&str]| codes.iter().map(|code| Language::parse(code).unwrap()).collect();
        let family = Family {
            ages: AgeGroup::Infant | AgeGroup::Toddler | AgeGroup::School | AgeGroup::Teen,
            languages: languages(&["en", "fr", "pl", "de"]),
            skills: Skill::Cooking | Skill::Music | Skill::Pets | Skill::Driving,
            max_rate: Some(rate(1500)),
            ..family()
        };
        let nearly = Card {
            ages: family.ages - AgeGroup::Teen,
            languages: languages(&["en", "fr", "pl"]),
            skills: family.skills - Skill::Pets,
            rate: rate(1501),
            ..card()
        };
        assert_eq!(reasons(&family, &nearly), [Factor::Near]);
        let all = Card {
            ages: family.ages,
            languages: family.languages.clone(),
            skills: family.skills,
            rate: rate(1500),
            ..card()
        };
        let told: BTreeSet<_> =
            reasons(&family, &all).iter().map(|factor| factor.as_ref().to_owned()).collect();
        assert_eq!(told, ["ages", "languages", "near", "price", "skills"].map(String::from).into());
    }

    #[test]
    fn what_others_say_is_a_reason_once_enough_do() {
        let told = |card: &Card, factor| reasons(&family(), card).contains(&factor);
        let rated = |count, stars| Card { rating: Rating { count, stars }, ..card() };
        assert!(!told(&rated(1, 5), Factor::WellRated) && told(&rated(10, 49), Factor::WellRated));
        let asked = |requests, answered| Card { requests: (requests, answered), ..card() };
        assert!(!told(&asked(1, 1), Factor::Responsive) && told(&asked(10, 10), Factor::Responsive));
        assert!(!told(&asked(100, 80), Factor::Responsive));
        let card = card();
        for (families, is_told) in [(1, false), (2, false), (3, true)] {
            let family = Family { similar: [(card.id, families)].into(), ..family() };
            assert_eq!(reasons(&family, &card).contains(&Factor::FamiliesLikeYours), is_told, "{families}");
        }
        let family = Family { booked: [(card.id, 1)].into(), ..family() };
        assert_eq!(reasons(&family, &card), [Factor::BookedBefore, Factor::Near]);
    }

    const LANGUAGES: [&str; 4] = ["en", "fr", "pl", "de"];

    fn some_languages() -> impl Strategy<Value = Languages> {
        subsequence(LANGUAGES.to_vec(), 0..=LANGUAGES.len())
            .prop_map(|codes| codes.into_iter().map(|code| Language::parse(code).unwrap()).collect())
    }

    fn some_radius() -> impl Strategy<Value = Radius> {
        (1_000u32..=50_000).prop_map(|metres| Radius::parse(metres).unwrap())
    }

    fn some_rate() -> impl Strategy<Value = HourlyRate> {
        (100u32..=5_000, any::<bool>()).prop_map(|(minor, euros)| {
            HourlyRate::parse(minor, if euros { Currency::Eur } else { Currency::Gbp }).unwrap()
        })
    }

    fn some_ages() -> impl Strategy<Value = EnumSet<AgeGroup>> {
        any::<u8>().prop_map(EnumSet::from_u8_truncated)
    }

    fn some_skills() -> impl Strategy<Value = EnumSet<Skill>> {
        // Few, as people have, so that they are met now and then.
        (any::<u32>(), any::<u32>()).prop_map(|(one, other)| EnumSet::from_u32_truncated(one & other))
    }

    prop_compose! {
        /// Anybody within some 30 km.
        fn some_card()(
            (north, east) in (-0.2f64..0.2, -0.3f64..0.3),
            travels in some_radius(),
            rate in some_rate(),
            languages in some_languages(),
            ages in some_ages(),
            skills in some_skills(),
            (count, mean) in (0u32..200, 1f64..=5.0),
            (requests, answered) in (0u32..200, 0f64..=1.0),
        ) -> Card {
            let stars = (f64::from(count) * mean) as u32;
            let answered = (f64::from(requests) * answered) as u32;
            Card {
                place: Point::parse(53.7416 + north, -2.0133 + east).unwrap(),
                rating: Rating { count, stars },
                requests: (requests, answered),
                travels, rate, languages, ages, skills,
                ..card()
            }
        }
    }

    prop_compose! {
        /// A family and some of those who live around it, of whom it knows the first few.
        fn some_town()(
            cards in vec(some_card(), 1..12),
            radius in some_radius(),
            max_rate in option::of(some_rate()),
            languages in some_languages(),
            ages in some_ages(),
            skills in some_skills(),
            known in vec((0u32..5, 0u32..5, any::<bool>()), 0..6),
        ) -> (Family, Vec<Card>) {
            let mut family = Family { radius, max_rate, languages, ages, skills, ..family() };
            for (card, (times, families, is_blocked)) in cards.iter().zip(known) {
                family.booked.insert(card.id, times);
                family.similar.insert(card.id, families);
                family.blocked.extend(is_blocked.then_some(card.id));
            }
            (family, cards)
        }
    }

    /// Ways to be better for a family, each by itself.
    fn improvements(family: &Family, card: &Card) -> Vec<(&'static str, Family, Card)> {
        let (asks, offers) = (|| family.clone(), || card.clone());
        let more = |counts: &BTreeMap<UserId, u32>| {
            let mut counts = counts.clone();
            *counts.entry(card.id).or_default() += 1;
            counts
        };
        let cheaper =
            HourlyRate::parse((card.rate.money().amount_minor / 2).max(100), card.rate.money().currency);
        let (requests, answered) = card.requests;
        vec![
            ("nearer", asks(), Card { place: halfway(family.home.public(), card.place), ..offers() }),
            ("better rated", asks(), Card { rating: card.rating.with(5), ..offers() }),
            ("cheaper", asks(), Card { rate: cheaper.unwrap(), ..offers() }),
            ("answers", asks(), Card { requests: (requests + 1, answered + 1), ..offers() }),
            ("ages", asks(), Card { ages: EnumSet::all(), ..offers() }),
            ("skills", asks(), Card { skills: EnumSet::all(), ..offers() }),
            (
                "languages",
                asks(),
                Card { languages: LANGUAGES.map(|code| Language::parse(code).unwrap()).into(), ..offers() },
            ),
            ("booked", Family { booked: more(&family.booked), ..asks() }, offers()),
            ("booked by others", Family { similar: more(&family.similar), ..asks() }, offers()),
        ]
    }

    fn halfway(one: Point, other: Point) -> Point {
        let middle = |one: f64, other: f64| f64::midpoint(one, other);
        Point::parse(middle(one.latitude(), other.latitude()), middle(one.longitude(), other.longitude()))
            .unwrap()
    }

    proptest! {
        /// Exactly those whom nobody has blocked and who live within both radii.
        #[test]
        fn only_who_may_and_can_come_is_recommended((family, cards) in some_town()) {
            let recommended: BTreeSet<_> =
                recommend(&family, cards.iter(), usize::MAX).iter().map(|each| each.card.id).collect();
            for card in &cards {
                let away = family.home.public().distance(card.place);
                let comes = away.0 <= family.radius.metres() && away.0 <= card.travels.metres();
                let may = !family.blocked.contains(&card.id);
                prop_assert_eq!(recommended.contains(&card.id), comes && may);
            }
        }

        #[test]
        fn scores_are_shares_and_reasons_are_so((family, cards) in some_town()) {
            for each in recommend(&family, cards.iter(), usize::MAX) {
                prop_assert!((0.0..=1.0).contains(&each.score), "{}", each.score);
                let card = each.card;
                let weighs = |factor: &Factor| {
                    let (_, weight) = WEIGHTS.iter().find(|(other, _)| other == factor).unwrap();
                    weight * family.measure(*factor, card, each.distance)
                };
                prop_assert!(each.reasons.iter().map(weighs).is_sorted_by(|one, next| one >= next));
                for reason in &each.reasons {
                    let is_so = match reason {
                        Factor::BookedBefore => family.booked[&card.id] > 0,
                        Factor::FamiliesLikeYours => family.similar[&card.id] > 0,
                        Factor::Near => each.distance.0 < 1_500,
                        Factor::WellRated => card.rating.hundredths() >= Some(455),
                        Factor::Ages => !family.ages.is_empty() && family.ages.is_subset(card.ages),
                        Factor::Skills => !family.skills.is_empty() && family.skills.is_subset(card.skills),
                        Factor::Languages =>
                            !family.languages.is_empty() && family.languages.is_subset(&card.languages),
                        Factor::Price => family.max_rate.is_some_and(|most| {
                            let (most, asked) = (most.money(), card.rate.money());
                            asked.currency == most.currency && asked.amount_minor <= most.amount_minor
                        }),
                        Factor::Responsive => card.requests.1 * 100 >= card.requests.0 * 85,
                    };
                    prop_assert!(is_so, "{:?}", reason);
                }
            }
        }

        #[test]
        fn to_be_better_never_costs_anything((family, cards) in some_town()) {
            for card in &cards {
                let Some(before) = family.judge(card) else { continue };
                for (what, family, card) in improvements(&family, card) {
                    let after = family.judge(&card).unwrap();
                    prop_assert!(after.score >= before.score, "{}: {} {}", what, before.score, after.score);
                }
            }
        }

        /// In whatever order the index brings them, equals too, and however many are asked for.
        #[test]
        fn the_order_is_always_the_same(
            (family, cards, shuffled) in some_town().prop_flat_map(|(family, mut cards)| {
                let twins: Vec<_> = cards.iter().map(|card| Card { id: self::card().id, ..card.clone() }).collect();
                cards.extend(twins);
                (Just(family), Just(cards.clone()), Just(cards).prop_shuffle())
            }),
            at_most in 0usize..30,
        ) {
            let all = recommend(&family, cards.iter(), usize::MAX);
            prop_assert!(all.is_sorted_by(|one, next| one.score >= next.score));
            let some = recommend(&family, shuffled.iter(), at_most);
            prop_assert_eq!(&some[..], &all[..at_most.min(all.len())]);
        }
    }
}
