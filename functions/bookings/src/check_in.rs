//! `POST /bookings/{id}/check-in`: a sitter says that they have come.

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
    change::{self, refused, unfit},
    presence::{self, Request},
    view::{self, View},
};

/// Checks in.
#[utoipa::path(
    post, path = "/bookings/{id}/check-in", operation_id = "check_in", tag = "Bookings",
    security(("access_token" = [])),
    params(("id" = String, Path, description = "The booking", example = "bkg_01h455vb4pex5vsknk084sn02q")),
    request_body = Request,
    responses(
        (status = 200, description = "The sitter is there", body = View,
         headers(("ETag" = String, description = "Its version"))),
        (status = 404, description = "There is no such booking, or it is somebody else's", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 409, description = "It does not begin now, or the sitter is there already; `account_suspended`, `profile_suspended` or `not_checked`: the sitter may not look after children then", body = ProblemBody,
         content_type = "application/problem+json"),
        BodyProblems, RoleProblems, StoreProblems,
    ),
)]
async fn check_in(
    State(app): State<App>,
    Sitter(caller): Sitter,
    PathId(id): PathId<BookingTag>,
    meta: RequestMeta,
    Json(request): Json<Request>,
) -> Result<Response, Problem> {
    let (point, now) = (request.point()?, app.now());
    let (before, _) = change::read(&app, id, caller).await?;
    let presence = presence::presence(&app, &before, point, now).await?;
    let sitter = change::sitter(&app, caller).await?;
    let booking = change::change(&app, id, caller, &meta, now, |before, _| {
        let after = before.checked_in(presence).map_err(refused)?;
        sitter.may_care(after.span).map_err(unfit)?;
        Ok(Changed::told(after, News::Event(Event::CheckIn)))
    });
    view::answer(&app, &booking.await?, Role::Sitter).await
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(check_in))
}
