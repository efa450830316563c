//! `GET /health`: anyone asks whether the service is alive. It touches nothing else.

use api::{App, Json};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

/// The service is alive.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Health)]
pub struct Response {
    /// Always `ok`.
    #[schema(example = "ok")]
    status: &'static str,
    /// Of the deployed code.
    #[schema(example = "0.1.0")]
    version: &'static str,
}

/// Tells that the service is alive.
#[utoipa::path(
    get, path = "/health", operation_id = "get_health", tag = "Operations",
    responses((status = 200, description = "Alive", body = Response)),
)]
async fn get_health() -> Json<Response> {
    Json(Response { status: "ok", version: env!("CARGO_PKG_VERSION") })
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_health))
}
