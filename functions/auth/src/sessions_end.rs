//! `DELETE /auth/sessions/{id}`: anyone who is signed in ends one of their sign-ins.

use api::{
    App, Limiter, PathId, Problem, ProblemBody, RequestMeta, SignedIn, limits,
    openapi::{LimitProblems, ParameterProblems, SignedInProblems, StoreProblems},
};
use axum::{extract::State, http::StatusCode};
use domain::id::SessionTag;
use storage::audit::{Action, Entry};
use utoipa_axum::{router::OpenApiRouter, routes};

/// Ends one of the caller's sign-ins, its tokens included.
#[utoipa::path(
    delete, path = "/auth/sessions/{id}", operation_id = "end_session", tag = "Identity",
    security(("access_token" = [])),
    params(("id" = String, Path, description = "The sign-in", example = "ses_01h455vb4pex5vsknk084sn02q")),
    responses(
        (status = 204, description = "Ended"),
        (status = 404, description = "The caller has no such sign-in", body = ProblemBody,
         content_type = "application/problem+json"),
        ParameterProblems, SignedInProblems, LimitProblems, StoreProblems,
    ),
)]
async fn end_session(
    State(app): State<App>,
    caller: SignedIn,
    PathId(session): PathId<SessionTag>,
    meta: RequestMeta,
    limiter: Limiter,
) -> Result<StatusCode, Problem> {
    limiter.admit(&limits::SESSIONS, &caller.session_id.to_string()).await?;
    let trail = Entry::by_self(caller.user_id, Action::SignedOut, app.now(), meta.origin());
    match caller.tables(&app).end_session(caller.user_id, session, &trail).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(storage::Error::Conflict) => Err(Problem::not_found()),
        Err(error) => Err(error.into()),
    }
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(end_session))
}
