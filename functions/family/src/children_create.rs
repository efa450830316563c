//! `POST /me/children`: a parent describes a child.

use api::{
    App, Json, Limiter, Parent, Problem, ProblemBody, limits,
    openapi::{BodyProblems, LimitProblems, RoleProblems, StoreProblems},
};
use axum::{
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
};
use domain::child::{Child, MAX_CHILDREN};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::child::{self, Request, View};

/// Adds a child.
#[utoipa::path(
    post, path = "/me/children", operation_id = "create_child", tag = "Family", security(("access_token" = [])),
    request_body = Request,
    responses(
        (status = 201, description = "The child", body = View,
         headers(("Location" = String, description = "Where it is found, relative to this address"),
                 ("ETag" = String, description = "Its version"))),
        (status = 409, description = "There are 20 already, or another was added at the same moment",
         body = ProblemBody, content_type = "application/problem+json"),
        BodyProblems, RoleProblems, LimitProblems, StoreProblems,
    ),
)]
async fn create_child(
    State(app): State<App>,
    Parent(caller): Parent,
    limiter: Limiter,
    Json(request): Json<Request>,
) -> Result<impl IntoResponse, Problem> {
    let now = app.now();
    // The child may have been born today, by the calendar of its parent.
    let today = caller.user(&app).await?.time_zone.today(now);
    let new = Child::new(caller.user_id, request.parse(today)?, now);
    limiter.admit(&limits::CHANGES, &caller.user_id.to_string()).await?;
    let roll = app.tables().roll(caller.user_id).await?.with(new.id).ok_or_else(too_many)?;
    let key = caller.tables(&app).data_key_or_new(app.cipher()?, caller.user_id).await?;
    caller.tables(&app).add_child(&key, &new, &roll).await?;
    // Relative, since only the gateway knows the stage.
    let location = [(header::LOCATION, format!("children/{}", new.id))];
    Ok((StatusCode::CREATED, location, child::answer(new, today)))
}

fn too_many() -> Problem {
    let detail = format!("There can be at most {MAX_CHILDREN} children.");
    Problem::new(StatusCode::CONFLICT, "too_many_children", detail)
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(create_child))
}
