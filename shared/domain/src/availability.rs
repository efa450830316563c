//! When a sitter works: hours of each week in their own zone, and the days that differ.
//!
//! Hours are what a clock on the wall shows. They become moments day by day, so that 18:00 stays
//! 18:00 when the clocks change; a shift over such a night is an hour shorter or longer.

use std::collections::BTreeMap;

use jiff::{
    SignedDuration, Timestamp, ToSpan,
    civil::{Date, DateTime, Weekday},
    tz::TimeZone,
};
use serde::{Deserialize, Serialize};

use crate::{Violation, time_zone::TimeZoneName};

/// A minute of a day, from 0 (midnight) to 1439.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct Minute(u16);

const DAY: u16 = 24 * 60;

impl Minute {
    /// Reads a time of day as `18:30`.
    pub fn parse(raw: &str) -> Result<Self, Violation> {
        let invalid = || Violation::new("invalid_time", "must be a time of day such as 18:30");
        let (hour, minute) = raw.split_once(':').ok_or_else(invalid)?;
        let number = |raw: &str, below: u16| {
            let digits = raw.len() == 2 && raw.bytes().all(|byte| byte.is_ascii_digit());
            raw.parse::<u16>().ok().filter(|number| digits && *number < below)
        };
        let (hour, minute) = number(hour, 24).zip(number(minute, 60)).ok_or_else(invalid)?;
        Ok(Self(hour * 60 + minute))
    }
}

impl std::fmt::Display for Minute {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl TryFrom<u16> for Minute {
    type Error = Violation;
    fn try_from(minute: u16) -> Result<Self, Violation> {
        if minute < DAY {
            Ok(Self(minute))
        } else {
            Err(Violation::new("invalid_time", "must be below 1440"))
        }
    }
}

impl From<Minute> for u16 {
    fn from(minute: Minute) -> Self {
        minute.0
    }
}

/// Hours on end. One that ends when it begins, or before, ends on the next day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Hours {
    /// The first minute.
    pub start: Minute,
    /// The minute after the last.
    pub end: Minute,
}

impl Hours {
    /// Minutes from the day's midnight, of which the second is beyond the day where the end is.
    fn minutes(self) -> (u16, u16) {
        let (start, end) = (self.start.0, self.end.0);
        (start, if end <= start { end + DAY } else { end })
    }

    /// From when to when they are on a day; `None` if the calendar does not go that far. When the clocks
    /// change in between, they may be no time at all, or less.
    ///
    /// What a clock never shows comes when it is put forward past it; of what it shows twice, the first
    /// counts.
    pub(crate) fn on(self, date: Date, zone: &TimeZone) -> Option<Span> {
        let midnight = DateTime::from_parts(date, jiff::civil::Time::midnight());
        let moment = |minutes: u16| {
            let wall = midnight.checked_add(i64::from(minutes).minutes()).ok()?;
            zone.to_ambiguous_timestamp(wall).compatible().ok()
        };
        let (start, end) = self.minutes();
        Some(Span { start: moment(start)?, end: moment(end)? })
    }
}

/// The hours of one day, in order and apart from each other. May be none.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Hours>", into = "Vec<Hours>")]
pub struct Day(Vec<Hours>);

/// More than anybody's day has.
const MAX_HOURS: usize = 6;

impl Day {
    /// Reads the hours of a day.
    pub fn parse(mut hours: Vec<Hours>) -> Result<Self, Violation> {
        if hours.len() > MAX_HOURS {
            return Err(Violation::new("too_many", format!("must be at most {MAX_HOURS} per day")));
        }
        hours.sort();
        let overlap = hours.windows(2).any(|pair| pair[0].minutes().1 > pair[1].start.0);
        if overlap { Err(Violation::new("overlap", "must not overlap")) } else { Ok(Self(hours)) }
    }

    /// In order.
    pub fn hours(&self) -> &[Hours] {
        &self.0
    }
}

impl TryFrom<Vec<Hours>> for Day {
    type Error = Violation;
    fn try_from(hours: Vec<Hours>) -> Result<Self, Violation> {
        Self::parse(hours)
    }
}

impl From<Day> for Vec<Hours> {
    fn from(day: Day) -> Self {
        day.0
    }
}

/// The hours of a week, from Monday on.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Week(pub [Day; 7]);

impl Week {
    /// Those of one day.
    pub fn on(&self, weekday: Weekday) -> &Day {
        &self.0[usize::from(weekday.to_monday_zero_offset().unsigned_abs())]
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|day| day.0.is_empty())
    }
}

/// Days off, the last included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Holiday {
    /// The first day.
    pub first: Date,
    /// The last day.
    pub last: Date,
}

impl Holiday {
    /// Reads a holiday of at most a year.
    pub fn parse(first: Date, last: Date) -> Result<Self, Violation> {
        let in_order = first <= last && last <= first.saturating_add(1.year());
        if in_order {
            Ok(Self { first, last })
        } else {
            Err(Violation::new("out_of_order", "must end on or after its first day, and within a year"))
        }
    }
}

/// When a sitter works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Availability {
    /// Of the clock on the wall.
    pub zone: TimeZoneName,
    /// As a rule.
    pub weekly: Week,
    /// Days that differ from the rule.
    pub exceptions: BTreeMap<Date, Day>,
    /// Days off, whatever else is said.
    pub holidays: Vec<Holiday>,
    /// Rises by one with each change.
    pub version: u64,
}

/// How many days may differ, and how many holidays there may be.
pub const MAX_EXCEPTIONS: usize = 100;

/// Time on end: from a moment until before another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Span {
    /// The first moment.
    pub start: Timestamp,
    /// The moment after the last.
    pub end: Timestamp,
}

impl Span {
    /// Reads a span of at most that length.
    pub fn parse(start: Timestamp, end: Timestamp, at_most: SignedDuration) -> Result<Self, Violation> {
        let length = end.duration_since(start);
        if length <= SignedDuration::ZERO {
            Err(Violation::new("out_of_order", "must end after it starts"))
        } else if length > at_most {
            Err(Violation::new("too_long", format!("must span at most {} hours", at_most.as_hours())))
        } else {
            Ok(Self { start, end })
        }
    }

    /// From its first moment to the one after its last.
    pub fn length(self) -> SignedDuration {
        self.end.duration_since(self.start)
    }

    /// Whether the two have time in common. Where one ends when the other starts, they have not.
    pub fn overlaps(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }
}

impl Availability {
    /// Of somebody who has said nothing yet.
    pub fn new(zone: TimeZoneName) -> Self {
        Self { zone, weekly: Week::default(), exceptions: BTreeMap::new(), holidays: Vec::new(), version: 0 }
    }

    /// The times within a span at which they work, in order and apart from each other.
    pub fn slots(&self, within: Span) -> Vec<Span> {
        let zone = self.zone.rules();
        let local = |moment: Timestamp| zone.to_datetime(moment).date();
        // A shift of the day before may reach into the first day.
        let first = local(within.start).yesterday().unwrap_or(Date::MIN);
        let last = local(within.end);
        let mut slots: Vec<Span> = Vec::new();
        let days = first.series(1.day()).take_while(|date| *date <= last);
        let mut shifts: Vec<_> = days.flat_map(|date| self.shifts(date, &zone)).collect();
        // Where a clock is put forward, a shift that was to begin in the gap begins after the next one.
        shifts.sort_unstable();
        for slot in shifts {
            let slot = Span { start: slot.start.max(within.start), end: slot.end.min(within.end) };
            match slots.last_mut() {
                _ if slot.start >= slot.end => {}
                // A shift may begin before the end of yesterday's.
                Some(before) if slot.start <= before.end => before.end = before.end.max(slot.end),
                _ => slots.push(slot),
            }
        }
        slots
    }

    /// Whether they work all through a span.
    pub fn covers(&self, span: Span) -> bool {
        self.slots(span) == [span]
    }

    /// The shifts that begin on a day. A shift that would run into a day off ends at midnight.
    fn shifts(&self, date: Date, zone: &TimeZone) -> Vec<Span> {
        let spans = self.day(date).0.iter().filter_map(|hours| hours.on(date, zone));
        let night_off = date.tomorrow().ok().filter(|tomorrow| self.is_off(*tomorrow));
        let last = night_off.and_then(|tomorrow| tomorrow.to_zoned(zone.clone()).ok());
        let last = last.map_or(Timestamp::MAX, |midnight| midnight.timestamp());
        spans
            .map(|span| Span { end: span.end.min(last), ..span })
            .filter(|span| span.start < span.end)
            .collect()
    }

    fn day(&self, date: Date) -> &Day {
        const OFF: &Day = &Day(Vec::new());
        if self.is_holiday(date) {
            return OFF;
        }
        self.exceptions.get(&date).unwrap_or_else(|| self.weekly.on(date.weekday()))
    }

    /// Whether the sitter takes that day off: a holiday, or an exception without hours. A day on which the week has
    /// no hours is none, because the night before may reach into it as a rule.
    fn is_off(&self, date: Date) -> bool {
        self.is_holiday(date) || self.exceptions.get(&date).is_some_and(|day| day.0.is_empty())
    }

    fn is_holiday(&self, date: Date) -> bool {
        self.holidays.iter().any(|holiday| (holiday.first..=holiday.last).contains(&date))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::AmbiguousOffset;
    use proptest::prelude::*;

    fn minute(raw: &str) -> Minute {
        Minute::parse(raw).unwrap()
    }

    fn hours(start: &str, end: &str) -> Hours {
        Hours { start: minute(start), end: minute(end) }
    }

    fn every_day(zone: &str, hours: Vec<Hours>) -> Availability {
        let mut availability = Availability::new(TimeZoneName::parse(zone).unwrap());
        availability.weekly = Week(std::array::from_fn(|_| Day::parse(hours.clone()).unwrap()));
        availability
    }

    fn span(start: &str, end: &str) -> Span {
        Span { start: start.parse().unwrap(), end: end.parse().unwrap() }
    }

    #[test]
    fn reads_times_and_days() {
        assert_eq!(minute("18:05").to_string(), "18:05");
        for raw in ["", "1805", "24:00", "18:60", "8:00", "+8:00", "18:0５"] {
            assert_eq!(Minute::parse(raw).unwrap_err().code, "invalid_time", "{raw}");
        }
        let day = Day::parse(vec![hours("20:00", "02:00"), hours("08:00", "12:00")]).unwrap();
        assert_eq!(day.hours()[0], hours("08:00", "12:00"));
        let overlap = Day::parse(vec![hours("20:00", "02:00"), hours("21:00", "22:00")]);
        assert_eq!(overlap.unwrap_err().code, "overlap");
        assert_eq!(Day::parse(vec![hours("20:00", "21:00"); 7]).unwrap_err().code, "too_many");
    }

    #[test]
    fn the_wall_clock_stays_when_the_clocks_change() {
        let evenings = every_day("Europe/London", vec![hours("18:00", "22:00")]);
        let slots = evenings.slots(span("2026-03-28T00:00:00Z", "2026-03-30T00:00:00Z"));
        assert_eq!(
            slots,
            [
                span("2026-03-28T18:00:00Z", "2026-03-28T22:00:00Z"),
                span("2026-03-29T17:00:00Z", "2026-03-29T21:00:00Z")
            ]
        );
    }

    #[test]
    fn nights_are_shorter_and_longer() {
        let nights = every_day("Europe/London", vec![hours("22:00", "06:00")]);
        let spring = nights.slots(span("2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z"));
        assert_eq!(spring, [span("2026-03-28T22:00:00Z", "2026-03-29T05:00:00Z")]);
        let autumn = nights.slots(span("2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z"));
        assert_eq!(autumn, [span("2026-10-24T21:00:00Z", "2026-10-25T06:00:00Z")]);
        // The hour that never comes: 01:15 to 01:45 on the night in spring.
        let brief = every_day("Europe/London", vec![hours("01:15", "01:45")]);
        assert_eq!(
            brief.slots(span("2026-03-29T00:00:00Z", "2026-03-29T12:00:00Z")),
            [span("2026-03-29T01:15:00Z", "2026-03-29T01:45:00Z")]
        );
        // And the hour that comes twice in autumn: the first counts.
        assert_eq!(
            brief.slots(span("2026-10-25T00:00:00Z", "2026-10-25T12:00:00Z")),
            [span("2026-10-25T00:15:00Z", "2026-10-25T00:45:00Z")]
        );
    }

    #[test]
    fn what_is_put_forward_takes_nothing_from_what_follows() {
        let split = every_day("Europe/London", vec![hours("01:15", "01:45"), hours("02:05", "03:00")]);
        assert_eq!(
            split.slots(span("2026-03-29T00:00:00Z", "2026-03-29T12:00:00Z")),
            [span("2026-03-29T01:05:00Z", "2026-03-29T02:00:00Z")]
        );
    }

    #[test]
    fn around_the_clock_is_one_slot() {
        let always = every_day("Europe/London", vec![hours("00:00", "00:00")]);
        let week = span("2026-03-26T00:00:00Z", "2026-04-02T00:00:00Z");
        assert_eq!(always.slots(week), [week]);
        assert!(always.covers(week));
    }

    #[test]
    fn exceptions_and_holidays_come_before_the_rule() {
        let mut mornings = every_day("Europe/London", vec![hours("08:00", "12:00")]);
        mornings
            .exceptions
            .insert("2026-01-06".parse().unwrap(), Day::parse(vec![hours("14:00", "16:00")]).unwrap());
        mornings
            .exceptions
            .insert("2026-01-08".parse().unwrap(), Day::parse(vec![hours("14:00", "16:00")]).unwrap());
        let off = Holiday::parse("2026-01-07".parse().unwrap(), "2026-01-08".parse().unwrap()).unwrap();
        mornings.holidays.push(off);
        let slots = mornings.slots(span("2026-01-05T00:00:00Z", "2026-01-10T00:00:00Z"));
        let expected = [
            span("2026-01-05T08:00:00Z", "2026-01-05T12:00:00Z"),
            span("2026-01-06T14:00:00Z", "2026-01-06T16:00:00Z"),
            span("2026-01-09T08:00:00Z", "2026-01-09T12:00:00Z"),
        ];
        assert_eq!(slots, expected);
        assert!(mornings.covers(span("2026-01-09T09:00:00Z", "2026-01-09T12:00:00Z")));
        assert!(!mornings.covers(span("2026-01-09T09:00:00Z", "2026-01-09T12:00:01Z")));
        assert!(!mornings.covers(span("2026-01-07T09:00:00Z", "2026-01-07T10:00:00Z")));
        assert!(Holiday::parse("2026-01-08".parse().unwrap(), "2026-01-07".parse().unwrap()).is_err());
    }

    #[test]
    fn a_shift_ends_where_a_day_off_begins() {
        let friday = span("2026-01-09T00:00:00Z", "2026-01-11T00:00:00Z");
        let night = span("2026-01-09T18:00:00Z", "2026-01-10T02:00:00Z");
        let cut = span("2026-01-09T18:00:00Z", "2026-01-10T00:00:00Z");
        let mut fridays = every_day("Europe/London", vec![]);
        fridays.weekly.0[4] = Day::parse(vec![hours("18:00", "02:00")]).unwrap();
        assert_eq!(fridays.slots(friday), [night], "a Saturday without hours is no day off");

        let saturday: Date = "2026-01-10".parse().unwrap();
        let differs = |hours| {
            let exceptions = [(saturday, Day::parse(hours).unwrap())].into();
            Availability { exceptions, ..fridays.clone() }
        };
        let day_off = differs(vec![]);
        let holidays = vec![Holiday::parse(saturday, saturday).unwrap()];
        let holiday = Availability { holidays: holidays.clone(), ..fridays.clone() };
        // A holiday decides, whatever the exception says.
        let both = Availability { holidays, ..differs(vec![hours("10:00", "12:00")]) };
        for off in [day_off, holiday, both] {
            assert_eq!(off.slots(friday), [cut]);
            assert!(off.covers(cut) && !off.covers(night));
            assert_eq!(off.slots(span("2026-01-10T00:00:00Z", "2026-01-11T00:00:00Z")), []);
        }
        let busy = differs(vec![hours("10:00", "12:00")]);
        assert_eq!(busy.slots(friday), [night, span("2026-01-10T10:00:00Z", "2026-01-10T12:00:00Z")]);
    }

    #[test]
    fn a_day_off_begins_with_the_first_moment_that_the_clock_shows_of_it() {
        // On that Friday the clocks of Cairo go from 00:00 to 01:00.
        let mut nights = every_day("Africa/Cairo", vec![hours("18:00", "02:00")]);
        let friday: Date = "2026-04-24".parse().unwrap();
        nights.exceptions.insert(friday, Day::default());
        let slots = nights.slots(span("2026-04-23T12:00:00Z", "2026-04-24T12:00:00Z"));
        assert_eq!(slots, [span("2026-04-23T16:00:00Z", "2026-04-23T22:00:00Z")]);
    }

    #[test]
    fn a_span_is_in_order_and_bounded() {
        let at = |raw: &str| raw.parse().unwrap();
        let month = SignedDuration::from_hours(31 * 24);
        let parse = |start, end| Span::parse(at(start), at(end), month).map_err(|violation| violation.code);
        assert!(parse("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z").is_ok());
        assert_eq!(parse("2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z"), Err("out_of_order"));
        assert_eq!(parse("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"), Err("out_of_order"));
        assert_eq!(parse("2026-01-01T00:00:00Z", "2036-01-01T00:00:00Z"), Err("too_long"));
    }

    fn any_hours() -> impl Strategy<Value = Vec<Hours>> {
        prop::collection::vec((0u16..1440, 0u16..1440), 0..4).prop_filter_map("they overlap", |pairs| {
            let hours =
                pairs.into_iter().map(|(start, end)| Hours { start: Minute(start), end: Minute(end) });
            Day::parse(hours.collect()).ok().map(Vec::from)
        })
    }

    /// Before four, when clocks change.
    fn small_hours() -> impl Strategy<Value = Vec<Hours>> {
        prop::collection::btree_set(0u16..240, 4..12).prop_map(|minutes| {
            let minutes: Vec<_> = minutes.into_iter().map(Minute).collect();
            minutes.chunks_exact(2).map(|pair| Hours { start: pair[0], end: pair[1] }).collect()
        })
    }

    /// Zones whose clocks change by an hour, by half an hour, at midnight, and never.
    const ZONES: [&str; 6] = [
        "Europe/London",
        "America/New_York",
        "Australia/Lord_Howe",
        "America/Santiago",
        "Africa/Cairo",
        "Asia/Kolkata",
    ];

    /// Of the days that the properties are about.
    fn new_year() -> Timestamp {
        "2026-01-01T00:00:00Z".parse().unwrap()
    }

    /// Every change of a clock within two years, and whose it is.
    fn changes() -> Vec<(&'static str, Timestamp)> {
        let end = new_year() + SignedDuration::from_hours(24 * 730);
        let of = |zone: &&'static str| {
            let tz = TimeZone::get(zone).unwrap();
            let changes = tz.following(new_year()).map(|change| change.timestamp());
            changes.take_while(|change| *change < end).map(|change| (*zone, change)).collect::<Vec<_>>()
        };
        ZONES.iter().flat_map(of).collect()
    }

    #[test]
    fn all_clocks_change_but_one() {
        let changes = changes();
        for zone in &ZONES[..5] {
            assert_eq!(changes.iter().filter(|(other, _)| other == zone).count(), 4, "{zone}");
        }
        assert_eq!(changes.len(), 20);
    }

    /// Whether that is a minute of these hours, of the same day or of the day before.
    fn shows_work(wall: DateTime, hours: &[Hours]) -> bool {
        let minute = u16::try_from(i32::from(wall.hour()) * 60 + i32::from(wall.minute())).unwrap();
        hours.iter().any(|hours| {
            let (from, to) = hours.minutes();
            (from..to).contains(&minute) || (from..to).contains(&(minute + DAY))
        })
    }

    /// The bounds of the hours of a day, on the clock.
    fn bounds(date: Date, hours: Hours) -> [DateTime; 2] {
        let at = |date: Date, minute: Minute| {
            let [hour, minute] = [minute.0 / 60, minute.0 % 60].map(|part| i8::try_from(part).unwrap());
            date.at(hour, minute, 0, 0)
        };
        let last = if hours.end <= hours.start { date.tomorrow().unwrap() } else { date };
        [at(date, hours.start), at(last, hours.end)]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        /// Minute by minute, against the clock on the wall: where the clock is unambiguous, it decides.
        #[test]
        fn slots_are_what_the_wall_clock_says(
            zone in prop::sample::select(&ZONES),
            hours in any_hours(),
            day in 0i64..730,
        ) {
            let availability = every_day(zone, hours.clone());
            let tz = TimeZone::get(zone).unwrap();
            let start = new_year() + SignedDuration::from_hours(24 * day);
            let within = Span { start, end: start + SignedDuration::from_hours(48) };
            let slots = availability.slots(within);
            for pair in slots.windows(2) {
                prop_assert!(pair[0].end < pair[1].start);
            }
            for minutes in 0..48 * 60 {
                let moment = start + SignedDuration::from_mins(minutes);
                let wall = tz.to_datetime(moment);
                // Three hours around each change are the next property's.
                let steady = [-181, 181].iter().all(|around| {
                    tz.to_offset(moment + SignedDuration::from_mins(*around)) == tz.to_offset(moment)
                });
                if !steady { continue; }
                let free = slots.iter().any(|slot| slot.start <= moment && moment < slot.end);
                prop_assert_eq!(shows_work(wall, &hours), free, "{} {}", zone, wall);
            }
        }

        /// The same around every change of a clock. Where the clock shows a time twice or never, shifts begin and
        /// end when jiff says that it is that time.
        #[test]
        fn slots_are_right_where_clocks_change(
            (zone, change) in prop::sample::select(changes()),
            hours in prop_oneof![any_hours(), small_hours()],
            days in -1i32..=1,
        ) {
            let tz = TimeZone::get(zone).unwrap();
            let date = tz.to_datetime(change).date().saturating_add(days.days());
            let midnight = |date: Date| date.to_zoned(tz.clone()).unwrap().timestamp();
            let within = Span { start: midnight(date), end: midnight(date.tomorrow().unwrap()) };
            let slots = every_day(zone, hours.clone()).slots(within);
            for pair in slots.windows(2) {
                prop_assert!(pair[0].end < pair[1].start);
            }
            let shifts: Vec<_> = [date.yesterday().unwrap(), date]
                .into_iter()
                .flat_map(|date| hours.iter().map(move |hours| bounds(date, *hours)))
                .collect();
            let is_gap = |wall: &DateTime| {
                matches!(tz.to_ambiguous_timestamp(*wall).offset(), AmbiguousOffset::Gap { .. })
            };
            let may_be_read_off = !shifts.iter().flatten().any(is_gap);
            let moment = |wall: DateTime| wall.to_zoned(tz.clone()).unwrap().timestamp();
            let shifts: Vec<_> = shifts.iter().map(|bounds| bounds.map(moment)).collect();
            let mut now = within.start;
            while now < within.end {
                let free = slots.iter().any(|slot| slot.start <= now && now < slot.end);
                let works = shifts.iter().any(|[start, end]| *start <= now && now < *end);
                let wall = tz.to_datetime(now);
                prop_assert_eq!(works, free, "{} {}", zone, wall);
                if may_be_read_off && !tz.to_ambiguous_timestamp(wall).is_ambiguous() {
                    prop_assert_eq!(shows_work(wall, &hours), free, "{} {}", zone, wall);
                }
                now += SignedDuration::from_mins(1);
            }
        }

        /// Nobody works on a day off, and days off take nothing from other days.
        #[test]
        fn days_off_are_free_and_alone_change(
            zone in prop::sample::select(&ZONES),
            hours in any_hours(),
            day in 0i64..730,
            off in prop::collection::btree_set(0i64..5, 1..4),
            is_holiday: bool,
        ) {
            let rule = every_day(zone, hours);
            let tz = TimeZone::get(zone).unwrap();
            let first = tz.to_datetime(new_year()).date().saturating_add(day.days());
            let days_off: Vec<Date> = off.iter().map(|after| first.saturating_add(after.days())).collect();
            let mut availability = rule.clone();
            for date in &days_off {
                if is_holiday {
                    availability.holidays.push(Holiday::parse(*date, *date).unwrap());
                } else {
                    availability.exceptions.insert(*date, Day::default());
                }
            }
            let midnight = |date: Date| date.to_zoned(tz.clone()).unwrap().timestamp();
            for after in 0..6 {
                let date = first.saturating_add(after.days());
                let within = Span { start: midnight(date), end: midnight(date.tomorrow().unwrap()) };
                let slots = availability.slots(within);
                if days_off.contains(&date) {
                    prop_assert_eq!(slots, []);
                } else if !days_off.contains(&date.yesterday().unwrap()) {
                    prop_assert_eq!(slots, rule.slots(within), "{} {}", zone, date);
                }
            }
        }

        /// Cut anywhere, the two parts are what the whole is.
        #[test]
        fn a_range_may_be_asked_for_in_parts(zone in prop::sample::select(&ZONES), hours in any_hours(), day in 0i64..730, cut in 1i64..4320) {
            let availability = every_day(zone, hours);
            let start = new_year() + SignedDuration::from_hours(24 * day);
            let (middle, end) = (start + SignedDuration::from_mins(cut), start + SignedDuration::from_hours(73));
            let mut parts = availability.slots(Span { start, end: middle });
            for slot in availability.slots(Span { start: middle, end }) {
                match parts.last_mut() {
                    Some(before) if before.end == slot.start => before.end = slot.end,
                    _ => parts.push(slot),
                }
            }
            prop_assert_eq!(parts, availability.slots(Span { start, end }));
        }
    }
}
