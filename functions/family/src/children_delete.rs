//! `DELETE /me/children/{id}`: a parent takes back what they have told of a child.

use api::{
    App, Parent, PathId, Problem, ProblemBody,
    openapi::{ChangeProblems, ParameterProblems, RoleProblems, StoreProblems},
};
use axum::{extract::State, http::StatusCode};
use domain::id::ChildTag;
use utoipa_axum::{router::OpenApiRouter, routes};

/// Removes one of the caller's children.
#[utoipa::path(
    delete, path = "/me/children/{id}", operation_id = "delete_child", tag = "Family",
    security(("access_token" = [])),
    params(("id" = String, Path, description = "The child", example = "kid_01h455vb4pex5vsknk084sn02q")),
    responses(
        (status = 204, description = "Removed"),
        (status = 404, description = "The caller has no such child", body = ProblemBody,
         content_type = "application/problem+json"),
        ChangeProblems, ParameterProblems, RoleProblems, StoreProblems,
    ),
)]
async fn delete_child(
    State(app): State<App>,
    Parent(caller): Parent,
    PathId(id): PathId<ChildTag>,
) -> Result<StatusCode, Problem> {
    let roll = app.tables().roll(caller.user_id).await?.without(id).ok_or_else(Problem::not_found)?;
    app.tables().remove_child(id, &roll).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(delete_child))
}
