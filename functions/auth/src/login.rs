//! `POST /auth/login`: anyone with an account signs in, or is asked for the second step.
//!
//! An unknown address and a wrong password get the same answer, and cost the same: a password's hash
//! and as many calls of the store, so that the time tells nothing either. A failure goes into the
//! audit trail of the account, if there is one.

use api::{
    App, Fields, Json, Limiter, Problem, ProblemBody, RequestMeta, limits,
    openapi::{BodyProblems, ChangeProblems, LimitProblems, StoreProblems},
    passwords,
    secrets::{ChallengeToken, Secret},
};
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use domain::{
    credentials::{Credentials, Method},
    email::EmailAddress,
    one_time_code::{LIFETIME, Pending, Purpose},
    password::Password,
    user::{Standing, User},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use storage::{
    audit::{Action, Entry, Origin},
    sessions::Proof,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{sign_in, token_pair::TokenPair};

/// Who signs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LoginRequest)]
pub struct Request {
    /// The account's address.
    #[schema(example = "ada@example.org", format = "email", max_length = 254)]
    email: String,
    /// The account's password.
    #[schema(example = "correct horse battery staple", format = "password", max_length = 128)]
    password: String,
}

/// The password was right; `POST /auth/otp/verify` takes this and a code.
#[derive(Debug, Serialize, ToSchema)]
pub struct Challenge {
    /// Names this sign-in. Opaque.
    challenge: String,
    /// `totp`: the code is in the app. `sms`: `POST /auth/otp/send` sends it.
    #[schema(value_type = String, example = "totp")]
    method: Method,
    /// The end of the number that the text goes to.
    #[schema(example = "…56")]
    phone_hint: Option<String>,
    /// How long it may take, in seconds.
    #[schema(example = 600)]
    expires_in: i64,
}

/// Signs in.
#[utoipa::path(
    post, path = "/auth/login", operation_id = "create_session", tag = "Identity",
    // An Argon2 hash takes a core for about 100 ms: 100 a second are 10 concurrent executions.
    extensions(("x-gateway" = json!({ "throttle": [100, 200] }))),
    request_body = Request,
    responses(
        (status = 200, description = "Signed in", body = TokenPair),
        (status = 202, description = "The password is right, and a code is asked for", body = Challenge),
        (status = 401, description = "The address and the password do not belong together", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 403, description = "The password is right, and the account is suspended", body = ProblemBody,
         content_type = "application/problem+json"),
        BodyProblems, LimitProblems, ChangeProblems, StoreProblems,
    ),
)]
async fn create_session(
    State(app): State<App>,
    meta: RequestMeta,
    limiter: Limiter,
    Json(request): Json<Request>,
) -> Result<Response, Problem> {
    let now = app.now();
    let mut fields = Fields::default();
    let email = fields.take("/email", EmailAddress::parse(&request.email));
    let password = fields.take("/password", Password::parse(&request.password));
    let (Some(email), Some(password)) = (email, password) else { return Err(fields.into_problem()) };
    let credentials = app.tables().credentials_of(&email).await?;
    let account = credentials.as_ref().map_or_else(|| email.as_str().to_owned(), |c| c.user_id.to_string());
    let guess = limiter.guess(&limits::LOGIN, &account).await?;
    let matches = passwords::verify(&password, credentials.as_ref().map(|c| c.password_hash.as_str()));
    let Some(credentials) = credentials else {
        app.tables().record_nothing(now).await?;
        return Err(invalid_credentials());
    };
    let origin = meta.origin();
    let failed = Entry::by_nobody(credentials.user_id, Action::SignInFailed, now, origin.clone());
    if !matches {
        app.tables().record(&failed).await?;
        return Err(invalid_credentials());
    }
    guess.was_right().await;
    limiter.admit(&limits::SIGN_INS, &account).await?;
    let user = app.tables().user(credentials.user_id).await?.ok_or_else(invalid_credentials)?;
    if user.standing != Standing::Active {
        app.tables().record(&failed).await?;
        let detail = "This account is suspended; a mail says more.";
        return Err(Problem::new(StatusCode::FORBIDDEN, "account_suspended", detail));
    }
    if credentials.second_step.method() != Method::None {
        let challenge = challenge(&app, &credentials, &user, origin, now).await?;
        return Ok((StatusCode::ACCEPTED, Json(challenge)).into_response());
    }
    let changed = match passwords::is_outdated(&credentials.password_hash) {
        true => Some(credentials.clone().with_password(passwords::hash(&password)?)),
        false => None,
    };
    let proof = Proof { compared: &credentials, changed: changed.as_ref(), pending: None };
    let pair = sign_in::complete(&app, user.epoch, proof, meta.client(), origin, now).await?;
    limiter.remember(&account).await;
    Ok(Json(pair).into_response())
}

async fn challenge(
    app: &App,
    credentials: &Credentials,
    user: &User,
    origin: Origin,
    now: Timestamp,
) -> Result<Challenge, Problem> {
    let token = ChallengeToken { user_id: user.id, id: domain::id::new(now), secret: Secret::generate() };
    let purpose = Purpose::SignIn { challenge: token.id, secret: token.secret.hash() };
    let trail = Entry::by_nobody(user.id, Action::SecondStepAsked, now, origin);
    app.tables().await_second_step(&Pending::new(user, purpose, now), credentials, &trail).await?;
    let method = credentials.second_step.method();
    let phone = user.phone.as_ref().filter(|_| method == Method::Sms);
    Ok(Challenge {
        challenge: token.encode(),
        method,
        phone_hint: phone.map(|phone| phone.hint()),
        expires_in: LIFETIME.as_secs(),
    })
}

fn invalid_credentials() -> Problem {
    let detail = "The address and the password do not belong together.";
    Problem::new(StatusCode::UNAUTHORIZED, "invalid_credentials", detail)
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(create_session))
}
