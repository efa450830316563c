use std::collections::BTreeMap;

use api::{Fields, Json, Problem};
use axum::response::IntoResponse;
use domain::{
    Violation,
    availability::{Availability, Day, Holiday, Hours, MAX_EXCEPTIONS, Minute, Week},
    calendar::date,
    time_zone::TimeZoneName,
};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::sitter_profile::etag;

/// When a sitter works, by the clock on their wall. It takes the place of what was told before.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Availability)]
pub struct Body {
    /// An IANA time zone.
    #[schema(example = "Europe/London")]
    time_zone: String,
    /// As a rule.
    weekly: Weekly,
    /// Days that differ from the rule, at most 100.
    #[serde(default)]
    #[schema(max_items = 100)]
    exceptions: Vec<ExceptionBody>,
    /// Days off, whatever else is said, at most 100.
    #[serde(default)]
    #[schema(max_items = 100)]
    holidays: Vec<HolidayBody>,
}

/// The hours of each day of the week; none on those that are left out.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Weekly {
    /// Of Mondays.
    monday: Vec<HoursBody>,
    /// Of Tuesdays.
    tuesday: Vec<HoursBody>,
    /// Of Wednesdays.
    wednesday: Vec<HoursBody>,
    /// Of Thursdays.
    thursday: Vec<HoursBody>,
    /// Of Fridays.
    friday: Vec<HoursBody>,
    /// Of Saturdays.
    saturday: Vec<HoursBody>,
    /// Of Sundays.
    sunday: Vec<HoursBody>,
}

/// Hours on end. Those that end when they begin, or before, end on the next day.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Hours)]
pub struct HoursBody {
    /// As `HH:MM`.
    #[schema(example = "18:00", pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    start: String,
    /// As `HH:MM`.
    #[schema(example = "23:30", pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    end: String,
}

/// A day that differs.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AvailabilityException)]
pub struct ExceptionBody {
    /// As `YYYY-MM-DD`.
    #[schema(example = "2026-12-24", format = Date)]
    date: String,
    /// At most six; none for a day off.
    #[serde(default)]
    hours: Vec<HoursBody>,
}

/// Days off.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Holiday)]
pub struct HolidayBody {
    /// The first day, as `YYYY-MM-DD`.
    #[schema(example = "2026-12-25", format = Date)]
    first: String,
    /// The last day.
    #[schema(example = "2027-01-02", format = Date)]
    last: String,
}

impl Body {
    /// As the version after that one.
    pub(crate) fn parse(self, before: u64) -> Result<Availability, Problem> {
        let mut fields = Fields::default();
        let zone = fields.take("/time_zone", TimeZoneName::parse(&self.time_zone));
        let days =
            self.weekly.days().map(|(name, hours)| day(&mut fields, &format!("/weekly/{name}"), hours));
        let exceptions = exceptions(&mut fields, &self.exceptions);
        let holidays = holidays(&mut fields, &self.holidays);
        let parsed = (|| {
            let days: Vec<Day> = days.into_iter().collect::<Option<_>>()?;
            let weekly = Week(days.try_into().ok()?);
            Some(Availability {
                zone: zone?,
                weekly,
                exceptions: exceptions?,
                holidays: holidays?,
                version: before + 1,
            })
        })();
        parsed.ok_or_else(|| fields.into_problem())
    }
}

fn day(fields: &mut Fields, pointer: &str, hours: &[HoursBody]) -> Option<Day> {
    let parsed: Vec<Option<Hours>> = hours
        .iter()
        .enumerate()
        .map(|(place, hours)| {
            let start = fields.take(&format!("{pointer}/{place}/start"), Minute::parse(&hours.start));
            let end = fields.take(&format!("{pointer}/{place}/end"), Minute::parse(&hours.end));
            start.zip(end).map(|(start, end)| Hours { start, end })
        })
        .collect();
    let hours = parsed.into_iter().collect::<Option<_>>()?;
    fields.take(pointer, Day::parse(hours))
}

fn at_most(fields: &mut Fields, pointer: &str, count: usize) -> Option<()> {
    let too_many = || Violation::new("too_many", format!("must be at most {MAX_EXCEPTIONS}"));
    fields.take(pointer, if count <= MAX_EXCEPTIONS { Ok(()) } else { Err(too_many()) })
}

fn exceptions(fields: &mut Fields, bodies: &[ExceptionBody]) -> Option<BTreeMap<Date, Day>> {
    at_most(fields, "/exceptions", bodies.len())?;
    let mut exceptions = BTreeMap::new();
    let mut all_well = true;
    for (place, body) in bodies.iter().enumerate() {
        let pointer = format!("/exceptions/{place}");
        let date = fields.take(&format!("{pointer}/date"), date(&body.date));
        let hours = day(fields, &format!("{pointer}/hours"), &body.hours);
        let once = date.zip(hours).filter(|(date, _)| {
            let twice = Violation::new("duplicate", "must not name a day twice");
            let first = if exceptions.contains_key(date) { Err(twice) } else { Ok(()) };
            fields.take(&format!("{pointer}/date"), first).is_some()
        });
        all_well &= once.is_some();
        exceptions.extend(once);
    }
    all_well.then_some(exceptions)
}

fn holidays(fields: &mut Fields, bodies: &[HolidayBody]) -> Option<Vec<Holiday>> {
    at_most(fields, "/holidays", bodies.len())?;
    let holidays: Vec<_> = bodies
        .iter()
        .enumerate()
        .map(|(place, body)| {
            let first = fields.take(&format!("/holidays/{place}/first"), date(&body.first));
            let last = fields.take(&format!("/holidays/{place}/last"), date(&body.last));
            fields.take(&format!("/holidays/{place}/last"), Holiday::parse(first?, last?))
        })
        .collect();
    holidays.into_iter().collect()
}

impl Weekly {
    fn days(&self) -> [(&'static str, &[HoursBody]); 7] {
        [
            ("monday", &self.monday),
            ("tuesday", &self.tuesday),
            ("wednesday", &self.wednesday),
            ("thursday", &self.thursday),
            ("friday", &self.friday),
            ("saturday", &self.saturday),
            ("sunday", &self.sunday),
        ]
    }
}

impl From<Week> for Weekly {
    fn from(Week(days): Week) -> Self {
        let [monday, tuesday, wednesday, thursday, friday, saturday, sunday] = days.map(|day| bodies(&day));
        Self { monday, tuesday, wednesday, thursday, friday, saturday, sunday }
    }
}

fn bodies(day: &Day) -> Vec<HoursBody> {
    let body = |hours: &Hours| HoursBody { start: hours.start.to_string(), end: hours.end.to_string() };
    day.hours().iter().map(body).collect()
}

impl From<Availability> for Body {
    fn from(availability: Availability) -> Self {
        let exception =
            |(date, day): (Date, Day)| ExceptionBody { date: date.to_string(), hours: bodies(&day) };
        let holiday = |holiday: Holiday| HolidayBody {
            first: holiday.first.to_string(),
            last: holiday.last.to_string(),
        };
        Self {
            time_zone: availability.zone.into(),
            weekly: availability.weekly.into(),
            exceptions: availability.exceptions.into_iter().map(exception).collect(),
            holidays: availability.holidays.into_iter().map(holiday).collect(),
        }
    }
}

/// The answer that shows when a sitter works, with its version as the `ETag`.
pub(crate) fn answer(availability: Availability) -> impl IntoResponse {
    (etag(availability.version), Json(Body::from(availability)))
}
