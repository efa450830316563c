//! `GET /bookings/{id}/calendar.ics`: a booking for the calendar of whoever takes part in it, by RFC 5545.
//!
//! Calendars are shared and synchronised, so it tells neither the address nor anything of the children.

use api::{
    App, PathId, Problem, ProblemBody, SignedIn,
    openapi::{ParameterProblems, SignedInProblems, StoreProblems},
};
use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use domain::{
    booking::{Booking, State as Standing, Who},
    id::BookingTag,
};
use icalendar::{Alarm, Calendar, Component, Event, EventLike, EventStatus};
use jiff::Timestamp;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::change;

/// Gives a booking as an event of a calendar.
#[utoipa::path(
    get, path = "/bookings/{id}/calendar.ics", operation_id = "get_booking_calendar", tag = "Bookings",
    security(("access_token" = [])),
    params(("id" = String, Path, description = "The booking", example = "bkg_01h455vb4pex5vsknk084sn02q")),
    responses(
        (status = 200, description = "The event", body = String, content_type = "text/calendar"),
        (status = 404, description = "There is no such booking, or it is somebody else's", body = ProblemBody,
         content_type = "application/problem+json"),
        ParameterProblems, SignedInProblems, StoreProblems,
    ),
)]
async fn get_booking_calendar(
    State(app): State<App>,
    caller: SignedIn,
    PathId(id): PathId<BookingTag>,
) -> Result<Response, Problem> {
    let (booking, who) = change::read(&app, id, caller).await?;
    let other = if who == Who::Parent { booking.sitter } else { booking.parent };
    let names = app.tables().names([other].into()).await?;
    let name = names.get(&other).map_or("NannyRadar", |name| name.as_str());
    let calendar = calendar(&booking, who, name, app.now());
    let headers = [
        (header::CONTENT_TYPE, "text/calendar; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"booking.ics\""),
    ];
    Ok((headers, calendar).into_response())
}

fn calendar(booking: &Booking, who: Who, other: &str, now: Timestamp) -> String {
    let summary = match who {
        Who::Parent => format!("{other} looks after the children"),
        _ => format!("Looking after the children of {other}"),
    };
    let mut event = Event::new();
    event
        .uid(&format!("{}@nannyradar", booking.id))
        .timestamp(utc(now))
        .starts(utc(booking.span.start))
        .ends(utc(booking.span.end))
        .summary(&summary)
        .sequence(u32::try_from(booking.version - 1).unwrap_or(u32::MAX))
        .status(status(booking.state));
    if booking.state.holds_time() {
        let mut alarm = Alarm::display(&summary, -chrono::Duration::hours(3));
        // Else it would have another name each time.
        alarm.uid(&format!("{}-alarm@nannyradar", booking.id)).timestamp(utc(now));
        event.alarm(alarm);
    }
    let mut calendar = Calendar::new();
    calendar.push(event.done());
    calendar.to_string()
}

fn status(state: Standing) -> EventStatus {
    match state {
        Standing::Requested | Standing::Accepted => EventStatus::Tentative,
        Standing::Confirmed
        | Standing::InProgress
        | Standing::Completed
        | Standing::Disputed
        | Standing::Settled => EventStatus::Confirmed,
        Standing::Declined
        | Standing::Expired
        | Standing::Withdrawn
        | Standing::Cancelled
        | Standing::NoShow => EventStatus::Cancelled,
    }
}

/// Bookings are in this century.
fn utc(at: Timestamp) -> chrono::DateTime<chrono::Utc> {
    chrono::DateTime::from_timestamp(at.as_second(), 0).unwrap_or_default()
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_booking_calendar))
}
