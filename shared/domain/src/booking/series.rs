//! Bookings that repeat by a rule of RFC 5545.
//!
//! A rule gives days, and each day becomes moments by a [`Window`](super::window::Window) of its own, so that no
//! change of the clocks moves anything. Rules are the part of the RFC that calendars offer for this: every so
//! many days, weeks or months, on days of the week or of the month, until a day or so many times. What is left
//! out (`BYMONTH`, `BYSETPOS`, intervals of a year and more) could be combined to rules that match no day at all,
//! and whoever expands such a rule looks for one until the calendar ends.

use chrono::{DateTime, Datelike, TimeZone};
use jiff::{
    Timestamp, ToSpan,
    civil::{Date, DateTime as WallTime},
};
use rrule::{Frequency, NWeekday, RRule, Tz, Unvalidated};
use serde::{Deserialize, Serialize};

use super::window::Window;
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
    /// Without its `UNTIL`.
    rule: RRule<Unvalidated>,
    until: Option<Until>,
}

/// When a rule ends, in the forms of RFC 5545, 3.3.10. No booking starts later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Until {
    /// With a day, which is included: `20261231`.
    Day(Date),
    /// With a moment, which the RFC requires where `DTSTART` has a time and a zone: `20261231T190000Z`.
    Moment(Timestamp),
    /// With a time by the clock of the booking's place: `20261231T190000`.
    Local(WallTime),
}

impl Rule {
    /// Reads the value of an RRULE. It must end: by `COUNT`, or by `UNTIL`, which is a date or a date with a time.
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
                "UNTIL" if until.is_none() => until = Some(Until::parse(value).ok_or_else(invalid)?),
                "UNTIL" => return Err(invalid()),
                // The parser ignores a number that it cannot read.
                "BYDAY" if !value.split(',').all(is_weekday) => return Err(invalid()),
                _ if PARTS.contains(&name) => others.push(part),
                _ => return Err(unsupported()),
            }
        }
        let rule: RRule<Unvalidated> = others.join(";").parse().map_err(|_| invalid())?;
        check(&rule, until.is_some())?;
        Ok(Self { text, rule, until })
    }

    /// As it was given, in capitals.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the rule serves a series that begins with `first`: it ends within a year, if it ends by `UNTIL`, and
    /// there is something in it.
    pub fn check(&self, first: &Window) -> Result<(), Violation> {
        let last = self.until.map(|until| until.last_day(first));
        if last.is_some_and(|last| last >= first.date.saturating_add(1.year())) {
            Err(Violation::new("too_far", "must end within a year of its first day"))
        } else if self.dates(first, first.date, Date::MAX).is_empty() {
            Err(Violation::new("no_dates", "must have a day on or after its first"))
        } else {
            Ok(())
        }
    }

    /// Its days from one to another, both included, in order, of a series that begins with `first` and of which
    /// there are [`MAX_DATES`] at most.
    ///
    /// `first` is what the RFC calls `DTSTART`. Intervals are counted from there, and what the rule leaves open
    /// (the day of the week, or of the month) is taken from there. It is one of the days only if the rule says
    /// so: with `BYDAY=TU` a series that begins on a Monday has its first booking on the day after. The RFC
    /// leaves that case undefined.
    pub fn dates(&self, first: &Window, from: Date, until: Date) -> Vec<Date> {
        let last = self.until.map_or(Date::MAX, |ends| ends.last_day(first)).min(until);
        let Some(set) = midnight(first.date).and_then(|first| self.rule.clone().build(first).ok()) else {
            return Vec::new();
        };
        let dates = set.into_iter().take(MAX_DATES).map_while(|moment| day(&moment));
        dates.take_while(|date| *date <= last).filter(|date| *date >= from).collect()
    }
}

impl Until {
    fn parse(raw: &str) -> Option<Self> {
        let has_form = |form: &str| {
            let digit_or =
                |(form, byte): (u8, u8)| if form == b'9' { byte.is_ascii_digit() } else { byte == form };
            raw.len() == form.len() && form.bytes().zip(raw.bytes()).all(digit_or)
        };
        if has_form("99999999") {
            raw.parse().ok().map(Self::Day)
        } else if has_form("99999999T999999") {
            raw.parse().ok().map(Self::Local)
        } else if has_form("99999999T999999Z") {
            raw.parse().ok().map(Self::Moment)
        } else {
            None
        }
    }

    /// The last day on which a booking at the hours of `first` may start.
    fn last_day(self, first: &Window) -> Date {
        let zone = first.zone.rules();
        let end = match self {
            Self::Day(date) => return date,
            Self::Moment(moment) => moment,
            Self::Local(wall) => match zone.to_ambiguous_timestamp(wall).compatible() {
                Ok(moment) => moment,
                // Beyond the last moment that has a number.
                Err(_) => return wall.date(),
            },
        };
        let date = end.to_zoned(zone.clone()).date();
        let starts = first.hours.on(date, &zone).is_some_and(|span| span.start <= end);
        if starts { date } else { date.saturating_sub(1.day()) }
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
fn check(rule: &RRule<Unvalidated>, has_until: bool) -> Result<(), Violation> {
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
    let (interval, count) = (rule.get_interval(), rule.get_count());
    if !fits || interval > MAX_INTERVAL {
        Err(unsupported())
    } else if interval == 0 || days.contains(&0) || (count.is_some() && has_until) {
        Err(invalid())
    } else if count.is_none() && !has_until {
        Err(Violation::new("endless", "must end, by COUNT or by UNTIL"))
    } else if count.is_some_and(|count| !(1..=MAX_COUNT).contains(&count)) {
        Err(Violation::new("out_of_range", format!("must count from 1 to {MAX_COUNT} bookings")))
    } else {
        // What else there is does not depend on the first day.
        let built = midnight(Date::ZERO).map(|first| rule.clone().build(first));
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
    use crate::{
        availability::{Hours, Minute},
        time_zone::TimeZoneName,
    };
    use jiff::civil::{Weekday, date};
    use proptest::prelude::*;

    /// Hours that begin at `time`, by the clocks of `zone`.
    fn window(date: Date, time: &str, zone: &str) -> Window {
        let (start, end) = (Minute::parse(time).unwrap(), Minute::parse("06:00").unwrap());
        Window { date, hours: Hours { start, end }, zone: TimeZoneName::parse(zone).unwrap() }
    }

    fn evening(date: Date) -> Window {
        window(date, "19:00", "Europe/London")
    }

    fn dates(rule: &str, first: &str) -> Vec<String> {
        let first = evening(first.parse().unwrap());
        let dates = Rule::parse(rule).unwrap().dates(&first, first.date, Date::MAX);
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
            "FREQ=DAILY;UNTIL=20260101T000000Z;UNTIL=20260101",
            "FREQ=DAILY;UNTIL=20260101T",
            "FREQ=DAILY;UNTIL=20260101T0000",
            "FREQ=DAILY;UNTIL=20260101T250000Z",
            "FREQ=DAILY;UNTIL=20260101T000000+0100",
            "FREQ=DAILY;UNTIL=20260101Z",
            "FREQ=DAILY;COUNT=3;UNTIL=20260101T000000Z",
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
    fn ends_by_a_time_where_the_booking_is() {
        let last = |until: &str, time: &str, zone: &str| {
            let first = window(date(2026, 6, 1), time, zone);
            let rule = Rule::parse(&format!("FREQ=DAILY;UNTIL={until}")).unwrap();
            rule.dates(&first, first.date, Date::MAX).last().map(ToString::to_string).unwrap_or_default()
        };
        // In summer, London is an hour ahead of UTC: the last booking starts at 18:00 UTC.
        assert_eq!(last("20260605T180000Z", "19:00", "Europe/London"), "2026-06-05");
        assert_eq!(last("20260605T175959Z", "19:00", "Europe/London"), "2026-06-04");
        assert_eq!(last("20260605T190000", "19:00", "Europe/London"), "2026-06-05");
        assert_eq!(last("20260605T185959", "19:00", "Europe/London"), "2026-06-04");
        // The day of UTC is not that of the place.
        assert_eq!(last("20260605T070000Z", "19:00", "Pacific/Auckland"), "2026-06-05");
        assert_eq!(last("20260605T065959Z", "19:00", "Pacific/Auckland"), "2026-06-04");
        assert_eq!(last("20260606T020000Z", "19:00", "America/Los_Angeles"), "2026-06-05");
        assert_eq!(last("20260604T233000Z", "00:30", "Europe/London"), "2026-06-05");
        // A time that the clocks skip comes when they are put forward past it.
        let spring = window(date(2026, 3, 27), "01:30", "Europe/London");
        let rule = Rule::parse("FREQ=DAILY;UNTIL=20260329T013000").unwrap();
        assert_eq!(rule.dates(&spring, spring.date, Date::MAX).len(), 3);
    }

    #[test]
    fn serves_a_series_for_a_year() {
        let check = |rule: &str| {
            Rule::parse(rule).unwrap().check(&evening(date(2026, 3, 1))).map_err(|error| error.code)
        };
        assert_eq!(check("FREQ=DAILY;UNTIL=20270228"), Ok(()));
        assert_eq!(check("FREQ=DAILY;UNTIL=20270301"), Err("too_far"));
        assert_eq!(check("FREQ=DAILY;UNTIL=20270301T185959Z"), Ok(()));
        assert_eq!(check("FREQ=DAILY;UNTIL=20270301T190000Z"), Err("too_far"));
        assert_eq!(check("FREQ=DAILY;UNTIL=99991231T235959"), Err("too_far"));
        assert_eq!(check("FREQ=DAILY;UNTIL=20260301T185959Z"), Err("no_dates"));
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
            let start = evening(first);
            prop_assert_eq!(&rule.dates(&start, first, horizon), &all, "{}", rule.as_str());
            let from = first.saturating_add(skip.days());
            let later: Vec<Date> = all.into_iter().filter(|date| *date >= from).collect();
            prop_assert_eq!(rule.dates(&start, from, horizon), later);

            let last = first.saturating_add(skip.days());
            let text = format!("{};UNTIL={}", meaning.text(), last.strftime("%Y%m%d"));
            let until: Vec<Date> = first.series(1.day()).take_while(|date| *date <= last)
                .filter(|date| meaning.has(first, *date)).collect();
            prop_assert_eq!(&Rule::parse(&text).unwrap().dates(&start, first, horizon), &until, "{}", text);
            // With the moment at which the last one starts, it means the same.
            let moment = start.on(last).span().unwrap().start;
            let text = format!("{};UNTIL={}", meaning.text(), moment.strftime("%Y%m%dT%H%M%SZ"));
            prop_assert_eq!(Rule::parse(&text).unwrap().dates(&start, first, horizon), until, "{}", text);
        }

        /// So that nobody looks for one in vain.
        #[test]
        fn every_rule_has_days(meaning in any_meaning(), first in any_date()) {
            let rule = Rule::parse(&format!("{};COUNT=104", meaning.text())).unwrap();
            let all = rule.dates(&evening(first), first, Date::MAX);
            prop_assert_eq!(all.len(), 104, "{}", rule.as_str());
            prop_assert!(all.is_sorted_by(|one, next| one < next) && all[0] >= first);
        }

        #[test]
        fn anything_may_be_tried(raw in "(FREQ=(DAILY|WEEKLY|MONTHLY|YEARLY)(;(INTERVAL|COUNT|UNTIL|BYDAY|BYMONTHDAY|WKST)=([-+0-9A-Z,]{0,9}|[0-9]{8}T[0-9]{6}Z?)){0,4})|\\PC{0,20}", year in -9999i16..=9999) {
            if let Ok(rule) = Rule::parse(&raw) {
                let first = evening(date(year, 12, 31));
                prop_assert!(rule.dates(&first, Date::MIN, Date::MAX).len() <= MAX_DATES);
                prop_assert_eq!(Rule::parse(rule.as_str()).unwrap(), rule);
            }
        }
    }
}
