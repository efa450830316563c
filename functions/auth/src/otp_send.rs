//! `POST /auth/otp/send`: a text with a code goes out; to somebody who is signed in, to prove a number
//! with, or to somebody whose sign-in waits for its second step.
//!
//! Every text costs money, and there are people who earn from it: only mobile numbers of the countries
//! that are served get one, few per number, few per address, and a bounded number a day altogether.
//! Announces [`Fact::CodeRequested`].

use api::{
    App, Json, Limiter, Problem, ProblemBody, SignedIn,
    limits::{self, Limit},
    openapi::{BodyProblems, LimitProblems, StoreProblems},
    secrets::ChallengeToken,
};
use axum::{extract::State, http::StatusCode};
use domain::{
    Violation,
    credentials::Method,
    event::{Event, Fact},
    one_time_code::{Pending, Purpose},
    phone::PhoneNumber,
    user::User,
};
use jiff::Timestamp;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    by_message::Accepted,
    otp_verify::{invalid_challenge, waiting},
};

/// Either the number that the caller proves, or the sign-in that waits for a code.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SendCodeRequest)]
pub struct Request {
    /// A mobile number in its international form; needs an access token.
    #[serde(default, deserialize_with = "api::present")]
    #[schema(nullable = false, example = "+44 7400 123456", max_length = 32)]
    phone: Option<String>,
    /// From `POST /auth/login`.
    #[serde(default, deserialize_with = "api::present")]
    #[schema(nullable = false)]
    challenge: Option<String>,
}

/// Sends a code by text.
#[utoipa::path(
    post, path = "/auth/otp/send", operation_id = "send_code", tag = "Identity",
    // Each text costs money.
    extensions(("x-gateway" = json!({ "throttle": [50, 100] }))),
    security((), ("access_token" = [])),
    request_body = Request,
    responses(
        (status = 202, description = "Taken; a text is on its way", body = Accepted),
        (status = 401, description = "No good access token to prove a number with, or no such challenge", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 409, description = "The second step of this sign-in is not a text", body = ProblemBody,
         content_type = "application/problem+json"),
        BodyProblems, LimitProblems, StoreProblems,
    ),
)]
async fn send_code(
    State(app): State<App>,
    caller: Option<SignedIn>,
    limiter: Limiter,
    Json(request): Json<Request>,
) -> Result<(StatusCode, Json<Accepted>), Problem> {
    let now = app.now();
    match (request.phone, request.challenge) {
        (Some(phone), None) => {
            let caller = caller.ok_or_else(Problem::unauthenticated)?;
            let phone = PhoneNumber::parse(&phone)
                .and_then(|phone| app.settings().served(phone))
                .map_err(|violation| Problem::invalid_field("/phone", violation))?;
            let user = caller.verified_user(&app).await?;
            // A token of an epoch before is good for some seconds, and what it asks for would be of the new one.
            caller.session(&app, &user).await?;
            let purpose = Purpose::ProvePhone { phone: phone.clone() };
            send(&app, &limiter, &user, &phone, purpose, now).await?;
        }
        (None, Some(challenge)) => {
            let token = ChallengeToken::decode(&challenge).ok_or_else(invalid_challenge)?;
            let (pending, user) = waiting(&app, &token, now).await?;
            let credentials = app.tables().credentials(user.id).await?.ok_or_else(invalid_challenge)?;
            let texted = credentials.second_step.method() == Method::Sms;
            let Some(phone) = user.phone.clone().filter(|_| texted) else {
                let detail = "The second step of this sign-in is not a text.";
                return Err(Problem::new(StatusCode::CONFLICT, "not_by_text", detail));
            };
            send(&app, &limiter, &user, &phone, pending.purpose, now).await?;
        }
        _ => {
            let violation = Violation::new("one_of", "must be given, and no other: phone or challenge");
            return Err(Problem::invalid_field("", violation));
        }
    }
    Ok((StatusCode::ACCEPTED, Json(Accepted::BODY)))
}

async fn send(
    app: &App,
    limiter: &Limiter,
    user: &User,
    phone: &PhoneNumber,
    purpose: Purpose,
    now: Timestamp,
) -> Result<(), Problem> {
    let (user_id, challenge) = (user.id, purpose.challenge());
    match challenge {
        Some(_) => admit_sign_in(app, limiter, user, now).await?,
        None => {
            let (number, shared) = (phone.as_str(), limits::text_budgets(app.settings().sms_per_day).shared);
            let limits = [(&limits::PHONE_TEXT, number), (&limits::PHONE_TEXT_DAILY, number), (&shared, "")];
            limiter.admit_all(&limits).await?;
        }
    }
    let event = Event::new(Fact::CodeRequested { user_id, challenge }, now);
    match challenge {
        // What waits is there, with the tries that are left.
        Some(_) => app.tables().announce(&event).await?,
        None => {
            app.tables().acting_for(user_id).await_text(&Pending::new(user, purpose, now), &event).await?
        }
    }
    Ok(())
}

/// A text for a sign-in has limits of its own, which only callers who know the password can reach, and a reserve of
/// the daily budget.
async fn admit_sign_in(app: &App, limiter: &Limiter, user: &User, now: Timestamp) -> Result<(), Problem> {
    let budgets = limits::text_budgets(app.settings().sms_per_day);
    let account = user.id.to_string();
    let admit = async |budget: &Limit| {
        let limits =
            [(&limits::SIGN_IN_TEXT, &*account), (&limits::SIGN_IN_TEXT_DAILY, &*account), (budget, "")];
        limiter.admit_all(&limits).await
    };
    match admit(&budgets.shared).await {
        Err(_) if now.duration_since(user.created_at) >= limits::RESERVE_AGE => admit(&budgets.reserve).await,
        other => other,
    }
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(send_code))
}
