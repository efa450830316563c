//! `PUT /me/parent-profile`: a parent tells what they look for, and from where.

use api::{
    App, IfMatch, Json, Limiter, Parent, Problem, ProblemBody, limits,
    openapi::{BodyProblems, LimitProblems, RoleProblems, StoreProblems},
};
use axum::{extract::State, response::IntoResponse};
use domain::parent::Profile;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::profile::{self, Request, View};

/// Replaces what the caller looks for.
#[utoipa::path(
    put, path = "/me/parent-profile", operation_id = "set_parent_profile", tag = "Family",
    security(("access_token" = [])),
    params(("If-Match" = Option<String>, Header, description = "The `ETag` of the version that the change is for")),
    request_body = Request,
    responses(
        (status = 200, description = "The profile after the change", body = View,
         headers(("ETag" = String, description = "Its version"))),
        (status = 409, description = "It changed at the same moment", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 412, description = "It has changed since that version", body = ProblemBody,
         content_type = "application/problem+json"),
        BodyProblems, RoleProblems, LimitProblems, StoreProblems,
    ),
)]
async fn set_parent_profile(
    State(app): State<App>,
    Parent(caller): Parent,
    if_match: IfMatch,
    limiter: Limiter,
    Json(request): Json<Request>,
) -> Result<impl IntoResponse, Problem> {
    let wanted = request.parse(caller.user_id, app.settings())?;
    limiter.admit(&limits::CHANGES, &caller.user_id.to_string()).await?;
    let key = caller.tables(&app).data_key_or_new(app.cipher()?, caller.user_id).await?;
    let before = app.tables().parent_profile(&key).await?;
    let version = before.as_ref().map_or(0, |before| before.version);
    if_match.check(before.as_ref().map(|before| before.version))?;
    let same = Profile { version, ..wanted };
    if before.as_ref() == Some(&same) {
        return Ok(profile::answer(same));
    }
    let profile = Profile { version: version + 1, ..same };
    caller.tables(&app).save_parent_profile(&key, &profile).await?;
    Ok(profile::answer(profile))
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(set_parent_profile))
}
