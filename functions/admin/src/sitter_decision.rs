//! `POST /admin/sitters/{id}/decision`: an admin decides on a sitter's profile.
//!
//! Announces [`Fact::SitterChanged`], by which search learns of it, and tells the sitter by mail. A suspension calls off
//! what is ahead of the sitter.

use api::{
    Admin, App, Fields, Json, PathId, Problem, ProblemBody, RequestMeta,
    openapi::{BodyProblems, RoleProblems, StoreProblems},
};
use axum::{extract::State, http::StatusCode};
use domain::{
    Violation,
    event::{Event, Fact},
    id::UserTag,
    listing::{self, State as Standing},
    role::Role,
    sitter::NotYet,
    text::Reason,
};
use serde::{Deserialize, Serialize};
use storage::audit::{Action, Entry};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

/// What is to become of a profile.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DecideOnSitterRequest)]
pub struct Request {
    /// `approve` or `reject` one that waits for it; `suspend` one that is listed or paused, or `reinstate` it.
    #[schema(example = "approve", pattern = "^(approve|reject|suspend|reinstate)$")]
    decision: String,
    /// Why, for the audit trail; the sitter does not see it.
    #[schema(example = "All in order", min_length = 1, max_length = 500)]
    reason: String,
}

/// What has become of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SitterDecision)]
pub struct Response {
    /// The sitter.
    #[schema(example = "usr_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// Where the profile stands now.
    #[schema(value_type = String, example = "listed")]
    state: Standing,
}

/// Decides on a sitter's profile. To suspend it calls off what is ahead of the sitter.
#[utoipa::path(
    post, path = "/admin/sitters/{id}/decision", operation_id = "decide_on_sitter", tag = "Administration",
    security(("access_token" = [])),
    params(("id" = String, Path, description = "The sitter", example = "usr_01h455vb4pex5vsknk084sn02q")),
    request_body = Request,
    responses(
        (status = 200, description = "As decided", body = Response),
        (status = 404, description = "There is no such sitter", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 409, description = "The profile stands elsewhere, is not complete, or its sitter has no valid \
         background check; or it changed at the same moment",
         body = ProblemBody, content_type = "application/problem+json"),
        BodyProblems, RoleProblems, StoreProblems,
    ),
)]
async fn decide_on_sitter(
    State(app): State<App>,
    Admin(caller): Admin,
    PathId(id): PathId<UserTag>,
    meta: RequestMeta,
    Json(request): Json<Request>,
) -> Result<Json<Response>, Problem> {
    let now = app.now();
    let mut fields = Fields::default();
    let decision = fields.take("/decision", parse(&request.decision));
    let reason = fields.take("/reason", Reason::parse(&request.reason));
    let (Some((event, action)), Some(reason)) = (decision, reason) else { return Err(fields.into_problem()) };
    let sitter = app.tables().sitter(id).await?.filter(|sitter| sitter.user.role == Role::Sitter);
    let profile = sitter.ok_or_else(Problem::not_found)?.after(event, now).map_err(refused)?;
    let trail = Entry {
        subject: id,
        actor: Some(caller.user_id),
        action,
        booking: None,
        reason: Some(reason.into()),
        at: now,
        origin: meta.origin(),
    };
    let facts = [Fact::SitterChanged { user_id: id }, Fact::SitterDecided { user_id: id, decision: event }];
    let events = facts.map(|fact| Event::new(fact, now));
    let state = profile.state;
    caller.tables(&app).save_sitter_profile(profile, Some(&trail), &events).await?;
    Ok(Json(Response { id: id.to_string(), state }))
}

fn parse(raw: &str) -> Result<(listing::Event, Action), Violation> {
    match raw {
        "approve" => Ok((listing::Event::Approve, Action::SitterApproved)),
        "reject" => Ok((listing::Event::Reject, Action::SitterRejected)),
        "suspend" => Ok((listing::Event::Suspend, Action::SitterSuspended)),
        "reinstate" => Ok((listing::Event::Reinstate, Action::SitterReinstated)),
        _ => Err(Violation::new("invalid_decision", "must be approve, reject, suspend or reinstate")),
    }
}

fn refused(reason: NotYet) -> Problem {
    let code = match reason {
        NotYet::Refused(_) => "wrong_state",
        NotYet::Incomplete(_) => "profile_incomplete",
        NotYet::Unverified => "email_unverified",
        NotYet::Unchecked => "not_checked",
    };
    Problem::new(StatusCode::CONFLICT, code, reason.to_string())
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(decide_on_sitter))
}
