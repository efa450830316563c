//! `GET /me/background-check`: a sitter sees the background check that they handed in last.

use api::{
    App, Json, Problem, ProblemBody, Sitter,
    openapi::{RoleProblems, StoreProblems},
};
use axum::extract::State;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::certificate::Check;

/// Shows the caller's latest background check.
#[utoipa::path(
    get, path = "/me/background-check", operation_id = "get_background_check", tag = "Credentials",
    security(("access_token" = [])),
    responses(
        (status = 200, description = "The background check", body = Check),
        (status = 404, description = "The caller has handed in none", body = ProblemBody,
         content_type = "application/problem+json"),
        RoleProblems, StoreProblems,
    ),
)]
async fn get_background_check(
    State(app): State<App>,
    Sitter(caller): Sitter,
) -> Result<Json<Check>, Problem> {
    let folder = app.tables().folder(caller.user_id).await?;
    let id = folder.background_check.ok_or_else(Problem::not_found)?;
    let certificate = app.tables().certificate(id).await?.ok_or_else(Problem::not_found)?;
    Check::open(&app, certificate).await.map(Json)
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_background_check))
}
