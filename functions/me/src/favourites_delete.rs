//! `DELETE /me/favourites/{sitter_id}`: a parent does not care to find a sitter again.

use api::{
    App, Limiter, Parent, PathId, Problem, limits,
    openapi::{ChangeProblems, LimitProblems, ParameterProblems, RoleProblems, StoreProblems},
};
use axum::{extract::State, http::StatusCode};
use domain::id::UserTag;
use utoipa_axum::{router::OpenApiRouter, routes};

/// Makes a sitter no favourite of the caller's. It does not matter whether they were one, or are still shown.
#[utoipa::path(
    delete, path = "/me/favourites/{sitter_id}", operation_id = "delete_favourite", tag = "Me",
    security(("access_token" = [])),
    params(("sitter_id" = String, Path, description = "The sitter", example = "usr_01h455vb4pex5vsknk084sn02q")),
    responses(
        (status = 204, description = "They are none now"),
        ParameterProblems, ChangeProblems, RoleProblems, LimitProblems, StoreProblems,
    ),
)]
async fn delete_favourite(
    State(app): State<App>,
    Parent(caller): Parent,
    PathId(sitter): PathId<UserTag>,
    limiter: Limiter,
) -> Result<StatusCode, Problem> {
    limiter.admit(&limits::CHANGES, &caller.user_id.to_string()).await?;
    let (before, version) = app.tables().favourites(caller.user_id).await?;
    if before.contains(sitter) {
        caller.tables(&app).save_favourites(caller.user_id, before.without(sitter), version).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(delete_favourite))
}
