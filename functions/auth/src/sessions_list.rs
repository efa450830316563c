//! `GET /auth/sessions`: anyone who is signed in sees where they are.

use api::{
    App, Json, Problem, SignedIn,
    openapi::{SignedInProblems, StoreProblems},
};
use axum::extract::State;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

/// The caller's sign-ins.
#[derive(Debug, Serialize, ToSchema)]
pub struct Sessions {
    /// The one that was used last comes first.
    items: Vec<SessionView>,
    /// Always `null`: there is one page.
    next_cursor: Option<String>,
}

/// One sign-in.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Session)]
pub struct SessionView {
    /// By which it can be ended.
    #[schema(example = "ses_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// Whether it is the one that asks.
    current: bool,
    /// What the client says it is.
    #[schema(example = "NannyRadar/3.1 (iPhone; iOS 20.1)")]
    user_agent: Option<String>,
    /// The network that it was used from last.
    #[schema(example = "203.0.113.0/24")]
    ip_prefix: Option<String>,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When its tokens were last exchanged.
    #[schema(value_type = String, format = DateTime)]
    last_used_at: Timestamp,
    /// When it ends, unless it is used again.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// Shows the caller's sign-ins.
#[utoipa::path(
    get, path = "/auth/sessions", operation_id = "list_sessions", tag = "Identity",
    security(("access_token" = [])),
    responses((status = 200, description = "All that are still good", body = Sessions), SignedInProblems, StoreProblems),
)]
async fn list_sessions(State(app): State<App>, caller: SignedIn) -> Result<Json<Sessions>, Problem> {
    let now = app.now();
    let user = caller.user(&app).await?;
    let mut sessions = app.tables().sessions(caller.user_id).await?;
    sessions.retain(|session| user.admits(session.epoch) && !session.is_expired(now));
    sessions.sort_by_key(|session| std::cmp::Reverse(session.refreshed_at));
    let items = sessions.into_iter().map(|session| SessionView {
        id: session.id.to_string(),
        current: session.id == caller.session_id,
        expires_at: session.expires_at(),
        created_at: session.created_at,
        last_used_at: session.refreshed_at,
        user_agent: session.client.user_agent,
        ip_prefix: session.client.ip_prefix,
    });
    Ok(Json(Sessions { items: items.collect(), next_cursor: None }))
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_sessions))
}
