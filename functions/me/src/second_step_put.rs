//! `PUT /me/second-step`: anyone who is signed in decides what is asked for after their password.
//! Announces [`Fact::SecondStepChanged`].

use api::{
    App, Fields, Json, Limiter, Problem, ProblemBody, RequestMeta, SignedIn,
    openapi::{BodyProblems, LimitProblems, SignedInProblems, StoreProblems},
    secrets::recovery,
    totp,
};
use axum::{extract::State, http::StatusCode};
use domain::{
    Violation,
    credentials::{Method, SecondStep},
    event::{Event, Fact},
    one_time_code::Code,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use storage::{
    audit::{Action, Entry},
    field_cipher::Field,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::confirmed;

/// What is to be asked for after the password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SetSecondStepRequest)]
pub struct Request {
    /// `none`, `sms` or `totp`.
    #[schema(example = "totp", pattern = "^(none|sms|totp)$")]
    method: String,
    /// The caller's password.
    #[schema(example = "correct horse battery staple", format = "password", max_length = 128)]
    password: String,
    /// For `totp`: from `POST /me/totp`.
    #[serde(default, deserialize_with = "api::present")]
    #[schema(nullable = false, max_length = 1024)]
    enrolment: Option<String>,
    /// For `totp`: what the app shows now.
    #[serde(default, deserialize_with = "api::present")]
    #[schema(nullable = false, example = "123456", max_length = 16)]
    code: Option<String>,
}

/// What is asked for from now on.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SetSecondStepResponse)]
pub struct Response {
    /// As it was asked for.
    #[schema(value_type = String, example = "totp")]
    method: Method,
    /// For when the phone is lost: each takes the place of a code once. They are shown this one time.
    #[schema(example = json!(["7KQ2M-XW4TP"]))]
    recovery_codes: Vec<String>,
}

enum Wanted {
    None,
    Sms,
    Totp { sealed_secret: String, code: Code },
}

/// Decides what is asked for after the caller's password.
#[utoipa::path(
    put, path = "/me/second-step", operation_id = "set_second_step", tag = "Me",
    // An Argon2 hash takes a core for about 100 ms: 50 a second are 5 concurrent executions.
    extensions(("x-gateway" = json!({ "throttle": [50, 100] }))),
    security(("access_token" = [])),
    request_body = Request,
    responses(
        (status = 200, description = "From now on", body = Response),
        (status = 409, description = "No number is proved yet, or the account changed at the same moment",
         body = ProblemBody, content_type = "application/problem+json"),
        BodyProblems, SignedInProblems, LimitProblems, StoreProblems,
    ),
)]
async fn set_second_step(
    State(app): State<App>,
    caller: SignedIn,
    meta: RequestMeta,
    limiter: Limiter,
    Json(request): Json<Request>,
) -> Result<Json<Response>, Problem> {
    let now = app.now();
    let wanted = parse(&request)?;
    let credentials = confirmed::credentials(&app, &limiter, caller, "/password", &request.password).await?;
    let second_step = second_step(&app, caller, wanted, now).await?;
    let method = second_step.method();
    let codes: Vec<recovery::Code> = match method {
        Method::None => Vec::new(),
        Method::Sms | Method::Totp => (0..recovery::COUNT).map(|_| recovery::Code::generate()).collect(),
    };
    let mut hashes = Vec::with_capacity(codes.len());
    for code in &codes {
        hashes.push(code.hash(&app, caller.user_id).await?);
    }
    let credentials = credentials.with_second_step(second_step, hashes);
    let user_id = caller.user_id;
    let trail = Entry::by_self(user_id, Action::SecondStepChanged, now, meta.origin());
    let event = Event::new(Fact::SecondStepChanged { user_id, method }, now);
    caller.tables(&app).save_credentials(&credentials, &trail, &event).await?;
    Ok(Json(Response { method, recovery_codes: codes.iter().map(recovery::Code::show).collect() }))
}

fn parse(request: &Request) -> Result<Wanted, Problem> {
    let mut fields = Fields::default();
    let wanted = match request.method.as_str() {
        "none" => Some(Wanted::None),
        "sms" => Some(Wanted::Sms),
        "totp" => {
            let required = || Violation::new("required", "must be given for totp");
            let code = request.code.as_deref().ok_or_else(required).and_then(Code::parse);
            let code = fields.take("/code", code);
            let sealed_secret = fields.take("/enrolment", request.enrolment.clone().ok_or_else(required));
            code.zip(sealed_secret).map(|(code, sealed_secret)| Wanted::Totp { sealed_secret, code })
        }
        _ => fields.take("/method", Err(Violation::new("invalid_method", "must be none, sms or totp"))),
    };
    wanted.ok_or_else(|| fields.into_problem())
}

async fn second_step(
    app: &App,
    caller: SignedIn,
    wanted: Wanted,
    now: Timestamp,
) -> Result<SecondStep, Problem> {
    if matches!(wanted, Wanted::None) {
        return Ok(SecondStep::None);
    }
    let user = caller.verified_user(app).await?;
    match wanted {
        Wanted::None => Ok(SecondStep::None),
        Wanted::Sms => {
            let detail = "Prove a mobile number first: POST /auth/otp/send and /auth/otp/verify.";
            let no_phone = || Problem::new(StatusCode::CONFLICT, "no_phone", detail);
            user.phone.map(|_| SecondStep::Sms).ok_or_else(no_phone)
        }
        Wanted::Totp { sealed_secret, code } => {
            let field = Field { user_id: caller.user_id, name: totp::FIELD };
            let secret = match app.cipher()?.open(field, &sealed_secret).await {
                // What nobody has encrypted for this person does not open.
                Err(storage::Error::Unreadable(_)) => {
                    let violation =
                        Violation::new("invalid_enrolment", "must be what POST /me/totp has answered");
                    return Err(Problem::invalid_field("/enrolment", violation));
                }
                other => other?,
            };
            let last_step = totp::check(&secret, &code, now).ok_or_else(|| {
                Problem::invalid_field("/code", Violation::new("wrong_code", "is not what the app shows now"))
            })?;
            Ok(SecondStep::Totp { sealed_secret, last_step })
        }
    }
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(set_second_step))
}
