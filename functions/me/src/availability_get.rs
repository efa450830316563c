//! `GET /me/availability`: a sitter sees when they have said that they work.

use api::{
    App, Problem, Sitter,
    openapi::{RoleProblems, StoreProblems},
};
use axum::{extract::State, response::IntoResponse};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    availability::{self, Body},
    sitter_profile::own,
};

/// Shows when the caller works. One who has said nothing yet gets an empty week.
#[utoipa::path(
    get, path = "/me/availability", operation_id = "get_my_availability", tag = "Me",
    security(("access_token" = [])),
    responses(
        (status = 200, description = "When they work", body = Body, headers(("ETag" = String, description = "Its version"))),
        RoleProblems, StoreProblems,
    ),
)]
async fn get_my_availability(
    State(app): State<App>,
    Sitter(caller): Sitter,
) -> Result<impl IntoResponse, Problem> {
    Ok(availability::answer(own(&app, caller).await?.availability))
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_my_availability))
}
