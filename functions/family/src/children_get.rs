//! `GET /me/children/{id}`: a parent sees what they have told of a child.

use api::{
    App, Parent, PathId, Problem, ProblemBody,
    openapi::{ParameterProblems, RoleProblems, StoreProblems},
};
use axum::{extract::State, response::IntoResponse};
use domain::id::ChildTag;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    child::{self, View},
    key,
};

/// Shows one of the caller's children.
#[utoipa::path(
    get, path = "/me/children/{id}", operation_id = "get_child", tag = "Family", security(("access_token" = [])),
    params(("id" = String, Path, description = "The child", example = "kid_01h455vb4pex5vsknk084sn02q")),
    responses(
        (status = 200, description = "The child", body = View,
         headers(("ETag" = String, description = "Its version"))),
        (status = 404, description = "The caller has no such child", body = ProblemBody,
         content_type = "application/problem+json"),
        ParameterProblems, RoleProblems, StoreProblems,
    ),
)]
async fn get_child(
    State(app): State<App>,
    Parent(caller): Parent,
    PathId(id): PathId<ChildTag>,
) -> Result<impl IntoResponse, Problem> {
    let key = key::existing(&app, caller).await?;
    let found = app.tables().child(&key, id).await?.ok_or_else(Problem::not_found)?;
    let today = caller.user(&app).await?.time_zone.today(app.now());
    Ok(child::answer(found, today))
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_child))
}
