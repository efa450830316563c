//! `GET /payments`: what somebody has paid and got back, or, of a sitter, earned and been paid. It is read from the
//! ledger.

use api::{
    App, Json, Problem, Query, SignedIn,
    openapi::{ParameterProblems, SignedInProblems, StoreProblems},
};
use axum::extract::State;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::statement::{Page, Parameters};

/// Lists what has moved on the caller's account.
#[utoipa::path(
    get, path = "/payments", operation_id = "list_payments", tag = "Payments", security(("access_token" = [])),
    params(Parameters),
    responses(
        (status = 200, description = "A page of movements", body = Page),
        ParameterProblems, SignedInProblems, StoreProblems,
    ),
)]
async fn list_payments(
    State(app): State<App>,
    caller: SignedIn,
    Query(parameters): Query<Parameters>,
) -> Result<Json<Page>, Problem> {
    Ok(Json(Page::read(&app, caller.user_id, &parameters).await?))
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_payments))
}
