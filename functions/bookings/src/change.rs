//! What all changes of a booking share.

use api::{App, Problem, RequestMeta, SignedIn};
use axum::http::StatusCode;
use domain::{
    booking::{Booking, Event, News, Refusal, Who},
    id::BookingId,
    role::Role,
    sitter::{Sitter, Unfit},
};
use jiff::Timestamp;
use storage::{
    Tables,
    bookings::{Actor, ChangeError, Changed},
};

/// Who somebody is in a booking; to others it is not there.
pub(crate) fn part(booking: &Booking, caller: SignedIn) -> Result<Who, Problem> {
    match booking.role_of(caller.user_id).ok_or_else(Problem::not_found)? {
        Role::Sitter => Ok(Who::Sitter),
        Role::Parent | Role::Admin => Ok(Who::Parent),
    }
}

/// The booking of that identifier, if the caller takes part in it.
pub(crate) async fn read(app: &App, id: BookingId, caller: SignedIn) -> Result<(Booking, Who), Problem> {
    let booking = app.tables().booking(id).await?.ok_or_else(Problem::not_found)?;
    let who = part(&booking, caller)?;
    Ok((booking, who))
}

/// The caller as they are now, who is to say that they come, or have come.
pub(crate) async fn sitter(app: &App, caller: SignedIn) -> Result<Sitter, Problem> {
    app.tables().sitter(caller.user_id).await?.ok_or_else(Problem::not_found)
}

/// Changes a booking in which the caller takes part, by a rule that may be asked several times.
pub(crate) async fn change(
    app: &App,
    id: BookingId,
    caller: SignedIn,
    meta: &RequestMeta,
    now: Timestamp,
    rule: impl Fn(&Booking, Who) -> Result<Changed, Problem>,
) -> Result<Booking, Problem> {
    change_as(&caller.tables(app), id, caller, meta, now, part, rule).await
}

/// The same in these tables, where `who` says whose part the caller takes.
pub(crate) async fn change_as(
    tables: &Tables,
    id: BookingId,
    caller: SignedIn,
    meta: &RequestMeta,
    now: Timestamp,
    who: impl Fn(&Booking, SignedIn) -> Result<Who, Problem>,
    rule: impl Fn(&Booking, Who) -> Result<Changed, Problem>,
) -> Result<Booking, Problem> {
    let actor = Actor { user: Some(caller.user_id), origin: meta.origin(), ..Actor::default() };
    let rule = |before: &Booking| rule(before, who(before, caller)?).map(Some);
    tables.change_booking(id, &actor, now, rule).await.map_err(|error| match error {
        ChangeError::NotFound => Problem::not_found(),
        ChangeError::Refused(problem) => problem,
        ChangeError::Taken(taken) => Problem::new(StatusCode::CONFLICT, "taken", taken.to_string()),
        ChangeError::Store(error) => error.into(),
    })
}

/// Lets an event happen that needs to be told nothing else.
pub(crate) async fn happen(
    app: &App,
    id: BookingId,
    caller: SignedIn,
    meta: &RequestMeta,
    event: impl Fn(&Booking) -> Event,
) -> Result<Booking, Problem> {
    let now = app.now();
    change(app, id, caller, meta, now, |before, who| {
        let event = event(before);
        let after = before.after(event, who, now).map_err(refused)?;
        Ok(Changed::told(after, News::Event(event)))
    })
    .await
}

/// Whoever may not look after children does not say that they come, or have come.
pub(crate) fn unfit(unfit: Unfit) -> Problem {
    Problem::new(StatusCode::CONFLICT, unfit.into(), format!("It cannot be now: {unfit}."))
}

/// What the table of states does not have, or not for this caller, or not now.
pub(crate) fn refused(refusal: Refusal) -> Problem {
    let code = match refusal {
        Refusal::WrongState { .. } => "wrong_state",
        Refusal::NotTheirs { .. } => return Problem::forbidden(),
        Refusal::NotNow { .. } => "not_now",
        Refusal::Money(_) => "not_reckonable",
    };
    Problem::new(StatusCode::CONFLICT, code, refusal.to_string())
}
