//! `POST /bookings/{id}/cancel`: one side calls a booking off; a request that the sitter has not answered, its
//! parent takes back.
//!
//! What a parent owes all the same follows from the policy that the booking was made with. The other side gets
//! a mail, the sitter's time is free again, and the money is settled by the payments queue.

use api::{
    App, PathId, Problem, ProblemBody, RequestMeta, SignedIn,
    openapi::{ParameterProblems, SignedInProblems, StoreProblems},
};
use axum::{extract::State, response::Response};
use domain::{
    booking::{Event, State as Standing},
    id::BookingTag,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    change,
    view::{self, View},
};

/// Calls a booking off.
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
    let booking = change::happen(&app, id, caller, &meta, |before| match before.state {
        Standing::Requested => Event::Withdraw,
        _ => Event::Cancel,
    });
    view::answer(&app, &booking.await?, caller.role).await
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(cancel_booking))
}
