//! `POST /auth/email/revert`: the reader of mail at the previous address of an account reverts the change of the address,
//! within 72 hours of it.
//!
//! A change that its owner did not ask for means that a thief knows the password. So the password becomes void, a new
//! epoch begins, which ends all sessions and whatever is pending, and a link to choose another password goes to the
//! restored address. Announces [`Fact::EmailReverted`].

use api::{
    App, Json, Limiter, Problem, RequestMeta,
    openapi::{BodyProblems, ChangeProblems, LimitProblems, StoreProblems},
    passwords,
};
use axum::{extract::State, http::StatusCode};
use domain::{
    event::{Event, Fact},
    mail_link::Purpose,
};
use serde::Deserialize;
use storage::audit::{Action, Entry};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::mail_link;

/// What the link carries.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RevertEmailRequest)]
pub struct Request {
    /// From the link, behind `#token=`.
    token: String,
}

/// Reverts a change of the email address. The password becomes void, and an email with a link to choose another one
/// goes to the restored address.
#[utoipa::path(
    post, path = "/auth/email/revert", operation_id = "revert_email", tag = "Identity",
    request_body = Request,
    responses(
        (status = 204, description = "The previous address is restored, and all sessions have ended"),
        BodyProblems, LimitProblems, ChangeProblems, StoreProblems,
    ),
)]
async fn revert_email(
    State(app): State<App>,
    meta: RequestMeta,
    limiter: Limiter,
    Json(request): Json<Request>,
) -> Result<StatusCode, Problem> {
    let now = app.now();
    let (link, before) = mail_link::open(&app, &limiter, Purpose::RevertEmail, &request.token, now).await?;
    let credentials = app.tables().credentials(before.id).await?.ok_or_else(mail_link::invalid)?;
    let credentials = credentials.with_password(passwords::unknown_hash());
    let after = before.clone().revert_email(now).ok_or_else(mail_link::invalid)?;
    let trail = Entry::by_self(before.id, Action::EmailReverted, now, meta.origin());
    let event = Event::new(Fact::EmailReverted { user_id: after.id, epoch: after.epoch }, now);
    app.tables().revert_email(&before, after, &credentials, &link, &trail, &event).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(revert_email))
}
