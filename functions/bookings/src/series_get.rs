//! `GET /booking-series/{id}`: a parent sees what became of each day of a series.

use api::{
    App, Json, Parent, PathId, Problem, ProblemBody,
    openapi::{ParameterProblems, RoleProblems, StoreProblems},
};
use axum::extract::State;
use domain::id::SeriesTag;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::series::View;

/// Shows one of the caller's series.
#[utoipa::path(
    get, path = "/booking-series/{id}", operation_id = "get_booking_series", tag = "Bookings",
    security(("access_token" = [])),
    params(("id" = String, Path, description = "The series", example = "ser_01h455vb4pex5vsknk084sn02q")),
    responses(
        (status = 200, description = "The series", body = View),
        (status = 404, description = "The caller has no such series", body = ProblemBody,
         content_type = "application/problem+json"),
        ParameterProblems, RoleProblems, StoreProblems,
    ),
)]
async fn get_booking_series(
    State(app): State<App>,
    Parent(caller): Parent,
    PathId(id): PathId<SeriesTag>,
) -> Result<Json<View>, Problem> {
    let series = app.tables().series(id).await?.filter(|series| series.parent == caller.user_id);
    Ok(Json(View::of(&app, &series.ok_or_else(Problem::not_found)?).await?))
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_booking_series))
}
