//! `POST /admin/credentials/{id}/decision`: an admin decides about what a sitter has handed in.
//!
//! Announces [`Fact::CredentialVerified`](domain::event::Fact::CredentialVerified),
//! [`Fact::CredentialRejected`](domain::event::Fact::CredentialRejected) or
//! [`Fact::CredentialRevoked`](domain::event::Fact::CredentialRevoked); of a background check also that
//! the sitter has changed, and, where it is revoked, that parents must not find them any longer.

use api::{
    Admin, App, Fields, Json, PathId, Problem, ProblemBody, RequestMeta,
    openapi::{BodyProblems, RoleProblems, StoreProblems},
};
use axum::{extract::State, http::StatusCode};
use domain::{
    id::CertificateTag,
    sitter::{Record, today},
    text::Reason,
    vetting::{Decision, Refused, State as Standing},
};
use serde::{Deserialize, Serialize};
use storage::audit::{Action, Entry};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

/// What is to become of a certificate.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DecideCredentialRequest)]
pub struct Request {
    /// `verify` or `reject` what was submitted; `revoke` what was verified.
    #[schema(example = "verify", pattern = "^(verify|reject|revoke)$")]
    decision: String,
    /// Why, for the audit trail; the sitter does not see it.
    #[schema(example = "The number is known to the issuer", min_length = 1, max_length = 500)]
    reason: String,
}

/// What has become of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CredentialState)]
pub struct Response {
    /// The certificate.
    #[schema(example = "crd_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// Whose it is.
    #[schema(example = "usr_01h455vb4pex5vsknk084sn02q")]
    user_id: String,
    /// `verified`, `rejected` or `revoked`.
    #[schema(value_type = String, example = "verified")]
    state: Standing,
}

/// Decides about a sitter's certificate.
#[utoipa::path(
    post, path = "/admin/credentials/{id}/decision", operation_id = "decide_credential", tag = "Administration",
    security(("access_token" = [])),
    params(("id" = String, Path, description = "The certificate", example = "crd_01h455vb4pex5vsknk084sn02q")),
    request_body = Request,
    responses(
        (status = 200, description = "As decided", body = Response),
        (status = 404, description = "There is no such certificate", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 409, description = "It stands where this cannot be decided, or it changed at the same moment",
         body = ProblemBody, content_type = "application/problem+json"),
        BodyProblems, RoleProblems, StoreProblems,
    ),
)]
async fn decide_credential(
    State(app): State<App>,
    Admin(caller): Admin,
    PathId(id): PathId<CertificateTag>,
    meta: RequestMeta,
    Json(request): Json<Request>,
) -> Result<Json<Response>, Problem> {
    let now = app.now();
    let (decision, reason) = parse(&request)?;
    let certificate = app.tables().certificate(id).await?.ok_or_else(Problem::not_found)?;
    let user_id = certificate.user_id;
    let decided = certificate.after(decision.into(), today(now)).map_err(refused)?;
    let record = app.tables().sitter_record(user_id).await?.unwrap_or_else(|| Record::new(user_id));
    let trail = Entry {
        subject: user_id,
        actor: Some(caller.user_id),
        action: action(decision),
        booking: None,
        reason: Some(reason.into()),
        at: now,
        origin: meta.origin(),
    };
    caller.tables(&app).decide_certificate(&decided, decided.mark(record).as_ref(), &trail).await?;
    Ok(Json(Response { id: id.to_string(), user_id: user_id.to_string(), state: decided.state }))
}

fn parse(request: &Request) -> Result<(Decision, Reason), Problem> {
    let mut fields = Fields::default();
    let decision = fields.take("/decision", Decision::parse(&request.decision));
    let reason = fields.take("/reason", Reason::parse(&request.reason));
    decision.zip(reason).ok_or_else(|| fields.into_problem())
}

fn action(decision: Decision) -> Action {
    match decision {
        Decision::Verify => Action::CredentialVerified,
        Decision::Reject => Action::CredentialRejected,
        Decision::Revoke => Action::CredentialRevoked,
    }
}

fn refused(refused: Refused) -> Problem {
    match refused {
        Refused::Past => {
            let detail = "Its last day is past, so that it can only be rejected.";
            Problem::new(StatusCode::CONFLICT, "credential_expired", detail)
        }
        Refused::WrongState { .. } | Refused::StillGood => {
            Problem::new(StatusCode::CONFLICT, "wrong_state", format!("It cannot be done: {refused}."))
        }
    }
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(decide_credential))
}
