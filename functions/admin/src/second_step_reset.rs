//! `POST /admin/users/{id}/second-step/reset`: an admin removes the second step of a user who has lost it, after a check
//! of their identity.
//!
//! A new epoch begins, so all sessions of the user end. The trail records who did it and how the identity was checked, and
//! the user is notified. Announces [`Fact::SecondStepReset`].

use api::{
    Admin, App, Fields, Json, PathId, Problem, ProblemBody, RequestMeta,
    openapi::{BodyProblems, RoleProblems, StoreProblems},
};
use axum::{extract::State, http::StatusCode};
use domain::{
    Violation,
    credentials::{Method, SecondStep},
    event::{Event, Fact},
    id::UserTag,
    text::Reason,
};
use serde::Deserialize;
use storage::audit::{Action, Entry};
use strum::EnumString;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

/// How the identity was checked, and why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ResetSecondStepRequest)]
pub struct Request {
    /// How the admin has checked who asks: `document`, `video_call` or `call_back`.
    #[schema(example = "video_call", pattern = "^(document|video_call|call_back)$")]
    identity_check: String,
    /// Why, for the audit trail; the user does not see it.
    #[schema(example = "Lost phone and recovery codes, ticket 4711", min_length = 1, max_length = 400)]
    reason: String,
}

/// How an admin can check who asks.
#[derive(Debug, Clone, Copy, EnumString, strum::AsRefStr)]
#[strum(serialize_all = "snake_case")]
enum IdentityCheck {
    /// An identity document was compared with the one on file.
    Document,
    /// The user was seen, with a document.
    VideoCall,
    /// The user was called at the verified number.
    CallBack,
}

/// Removes a user's second step. To repeat this changes nothing.
#[utoipa::path(
    post, path = "/admin/users/{id}/second-step/reset", operation_id = "reset_second_step", tag = "Administration",
    security(("access_token" = [])),
    params(("id" = String, Path, description = "The account", example = "usr_01h455vb4pex5vsknk084sn02q")),
    request_body = Request,
    responses(
        (status = 204, description = "The password alone signs the user in again, and all sessions have ended"),
        (status = 404, description = "There is no such account", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 409, description = "The account changed at the same moment, or it is the caller's own",
         body = ProblemBody, content_type = "application/problem+json"),
        BodyProblems, RoleProblems, StoreProblems,
    ),
)]
async fn reset_second_step(
    State(app): State<App>,
    Admin(caller): Admin,
    PathId(id): PathId<UserTag>,
    meta: RequestMeta,
    Json(request): Json<Request>,
) -> Result<StatusCode, Problem> {
    let now = app.now();
    let mut fields = Fields::default();
    let check = request
        .identity_check
        .parse::<IdentityCheck>()
        .map_err(|_| Violation::new("invalid_identity_check", "must be document, video_call or call_back"));
    let check = fields.take("/identity_check", check);
    let reason = fields.take("/reason", Reason::parse(&request.reason));
    let (Some(check), Some(reason)) = (check, reason) else { return Err(fields.into_problem()) };
    if id == caller.user_id {
        let detail = "Nobody can reset their own second step.";
        return Err(Problem::new(StatusCode::CONFLICT, "own_account", detail));
    }
    let user = app.tables().user(id).await?.ok_or_else(Problem::not_found)?;
    let credentials = app.tables().credentials(id).await?.ok_or_else(Problem::not_found)?;
    if credentials.second_step.method() == Method::None {
        return Ok(StatusCode::NO_CONTENT);
    }
    let before = user.version;
    let credentials = credentials.with_second_step(SecondStep::None, Vec::new());
    let trail = Entry {
        subject: id,
        actor: Some(caller.user_id),
        action: Action::SecondStepReset,
        booking: None,
        reason: Some(format!("{}: {}", check.as_ref(), String::from(reason))),
        at: now,
        origin: meta.origin(),
    };
    let event = Event::new(Fact::SecondStepReset { user_id: id }, now);
    caller
        .tables(&app)
        .change_credentials(user.next_epoch(), before, &credentials, None, None, &trail, &event)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(reset_second_step))
}
