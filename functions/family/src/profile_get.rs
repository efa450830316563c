//! `GET /me/parent-profile`: a parent sees what they look for, and from where.

use api::{
    App, Parent, Problem, ProblemBody,
    openapi::{RoleProblems, StoreProblems},
};
use axum::{extract::State, response::IntoResponse};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    key,
    profile::{self, View},
};

/// Shows what the caller looks for.
#[utoipa::path(
    get, path = "/me/parent-profile", operation_id = "get_parent_profile", tag = "Family",
    security(("access_token" = [])),
    responses(
        (status = 200, description = "The profile", body = View,
         headers(("ETag" = String, description = "Its version"))),
        (status = 404, description = "The caller has not told yet", body = ProblemBody,
         content_type = "application/problem+json"),
        RoleProblems, StoreProblems,
    ),
)]
async fn get_parent_profile(
    State(app): State<App>,
    Parent(caller): Parent,
) -> Result<impl IntoResponse, Problem> {
    let key = key::existing(&app, caller).await?;
    let found = app.tables().parent_profile(&key).await?.ok_or_else(Problem::not_found)?;
    Ok(profile::answer(found))
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_parent_profile))
}
