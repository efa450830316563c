//! The hours of a booking, by the clock on the wall of the place.
//!
//! 19:00 to 01:00 is what the family and the sitter mean, and stays so when the clocks change; how long
//! that is, is told by the moments.

use jiff::{
    SignedDuration, Timestamp,
    civil::{Date, Time},
};
use serde::{Deserialize, Serialize};

use crate::{
    Violation,
    availability::{Hours, Span},
    time_zone::TimeZoneName,
};

/// No booking is shorter: nobody comes for less.
pub const SHORTEST: SignedDuration = SignedDuration::from_hours(1);
/// No booking is longer. It touches two days of the calendar at most.
pub const LONGEST: SignedDuration = SignedDuration::from_hours(24);
/// How long before it starts a booking is made at the latest: a sitter has to answer and to come.
pub const LEAD: SignedDuration = SignedDuration::from_hours(2);
/// How long before it starts a booking is made at the earliest: half a year.
pub const AHEAD: SignedDuration = SignedDuration::from_hours(180 * 24);

/// Hours of a day, somewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// The day on which they begin.
    pub date: Date,
    /// Those that end when they begin, or before, end on the next day.
    pub hours: Hours,
    /// Whose clocks show them.
    pub zone: TimeZoneName,
}

impl Window {
    /// From when to when they are, unless the clocks change just then and nothing is left of them.
    pub fn span(&self) -> Result<Span, Violation> {
        let span = self.hours.on(self.date, &self.zone.rules());
        let span = span.ok_or_else(|| Violation::new("out_of_range", "must be a day of this age"))?;
        if span.start < span.end {
            Ok(span)
        } else {
            Err(Violation::new("out_of_order", "must end after it starts; the clocks change in that night"))
        }
    }

    /// From when to when they are, if they can be booked at `now`: neither too short nor too long by the
    /// time that passes, neither too soon nor too far ahead.
    pub fn bookable(&self, now: Timestamp) -> Result<Span, Violation> {
        let Span { start, end } = self.span()?;
        let span = Span::parse(start, end, LONGEST)?;
        let ahead = start.duration_since(now);
        let (code, message) = if span.length() < SHORTEST {
            ("too_short", format!("must span at least {} hour", SHORTEST.as_hours()))
        } else if ahead < LEAD {
            ("too_soon", format!("must start in {} hours at the earliest", LEAD.as_hours()))
        } else if ahead > AHEAD {
            ("too_far", format!("must start in {} days at the latest", AHEAD.as_hours() / 24))
        } else {
            return Ok(span);
        };
        Err(Violation::new(code, message))
    }

    /// The same hours on another day.
    #[must_use]
    pub fn on(&self, date: Date) -> Self {
        Self { date, ..self.clone() }
    }
}

/// The hours that are night by the clock on the wall: from 22:00 on, and before 6:00.
const NIGHT: (i8, i8) = (22, 6);

/// How much of a span is what, in full minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Minutes {
    /// All of it.
    pub all: u32,
    /// At night: from 22:00 to 6:00 by the clock on the wall.
    pub night: u32,
    /// On a holiday, at night or not.
    pub holiday: u32,
}

impl Minutes {
    /// What a span is in a zone. Time that passes counts, so that a night in which the clocks change may
    /// have seven hours, or nine.
    pub fn of(span: Span, zone: &TimeZoneName, is_holiday: impl Fn(Date) -> bool) -> Self {
        let zone = zone.rules();
        let (mut night, mut holiday) = (SignedDuration::ZERO, SignedDuration::ZERO);
        let (evening, morning) = NIGHT;
        let mut at = span.start;
        // From one moment to the next at which it may become something else: 6:00, 22:00, midnight, or a
        // change of the clocks.
        while at < span.end {
            let wall = zone.to_datetime(at);
            let is_night = !(morning..evening).contains(&wall.hour());
            let until = [morning, evening, 24].into_iter().find(|hour| wall.hour() < *hour).unwrap_or(24);
            let until =
                SignedDuration::from_hours(until.into()) - wall.time().duration_since(Time::midnight());
            let change = zone.following(at).next().map_or(span.end, |change| change.timestamp());
            let next = at.checked_add(until).unwrap_or(span.end).min(change).min(span.end);
            let passes = next.duration_since(at);
            if is_night {
                night += passes;
            }
            if is_holiday(wall.date()) {
                holiday += passes;
            }
            at = next;
        }
        let minutes = |length: SignedDuration| u32::try_from(length.as_mins()).unwrap_or(0);
        Self { all: minutes(span.length()), night: minutes(night), holiday: minutes(holiday) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::availability::Minute;
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    fn window(zone: &str, date: &str, start: &str, end: &str) -> Window {
        Window {
            date: date.parse().unwrap(),
            hours: Hours { start: Minute::parse(start).unwrap(), end: Minute::parse(end).unwrap() },
            zone: TimeZoneName::parse(zone).unwrap(),
        }
    }

    fn london(date: &str, start: &str, end: &str) -> Window {
        window("Europe/London", date, start, end)
    }

    fn at(raw: &str) -> Timestamp {
        raw.parse().unwrap()
    }

    fn hours(window: &Window) -> i64 {
        window.span().unwrap().length().as_hours()
    }

    #[test]
    fn keeps_its_form() {
        let window = london("2026-03-28", "19:00", "01:00");
        let json = r#"{"date":"2026-03-28","hours":{"start":1140,"end":60},"zone":"Europe/London"}"#;
        assert_eq!(serde_json::to_string(&window).unwrap(), json);
        assert_eq!(serde_json::from_str::<Window>(json).unwrap(), window);
    }

    #[test]
    fn the_wall_clock_stays_when_the_clocks_change() {
        let evening = london("2026-03-28", "19:00", "23:00");
        let starts = ["2026-03-28", "2026-03-29"].map(|date| evening.on(date.parse().unwrap()).span());
        assert_eq!(
            starts.map(|span| span.unwrap().start),
            [at("2026-03-28T19:00:00Z"), at("2026-03-29T18:00:00Z")]
        );
        let night = london("2026-03-27", "22:00", "06:00");
        let nights = ["2026-03-27", "2026-03-28", "2026-10-24"].map(|date| night.on(date.parse().unwrap()));
        assert_eq!(nights.map(|night| hours(&night)), [8, 7, 9]);
        // The clock never shows 01:30 in that night; 02:00 comes before what stands for it.
        let gone = london("2026-03-29", "01:30", "02:00").span();
        assert_eq!(gone.unwrap_err().code, "out_of_order");
        assert_eq!(london("9999-12-31", "20:00", "02:00").span().unwrap_err().code, "out_of_range");
    }

    #[test]
    fn is_bookable_within_bounds() {
        let now = at("2026-01-10T12:00:00Z");
        let code = |window: Window| window.bookable(now).map_err(|violation| violation.code);
        for (window, expected) in [
            (london("2026-01-10", "14:00", "15:00"), Ok(())),
            (london("2026-01-10", "13:59", "15:00"), Err("too_soon")),
            (london("2026-01-09", "14:00", "15:00"), Err("too_soon")),
            (london("2026-01-10", "14:00", "14:59"), Err("too_short")),
            (london("2026-01-10", "14:00", "14:00"), Ok(())),
            // Noon in Greenwich, 180 days on, is 13:00 by then.
            (london("2026-07-09", "13:00", "15:00"), Ok(())),
            (london("2026-07-09", "13:01", "15:00"), Err("too_far")),
            // An hour more, or less, by the clock on the wall.
            (london("2026-03-29", "00:30", "02:15"), Err("too_short")),
            (london("2026-03-29", "00:30", "02:30"), Ok(())),
        ] {
            assert_eq!(code(window.clone()).map(|_| ()), expected, "{window:?}");
        }
        let october = |start, end| london("2026-10-24", start, end).bookable(at("2026-10-20T00:00:00Z"));
        assert_eq!(october("20:00", "20:00").unwrap_err().code, "too_long");
        assert_eq!(october("20:00", "19:00").unwrap().length(), LONGEST);
    }

    #[test]
    fn nights_have_seven_to_nine_hours() {
        let night = |date| {
            let window = london(date, "20:00", "08:00");
            let christmas = |date: Date| (date.month(), date.day()) == (12, 25);
            Minutes::of(window.span().unwrap(), &window.zone, christmas)
        };
        assert_eq!(night("2026-01-10"), Minutes { all: 720, night: 480, holiday: 0 });
        assert_eq!(night("2026-03-28"), Minutes { all: 660, night: 420, holiday: 0 });
        assert_eq!(night("2026-10-24"), Minutes { all: 780, night: 540, holiday: 0 });
        assert_eq!(night("2026-12-24"), Minutes { all: 720, night: 480, holiday: 480 });
        assert_eq!(night("2026-12-25"), Minutes { all: 720, night: 480, holiday: 240 });
    }

    /// Zones whose clocks change by an hour, by half an hour, at midnight, and never.
    const ZONES: [&str; 7] = [
        "Europe/London",
        "Europe/Dublin",
        "America/New_York",
        "Australia/Lord_Howe",
        "Africa/Cairo",
        "America/Santiago",
        "Asia/Kolkata",
    ];

    fn any_span() -> impl Strategy<Value = (&'static str, Span)> {
        let lengths = 1i64..=36 * 60;
        (prop::sample::select(&ZONES), 0usize..8, -40i64 * 60..=10 * 60, lengths).prop_map(
            |(name, change, before, length)| {
                let zone = TimeZone::get(name).unwrap();
                let new_year = at("2026-01-01T00:00:00Z");
                let change =
                    zone.following(new_year).nth(change).map_or(new_year, |change| change.timestamp());
                let start = change + SignedDuration::from_mins(before);
                (name, Span { start, end: start + SignedDuration::from_mins(length) })
            },
        )
    }

    proptest! {
        /// Around the changes of the clocks, minute by minute.
        #[test]
        fn minutes_are_what_the_wall_clock_says((name, span) in any_span()) {
            let zone = TimeZone::get(name).unwrap();
            let is_holiday = |date: Date| date.day() % 2 == 0;
            let mut expected = Minutes { all: 0, night: 0, holiday: 0 };
            let mut moment = span.start;
            while moment < span.end {
                let wall = zone.to_datetime(moment);
                expected.all += 1;
                expected.night += u32::from(wall.hour() >= 22 || wall.hour() < 6);
                expected.holiday += u32::from(is_holiday(wall.date()));
                moment += SignedDuration::from_mins(1);
            }
            let minutes = Minutes::of(span, &TimeZoneName::parse(name).unwrap(), is_holiday);
            prop_assert_eq!(minutes, expected);
        }

        /// What is booked is what the clock on the wall shows, wherever it shows it at all.
        #[test]
        fn the_clock_shows_the_hours(name in prop::sample::select(&ZONES), day in 0i64..730, start in 0u16..1440, end in 0u16..1440) {
            let zone = TimeZone::get(name).unwrap();
            let date = jiff::civil::date(2026, 1, 1).saturating_add(jiff::Span::new().days(day));
            let time = |minute: u16| Minute::try_from(minute).unwrap();
            let hours = Hours { start: time(start), end: time(end) };
            let window = Window { date, hours, zone: TimeZoneName::parse(name).unwrap() };
            if let Ok(span) = window.span() {
                for (moment, minute) in [(span.start, start), (span.end, end)] {
                    let wall = zone.to_datetime(moment);
                    let shown = format!("{:02}:{:02}", wall.hour(), wall.minute());
                    let just_after = moment + SignedDuration::from_nanos(1);
                    let change = zone.preceding(just_after).next().map(|change| change.timestamp());
                    let put_forward = change.is_some_and(|change| moment.duration_since(change).as_hours() < 1);
                    prop_assert!(shown == time(minute).to_string() || put_forward, "{} {}", name, wall);
                }
            }
        }
    }
}
