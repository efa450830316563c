//! `PUT /me/sitter-profile`: a sitter writes their profile, and says whether parents are to find them.
//!
//! Announces [`Fact::SitterChanged`], by which search learns of it.

use api::{
    App, IfMatch, Json, Limiter, Problem, ProblemBody, Sitter, limits,
    openapi::{BodyProblems, LimitProblems, RoleProblems, StoreProblems},
};
use axum::{extract::State, response::IntoResponse};
use domain::event::{Event, Fact};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::sitter_profile::{self, Request, View, not_yet};

/// Writes the caller's profile anew.
#[utoipa::path(
    put, path = "/me/sitter-profile", operation_id = "put_sitter_profile", tag = "Me",
    security(("access_token" = [])),
    params(("If-Match" = Option<String>, Header, description = "The `ETag` of the version that the change is for")),
    request_body = Request,
    responses(
        (status = 200, description = "The profile after the change", body = View,
         headers(("ETag" = String, description = "Its version"))),
        (status = 409, description = "The profile cannot be shown yet, or it changed at the same moment",
         body = ProblemBody, content_type = "application/problem+json"),
        (status = 412, description = "It has changed since that version", body = ProblemBody,
         content_type = "application/problem+json"),
        BodyProblems, RoleProblems, LimitProblems, StoreProblems,
    ),
)]
async fn put_sitter_profile(
    State(app): State<App>,
    Sitter(caller): Sitter,
    if_match: IfMatch,
    limiter: Limiter,
    Json(request): Json<Request>,
) -> Result<impl IntoResponse, Problem> {
    let (draft, visible) = request.parse()?;
    limiter.admit(&limits::CHANGES, &caller.user_id.to_string()).await?;
    let now = app.now();
    let mut sitter = sitter_profile::own(&app, caller).await?;
    if_match.check(sitter.profile.version)?;
    let written = sitter.written(draft, visible, now).map_err(not_yet)?;
    // What changes nothing is not written, since each write fans out into the search index.
    if written.same_as(&sitter.profile) {
        return Ok(sitter_profile::answer(sitter));
    }
    sitter.profile = written;
    let changed = Event::new(Fact::SitterChanged { user_id: caller.user_id }, now);
    caller.tables(&app).save_sitter_profile(sitter.profile.clone(), None, &[changed]).await?;
    Ok(sitter_profile::answer(sitter))
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(put_sitter_profile))
}
