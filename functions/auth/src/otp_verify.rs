//! `POST /auth/otp/verify`: a code comes back; it ends a sign-in's second step, or proves the number of
//! somebody who is signed in.
//!
//! A try is counted before the code is compared, so that many at once are no way around the five.

use api::{
    App, Fields, Json, Limiter, Problem, ProblemBody, RequestMeta, SignedIn, limits,
    openapi::{BodyProblems, LimitProblems, StoreProblems},
    passwords,
    secrets::{ChallengeToken, recovery},
    totp,
};
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use domain::{
    credentials::{Credentials, Method, SecondStep},
    one_time_code::{Code, Pending, Purpose},
    session::Client,
    user::User,
};
use jiff::Timestamp;
use serde::Deserialize;
use storage::{
    audit::{Action, Entry, Origin},
    field_cipher::Field,
    sessions::Proof,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{sign_in, token_pair::TokenPair};

/// A code, and what it is for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = VerifyCodeRequest)]
pub struct Request {
    /// From `POST /auth/login`. Without it the code proves the number of the caller, who needs an access
    /// token.
    #[serde(default, deserialize_with = "api::present")]
    #[schema(nullable = false)]
    challenge: Option<String>,
    /// Six digits, or, with a challenge, a recovery code.
    #[schema(example = "123456", max_length = 16)]
    code: String,
}

enum Typed {
    Code(Code),
    Recovery(recovery::Code),
}

/// Proves a code.
#[utoipa::path(
    post, path = "/auth/otp/verify", operation_id = "verify_code", tag = "Identity",
    // An Argon2 hash takes a core for about 100 ms: 100 a second are 10 concurrent executions.
    extensions(("x-gateway" = json!({ "throttle": [100, 200] }))),
    security((), ("access_token" = [])),
    request_body = Request,
    responses(
        (status = 200, description = "Signed in", body = TokenPair),
        (status = 204, description = "The number is proved"),
        (status = 401, description = "The code is wrong, was used, or nothing waits for it", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 409, description = "The account changed at the same moment, the number belongs to another one, or the one before is needed to sign in",
         body = ProblemBody, content_type = "application/problem+json"),
        BodyProblems, LimitProblems, StoreProblems,
    ),
)]
async fn verify_code(
    State(app): State<App>,
    caller: Option<SignedIn>,
    meta: RequestMeta,
    limiter: Limiter,
    Json(request): Json<Request>,
) -> Result<Response, Problem> {
    let now = app.now();
    let mut fields = Fields::default();
    let typed = match (&request.challenge, recovery::Code::parse(&request.code)) {
        (Some(_), Some(code)) => Some(Typed::Recovery(code)),
        _ => fields.take("/code", Code::parse(&request.code)).map(Typed::Code),
    };
    let Some(typed) = typed else { return Err(fields.into_problem()) };
    let origin = meta.origin();
    match (request.challenge, typed) {
        (Some(challenge), typed) => {
            let token = ChallengeToken::decode(&challenge).ok_or_else(invalid_challenge)?;
            waiting(&app, &token, now).await?;
            let account = token.user_id.to_string();
            let guess = limiter.guess(&limits::CODE, &account).await?;
            let pair = second_step(&app, &token, &typed, meta.client(), origin, now).await?;
            guess.was_right().await;
            limiter.remember(&account).await;
            Ok(Json(pair).into_response())
        }
        (None, Typed::Code(code)) => {
            let caller = caller.ok_or_else(Problem::unauthenticated)?;
            let guess = limiter.guess(&limits::PHONE_CODE, &caller.session_id.to_string()).await?;
            prove_phone(&app, caller, &code, origin, now).await?;
            guess.was_right().await;
            Ok(StatusCode::NO_CONTENT.into_response())
        }
        (None, Typed::Recovery(_)) => Err(wrong_code()),
    }
}

async fn second_step(
    app: &App,
    token: &ChallengeToken,
    typed: &Typed,
    client: Client,
    origin: Origin,
    now: Timestamp,
) -> Result<TokenPair, Problem> {
    let counted = app.tables().count_try(token.user_id, Some(token.id), now).await?;
    let pending = counted.ok_or_else(wrong_code)?;
    let credentials = app.tables().credentials(token.user_id).await?.ok_or_else(wrong_code)?;
    let Some(after) = compare(app, &credentials, &pending, typed, now).await? else {
        let trail = Entry::by_nobody(token.user_id, Action::SecondStepFailed, now, origin);
        app.tables().record(&trail).await?;
        return Err(wrong_code());
    };
    let changed = Some(&after).filter(|after| after.version != credentials.version);
    let proof = Proof { compared: &credentials, changed, pending: Some(&pending) };
    // The epoch that the password was compared in, so that a change of it since then ends this sign-in.
    sign_in::complete(app, pending.epoch, proof, client, origin, now).await
}

/// The credentials after a code was used that is right.
async fn compare(
    app: &App,
    credentials: &Credentials,
    pending: &Pending,
    typed: &Typed,
    now: Timestamp,
) -> Result<Option<Credentials>, Problem> {
    let code = match typed {
        Typed::Recovery(code) => {
            let hash = code.hash(app, credentials.user_id).await?;
            return Ok(credentials.clone().use_recovery_code(&hash));
        }
        Typed::Code(code) => code,
    };
    Ok(match &credentials.second_step {
        SecondStep::None => None,
        SecondStep::Sms => {
            let right = pending.code_hash.as_deref().is_some_and(|hash| passwords::verify_code(code, hash));
            right.then(|| credentials.clone())
        }
        SecondStep::Totp { sealed_secret, .. } => {
            let field = Field { user_id: credentials.user_id, name: totp::FIELD };
            let secret = app.cipher()?.open(field, sealed_secret).await?;
            let step = totp::check(&secret, code, now);
            step.and_then(|step| credentials.clone().use_totp_step(step))
        }
    })
}

async fn prove_phone(
    app: &App,
    caller: SignedIn,
    code: &Code,
    origin: Origin,
    now: Timestamp,
) -> Result<(), Problem> {
    let pending = app.tables().count_try(caller.user_id, None, now).await?.ok_or_else(wrong_code)?;
    let right = pending.code_hash.as_deref().is_some_and(|hash| passwords::verify_code(code, hash));
    let Purpose::ProvePhone { phone } = &pending.purpose else { return Err(wrong_code()) };
    if !right {
        return Err(wrong_code());
    }
    let before = caller.verified_user(app).await?;
    caller.session(app, &before).await?;
    if !before.admits(pending.epoch) {
        return Err(wrong_code());
    }
    let credentials = caller.credentials(app).await?;
    // Otherwise whoever finds a device signed in could have the codes sent to their own phone.
    if credentials.second_step.method() == Method::Sms && before.phone.as_ref() != Some(phone) {
        let detail = "Texts to your number are the second step of your sign-in; switch that off first.";
        return Err(Problem::new(StatusCode::CONFLICT, "second_step_uses_number", detail));
    }
    let after = before.clone().with_phone(phone.clone());
    let trail = Entry::by_self(caller.user_id, Action::PhoneVerified, now, origin);
    match app.tables().prove_phone(&before, after, &credentials, &pending, &trail).await {
        // Whoever reads texts there may know that the number has an account.
        Err(storage::Error::Conflict)
            if app.tables().owner_of_phone(phone).await?.is_some_and(|owner| owner != caller.user_id) =>
        {
            let detail = "This number belongs to another account.";
            Err(Problem::new(StatusCode::CONFLICT, "phone_taken", detail))
        }
        other => Ok(other?),
    }
}

/// The sign-in that a challenge names, and whose it is, if the challenge is the right one and still waits.
pub(crate) async fn waiting(
    app: &App,
    token: &ChallengeToken,
    now: Timestamp,
) -> Result<(Pending, User), Problem> {
    let pending = app.tables().pending(token.user_id, Some(token.id)).await?.ok_or_else(invalid_challenge)?;
    let user = app.tables().user(token.user_id).await?.ok_or_else(invalid_challenge)?;
    let secret = token.secret.hash();
    let named = matches!(&pending.purpose, Purpose::SignIn { secret: hash, .. } if *hash == secret);
    if named && pending.is_open(&user, now) { Ok((pending, user)) } else { Err(invalid_challenge()) }
}

pub(crate) fn invalid_challenge() -> Problem {
    let detail = "This sign-in does not wait for a code any more; sign in again.";
    Problem::new(StatusCode::UNAUTHORIZED, "invalid_challenge", detail)
}

/// Also where nothing waits for a code, or no try is left.
fn wrong_code() -> Problem {
    let detail = "The code is not right, or it is not waited for any more.";
    Problem::new(StatusCode::UNAUTHORIZED, "invalid_code", detail)
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(verify_code))
}
