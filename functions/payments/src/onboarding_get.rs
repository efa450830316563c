//! `GET /payouts/onboarding`: a sitter sees whether they can be paid.

use api::{
    App, Json, Problem, Sitter,
    openapi::{RoleProblems, StoreProblems},
};
use axum::extract::State;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::payee::View;

/// Tells whether the caller can be paid.
#[utoipa::path(
    get, path = "/payouts/onboarding", operation_id = "get_onboarding", tag = "Payments",
    security(("access_token" = [])),
    responses((status = 200, description = "Whether Stripe pays", body = View), RoleProblems, StoreProblems),
)]
async fn get_onboarding(State(app): State<App>, Sitter(caller): Sitter) -> Result<Json<View>, Problem> {
    let payee = app.tables().payee(caller.user_id).await?;
    Ok(Json(View::of(payee.as_ref())))
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_onboarding))
}
