//! `PUT /me/favourites/{sitter_id}`: a parent wants to find a sitter again.

use api::{
    App, Limiter, Parent, PathId, Problem, ProblemBody, limits,
    openapi::{LimitProblems, ParameterProblems, RoleProblems, StoreProblems},
};
use axum::{extract::State, http::StatusCode};
use domain::{favourites::Full, id::UserTag, search::Index};
use utoipa_axum::{router::OpenApiRouter, routes};

/// Makes a sitter one of the caller's favourites, at most 50. Doing so twice changes nothing.
#[utoipa::path(
    put, path = "/me/favourites/{sitter_id}", operation_id = "put_favourite", tag = "Me",
    security(("access_token" = [])),
    params(("sitter_id" = String, Path, description = "The sitter", example = "usr_01h455vb4pex5vsknk084sn02q")),
    responses(
        (status = 204, description = "They are one now"),
        (status = 404, description = "There is no such sitter, or they are not shown", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 409, description = "There are 50 already, or they changed at the same moment", body = ProblemBody,
         content_type = "application/problem+json"),
        ParameterProblems, RoleProblems, LimitProblems, StoreProblems,
    ),
)]
async fn put_favourite(
    State(app): State<App>,
    Parent(caller): Parent,
    PathId(sitter): PathId<UserTag>,
    limiter: Limiter,
) -> Result<StatusCode, Problem> {
    limiter.admit(&limits::CHANGES, &caller.user_id.to_string()).await?;
    app.search().view(sitter, app.now()).await?.ok_or_else(Problem::not_found)?;
    let (before, version) = app.tables().favourites(caller.user_id).await?;
    let after = before.clone().with(sitter, app.now()).map_err(full)?;
    if after != before {
        caller.tables(&app).save_favourites(caller.user_id, after, version).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

fn full(full: Full) -> Problem {
    Problem::new(StatusCode::CONFLICT, "too_many_favourites", full.to_string())
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(put_favourite))
}
