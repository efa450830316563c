//! `POST /admin/users/{id}/status`: an admin suspends an account, or opens it again.
//!
//! Whoever is suspended is signed out everywhere within a minute and cannot sign in. Announces
//! [`Fact::AccountSuspended`] or [`Fact::AccountReinstated`]; from the former it follows that what is ahead of them is
//! called off.

use api::{
    Admin, App, Fields, Json, PathId, Problem, ProblemBody, RequestMeta,
    openapi::{BodyProblems, RoleProblems, StoreProblems},
};
use axum::{extract::State, http::StatusCode};
use domain::{
    Violation,
    event::{Event, Fact},
    id::UserTag,
    text::Reason,
    user::Standing,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use storage::audit::{Action, Entry};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

/// What is to become of an account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SetUserStatusRequest)]
pub struct Request {
    /// `suspended` or `active`.
    #[schema(example = "suspended", pattern = "^(suspended|active)$")]
    status: String,
    /// Why, for the audit trail; the person does not see it.
    #[schema(example = "Two reports of the same evening", min_length = 1, max_length = 500)]
    reason: String,
}

/// What has become of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UserStatus)]
pub struct Response {
    /// The account.
    #[schema(example = "usr_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// `suspended` or `active`.
    #[schema(example = "suspended")]
    status: &'static str,
    /// Since when, if it is suspended.
    #[schema(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
}

/// Suspends an account, which calls off what is ahead of it, or opens it again. Doing so twice changes nothing.
#[utoipa::path(
    post, path = "/admin/users/{id}/status", operation_id = "set_user_status", tag = "Administration",
    security(("access_token" = [])),
    params(("id" = String, Path, description = "The account", example = "usr_01h455vb4pex5vsknk084sn02q")),
    request_body = Request,
    responses(
        (status = 200, description = "As asked for", body = Response),
        (status = 404, description = "There is no such account", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 409, description = "The account changed at the same moment, or it is the caller's own",
         body = ProblemBody, content_type = "application/problem+json"),
        BodyProblems, RoleProblems, StoreProblems,
    ),
)]
async fn set_user_status(
    State(app): State<App>,
    Admin(caller): Admin,
    PathId(id): PathId<UserTag>,
    meta: RequestMeta,
    Json(request): Json<Request>,
) -> Result<Json<Response>, Problem> {
    let now = app.now();
    let mut fields = Fields::default();
    let standing = fields.take("/status", parse(&request.status, now));
    let reason = fields.take("/reason", Reason::parse(&request.reason));
    let (Some(standing), Some(reason)) = (standing, reason) else { return Err(fields.into_problem()) };
    if id == caller.user_id {
        let detail = "Nobody can change the status of their own account.";
        return Err(Problem::new(StatusCode::CONFLICT, "own_account", detail));
    }
    let user = app.tables().user(id).await?.ok_or_else(Problem::not_found)?;
    let before = user.version;
    let user = user.with_standing(standing);
    let (action, fact) = match standing {
        Standing::Active => (Action::Reinstated, Fact::AccountReinstated { user_id: id }),
        Standing::Suspended { .. } => (Action::Suspended, Fact::AccountSuspended { user_id: id }),
    };
    if user.version != before {
        let trail = Entry {
            subject: id,
            actor: Some(caller.user_id),
            action,
            booking: None,
            reason: Some(reason.into()),
            at: now,
            origin: meta.origin(),
        };
        caller.tables(&app).save_standing(user.clone(), before, &trail, &Event::new(fact, now)).await?;
    }
    let (status, since) = match user.standing {
        Standing::Active => ("active", None),
        Standing::Suspended { since } => ("suspended", Some(since)),
    };
    Ok(Json(Response { id: id.to_string(), status, since }))
}

fn parse(raw: &str, now: Timestamp) -> Result<Standing, Violation> {
    match raw {
        "active" => Ok(Standing::Active),
        "suspended" => Ok(Standing::Suspended { since: now }),
        _ => Err(Violation::new("invalid_status", "must be suspended or active")),
    }
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(set_user_status))
}
