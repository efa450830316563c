//! When, as clients say and see it.

use api::Fields;
use domain::{
    Violation,
    availability::{Hours, Minute, Span},
    booking::window::Window,
    calendar,
    time_zone::TimeZoneName,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Hours by the clock on the wall of the place.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BookingTime)]
pub struct Time {
    /// The day on which it starts.
    #[schema(example = "2026-12-05", format = "date")]
    date: String,
    /// When it starts.
    #[schema(example = "19:00", pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    start: String,
    /// When it ends: on the next day, if that is when it starts, or before. 1 to 24 hours later.
    #[schema(example = "01:00", pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    end: String,
    /// Whose clock, an IANA time zone: one that shows what the sitter's does. The caller's unless told, or that of
    /// the booking that is changed.
    #[serde(default)]
    #[schema(example = "Europe/London")]
    time_zone: Option<String>,
}

impl Time {
    /// Reads it, as the field `time`.
    pub(crate) fn parse(&self, fields: &mut Fields, home: &TimeZoneName) -> Option<Window> {
        let date = fields.take("/time/date", calendar::date(&self.date));
        let start = fields.take("/time/start", Minute::parse(&self.start));
        let end = fields.take("/time/end", Minute::parse(&self.end));
        let zone = self.time_zone.as_deref().map_or(Ok(home.clone()), TimeZoneName::parse);
        let zone = fields.take("/time/time_zone", zone);
        Some(Window { date: date?, hours: Hours { start: start?, end: end? }, zone: zone? })
    }
}

impl From<&Window> for Time {
    fn from(window: &Window) -> Self {
        Self {
            date: window.date.to_string(),
            start: window.hours.start.to_string(),
            end: window.hours.end.to_string(),
            time_zone: Some(window.zone.as_str().to_owned()),
        }
    }
}

/// The moments of a window that can be booked now.
pub(crate) fn bookable(fields: &mut Fields, window: &Window, now: Timestamp) -> Option<Span> {
    // Which of the parts is wrong cannot be said, so the whole is pointed at.
    let span: Result<Span, Violation> = window.bookable(now);
    fields.take("/time", span)
}
