//! `POST /auth/logout-all`: anyone who is signed in ends all their sign-ins, this one included.

use api::{
    App, Limiter, Problem, RequestMeta, SignedIn, limits,
    openapi::{ChangeProblems, LimitProblems, SignedInProblems, StoreProblems},
};
use axum::{extract::State, http::StatusCode};
use storage::audit::{Action, Entry};
use utoipa_axum::{router::OpenApiRouter, routes};

/// Ends all sign-ins of the caller, their tokens included.
#[utoipa::path(
    post, path = "/auth/logout-all", operation_id = "end_all_sessions", tag = "Identity",
    security(("access_token" = [])),
    responses(
        (status = 204, description = "Signed out everywhere"),
        SignedInProblems, LimitProblems, ChangeProblems, StoreProblems,
    ),
)]
async fn end_all_sessions(
    State(app): State<App>,
    caller: SignedIn,
    meta: RequestMeta,
    limiter: Limiter,
) -> Result<StatusCode, Problem> {
    let now = app.now();
    let (session, account) = (caller.session_id.to_string(), caller.user_id.to_string());
    limiter.admit_all(&[(&limits::SESSIONS, &session), (&limits::EPOCHS, &account)]).await?;
    let user = caller.user(&app).await?;
    let before = user.version;
    let trail = Entry::by_self(user.id, Action::SignedOutEverywhere, now, meta.origin());
    caller.tables(&app).sign_out_everywhere(user.next_epoch(), before, &trail).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(end_all_sessions))
}
