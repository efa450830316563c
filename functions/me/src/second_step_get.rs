//! `GET /me/second-step`: anyone who is signed in sees what is asked for after their password.

use api::{
    App, Json, Problem, SignedIn,
    openapi::{SignedInProblems, StoreProblems},
};
use axum::extract::State;
use domain::credentials::Method;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

/// What is asked for after the password.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SecondStep)]
pub struct Response {
    /// `none`, `sms` or `totp`.
    #[schema(value_type = String, example = "totp")]
    method: Method,
    /// How many recovery codes have not been used.
    #[schema(example = 10)]
    recovery_codes_left: usize,
}

/// Shows what is asked for after the caller's password.
#[utoipa::path(
    get, path = "/me/second-step", operation_id = "get_second_step", tag = "Me",
    security(("access_token" = [])),
    responses((status = 200, description = "The second step", body = Response), SignedInProblems, StoreProblems),
)]
async fn get_second_step(State(app): State<App>, caller: SignedIn) -> Result<Json<Response>, Problem> {
    let credentials = caller.credentials(&app).await?;
    Ok(Json(Response {
        method: credentials.second_step.method(),
        recovery_codes_left: credentials.recovery_codes.len(),
    }))
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_second_step))
}
