//! A series, as its parent sees it.

use api::{App, Problem};
use domain::series::{Made, Series, State};
use jiff::{Timestamp, civil::Date};
use serde::Serialize;
use utoipa::ToSchema;

use crate::time::Time;

/// Bookings that follow one rule.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BookingSeries)]
pub struct View {
    /// Its identity.
    #[schema(example = "ser_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// `active`, `complete` when the rule has no more days, or `ended` by the parent.
    #[schema(value_type = String, example = "active")]
    state: State,
    /// Who is booked.
    #[schema(example = "usr_01h455vb4pex5vsknk084sn02q")]
    sitter_id: String,
    /// On which days, by RFC 5545.
    #[schema(example = "FREQ=WEEKLY;BYDAY=TU,TH;COUNT=10")]
    rule: String,
    /// At which hours; its date is the first of the series.
    time: Time,
    /// What became of each day so far; bookings are made eight weeks ahead.
    dates: Vec<DateView>,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

/// What became of one day.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SeriesDate)]
pub struct DateView {
    /// Which.
    #[schema(value_type = String, format = Date, example = "2026-12-01")]
    date: Date,
    /// The booking, if there is one.
    #[schema(example = "bkg_01h455vb4pex5vsknk084sn02q")]
    booking_id: Option<String>,
    /// Why there is none: `taken`, `not_working`, `too_far`, `other_clock`, `out_of_time`, `no_parent_profile`,
    /// `no_children` where none of them is the family's any more, `price_changed` where the sitter asks for more than
    /// when the series was made, or is stricter about calling off, or `not_found` where they are not shown any more.
    #[schema(example = "taken")]
    obstacle: Option<String>,
}

impl From<Made> for DateView {
    fn from(made: Made) -> Self {
        Self { date: made.date, booking_id: made.booking.map(|id| id.to_string()), obstacle: made.obstacle }
    }
}

impl View {
    pub(crate) async fn of(app: &App, series: &Series) -> Result<Self, Problem> {
        let dates = app.tables().dates_of(series.id).await?;
        Ok(Self {
            id: series.id.to_string(),
            state: series.state,
            sitter_id: series.sitter.to_string(),
            rule: series.rule.as_str().to_owned(),
            time: Time::from(&series.first),
            dates: dates.into_iter().map(DateView::from).collect(),
            created_at: series.created_at,
        })
    }
}
