//! `DELETE /payment-methods/{id}`: a parent takes a card away from Stripe. What is on hold with it stays on hold; a
//! booking that was to be paid with it finds it refused, and its parent is asked for another.

use api::{
    App, Parent, Problem, ProblemBody,
    openapi::{ParameterProblems, RoleProblems, StoreProblems},
};
use axum::{
    extract::{Path, State},
    http::StatusCode,
};
use domain::stripe::PaymentMethodId;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::problem::from_stripe;

/// Takes one of the caller's cards away.
#[utoipa::path(
    delete, path = "/payment-methods/{id}", operation_id = "delete_payment_method", tag = "Payments",
    security(("access_token" = [])),
    params(("id" = String, Path, description = "The card", example = "pm_1NQ3kX2eZvKYlo2C")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 404, description = "The caller has no such card", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 409, description = "The card can do nothing any more", body = ProblemBody,
         content_type = "application/problem+json"),
        ParameterProblems, RoleProblems, StoreProblems,
    ),
)]
async fn delete_payment_method(
    State(app): State<App>,
    Parent(caller): Parent,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let id = PaymentMethodId::parse(id).map_err(|violation| Problem::invalid_field("id", violation))?;
    let customer = app.tables().payer(caller.user_id).await?.ok_or_else(Problem::not_found)?;
    let stripe = app.stripe().await?;
    let card = stripe.payment_method(&id).await.map_err(from_stripe)?;
    if card.customer != Some(customer) {
        return Err(Problem::not_found());
    }
    stripe.detach(&id, &format!("{id}/detach")).await.map_err(from_stripe)?;
    Ok(StatusCode::NO_CONTENT)
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(delete_payment_method))
}
