//! `POST /bookings/{id}/decline`: a sitter says that they do not come, or not at another time that the parent wants.

use api::{
    App, PathId, Problem, ProblemBody, RequestMeta, Sitter,
    openapi::{ParameterProblems, RoleProblems, StoreProblems},
};
use axum::{extract::State, response::Response};
use domain::{booking::Event, id::BookingTag, role::Role};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    change,
    view::{self, View},
};

/// Declines a request, or another time.
#[utoipa::path(
    post, path = "/bookings/{id}/decline", operation_id = "decline_booking", tag = "Bookings",
    security(("access_token" = [])),
    params(("id" = String, Path, description = "The booking", example = "bkg_01h455vb4pex5vsknk084sn02q")),
    responses(
        (status = 200, description = "The sitter does not come, or comes when it was agreed", body = View,
         headers(("ETag" = String, description = "Its version"))),
        (status = 404, description = "There is no such booking, or it is somebody else's", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 409, description = "There is nothing to decline, or not any more", body = ProblemBody,
         content_type = "application/problem+json"),
        ParameterProblems, RoleProblems, StoreProblems,
    ),
)]
async fn decline_booking(
    State(app): State<App>,
    Sitter(caller): Sitter,
    PathId(id): PathId<BookingTag>,
    meta: RequestMeta,
) -> Result<Response, Problem> {
    let booking = change::happen(&app, id, caller, &meta, |before| match before.proposal {
        Some(_) => Event::DeclineChange,
        None => Event::Decline,
    });
    view::answer(&app, &booking.await?, Role::Sitter).await
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(decline_booking))
}
