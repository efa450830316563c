//! `POST /auth/register`: anyone opens an account as a parent or a sitter.
//!
//! The answer is the same whether or not the address has an account already, and takes as many calls
//! of the store; the owner learns of it by mail. Announces [`Fact::UserRegistered`] or [`Fact::RegistrationRepeated`].

use api::{
    App, Fields, Json, Limiter, Problem, RequestMeta, limits,
    openapi::{BodyProblems, LimitProblems, StoreProblems},
    passwords,
};
use axum::{extract::State, http::StatusCode};
use domain::{
    display_name::DisplayName,
    email::EmailAddress,
    event::{Event, Fact},
    password::Password,
    role::Role,
    user::User,
};
use serde::Deserialize;
use storage::{
    audit::{Action, Entry},
    users::Claim,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::by_message::Accepted;

/// Who wants an account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RegisterRequest)]
pub struct Request {
    /// `parent` or `sitter`; it cannot be changed afterwards.
    #[schema(example = "parent", pattern = "^(parent|sitter)$")]
    role: String,
    /// Where the account is confirmed and mail goes to. Case does not matter.
    #[schema(example = "ada@example.org", format = "email", max_length = 254)]
    email: String,
    /// At least 8 and at most 128 characters that are hard to guess; there are no other rules.
    #[schema(
        example = "correct horse battery staple",
        format = "password",
        min_length = 8,
        max_length = 128
    )]
    password: String,
    /// What others see.
    #[schema(example = "Ada Lovelace", min_length = 1, max_length = 80)]
    name: String,
}

/// Opens an account.
#[utoipa::path(
    post, path = "/auth/register", operation_id = "register_user", tag = "Identity",
    // An Argon2 hash takes a core for about 100 ms: 50 a second are 5 concurrent executions.
    extensions(("x-gateway" = json!({ "throttle": [50, 100] }))),
    request_body = Request,
    responses((status = 202, description = "Taken; a mail goes to the address", body = Accepted), BodyProblems, LimitProblems, StoreProblems),
)]
async fn register_user(
    State(app): State<App>,
    meta: RequestMeta,
    limiter: Limiter,
    Json(request): Json<Request>,
) -> Result<(StatusCode, Json<Accepted>), Problem> {
    let now = app.now();
    let (role, email, name, password) = parse(&request)?;
    limiter.admit(&limits::REGISTER, email.as_str()).await?;
    let password_hash = passwords::hash(&password)?;
    let claim = app.tables().claim_on(&email).await?;
    let taken = match claim {
        Some(claim) => Some(claim),
        None => {
            let user = User::register(role, email.clone(), name, app.settings().unverified_for, now);
            let event = Event::new(Fact::UserRegistered { user_id: user.id, epoch: user.epoch }, now);
            let trail = Entry::by_self(user.id, Action::Registered, now, meta.origin());
            match app.tables().register(user, password_hash, &event, &trail).await {
                // Somebody was quicker. They may have been removed since; then there is nobody to tell.
                Err(storage::Error::Conflict) => app.tables().claim_on(&email).await?,
                other => other.map(|()| None)?,
            }
        }
    };
    if let Some(claim) = taken {
        let (user_id, fact) = match claim {
            Claim::Current(user_id) => (user_id, Fact::RegistrationRepeated { user_id }),
            // Its user reads mail elsewhere by now.
            Claim::Former(user_id) => (user_id, Fact::NobodyAsked),
        };
        let event = Event::new(fact, now);
        let trail = Entry::by_nobody(user_id, Action::RegistrationRepeated, now, meta.origin());
        app.tables().repeat_registration(&trail, &event).await?;
    }
    Ok((StatusCode::ACCEPTED, Json(Accepted::BODY)))
}

fn parse(request: &Request) -> Result<(Role, EmailAddress, DisplayName, Password), Problem> {
    let mut fields = Fields::default();
    let role = fields.take("/role", Role::parse_registrable(&request.role));
    let email = fields.take("/email", EmailAddress::parse(&request.email));
    let name = fields.take("/name", DisplayName::parse(&request.name));
    // The estimate of a password's strength takes time that grows with the hints, so only good ones count.
    let hints = [email.as_ref().map(EmailAddress::as_str), name.as_ref().map(DisplayName::as_str)];
    let hints: Vec<_> = hints.into_iter().flatten().collect();
    let password = fields.take("/password", Password::parse_new(&request.password, &hints));
    match (role, email, name, password) {
        (Some(role), Some(email), Some(name), Some(password)) => Ok((role, email, name, password)),
        _ => Err(fields.into_problem()),
    }
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(register_user))
}
