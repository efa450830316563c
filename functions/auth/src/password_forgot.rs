//! `POST /auth/password/forgot`: anyone asks for a mail to choose a new password with.
//!
//! The answer, and what it costs, is the same whether or not the address has an account. Announces
//! [`Fact::PasswordResetRequested`] where it has.

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

/// Sends a mail to choose a new password with.
#[utoipa::path(
    post, path = "/auth/password/forgot", operation_id = "forget_password", tag = "Identity",
    // It ends in an email.
    extensions(("x-gateway" = json!({ "throttle": [50, 100] }))),
    request_body = AddressRequest,
    responses(
        (status = 202, description = "Taken; if the address has an account, a mail goes there", body = Accepted),
        BodyProblems, LimitProblems, StoreProblems,
    ),
)]
async fn forget_password(
    State(app): State<App>,
    limiter: Limiter,
    Json(request): Json<AddressRequest>,
) -> Result<(StatusCode, Json<Accepted>), Problem> {
    let email = request.parse()?;
    limiter.admit(&limits::FORGOT, email.as_str()).await?;
    // An address that nobody has is looked for just as long.
    let owner = app.tables().owner_of(&email).await?.unwrap_or(UserId::from_uuid(Uuid::nil()));
    let user = app.tables().user(owner).await?;
    let fact = user.map_or(Fact::NobodyAsked, |user| Fact::PasswordResetRequested {
        user_id: user.id,
        epoch: user.epoch,
    });
    app.tables().announce(&Event::new(fact, app.now())).await?;
    Ok((StatusCode::ACCEPTED, Json(Accepted::BODY)))
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(forget_password))
}
