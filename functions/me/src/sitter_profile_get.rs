//! `GET /me/sitter-profile`: a sitter sees what they tell about themselves, and how it stands.

use api::{
    App, Problem, Sitter,
    openapi::{RoleProblems, StoreProblems},
};
use axum::{extract::State, response::IntoResponse};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::sitter_profile::{self, View};

/// Shows the caller's profile. One who has not written any gets an empty one.
#[utoipa::path(
    get, path = "/me/sitter-profile", operation_id = "get_sitter_profile", tag = "Me",
    security(("access_token" = [])),
    responses(
        (status = 200, description = "The profile", body = View, headers(("ETag" = String, description = "Its version"))),
        RoleProblems, StoreProblems,
    ),
)]
async fn get_sitter_profile(
    State(app): State<App>,
    Sitter(caller): Sitter,
) -> Result<impl IntoResponse, Problem> {
    Ok(sitter_profile::answer(sitter_profile::own(&app, caller).await?))
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_sitter_profile))
}
