//! `DELETE /booking-series/{id}`: a parent ends a series. What costs nothing to call off is called off; a booking for
//! which something would be kept stays, and its parent decides about it by itself.

use std::sync::atomic::{AtomicU64, Ordering};

use api::{
    App, Json, Parent, PathId, Problem, ProblemBody, RequestMeta,
    openapi::{ParameterProblems, RoleProblems, StoreProblems},
};
use axum::extract::State;
use domain::{
    booking::{Booking, Event, News, Refusal, State as Standing, Who},
    id::{BookingId, SeriesTag},
    series::State as SeriesState,
};
use jiff::Timestamp;
use serde::Serialize;
use storage::{
    Tables,
    bookings::{Actor, ChangeError, Changed},
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::change::refused;

/// What is left of a series.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EndedSeries)]
pub struct Response {
    /// Bookings that were called off, or taken back.
    called_off: Vec<String>,
    /// Bookings that are to come still, because calling them off costs something.
    kept: Vec<String>,
}

/// Ends one of the caller's series. Doing so again calls off what can be by then.
#[utoipa::path(
    delete, path = "/booking-series/{id}", operation_id = "end_booking_series", tag = "Bookings",
    security(("access_token" = [])),
    params(("id" = String, Path, description = "The series", example = "ser_01h455vb4pex5vsknk084sn02q")),
    responses(
        (status = 200, description = "No more bookings are made", body = Response),
        (status = 404, description = "The caller has no such series", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 409, description = "It changed at the same moment", body = ProblemBody,
         content_type = "application/problem+json"),
        ParameterProblems, RoleProblems, StoreProblems,
    ),
)]
async fn end_booking_series(
    State(app): State<App>,
    Parent(caller): Parent,
    PathId(id): PathId<SeriesTag>,
    meta: RequestMeta,
) -> Result<Json<Response>, Problem> {
    let tables = caller.tables(&app);
    let series = tables.series(id).await?.filter(|series| series.parent == caller.user_id);
    let series = series.ok_or_else(Problem::not_found)?;
    if series.state == SeriesState::Active {
        tables.save_series(&series.ended()).await?;
    }
    let (actor, now) =
        (Actor { user: Some(caller.user_id), origin: meta.origin(), ..Actor::default() }, app.now());
    let mut response = Response { called_off: Vec::new(), kept: Vec::new() };
    for booking in tables.dates_of(id).await?.into_iter().filter_map(|made| made.booking) {
        match call_off(&tables, booking, &actor, now).await? {
            Some(Fate::CalledOff) => response.called_off.push(booking.to_string()),
            Some(Fate::Kept) => response.kept.push(booking.to_string()),
            None => {}
        }
    }
    Ok(Json(response))
}

enum Fate {
    CalledOff,
    Kept,
}

/// Calls a booking off if that costs nothing; `None` of one that is over, or does not happen anyway.
async fn call_off(
    tables: &Tables,
    id: BookingId,
    actor: &Actor,
    now: Timestamp,
) -> Result<Option<Fate>, Problem> {
    let wish = |booking: &Booking| match booking.state {
        Standing::Requested => Some(Event::Withdraw),
        Standing::Accepted | Standing::Confirmed if now < booking.span.start => Some(Event::Cancel),
        _ => None,
    };
    // One that is as the rule has last seen it was left as it is.
    let seen = AtomicU64::new(0);
    let rule = |before: &Booking| {
        seen.store(before.version, Ordering::Relaxed);
        let event = wish(before).filter(|_| before.kept(Who::Parent, now).is_zero());
        let changed = event.map(|event| {
            let after = before.after(event, Who::Parent, now)?;
            Ok::<_, Refusal>(Changed::told(after, News::Event(event)))
        });
        changed.transpose()
    };
    match tables.change_booking(id, actor, now, rule).await {
        Ok(after) if after.version > seen.into_inner() => Ok(Some(Fate::CalledOff)),
        Ok(after) => Ok(wish(&after).map(|_| Fate::Kept)),
        Err(ChangeError::NotFound) => Ok(None),
        Err(ChangeError::Refused(refusal)) => Err(refused(refusal)),
        Err(ChangeError::Taken(_)) => Err(Problem::conflict()),
        Err(ChangeError::Store(error)) => Err(error.into()),
    }
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(end_booking_series))
}
