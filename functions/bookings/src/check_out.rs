//! `POST /bookings/{id}/check-out`: a sitter says that they go. What they stayed longer costs besides; it follows that
//! what is owed is collected.

use api::{
    App, Json, PathId, Problem, ProblemBody, RequestMeta, Sitter,
    openapi::{BodyProblems, RoleProblems, StoreProblems},
};
use axum::{extract::State, response::Response};
use domain::{
    booking::{Event, News},
    id::BookingTag,
    role::Role,
};
use storage::bookings::Changed;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    change::{self, refused},
    presence::{self, Request},
    view::{self, View},
};

/// Checks out.
#[utoipa::path(
    post, path = "/bookings/{id}/check-out", operation_id = "check_out", tag = "Bookings",
    security(("access_token" = [])),
    params(("id" = String, Path, description = "The booking", example = "bkg_01h455vb4pex5vsknk084sn02q")),
    request_body = Request,
    responses(
        (status = 200, description = "The sitter has gone", body = View,
         headers(("ETag" = String, description = "Its version"))),
        (status = 404, description = "There is no such booking, or it is somebody else's", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 409, description = "The sitter is not there", body = ProblemBody,
         content_type = "application/problem+json"),
        BodyProblems, RoleProblems, StoreProblems,
    ),
)]
async fn check_out(
    State(app): State<App>,
    Sitter(caller): Sitter,
    PathId(id): PathId<BookingTag>,
    meta: RequestMeta,
    Json(request): Json<Request>,
) -> Result<Response, Problem> {
    let (point, now) = (request.point()?, app.now());
    let (before, _) = change::read(&app, id, caller).await?;
    let presence = presence::presence(&app, &before, point, now).await?;
    let booking = change::change(&app, id, caller, &meta, now, |before, _| {
        let after = before.checked_out(presence).map_err(refused)?;
        Ok(Changed::told(after, News::Event(Event::CheckOut)))
    });
    view::answer(&app, &booking.await?, Role::Sitter).await
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(check_out))
}
