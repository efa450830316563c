//! `POST /webhooks/stripe`: Stripe tells of something. Who says so is proved by a signature over the body as it came.
//!
//! It is noted once and announced in one transaction, and answered at once; the payments queue works on it, and asks
//! Stripe how the thing stands by then. So neither order nor repetition matters.

use api::{App, Problem, ProblemBody, RawBody, openapi::StoreProblems};
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
};
use domain::event::{Event, Fact};
use stripe::webhook::{self, TOLERANCE};
use utoipa_axum::{router::OpenApiRouter, routes};

/// Hears what Stripe tells.
#[utoipa::path(
    post, path = "/webhooks/stripe", operation_id = "hear_stripe", tag = "Payments",
    // One signature and one write: 1000 a second of 30 ms each are 30 concurrent executions.
    extensions(("x-gateway" = json!({ "throttle": [1000, 2000] }))),
    params(("Stripe-Signature" = String, Header, description = "When it was signed, and the signatures")),
    request_body(content = String, content_type = "application/json", description = "An event of Stripe's"),
    responses(
        (status = 204, description = "It was noted, now or before"),
        (status = 400, description = "It is not signed by Stripe, or not now, or a name in it has an unsupported character", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 415, description = "The body is compressed", body = ProblemBody,
         content_type = "application/problem+json"),
        StoreProblems,
    ),
)]
async fn hear_stripe(
    State(app): State<App>,
    headers: HeaderMap,
    RawBody(body): RawBody,
) -> Result<StatusCode, Problem> {
    let header = headers.get("stripe-signature").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let now = app.now();
    let secret = app.stripe_webhook_secret().await?;
    let event = webhook::verify(&body, header, secret, now, TOLERANCE).map_err(|error| {
        tracing::warn!(%error, "a webhook was rejected");
        match error {
            webhook::Error::Unsupported { pointer, violation } => Problem::invalid_field(pointer, violation),
            _ => {
                let detail = "This is not signed by Stripe, or not now.";
                Problem::new(StatusCode::BAD_REQUEST, "invalid_signature", detail)
            }
        }
    })?;
    if let Some(object) = event.object_id {
        let told = Event::new(Fact::StripeEventReceived { object }, now);
        let is_new = app.tables().receive(&event.id, &event.kind, &told).await?;
        tracing::info!(stripe_event = %event.id, kind = event.kind, is_new, "heard of Stripe");
    }
    Ok(StatusCode::NO_CONTENT)
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(hear_stripe))
}
