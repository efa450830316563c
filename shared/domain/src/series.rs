//! Bookings that follow one rule, and how far ahead they are made.

use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};
use serde::{Deserialize, Serialize};
use strum::AsRefStr;

use crate::{
    booking::{policy::Policy, series::Rule, window::Window},
    id::{BookingId, ChildId, SeriesId, UserId},
    money::HourlyRate,
    stripe::PaymentMethodId,
};

/// So many days ahead bookings are made: a sitter plans by the month, and nobody answers for a year at once.
const AHEAD_DAYS: i64 = 56;

/// Whether there are more to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, AsRefStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum State {
    /// There are.
    Active,
    /// The rule has no more days.
    Complete,
    /// It was ended: by its parent, or because one side may not take part any more.
    Ended,
}

/// What a sitter asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// For an hour.
    pub rate: HourlyRate,
    /// When a booking is called off.
    pub policy: Policy,
}

impl Terms {
    /// Whether whoever has agreed to these has agreed to those, too: they are no dearer, and no stricter.
    pub fn cover(&self, asked: &Self) -> bool {
        self.rate.money().checked_sub(asked.rate.money()).is_ok() && asked.policy <= self.policy
    }
}

/// Bookings that follow one rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Never reused.
    pub id: SeriesId,
    /// Whose.
    pub parent: UserId,
    /// Who is booked.
    pub sitter: UserId,
    /// On which days.
    pub rule: Rule,
    /// At which hours; its day is the first of the series.
    pub first: Window,
    /// Who is looked after.
    pub children: Vec<ChildId>,
    /// What its parent has agreed to. One from before this was kept has none: its first booking tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<Terms>,
    /// What is to be paid with.
    pub method: PaymentMethodId,
    /// A [`Note`](crate::booking::Note), sealed with the parent's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed_note: Option<String>,
    /// Whether there are more to come.
    pub state: State,
    /// All days until then, that one included, have been looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_until: Option<Date>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// Rises by one with each change.
    pub version: u64,
}

/// What became of one day of a series.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// Which.
    pub date: Date,
    /// The booking, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub booking: Option<BookingId>,
    /// Why there is none, as a code: e.g. `taken`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub obstacle: Option<String>,
}

impl Series {
    /// The days for which bookings are to be made by now: not those before `at_most` others.
    pub fn to_make(&self, now: Timestamp, at_most: usize) -> Vec<Date> {
        if self.state != State::Active {
            return Vec::new();
        }
        let horizon = today(now).saturating_add(AHEAD_DAYS.days());
        let mut dates = self.rule.dates(&self.first, self.next_day(), horizon);
        dates.truncate(at_most);
        dates
    }

    /// The series after all days until that one have been looked at.
    #[must_use]
    pub fn made(&self, until: Date) -> Self {
        let made = Self { made_until: Some(until), version: self.version + 1, ..self.clone() };
        let state = if made.next_date().is_none() { State::Complete } else { made.state };
        Self { state, ..made }
    }

    /// The series without any more days.
    #[must_use]
    pub fn ended(&self) -> Self {
        Self { state: State::Ended, version: self.version + 1, ..self.clone() }
    }

    /// When the next booking is to be made.
    pub fn due(&self) -> Option<Timestamp> {
        let next = self.next_date().filter(|_| self.state == State::Active)?;
        let day = next.saturating_sub(AHEAD_DAYS.days());
        day.to_zoned(TimeZone::UTC).ok().map(|start| start.timestamp())
    }

    fn next_date(&self) -> Option<Date> {
        self.rule.dates(&self.first, self.next_day(), Date::MAX).into_iter().next()
    }

    fn next_day(&self) -> Date {
        self.made_until.map_or(self.first.date, |made| made.saturating_add(1.day()))
    }
}

/// By the clock of Greenwich: a day more or less does not matter so far ahead.
fn today(now: Timestamp) -> Date {
    now.to_zoned(TimeZone::UTC).date()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        availability::{Hours, Minute},
        money::Currency,
        time_zone::TimeZoneName,
    };
    use jiff::civil::date;

    fn series(rule: &str) -> Series {
        let now = "2026-03-01T12:00:00Z".parse().unwrap();
        let minute = |raw| Minute::parse(raw).unwrap();
        Series {
            id: crate::id::new(now),
            parent: crate::id::new(now),
            sitter: crate::id::new(now),
            rule: Rule::parse(rule).unwrap(),
            first: Window {
                date: date(2026, 3, 3),
                hours: Hours { start: minute("19:00"), end: minute("22:00") },
                zone: TimeZoneName::default(),
            },
            children: vec![],
            terms: None,
            method: PaymentMethodId::parse("pm_1").unwrap(),
            sealed_note: None,
            state: State::Active,
            made_until: None,
            created_at: now,
            version: 1,
        }
    }

    #[test]
    fn bookings_are_made_eight_weeks_ahead_and_each_day_once() {
        let weekly = series("FREQ=WEEKLY;COUNT=12");
        let now = weekly.created_at;
        let dates = weekly.to_make(now, 100);
        assert_eq!((dates.len(), dates[0], dates[7]), (8, date(2026, 3, 3), date(2026, 4, 21)));
        assert_eq!(weekly.to_make(now, 3).len(), 3);
        let made = weekly.made(dates[7]);
        assert!(made.to_make(now, 100).is_empty());
        let due = made.due().unwrap();
        assert_eq!(due.to_string(), "2026-03-03T00:00:00Z");
        assert_eq!(made.to_make(due, 100), [date(2026, 4, 28)]);
    }

    #[test]
    fn a_series_ends_with_its_rule_or_its_parents_wish() {
        let short = series("FREQ=DAILY;COUNT=2");
        let dates = short.to_make(short.created_at, 100);
        let made = short.made(dates[1]);
        assert_eq!((made.state, made.due()), (State::Complete, None));
        let ended = short.ended();
        assert_eq!((ended.due(), ended.to_make(short.created_at, 100)), (None, vec![]));
    }

    #[test]
    fn terms_cover_what_is_no_dearer_and_no_stricter() {
        let terms =
            |amount, currency, policy| Terms { rate: HourlyRate::parse(amount, currency).unwrap(), policy };
        let agreed = terms(1500, Currency::Gbp, Policy::Moderate);
        for (asked, expected) in [
            (agreed, true),
            (terms(1499, Currency::Gbp, Policy::Flexible), true),
            (terms(1501, Currency::Gbp, Policy::Moderate), false),
            (terms(1499, Currency::Gbp, Policy::Strict), false),
            (terms(1499, Currency::Eur, Policy::Moderate), false),
        ] {
            assert_eq!(agreed.cover(&asked), expected, "{asked:?}");
        }
    }

    #[test]
    fn one_from_before_its_terms_were_kept_is_read() {
        let mut stored = serde_json::to_value(series("FREQ=DAILY;COUNT=2")).unwrap();
        assert!(stored.get("terms").is_none());
        let terms =
            serde_json::json!({ "rate": { "amount_minor": 1500, "currency": "GBP" }, "policy": "strict" });
        stored["terms"] = terms.clone();
        let read: Series = serde_json::from_value(stored).unwrap();
        assert_eq!(serde_json::to_value(read.terms).unwrap(), terms);
    }
}
