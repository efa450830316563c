//! Bookings that repeat by a rule of RFC 5545.
//!
//! A rule gives days, and each day becomes moments by a [`Window`](super::window::Window) of its own, so that no
//! change of the clocks moves anything. Rules are the part of the RFC that calendars offer for this: every so
//! many days, weeks or months, on days of the week or of the month, until a day or so many times. What is left
//! out (`BYMONTH`, `BYSETPOS`, intervals of a year and more) could be combined to rules that match no day at all,
//! and whoever expands such a rule looks for one until the calendar ends.

use chrono::{DateTime, Datelike, TimeZone};
use jiff::{ToSpan, civil::Date};
use rrule::{Frequency, NWeekday, RRule, Tz, Unvalidated};
use serde::{Deserialize, Serialize};

use crate::Violation;

/// A rule has at most so many characters.
const MAX_CHARS: usize = 200;
/// A rule is for so many bookings at most, if it counts them: two a week for a year.
pub const MAX_COUNT: u32 = 104;
/// A rule that ends on a day is for a year at most: so many days.
pub const MAX_DATES: usize = 366;
/// Every twelfth month could always be one without a 31st.
const MAX_INTERVAL: u16 = 11;

/// The parts that a rule may have, in any order.
const PARTS: [&str; 7] = ["FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "BYMONTHDAY", "WKST"];

/// On which days bookings repeat, e.g. `FREQ=WEEKLY;BYDAY=TU,TH;COUNT=10`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Rule {
    text: String,
    rule: RRule<Unvalidated>,
}

impl Rule {
    /// Reads the value of an RRULE. It must end: by `COUNT`, or by `UNTIL`, which is a date, as the first day is
    /// one.
    pub fn parse(raw: &str) -> Result<Self, Violation> {
        if raw.len() > MAX_CHARS {
            return Err(Violation::new("too_long", format!("must be at most {MAX_CHARS} characters")));
        }
        // The parser takes bytes for characters, and a text with a colon for a line of a calendar.
        if !raw.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"=;,+-".contains(&byte)) {
            return Err(invalid());
        }
        let text = raw.to_uppercase();
        let mut until = None;
        let mut others = Vec::new();
        for part in text.split(';') {
            let (name, value) = part.split_once('=').ok_or_else(invalid)?;
            match name {
                // The parser would take a date for midnight in the zone of this machine.
                "UNTIL" if until.is_none() => until = Some(last_day(value).ok_or_else(invalid)?),
                "UNTIL" => return Err(invalid()),
                // The parser ignores a number that it cannot read.
                "BYDAY" if !value.split(',').all(is_weekday) => return Err(invalid()),
                _ if PARTS.contains(&name) => others.push(part),
                _ => return Err(unsupported()),
            }
        }
        let mut rule: RRule<Unvalidated> = others.join(";").parse().map_err(|_| invalid())?;
        if let Some(until) = until {
            rule = rule.until(midnight(until).ok_or_else(invalid)?);
        }
        check(&rule)?;
        Ok(Self { text, rule })
    }

    /// As it was given, in capitals.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the rule serves a series that begins on a day: it ends within a year, if it ends on a day, and
    /// there is something in it.
    pub fn check(&self, first: Date) -> Result<(), Violation> {
        let last = self.rule.get_until().and_then(day);
        if last.is_some_and(|last| last >= first.saturating_add(1.year())) {
            Err(Violation::new("too_far", "must end within a year of its first day"))
        } else if self.dates(first, first, Date::MAX).is_empty() {
            Err(Violation::new("no_dates", "must have a day on or after its first"))
        } else {
            Ok(())
        }
    }

    /// Its days from one to another, both included, in order, of a series that begins on `first` and of which
    /// there are [`MAX_DATES`] at most.
    ///
    /// `first` is what the RFC calls `DTSTART`. Intervals are counted from there, and what the rule leaves open
    /// (the day of the week, or of the month) is taken from there. It is one of the days only if the rule says
    /// so: with `BYDAY=TU` a series that begins on a Monday has its first booking on the day after. The RFC
    /// leaves that case undefined.
    pub fn dates(&self, first: Date, from: Date, until: Date) -> Vec<Date> {
        // A rule that ended before the series begins is none.
        let Some(set) = midnight(first).and_then(|first| self.rule.clone().build(first).ok()) else {
            return Vec::new();
        };
        let dates = set.into_iter().take(MAX_DATES).map_while(|moment| day(&moment));
        dates.take_while(|date| *date <= until).filter(|date| *date >= from).collect()
    }
}

fn invalid() -> Violation {
    Violation::new("invalid_rule", "must be a rule of RFC 5545 such as FREQ=WEEKLY;BYDAY=TU,TH;COUNT=10")
}

fn unsupported() -> Violation {
    let message = "must be daily, weekly or monthly, on days of the week or days of the month, and no more";
    Violation::new("unsupported_rule", message)
}

/// What a rule must be whatever the first day is.
fn check(rule: &RRule<Unvalidated>) -> Result<(), Violation> {
    let (weekdays, days) = (rule.get_by_weekday(), rule.get_by_month_day());
    let numbered = weekdays.iter().filter(|weekday| matches!(weekday, NWeekday::Nth(..))).count();
    // Weekdays with a number are days of a month, and do not mix with others.
    let fits = match rule.get_freq() {
        // Every seventh day may never be a Tuesday.
        Frequency::Daily => {
            days.is_empty() && numbered == 0 && (weekdays.is_empty() || rule.get_interval() == 1)
        }
        Frequency::Weekly => days.is_empty() && numbered == 0,
        Frequency::Monthly => {
            (days.is_empty() || weekdays.is_empty()) && [0, weekdays.len()].contains(&numbered)
        }
        _ => false,
    };
    let (interval, count, until) = (rule.get_interval(), rule.get_count(), rule.get_until());
    if !fits || interval > MAX_INTERVAL {
        Err(unsupported())
    } else if interval == 0 || days.contains(&0) || (count.is_some() && until.is_some()) {
        Err(invalid())
    } else if count.is_none() && until.is_none() {
        Err(Violation::new("endless", "must end, by COUNT or by UNTIL"))
    } else if count.is_some_and(|count| !(1..=MAX_COUNT).contains(&count)) {
        Err(Violation::new("out_of_range", format!("must count from 1 to {MAX_COUNT} bookings")))
    } else {
        // What else there is does not depend on the first day, but that it comes before the last.
        let first = until.copied().or_else(|| midnight(Date::ZERO));
        let built = first.map(|first| rule.clone().build(first));
        built.is_some_and(|built| built.is_ok()).then_some(()).ok_or_else(invalid)
    }
}

/// Whether that is a day of the week, with or without a number.
fn is_weekday(raw: &str) -> bool {
    raw.split_at_checked(raw.len().saturating_sub(2)).is_some_and(|(number, weekday)| {
        let is_number = number.is_empty() || number.parse::<i8>().is_ok_and(|number| number != 0);
        is_number && ["MO", "TU", "WE", "TH", "FR", "SA", "SU"].contains(&weekday)
    })
}

/// Reads a date as the RFC writes it, e.g. `20261231`.
fn last_day(raw: &str) -> Option<Date> {
    let is_date = raw.len() == 8 && raw.bytes().all(|byte| byte.is_ascii_digit());
    raw.parse().ok().filter(|_| is_date)
}

/// A day as `rrule` has them. Its zones know nothing of ours, so every day is one of UTC there.
fn midnight(date: Date) -> Option<DateTime<Tz>> {
    let (month, day) = (date.month().unsigned_abs(), date.day().unsigned_abs());
    Tz::UTC.with_ymd_and_hms(date.year().into(), month.into(), day.into(), 0, 0, 0).single()
}

/// The way back.
fn day(moment: &DateTime<Tz>) -> Option<Date> {
    let (month, day) = (moment.month().try_into().ok()?, moment.day().try_into().ok()?);
    Date::new(moment.year().try_into().ok()?, month, day).ok()
}

impl TryFrom<String> for Rule {
    type Error = Violation;
    fn try_from(raw: String) -> Result<Self, Violation> {
        Self::parse(&raw)
    }
}

impl From<Rule> for String {
    fn from(rule: Rule) -> Self {
        rule.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::{Weekday, date};
    use proptest::prelude::*;

    fn dates(rule: &str, first: &str) -> Vec<String> {
        let first = first.parse().unwrap();
        let dates = Rule::parse(rule).unwrap().dates(first, first, Date::MAX);
        dates.iter().map(ToString::to_string).collect()
    }

    fn code(rule: &str) -> &'static str {
        Rule::parse(rule).map_or_else(|violation| violation.code, |_| "ok")
    }

    #[test]
    fn days_stay_when_the_clocks_change() {
        let spring = dates("FREQ=WEEKLY;BYDAY=SA,SU;COUNT=4", "2026-03-28");
        assert_eq!(spring, ["2026-03-28", "2026-03-29", "2026-04-04", "2026-04-05"]);
        let autumn = dates("FREQ=DAILY;UNTIL=20261026", "2026-10-24");
        assert_eq!(autumn, ["2026-10-24", "2026-10-25", "2026-10-26"]);
    }

    #[test]
    fn the_first_day_is_one_only_if_the_rule_says_so() {
        assert_eq!(dates("FREQ=WEEKLY;BYDAY=TU;COUNT=2", "2026-03-02"), ["2026-03-03", "2026-03-10"]);
        assert_eq!(dates("FREQ=WEEKLY;COUNT=2", "2026-03-02"), ["2026-03-02", "2026-03-09"]);
        assert_eq!(dates("FREQ=MONTHLY;COUNT=2", "2026-01-31"), ["2026-01-31", "2026-03-31"]);
        assert_eq!(dates("FREQ=MONTHLY;BYDAY=-1FR;COUNT=2", "2026-03-02"), ["2026-03-27", "2026-04-24"]);
        // What WKST is for, by the RFC's own example.
        let example = |start| format!("FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST={start}");
        assert_eq!(
            ["MO", "SU"].map(|start| dates(&example(start), "1997-08-05")),
            [
                ["1997-08-05", "1997-08-10", "1997-08-19", "1997-08-24"],
                ["1997-08-05", "1997-08-17", "1997-08-19", "1997-08-31"],
            ]
        );
    }

    #[test]
    fn is_a_rule_that_ends_and_is_not_too_clever() {
        assert_eq!(code("freq=weekly;byday=tu,th;count=10"), "ok");
        assert_eq!(code(&"FREQ=WEEKLY;".repeat(20)), "too_long");
        for rule in ["FREQ=DAILY", "FREQ=WEEKLY;BYDAY=MO", "FREQ=MONTHLY;INTERVAL=2"] {
            assert_eq!(code(rule), "endless", "{rule}");
        }
        for count in ["0", "105", "4294967295"] {
            assert_eq!(code(&format!("FREQ=DAILY;COUNT={count}")), "out_of_range", "{count}");
        }
        for part in [
            "FREQ=YEARLY",
            "FREQ=HOURLY",
            "FREQ=SECONDLY",
            "FREQ=MONTHLY;BYMONTHDAY=31;BYMONTH=2",
            "FREQ=MONTHLY;INTERVAL=12;BYMONTHDAY=31",
            "FREQ=DAILY;INTERVAL=7;BYDAY=TU",
            "FREQ=DAILY;BYDAY=1MO",
            "FREQ=WEEKLY;BYDAY=1MO",
            "FREQ=MONTHLY;BYDAY=MO,1TU",
            "FREQ=MONTHLY;BYDAY=5MO;BYMONTHDAY=1",
            "FREQ=WEEKLY;BYMONTHDAY=1",
            "FREQ=DAILY;BYMONTHDAY=1",
            "FREQ=WEEKLY;BYDAY=TU;BYSETPOS=5",
            "FREQ=WEEKLY;BYHOUR=3",
            "FREQ=DAILY;INTERVAL=65535",
            "FREQ=WEEKLY;BYWEEKDAY=MO",
        ] {
            assert_eq!(code(&format!("{part};COUNT=3")), "unsupported_rule", "{part}");
        }
        for rule in [
            "",
            ";",
            "COUNT=3",
            "FREQ=DAILY;COUNT=3;",
            "FREQ=DAILY;COUNT=3;COUNT=3",
            "FREQ=DAILY;COUNT=x",
            "RRULE:FREQ=DAILY;COUNT=3",
            "FREQ=DAILY;INTERVAL=0;COUNT=3",
            "FREQ=DAILY;COUNT=3;UNTIL=20260101",
            "FREQ=DAILY;UNTIL=20260101T000000Z",
            "FREQ=DAILY;UNTIL=20260230",
            "FREQ=DAILY;UNTIL=2026-1-1",
            "FREQ=WEEKLY;BYDAY=;COUNT=3",
            "FREQ=WEEKLY;BYDAY=XX;COUNT=3",
            "FREQ=MONTHLY;BYDAY=0MO;COUNT=3",
            "FREQ=MONTHLY;BYDAY=6MO;COUNT=3",
            "FREQ=MONTHLY;BYMONTHDAY=0;COUNT=3",
            "FREQ=DAILY;\nCOUNT=3",
            "FREQ=MONTHLY;BYMONTHDAY=32;COUNT=3",
            "FREQ=WEEKLY;BYDAY=T€;COUNT=3",
            "FREQ=DAILY;WKST=MO:COUNT=3",
        ] {
            assert_eq!(code(rule), "invalid_rule", "{rule}");
        }
    }

    #[test]
    fn serves_a_series_for_a_year() {
        let check =
            |rule: &str| Rule::parse(rule).unwrap().check(date(2026, 3, 1)).map_err(|error| error.code);
        assert_eq!(check("FREQ=DAILY;UNTIL=20270228"), Ok(()));
        assert_eq!(check("FREQ=DAILY;UNTIL=20270301"), Err("too_far"));
        assert_eq!(check("FREQ=DAILY;UNTIL=20260228"), Err("no_dates"));
        assert_eq!(check("FREQ=WEEKLY;BYDAY=MO;UNTIL=20260301"), Err("no_dates"));
    }

    #[test]
    fn keeps_its_form() {
        let json = r#""FREQ=MONTHLY;BYDAY=1MO;COUNT=3""#;
        let rule: Rule = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&rule).unwrap(), json);
        assert_eq!(rule.as_str(), "FREQ=MONTHLY;BYDAY=1MO;COUNT=3");
        assert!(serde_json::from_str::<Rule>(r#""FREQ=DAILY""#).is_err());
    }

    const WEEKDAYS: [&str; 7] = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];

    /// A rule with what it means: whether a day is in it, ends aside.
    #[derive(Debug, Clone)]
    struct Meaning {
        freq: &'static str,
        interval: i32,
        week_start: usize,
        weekdays: Vec<usize>,
        numbered: Vec<(i8, usize)>,
        days: Vec<i8>,
    }

    impl Meaning {
        fn text(&self) -> String {
            let weekdays = self.weekdays.iter().map(|day| WEEKDAYS[*day].to_owned());
            let numbered = self.numbered.iter().map(|(number, day)| format!("{number}{}", WEEKDAYS[*day]));
            let days = self.days.iter().map(ToString::to_string);
            let part = |name: &str, values: Vec<String>| {
                if values.is_empty() { String::new() } else { format!(";{name}={}", values.join(",")) }
            };
            let (weekdays, days) = (weekdays.chain(numbered).collect(), days.collect());
            let (interval, start) = (self.interval, WEEKDAYS[self.week_start]);
            let (weekdays, days) = (part("BYDAY", weekdays), part("BYMONTHDAY", days));
            format!("FREQ={};INTERVAL={interval};WKST={start}{weekdays}{days}", self.freq)
        }

        fn has(&self, first: Date, date: Date) -> bool {
            let index = |weekday: Weekday| usize::from(weekday.to_monday_zero_offset().unsigned_abs());
            let weekday = index(date.weekday());
            let is_weekday = self.weekdays.contains(&weekday);
            let apart =
                |one: Date, other: Date| i32::try_from(other.duration_since(one).as_hours() / 24).unwrap();
            let week = |date: Date| {
                let into = (index(date.weekday()) + 7 - self.week_start) % 7;
                date.saturating_sub(i64::try_from(into).unwrap().days())
            };
            let month = |date: Date| i32::from(date.year()) * 12 + i32::from(date.month());
            let (intervals, fits) = match self.freq {
                "DAILY" => (apart(first, date), self.weekdays.is_empty() || is_weekday),
                "WEEKLY" => (
                    apart(week(first), week(date)) / 7,
                    is_weekday || (self.weekdays.is_empty() && date.weekday() == first.weekday()),
                ),
                _ => {
                    let from_end = date.day() - date.days_in_month() - 1;
                    let numbers = [(date.day() - 1) / 7 + 1, (from_end + 1) / 7 - 1];
                    let is_numbered =
                        |(number, day): &(i8, usize)| *day == weekday && numbers.contains(number);
                    let nothing =
                        self.weekdays.is_empty() && self.numbered.is_empty() && self.days.is_empty();
                    let is_day = self.days.contains(&date.day()) || self.days.contains(&from_end);
                    let fits = is_weekday || self.numbered.iter().any(is_numbered) || is_day;
                    (month(date) - month(first), fits || (nothing && date.day() == first.day()))
                }
            };
            fits && intervals % self.interval == 0
        }
    }

    fn any_meaning() -> impl Strategy<Value = Meaning> {
        let some_weekdays = prop::collection::vec(0usize..7, 0..4);
        let numbers = (-4i8..=5).prop_filter("there is no such", |number| *number != 0);
        let numbered = prop::collection::vec((numbers, 0usize..7), 1..4);
        let month_days = (-31i8..=31).prop_filter("there is no such", |day| *day != 0);
        let days = prop::collection::vec(month_days, 1..4);
        let kinds = (some_weekdays, numbered, days);
        (0u8..6, 1i32..=11, 0usize..7, kinds).prop_map(
            |(kind, interval, week_start, (weekdays, numbered, days))| {
                let none = Meaning {
                    freq: "MONTHLY",
                    interval,
                    week_start,
                    weekdays: vec![],
                    numbered: vec![],
                    days: vec![],
                };
                match kind {
                    0 => Meaning { freq: "DAILY", ..none },
                    1 => Meaning { freq: "DAILY", interval: 1, weekdays, ..none },
                    2 => Meaning { freq: "WEEKLY", weekdays, ..none },
                    3 => Meaning { weekdays, ..none },
                    4 => Meaning { numbered, ..none },
                    _ => Meaning { days, ..none },
                }
            },
        )
    }

    fn any_date() -> impl Strategy<Value = Date> {
        (0i64..4000).prop_map(|day| date(2024, 1, 1).saturating_add(day.days()))
    }

    proptest! {
        #[test]
        fn days_are_what_the_rule_means(meaning in any_meaning(), first in any_date(), count in 1usize..=104, skip in 0i64..200) {
            let rule = Rule::parse(&format!("{};COUNT={count}", meaning.text())).unwrap();
            let horizon = first.saturating_add(1000.days());
            let all: Vec<Date> = first.series(1.day()).take_while(|date| *date <= horizon)
                .filter(|date| meaning.has(first, *date)).take(count).collect();
            prop_assert_eq!(&rule.dates(first, first, horizon), &all, "{}", rule.as_str());
            let from = first.saturating_add(skip.days());
            let later: Vec<Date> = all.into_iter().filter(|date| *date >= from).collect();
            prop_assert_eq!(rule.dates(first, from, horizon), later);

            let last = first.saturating_add(skip.days());
            let text = format!("{};UNTIL={}", meaning.text(), last.strftime("%Y%m%d"));
            let until: Vec<Date> = first.series(1.day()).take_while(|date| *date <= last)
                .filter(|date| meaning.has(first, *date)).collect();
            prop_assert_eq!(Rule::parse(&text).unwrap().dates(first, first, horizon), until, "{}", text);
        }

        /// So that nobody looks for one in vain.
        #[test]
        fn every_rule_has_days(meaning in any_meaning(), first in any_date()) {
            let rule = Rule::parse(&format!("{};COUNT=104", meaning.text())).unwrap();
            let all = rule.dates(first, first, Date::MAX);
            prop_assert_eq!(all.len(), 104, "{}", rule.as_str());
            prop_assert!(all.is_sorted_by(|one, next| one < next) && all[0] >= first);
        }

        #[test]
        fn anything_may_be_tried(raw in "(FREQ=(DAILY|WEEKLY|MONTHLY|YEARLY)(;(INTERVAL|COUNT|UNTIL|BYDAY|BYMONTHDAY|WKST)=[-+0-9A-Z,]{0,9}){0,4})|\\PC{0,20}", year in -9999i16..=9999) {
            if let Ok(rule) = Rule::parse(&raw) {
                let first = date(year, 12, 31);
                prop_assert!(rule.dates(first, Date::MIN, Date::MAX).len() <= MAX_DATES);
                prop_assert_eq!(Rule::parse(rule.as_str()).unwrap(), rule);
            }
        }
    }
}
