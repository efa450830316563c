//! `GET /me/credentials`: a sitter sees what they have handed in, background checks among it.

use api::{
    App, Json, Problem, Sitter,
    openapi::{RoleProblems, StoreProblems},
};
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::certificate::View;

/// A sitter's certificates.
#[derive(Serialize, ToSchema)]
#[schema(as = Credentials)]
pub struct Response {
    /// In the order in which they were handed in.
    items: Vec<View>,
    /// Always `null`: there is one page.
    next_cursor: Option<String>,
}

/// Shows the caller's certificates.
#[utoipa::path(
    get, path = "/me/credentials", operation_id = "list_credentials", tag = "Credentials",
    security(("access_token" = [])),
    responses((status = 200, description = "The certificates", body = Response), RoleProblems, StoreProblems),
)]
async fn list_credentials(State(app): State<App>, Sitter(caller): Sitter) -> Result<Json<Response>, Problem> {
    let certificates = app.tables().certificates(caller.user_id).await?;
    Ok(Json(Response { items: certificates.into_iter().map(View::from).collect(), next_cursor: None }))
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_credentials))
}
