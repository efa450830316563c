//! `PUT /me/availability`: a sitter says when they work.
//!
//! Announces [`Fact::SitterChanged`], by which search learns of it.

use api::{
    App, IfMatch, Json, Limiter, Problem, ProblemBody, Sitter, limits,
    openapi::{BodyProblems, LimitProblems, RoleProblems, StoreProblems},
};
use axum::{extract::State, response::IntoResponse};
use domain::event::{Event, Fact};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    availability::{self, Body},
    sitter_profile::{not_yet, own},
};

/// Says anew when the caller works.
#[utoipa::path(
    put, path = "/me/availability", operation_id = "put_my_availability", tag = "Me",
    security(("access_token" = [])),
    params(("If-Match" = Option<String>, Header, description = "The `ETag` of the version that the change is for")),
    request_body = Body,
    responses(
        (status = 200, description = "When they work, after the change", body = Body,
         headers(("ETag" = String, description = "Its version"))),
        (status = 409, description = "Parents see the profile, and it would have no hours; or it changed at the same moment",
         body = ProblemBody, content_type = "application/problem+json"),
        (status = 412, description = "It has changed since that version", body = ProblemBody,
         content_type = "application/problem+json"),
        BodyProblems, RoleProblems, LimitProblems, StoreProblems,
    ),
)]
async fn put_my_availability(
    State(app): State<App>,
    Sitter(caller): Sitter,
    if_match: IfMatch,
    limiter: Limiter,
    Json(request): Json<Body>,
) -> Result<impl IntoResponse, Problem> {
    // Parsed before anything is read; the version is not known until then.
    let mut availability = request.parse(0)?;
    limiter.admit(&limits::CHANGES, &caller.user_id.to_string()).await?;
    let mut sitter = own(&app, caller).await?;
    if_match.check(sitter.availability.version)?;
    availability.version = sitter.availability.version;
    // What changes nothing is not written, since each write fans out into the search index.
    if availability == sitter.availability {
        return Ok(availability::answer(availability));
    }
    availability.version += 1;
    sitter.availability = availability;
    sitter.must_be_complete().map_err(not_yet)?;
    let changed = Event::new(Fact::SitterChanged { user_id: caller.user_id }, app.now());
    caller.tables(&app).save_availability(caller.user_id, &sitter.availability, &changed).await?;
    Ok(availability::answer(sitter.availability))
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(put_my_availability))
}
