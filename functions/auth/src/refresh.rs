//! `POST /auth/refresh`: a client exchanges its refresh token for the next pair.
//!
//! A token that was exchanged before ends the whole sign-in and announces [`Fact::SessionReused`];
//! see [`domain::session`] for the one case that is forgiven.

use api::{
    App, Json, Limiter, Problem, ProblemBody, RequestMeta, limits,
    openapi::{BodyProblems, LimitProblems, StoreProblems},
    secrets::RefreshToken,
};
use axum::{extract::State, http::StatusCode};
use domain::{
    event::{Event, Fact},
    session::{MAX_TOKENS, Presented, Session},
};
use serde::Deserialize;
use storage::audit::{Action, Entry};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::token_pair::TokenPair;

/// The token to exchange.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RefreshRequest)]
pub struct Request {
    /// From the last answer to a sign-in or an exchange.
    refresh_token: String,
}

/// How often an exchange is tried that others are quicker at: each tab of a browser may exchange the same
/// token at the same time.
const ATTEMPTS: usize = MAX_TOKENS;

/// Exchanges a refresh token.
#[utoipa::path(
    post, path = "/auth/refresh", operation_id = "refresh_session", tag = "Identity",
    request_body = Request,
    responses(
        (status = 200, description = "The next pair", body = TokenPair),
        (status = 401, description = "The token is unknown, was exchanged before, or has ended: sign in again",
         body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Others exchanged the same token at the same moment; try again",
         body = ProblemBody, content_type = "application/problem+json"),
        BodyProblems, LimitProblems, StoreProblems,
    ),
)]
async fn refresh_session(
    State(app): State<App>,
    meta: RequestMeta,
    limiter: Limiter,
    Json(request): Json<Request>,
) -> Result<Json<TokenPair>, Problem> {
    let now = app.now();
    let token = RefreshToken::decode(&request.refresh_token).ok_or_else(invalid_token)?;
    for attempt in 0..ATTEMPTS {
        let Some(session) = live_session(&app, &token).await? else {
            limiter.admit(&limits::UNKNOWN_TOKEN, "").await?;
            return Err(invalid_token());
        };
        // A user who shares an address with many others is not counted with them.
        if attempt == 0 {
            limiter.admit(&limits::REFRESH, &session.id.to_string()).await?;
        }
        let presented = session.judge(&token.secret.token(), now);
        match presented {
            Presented::Current(_) | Presented::Retry(_) => {}
            Presented::Invented => return Err(invalid_token()),
            Presented::Reused => {
                let user_id = session.user_id;
                let origin = meta.origin();
                let trail = Entry::by_nobody(user_id, Action::SessionReused, now, origin);
                let event = Event::new(Fact::SessionReused { user_id, session_id: session.id }, now);
                app.tables().end_reused_session(&session, &trail, &event).await?;
                return Err(invalid_token());
            }
        }
        let secret = token.secret.next();
        let session = session.rotate(presented, secret.hash(), meta.client(), now);
        // Signed first: a token that is rotated and cannot be answered would be lost.
        let pair = TokenPair::issue(&app, &session, secret, now).await?;
        match app.tables().rotate_session(&session).await {
            Err(storage::Error::Conflict) => {}
            other => return Ok(other.map(|()| Json(pair))?),
        }
    }
    Err(Problem::conflict())
}

/// The sign-in that a token names and was given out for, if it has not ended.
async fn live_session(app: &App, token: &RefreshToken) -> Result<Option<Session>, Problem> {
    let session = app.tables().session(token.user_id, token.id).await?;
    let family = token.secret.token().family;
    let session = session.filter(|session| session.family == family && !session.is_expired(app.now()));
    let user = match &session {
        Some(session) => app.tables().user(session.user_id).await?,
        None => None,
    };
    Ok(session.filter(|session| user.is_some_and(|user| user.admits(session.epoch))))
}

fn invalid_token() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "invalid_refresh_token",
        "The refresh token is not valid; sign in again.",
    )
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(refresh_session))
}
