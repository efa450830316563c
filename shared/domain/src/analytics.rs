//! How well searches go, summed up by the hour. Nothing personal is in it.

use std::{collections::BTreeMap, fmt, time::Duration};

use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};
use serde::{Deserialize, Serialize};

use crate::{
    Violation,
    search::{Query, Term},
};

/// An hour of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hour {
    /// Its day.
    pub date: Date,
    hour: u8,
}

impl Hour {
    /// The hour of a moment.
    pub fn of(moment: Timestamp) -> Self {
        let wall = moment.to_zoned(TimeZone::UTC);
        Self { date: wall.date(), hour: wall.hour().unsigned_abs() }
    }

    /// Reads an hour in the form in which it is written: `2026-11-25T13`.
    pub fn parse(raw: &str) -> Result<Self, Violation> {
        let invalid = || Violation::new("invalid_hour", "must be an hour such as 2026-11-25T13");
        let (date, hour) = raw.split_once('T').ok_or_else(invalid)?;
        let hour = hour.parse().ok().filter(|hour| *hour < 24).ok_or_else(invalid)?;
        Ok(Self { date: date.parse().map_err(|_| invalid())?, hour })
    }

    /// Whether it is this hour or one of the two before.
    pub fn is_recent(self, now: Timestamp) -> bool {
        let hours_ago =
            |hours| Self::of(now.saturating_sub(SignedDuration::from_hours(hours)).unwrap_or(now));
        (0..=2).any(|hours| hours_ago(hours) == self)
    }

    /// From 0 to 23.
    pub fn of_day(self) -> u8 {
        self.hour
    }
}

impl fmt::Display for Hour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}T{:02}", self.date, self.hour)
    }
}

impl TryFrom<String> for Hour {
    type Error = Violation;
    fn try_from(raw: String) -> Result<Self, Violation> {
        Self::parse(&raw)
    }
}

impl From<Hour> for String {
    fn from(hour: Hour) -> Self {
        hour.to_string()
    }
}

/// What is counted of one search.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Searched {
    /// How long it took, as a place in [`LATENCIES`].
    pub latency: usize,
    /// Whether nobody was found.
    pub in_vain: bool,
    /// The words that found nobody; none where somebody was found.
    pub terms: Vec<String>,
    /// One of 256 groups, which whoever searched belongs to for a day: enough to tell that three searches were not
    /// one person's, too little to tell whose.
    pub group: u8,
}

/// Up to how many milliseconds the steps reach by which latencies are counted; the last has no end.
pub const LATENCIES: [u64; 9] = [5, 10, 25, 50, 100, 250, 500, 1_000, u64::MAX];

/// Longer words are no words.
const MAX_TERM: usize = 24;
/// A word that people of fewer groups have looked for is not told: it may be somebody's name.
pub const TELLING: usize = 3;

impl Searched {
    /// What is counted of a search that has found so many, in that time, by somebody of that group.
    pub fn new(query: &Query, results: usize, took: Duration, group: u8) -> Self {
        let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let in_vain = results == 0;
        // Numbers are never what is missing, and may be somebody's. A stop word that is looked for is a name.
        let is_word =
            |word: &&str| word.len() <= MAX_TERM && word.bytes().all(|byte| byte.is_ascii_lowercase());
        let terms = query.words.terms().iter().filter(|term| !term.is_stop_word());
        let words = terms.map(Term::word).filter(is_word);
        Self {
            latency: LATENCIES.iter().position(|bound| milliseconds <= *bound).unwrap_or(LATENCIES.len() - 1),
            in_vain,
            terms: if in_vain { words.map(str::to_owned).collect() } else { Vec::new() },
            group,
        }
    }
}

/// The counts of an hour.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Counts {
    /// Searches.
    pub searches: u64,
    /// Those that found nobody.
    pub in_vain: u64,
    /// Sitters that were chosen from one of them.
    pub clicks: u64,
    /// How many took how long: see [`LATENCIES`].
    pub latencies: [u64; LATENCIES.len()],
    /// How often words found nobody, by the groups of those who looked for them.
    pub terms: BTreeMap<String, BTreeMap<u8, u64>>,
}

impl Counts {
    /// The milliseconds within which that share of searches was answered: the bound of the step that it
    /// falls into. `None` without a search, and beyond the last bound.
    pub fn quantile(&self, share: f64) -> Option<u64> {
        let all: u64 = self.latencies.iter().sum();
        #[expect(clippy::cast_precision_loss, reason = "a share of a count")]
        let wanted = all as f64 * share;
        let mut seen = 0;
        let step = self.latencies.iter().position(|count| {
            seen += count;
            #[expect(clippy::cast_precision_loss, reason = "a share of a count")]
            let enough = seen as f64 >= wanted;
            enough && seen > 0
        });
        step.map(|step| LATENCIES[step]).filter(|bound| *bound < u64::MAX)
    }

    /// The words that found nobody and that enough people have looked for, the most frequent first.
    pub fn telling_terms(&self) -> Vec<(&str, u64)> {
        let telling = self.terms.iter().filter(|(_, groups)| groups.len() >= TELLING);
        let mut terms: Vec<_> =
            telling.map(|(term, groups)| (term.as_str(), groups.values().sum::<u64>())).collect();
        terms.sort_by_key(|(term, count)| (u64::MAX - count, *term));
        terms
    }
}

#[cfg(test)]
mod tests {
    use enumset::EnumSet;

    use super::*;
    use crate::{
        geo::{Point, Radius},
        language::Languages,
        search::{Sort, Words},
    };

    #[test]
    fn hours_are_read_as_they_are_written() {
        let hour = Hour::of("2026-11-25T13:59:59Z".parse().unwrap());
        assert_eq!(hour.to_string(), "2026-11-25T13");
        assert_eq!(Hour::parse("2026-11-25T13").unwrap(), hour);
        let at = |time: &str| hour.is_recent(time.parse().unwrap());
        assert!(at("2026-11-25T13:00:00Z") && at("2026-11-25T15:59:00Z"));
        assert!(!at("2026-11-25T16:00:00Z") && !at("2026-11-25T12:59:00Z"));
        for raw in ["", "2026-11-25", "2026-11-25T24", "2026-11-31T01", "T13"] {
            assert_eq!(Hour::parse(raw).unwrap_err().code, "invalid_hour", "{raw}");
        }
    }

    fn query(words: &str) -> Query {
        Query {
            words: Words::parse(words).unwrap(),
            near: Point::parse(53.7416, -2.0133).unwrap(),
            radius: Radius::default(),
            when: None,
            rate: None,
            languages: Languages::new(),
            ages: EnumSet::empty(),
            skills: EnumSet::empty(),
            min_rating: None,
            sort: Sort::default(),
            today: "2026-11-25".parse().unwrap(),
        }
    }

    #[test]
    fn only_words_that_found_nobody_are_kept() {
        let (longest, longer) = ("x".repeat(24), "y".repeat(25));
        let asked = format!("The FRENCH 07400123456 2nd {longest} {longer}");
        let searched = |results| Searched::new(&query(&asked), results, Duration::ZERO, 0);
        let in_vain = searched(0);
        assert_eq!((in_vain.in_vain, in_vain.terms), (true, vec!["french".to_owned(), longest]));
        assert_eq!(Searched::new(&query("Will"), 0, Duration::ZERO, 0).terms, Vec::<String>::new());
        let found = searched(1);
        assert_eq!((found.in_vain, found.terms), (false, vec![]));
    }

    #[test]
    fn a_latency_counts_in_the_step_that_it_does_not_exceed() {
        let step = |took| Searched::new(&query(""), 0, took, 0).latency;
        let steps = [0, 5, 6, 10, 11, 1_000, 1_001].map(|took| step(Duration::from_millis(took)));
        assert_eq!(steps, [0, 0, 1, 1, 2, 7, 8]);
        assert_eq!(step(Duration::from_micros(5_999)), 0);
        assert_eq!(step(Duration::MAX), 8);
    }

    #[test]
    fn quantiles_are_bounds_of_steps() {
        let mut counts = Counts::default();
        assert_eq!(counts.quantile(0.5), None);
        counts.latencies = [90, 0, 5, 4, 0, 0, 0, 0, 1];
        assert_eq!(
            [0.5, 0.95, 0.99, 1.0].map(|share| counts.quantile(share)),
            [Some(5), Some(25), Some(50), None]
        );
    }

    #[test]
    fn what_one_person_types_is_not_told() {
        let looked = |term: &str, groups: &[(u8, u64)]| (term.to_owned(), groups.iter().copied().collect());
        let terms = [
            looked("ada", &[(7, 99), (8, 1)]),
            looked("french", &[(7, 1), (8, 1), (9, 1)]),
            looked("polish", &[(0, 3), (1, 3), (255, 3)]),
        ];
        let counts = Counts { terms: terms.into(), ..Counts::default() };
        assert_eq!(counts.telling_terms(), [("polish", 9), ("french", 3)]);
    }
}
