//! `PUT /me/children/{id}`: a parent describes a child anew.

use api::{
    App, IfMatch, Json, Limiter, Parent, PathId, Problem, ProblemBody, limits,
    openapi::{BodyProblems, LimitProblems, RoleProblems, StoreProblems},
};
use axum::{extract::State, response::IntoResponse};
use domain::id::ChildTag;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    child::{self, Request, View},
    key,
};

/// Replaces what is told of one of the caller's children.
#[utoipa::path(
    put, path = "/me/children/{id}", operation_id = "update_child", tag = "Family",
    security(("access_token" = [])),
    params(("id" = String, Path, description = "The child", example = "kid_01h455vb4pex5vsknk084sn02q"),
           ("If-Match" = Option<String>, Header, description = "The `ETag` of the version that the change is for")),
    request_body = Request,
    responses(
        (status = 200, description = "The child after the change", body = View,
         headers(("ETag" = String, description = "Its version"))),
        (status = 404, description = "The caller has no such child", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 409, description = "It changed at the same moment", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 412, description = "It has changed since that version", body = ProblemBody,
         content_type = "application/problem+json"),
        BodyProblems, RoleProblems, LimitProblems, StoreProblems,
    ),
)]
async fn update_child(
    State(app): State<App>,
    Parent(caller): Parent,
    PathId(id): PathId<ChildTag>,
    if_match: IfMatch,
    limiter: Limiter,
    Json(request): Json<Request>,
) -> Result<impl IntoResponse, Problem> {
    let today = caller.user(&app).await?.time_zone.today(app.now());
    let details = request.parse(today)?;
    limiter.admit(&limits::CHANGES, &caller.user_id.to_string()).await?;
    let key = key::existing(&app, caller).await?;
    let before = app.tables().child(&key, id).await?.ok_or_else(Problem::not_found)?;
    if_match.check(before.version)?;
    if before.details == details {
        return Ok(child::answer(before, today));
    }
    let after = before.with(details);
    caller.tables(&app).save_child(&key, &after).await?;
    Ok(child::answer(after, today))
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(update_child))
}
