//! `POST /payments/setup-intent`: a parent leaves a card. Its number goes from the app to Stripe, and never to us.

use api::{
    App, Json, Limiter, Parent, Problem, limits,
    openapi::{ChangeProblems, LimitProblems, RoleProblems, StoreProblems},
};
use axum::{extract::State, http::StatusCode};
use secrecy::ExposeSecret;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{payer::payer_or_new, problem::from_stripe};

/// What the app needs to leave a card with Stripe.
#[derive(Serialize, ToSchema)]
#[schema(as = SetupIntent)]
pub struct Response {
    /// For Stripe's own form, which asks for the card and lets its bank confirm it.
    client_secret: String,
}

/// Begins to leave a card.
#[utoipa::path(
    post, path = "/payments/setup-intent", operation_id = "create_setup_intent", tag = "Payments",
    // Stripe takes 100 calls a second from one account.
    extensions(("x-gateway" = json!({ "throttle": [50, 100] }))),
    security(("access_token" = [])),
    responses(
        (status = 201, description = "For Stripe's form", body = Response),
        ChangeProblems, RoleProblems, LimitProblems, StoreProblems,
    ),
)]
async fn create_setup_intent(
    State(app): State<App>,
    Parent(caller): Parent,
    limiter: Limiter,
) -> Result<(StatusCode, Json<Response>), Problem> {
    limiter.admit(&limits::CARD, &caller.user_id.to_string()).await?;
    caller.verified_user(&app).await?;
    let customer = payer_or_new(&app, caller).await?;
    // Each time another: one that was used is of no use again.
    let key = format!("{}/setup/{}", caller.user_id, app.now().as_millisecond());
    let intent = app.stripe().await?.create_setup_intent(&customer, &key).await.map_err(from_stripe)?;
    Ok((
        StatusCode::CREATED,
        Json(Response { client_secret: intent.client_secret.expose_secret().to_owned() }),
    ))
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(create_setup_intent))
}
