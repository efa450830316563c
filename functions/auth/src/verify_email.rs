//! `POST /auth/verify-email`: the owner of an account verifies its address with the token from an email link.
//!
//! The link proves that its reader reads mail at the address, and not that they own the account: a stranger can
//! open an account with anybody's address, or ask to change their own to it. So the caller also proves to be the
//! account's owner, by an access token or the password. Who cannot chooses a new password
//! (`POST /auth/password/reset`), which starts clean.
//!
//! Where the address is a pending one, it takes the place of the current one, which announces
//! [`domain::event::Fact::EmailChanged`].

use api::{
    App, Json, Limiter, Problem, ProblemBody, RequestMeta, SignedIn, limits,
    openapi::{BodyProblems, LimitProblems, StoreProblems},
    passwords,
};
use axum::{extract::State, http::StatusCode};
use domain::{Violation, mail_link::Purpose, password::Password, session::Session, user::User};
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
    /// The account's password. Required without an access token of the account.
    #[serde(default, deserialize_with = "api::present")]
    #[schema(
        nullable = false,
        example = "correct horse battery staple",
        format = "password",
        max_length = 128
    )]
    password: Option<String>,
}

/// Verifies an email address. The first verification of an account ends all its sessions but the caller's.
#[utoipa::path(
    post, path = "/auth/verify-email", operation_id = "verify_email", tag = "Identity",
    security((), ("access_token" = [])),
    request_body = Request,
    responses(
        (status = 204, description = "The address is verified"),
        (status = 401, description = "The access token is not valid", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 403, description = "`confirmation_required`: the caller is not signed in to the account and has sent \
         no password", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The account changed at the same moment, or the address belongs to another one",
         body = ProblemBody, content_type = "application/problem+json"),
        BodyProblems, LimitProblems, StoreProblems,
    ),
)]
async fn verify_email(
    State(app): State<App>,
    caller: Option<SignedIn>,
    meta: RequestMeta,
    limiter: Limiter,
    Json(request): Json<Request>,
) -> Result<StatusCode, Problem> {
    let now = app.now();
    let (link, before) = mail_link::open(&app, &limiter, Purpose::VerifyEmail, &request.token, now).await?;
    let kept = confirm(&app, &limiter, caller, &before, request.password.as_deref()).await?;
    let after = before.clone().prove_email(&link.email, now).ok_or_else(mail_link::invalid)?;
    let moved = before.email != after.email;
    let action = if moved { Action::EmailChanged } else { Action::EmailVerified };
    let trail = Entry::by_self(before.id, action, now, meta.origin());
    match app.tables().prove_email(&before, after, kept.as_ref(), &link, &trail).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        // Whoever reads mail there may know that it has an account.
        Err(storage::Error::Conflict) if moved && app.tables().owner_of(&link.email).await?.is_some() => {
            let detail = "This address belongs to another account.";
            Err(Problem::new(StatusCode::CONFLICT, "email_taken", detail))
        }
        Err(error) => Err(error.into()),
    }
}

/// Rejects a caller who does not prove to own the account. Returns the session that proves it, if it is not the
/// password.
async fn confirm(
    app: &App,
    limiter: &Limiter,
    caller: Option<SignedIn>,
    user: &User,
    password: Option<&str>,
) -> Result<Option<Session>, Problem> {
    if let Some(caller) = caller.filter(|caller| caller.user_id == user.id) {
        return caller.session(app, user).await.map(Some);
    }
    let Some(password) = password else {
        let detail = "Sign in to the account, or send its password with the token. If you do not know it, choose a new one.";
        return Err(Problem::new(StatusCode::FORBIDDEN, "confirmation_required", detail));
    };
    let wrong = |violation| Problem::invalid_field("/password", violation);
    let password = Password::parse(password).map_err(wrong)?;
    let guess = limiter.guess(&limits::LOGIN, &user.id.to_string()).await?;
    let credentials = app.tables().credentials(user.id).await?.ok_or_else(mail_link::invalid)?;
    if !passwords::verify(&password, Some(&credentials.password_hash)) {
        return Err(wrong(Violation::new("wrong_password", "is not the password of the account")));
    }
    guess.was_right().await;
    Ok(None)
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(verify_email))
}
