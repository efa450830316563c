//! `POST /auth/logout`: anyone who is signed in ends this sign-in.

use api::{
    App, Limiter, Problem, RequestMeta, SignedIn, limits,
    openapi::{LimitProblems, SignedInProblems, StoreProblems},
};
use axum::{extract::State, http::StatusCode};
use storage::audit::{Action, Entry};
use utoipa_axum::{router::OpenApiRouter, routes};

/// Ends the caller's sign-in, its tokens included.
#[utoipa::path(
    post, path = "/auth/logout", operation_id = "end_own_session", tag = "Identity",
    security(("access_token" = [])),
    responses((status = 204, description = "Signed out"), SignedInProblems, LimitProblems, StoreProblems),
)]
async fn end_own_session(
    State(app): State<App>,
    caller: SignedIn,
    meta: RequestMeta,
    limiter: Limiter,
) -> Result<StatusCode, Problem> {
    limiter.admit(&limits::SESSIONS, &caller.session_id.to_string()).await?;
    let trail = Entry::by_self(caller.user_id, Action::SignedOut, app.now(), meta.origin());
    match caller.tables(&app).end_session(caller.user_id, caller.session_id, &trail).await {
        // It has ended already, which is what was asked for.
        Ok(()) | Err(storage::Error::Conflict) => Ok(StatusCode::NO_CONTENT),
        Err(error) => Err(error.into()),
    }
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(end_own_session))
}
