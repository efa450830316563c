//! `GET /openapi.json`: anyone reads the contract, as it was generated from this code.

use api::App;
use axum::{http::header, response::IntoResponse};
use utoipa_axum::{router::OpenApiRouter, routes};

/// Committed, and checked to be current.
const DOCUMENT: &str = include_str!("../../../infra/openapi.json");

/// Shows the contract.
#[utoipa::path(
    get, path = "/openapi.json", operation_id = "get_openapi", tag = "Operations",
    responses((status = 200, description = "An OpenAPI 3.1 document", body = Object, content_type = "application/json")),
)]
async fn get_openapi() -> impl IntoResponse {
    let headers =
        [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "public, max-age=300")];
    (headers, DOCUMENT)
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_openapi))
}
