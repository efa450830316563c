//! `POST /bookings/{id}/cancel`: one side calls a booking off, or an admin does; a request that the sitter has not
//! answered, its parent takes back.
//!
//! What a parent owes all the same follows from the policy that the booking was made with. Both sides get
//! a mail, the sitter's time is free again, and the money is settled by the payments queue.

use api::{
    App, PathId, Problem, ProblemBody, RequestMeta, SignedIn,
    openapi::{ParameterProblems, SignedInProblems, StoreProblems},
};
use axum::{extract::State, response::Response};
use domain::{
    booking::{Booking, Event, News, State as Standing, Who},
    id::BookingTag,
    role::Role,
};
use storage::bookings::Changed;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    change::{self, refused},
    view::{self, View},
};

/// Calls a booking off: one side of it, or an admin, in whose name it stands in the audit trail of both.
#[utoipa::path(
    post, path = "/bookings/{id}/cancel", operation_id = "cancel_booking", tag = "Bookings",
    security(("access_token" = [])),
    params(("id" = String, Path, description = "The booking", example = "bkg_01h455vb4pex5vsknk084sn02q")),
    responses(
        (status = 200, description = "It does not happen", body = View,
         headers(("ETag" = String, description = "Its version"))),
        (status = 403, description = "A request is for its parent to take back, and for its sitter to decline",
         body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such booking, or it is somebody else's", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 409, description = "It has begun, or has ended", body = ProblemBody,
         content_type = "application/problem+json"),
        ParameterProblems, SignedInProblems, StoreProblems,
    ),
)]
async fn cancel_booking(
    State(app): State<App>,
    caller: SignedIn,
    PathId(id): PathId<BookingTag>,
    meta: RequestMeta,
) -> Result<Response, Problem> {
    let now = app.now();
    let tables = caller.tables(&app);
    let booking = change::change_as(&tables, id, caller, &meta, now, part, |before, who| {
        let event = event(before, who);
        let after = before.after(event, who, now).map_err(refused)?;
        Ok(Changed::told(after, News::Event(event)))
    });
    view::answer(&app, &booking.await?, caller.role).await
}

/// Who somebody is in a booking. An admin takes no part, and calls it off all the same.
fn part(booking: &Booking, caller: SignedIn) -> Result<Who, Problem> {
    if caller.role == Role::Admin { Ok(Who::Admin) } else { change::part(booking, caller) }
}

fn event(booking: &Booking, who: Who) -> Event {
    match (booking.state, who) {
        (Standing::Requested, Who::Admin) => Event::CallOff,
        (Standing::Requested, _) => Event::Withdraw,
        _ => Event::Cancel,
    }
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(cancel_booking))
}
