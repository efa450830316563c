//! `POST /me/password`: anyone who is signed in chooses another password. All their other sessions, and
//! everything that is pending, end. Announces [`Fact::PasswordChanged`].

use api::{
    App, Json, Limiter, Problem, RequestMeta, SignedIn, limits,
    openapi::{BodyProblems, ChangeProblems, LimitProblems, SignedInProblems, StoreProblems},
    passwords,
};
use axum::{extract::State, http::StatusCode};
use domain::{
    event::{Event, Fact},
    password::Password,
};
use serde::Deserialize;
use storage::audit::{Action, Entry};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::confirmed;

/// The password, and the one that takes its place.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ChangePasswordRequest)]
pub struct Request {
    /// The one that the caller signs in with.
    #[schema(example = "correct horse battery staple", format = "password", max_length = 128)]
    current_password: String,
    /// At least 8 and at most 128 characters that are hard to guess; there are no other rules.
    #[schema(example = "quiet otter marble lantern", format = "password", min_length = 8, max_length = 128)]
    new_password: String,
}

/// Changes the caller's password.
#[utoipa::path(
    post, path = "/me/password", operation_id = "change_password", tag = "Me", security(("access_token" = [])),
    // An Argon2 hash takes a core for about 100 ms: 50 a second are 5 concurrent executions.
    extensions(("x-gateway" = json!({ "throttle": [50, 100] }))),
    request_body = Request,
    responses(
        (status = 204, description = "Changed, and all other sign-ins have ended"),
        BodyProblems, SignedInProblems, LimitProblems, ChangeProblems, StoreProblems,
    ),
)]
async fn change_password(
    State(app): State<App>,
    caller: SignedIn,
    meta: RequestMeta,
    limiter: Limiter,
    Json(request): Json<Request>,
) -> Result<StatusCode, Problem> {
    let now = app.now();
    let current = &request.current_password;
    let credentials = confirmed::credentials(&app, &limiter, caller, "/current_password", current).await?;
    let user = caller.user(&app).await?;
    let password = Password::parse_new(&request.new_password, &[user.email.as_str(), user.name.as_str()])
        .map_err(|violation| Problem::invalid_field("/new_password", violation))?;

    limiter.admit(&limits::EPOCHS, &caller.user_id.to_string()).await?;

    let before = user.version;
    let kept = caller.session(&app, &user).await?;
    let user = user.next_epoch();
    let credentials = credentials.with_password(passwords::hash(&password)?);
    let trail = Entry::by_self(user.id, Action::PasswordChanged, now, meta.origin());
    let event = Event::new(Fact::PasswordChanged { user_id: user.id }, now);
    caller
        .tables(&app)
        .change_credentials(user, before, &credentials, Some(&kept), None, &trail, &event)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(change_password))
}
