//! `POST /auth/verify-email`: whoever reads a mail proves it with the token from its link.
//!
//! Where the address is one that a person wants instead of theirs, it takes its place.

use api::{
    App, Json, Limiter, Problem, ProblemBody, RequestMeta,
    openapi::{BodyProblems, LimitProblems, StoreProblems},
};
use axum::{extract::State, http::StatusCode};
use domain::mail_link::Purpose;
use serde::Deserialize;
use storage::audit::{Action, Entry};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::mail_link;

/// What the link carries.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = VerifyEmailRequest)]
pub struct Request {
    /// From the link, behind `#token=`.
    token: String,
}

/// Proves an address.
#[utoipa::path(
    post, path = "/auth/verify-email", operation_id = "verify_email", tag = "Identity",
    request_body = Request,
    responses(
        (status = 204, description = "The address is proved"),
        (status = 409, description = "The account changed at the same moment, or the address belongs to another one",
         body = ProblemBody, content_type = "application/problem+json"),
        BodyProblems, LimitProblems, StoreProblems,
    ),
)]
async fn verify_email(
    State(app): State<App>,
    meta: RequestMeta,
    limiter: Limiter,
    Json(request): Json<Request>,
) -> Result<StatusCode, Problem> {
    let now = app.now();
    let (link, before) = mail_link::open(&app, &limiter, Purpose::VerifyEmail, &request.token, now).await?;
    let after = before.clone().prove_email(&link.email).ok_or_else(mail_link::invalid)?;
    let moved = before.email != after.email;
    let action = if moved { Action::EmailChanged } else { Action::EmailVerified };
    let trail = Entry::by_self(before.id, action, now, meta.origin());
    match app.tables().prove_email(&before, after, &link, &trail).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        // Whoever reads mail there may know that it has an account.
        Err(storage::Error::Conflict) if moved && app.tables().owner_of(&link.email).await?.is_some() => {
            let detail = "This address belongs to another account.";
            Err(Problem::new(StatusCode::CONFLICT, "email_taken", detail))
        }
        Err(error) => Err(error.into()),
    }
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(verify_email))
}
