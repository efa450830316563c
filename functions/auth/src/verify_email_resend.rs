//! `POST /auth/verify-email/resend`: anyone asks for another mail to prove an address with.
//!
//! The answer, and what it costs, is the same whether the address is unknown, proved, or waits.
//! Announces [`Fact::EmailVerificationRequested`] where it waits.

use api::{
    App, Json, Limiter, Problem, limits,
    openapi::{BodyProblems, LimitProblems, StoreProblems},
};
use axum::{extract::State, http::StatusCode};
use domain::{
    event::{Event, Fact},
    id::UserId,
};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use crate::by_message::{Accepted, AddressRequest};

/// Sends another mail to prove an address with.
#[utoipa::path(
    post, path = "/auth/verify-email/resend", operation_id = "resend_email_verification", tag = "Identity",
    // It ends in an email.
    extensions(("x-gateway" = json!({ "throttle": [50, 100] }))),
    request_body = AddressRequest,
    responses(
        (status = 202, description = "Taken; if the address waits to be proved, a mail goes there", body = Accepted),
        BodyProblems, LimitProblems, StoreProblems,
    ),
)]
async fn resend_email_verification(
    State(app): State<App>,
    limiter: Limiter,
    Json(request): Json<AddressRequest>,
) -> Result<(StatusCode, Json<Accepted>), Problem> {
    let email = request.parse()?;
    limiter.admit(&limits::RESEND, email.as_str()).await?;
    // An address that nobody has is looked for just as long.
    let owner = app.tables().owner_of(&email).await?.unwrap_or(UserId::from_uuid(Uuid::nil()));
    let waits = app.tables().user(owner).await?.filter(|user| !user.email_verified);
    let fact = waits.map_or(Fact::NobodyAsked, |user| Fact::EmailVerificationRequested {
        user_id: user.id,
        epoch: user.epoch,
    });
    app.tables().announce(&Event::new(fact, app.now())).await?;
    Ok((StatusCode::ACCEPTED, Json(Accepted::BODY)))
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(resend_email_verification))
}
