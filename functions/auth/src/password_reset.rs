//! `POST /auth/password/reset`: whoever reads a mail chooses a new password with the token from its
//! link. All sign-ins of the account end. Announces [`Fact::PasswordChanged`].

use api::{
    App, Json, Limiter, Problem, RequestMeta,
    openapi::{BodyProblems, ChangeProblems, LimitProblems, StoreProblems},
    passwords,
};
use axum::{extract::State, http::StatusCode};
use domain::{
    event::{Event, Fact},
    mail_link::Purpose,
    password::Password,
};
use serde::Deserialize;
use storage::audit::{Action, Entry};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::mail_link;

/// What the link carries, and the new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ResetPasswordRequest)]
pub struct Request {
    /// From the link, behind `#token=`.
    token: String,
    /// At least 8 and at most 128 characters that are hard to guess; there are no other rules.
    #[schema(
        example = "correct horse battery staple",
        format = "password",
        min_length = 8,
        max_length = 128
    )]
    password: String,
}

/// Chooses a new password.
#[utoipa::path(
    post, path = "/auth/password/reset", operation_id = "reset_password", tag = "Identity",
    request_body = Request,
    responses(
        (status = 204, description = "The password is changed, and all sign-ins have ended"),
        BodyProblems, LimitProblems, ChangeProblems, StoreProblems,
    ),
)]
async fn reset_password(
    State(app): State<App>,
    meta: RequestMeta,
    limiter: Limiter,
    Json(request): Json<Request>,
) -> Result<StatusCode, Problem> {
    let now = app.now();
    let (link, user) = mail_link::open(&app, &limiter, Purpose::ResetPassword, &request.token, now).await?;
    let credentials = app.tables().credentials(link.user_id).await?.ok_or_else(mail_link::invalid)?;

    let password = Password::parse_new(&request.password, &[user.email.as_str(), user.name.as_str()])
        .map_err(|violation| Problem::invalid_field("/password", violation))?;
    // A link to an address that the account has left opens nothing.
    if user.email != link.email {
        return Err(mail_link::invalid());
    }

    let before = user.version;
    // Whoever reads the link has proved the address as well.
    let user = user.prove_email(&link.email).ok_or_else(mail_link::invalid)?.signed_out(None, now);
    let credentials = credentials.with_password(passwords::hash(&password)?);
    let trail = Entry::by_self(user.id, Action::PasswordReset, now, meta.origin());
    let event = Event::new(Fact::PasswordChanged { user_id: user.id }, now);
    app.tables().change_password(user, before, &credentials, Some(&link), &trail, &event).await?;
    limiter.forget_failures(&link.user_id.to_string()).await;
    Ok(StatusCode::NO_CONTENT)
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(reset_password))
}
