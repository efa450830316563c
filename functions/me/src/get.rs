//! `GET /me`: anyone who is signed in sees their own account.

use api::{
    App, Problem, SignedIn,
    openapi::{SignedInProblems, StoreProblems},
};
use axum::{extract::State, response::IntoResponse};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::profile::{self, Profile};

/// Shows the caller's account.
#[utoipa::path(
    get, path = "/me", operation_id = "get_me", tag = "Me", security(("access_token" = [])),
    responses(
        (status = 200, description = "The account", body = Profile, headers(("ETag" = String, description = "Its version"))),
        SignedInProblems, StoreProblems,
    ),
)]
async fn get_me(State(app): State<App>, caller: SignedIn) -> Result<impl IntoResponse, Problem> {
    let user = caller.user(&app).await?;
    profile::answer(&app, user).await
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_me))
}
