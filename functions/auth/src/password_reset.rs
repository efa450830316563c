//! `POST /auth/password/reset`: the reader of an email chooses a new password with the token from its link. A new
//! epoch begins: all sessions, links, codes and the pending address end. Announces [`Fact::PasswordChanged`].
//!
//! If nobody has verified the address before, a stranger may have opened the account. Then the reader gets a new
//! account with their own name and role, and the one before is removed with everything in it.

use api::{
    App, Fields, Json, Limiter, Problem, RequestMeta,
    openapi::{BodyProblems, ChangeProblems, LimitProblems, StoreProblems},
    passwords,
};
use axum::{extract::State, http::StatusCode};
use domain::{
    Violation,
    display_name::DisplayName,
    event::{Event, Fact},
    mail_link::Purpose,
    password::Password,
    role::Role,
    user::User,
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
    /// How the user wants to be called. Required if the address was never verified, and rejected otherwise.
    #[serde(default, deserialize_with = "api::present")]
    #[schema(nullable = false, example = "Ada Lovelace", max_length = 100)]
    name: Option<String>,
    /// `parent` or `sitter`. Required if the address was never verified, and rejected otherwise.
    #[serde(default, deserialize_with = "api::present")]
    #[schema(nullable = false, example = "parent", pattern = "^(parent|sitter)$")]
    role: Option<String>,
}

/// Chooses a new password.
#[utoipa::path(
    post, path = "/auth/password/reset", operation_id = "reset_password", tag = "Identity",
    // An Argon2 hash takes a core for about 100 ms: 50 a second are 5 concurrent executions.
    extensions(("x-gateway" = json!({ "throttle": [50, 100] }))),
    request_body = Request,
    responses(
        (status = 204, description = "The password is changed, and all sessions have ended"),
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
    // No stranger opens an admin's account.
    let unproved = !user.email_verified && user.role != Role::Admin;
    let (password, newcomer) = parse(&request, &user, unproved)?;
    let password_hash = passwords::hash(&password)?;
    let origin = meta.origin();
    if let Some((name, role)) = newcomer {
        let newcomer = User::register(role, user.email.clone(), name, app.settings().unverified_for, now);
        let newcomer = newcomer.prove_email(&link.email, now).ok_or_else(mail_link::invalid)?;
        let (left, id) = (user.id, newcomer.id);
        let trail = [
            Entry::by_nobody(left, Action::AddressReclaimed, now, origin.clone()),
            Entry::by_self(id, Action::Registered, now, origin),
        ];
        let event = Event::new(Fact::PasswordChanged { user_id: id }, now);
        let trail = [&trail[0], &trail[1]];
        app.tables().replace_unverified(user, newcomer, password_hash, &link, trail, &event).await?;
        return Ok(StatusCode::NO_CONTENT);
    }
    let credentials = app.tables().credentials(user.id).await?.ok_or_else(mail_link::invalid)?;
    let before = user.version;
    // The reader of the link has verified the address as well.
    let user = user.prove_email(&link.email, now).ok_or_else(mail_link::invalid)?.next_epoch();
    let credentials = credentials.with_password(password_hash);
    let trail = Entry::by_self(user.id, Action::PasswordReset, now, origin);
    let event = Event::new(Fact::PasswordChanged { user_id: user.id }, now);
    app.tables().change_credentials(user, before, &credentials, None, Some(&link), &trail, &event).await?;
    limiter.forget_failures(&link.user_id.to_string()).await;
    Ok(StatusCode::NO_CONTENT)
}

/// The password and, where nobody has verified the address before, who the reader is.
fn parse(
    request: &Request,
    user: &User,
    unproved: bool,
) -> Result<(Password, Option<(DisplayName, Role)>), Problem> {
    let mut fields = Fields::default();
    let name = request.name.as_deref().map(DisplayName::parse);
    let role = request.role.as_deref().map(Role::parse_registrable);
    let newcomer = if unproved {
        let required = || Violation::new("required", "must be given, because the address was never verified");
        let name = fields.take("/name", name.unwrap_or_else(|| Err(required())));
        let role = fields.take("/role", role.unwrap_or_else(|| Err(required())));
        name.zip(role).map(Some)
    } else {
        let absent = |given: bool| match given {
            true => Err(Violation::new("unexpected", "must not be given, because the account has one")),
            false => Ok(()),
        };
        let name = fields.take("/name", absent(name.is_some()));
        let role = fields.take("/role", absent(role.is_some()));
        name.and(role).map(|()| None)
    };
    let called = match &newcomer {
        Some(Some((name, _))) => name.as_str(),
        _ => user.name.as_str(),
    };
    let password = Password::parse_new(&request.password, &[user.email.as_str(), called]);
    let password = fields.take("/password", password);
    match (password, newcomer) {
        (Some(password), Some(newcomer)) => Ok((password, newcomer)),
        _ => Err(fields.into_problem()),
    }
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(reset_password))
}
