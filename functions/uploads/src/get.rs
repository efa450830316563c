//! `GET /uploads/{id}`: whoever announced a file learns what became of it.

use api::{
    App, Json, PathId, Problem, ProblemBody, SignedIn, VariantLink,
    openapi::{SignedInProblems, StoreProblems},
};
use axum::extract::State;
use domain::{
    id::UploadTag,
    upload::{self, Purpose, Refusal},
};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

/// An announced file.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Upload)]
pub struct Response {
    /// The upload.
    #[schema(example = "upl_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// What it is for.
    #[schema(value_type = String, example = "avatar")]
    purpose: Purpose,
    /// `awaiting` (the file has not arrived), `processing`, `ready`, `rejected`, or `replaced` by a newer one.
    #[schema(example = "ready")]
    state: &'static str,
    /// Why it was rejected: `empty`, `too_many_bytes`, `too_many_pixels`, `not_an_image`, `unsupported_type` or `corrupt`.
    #[schema(value_type = Option<String>, example = json!(null))]
    reason: Option<Refusal>,
    /// The renderings of a file that is ready.
    variants: Vec<VariantLink>,
    /// When it was announced.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

/// Shows an announced file.
#[utoipa::path(
    get, path = "/uploads/{id}", operation_id = "get_upload", tag = "Files", security(("access_token" = [])),
    params(("id" = String, Path, description = "The upload", example = "upl_01h455vb4pex5vsknk084sn02q")),
    responses(
        (status = 200, description = "The file", body = Response),
        (status = 400, description = "Not an identifier of an upload", body = ProblemBody,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such upload, or it is somebody else's", body = ProblemBody,
         content_type = "application/problem+json"),
        SignedInProblems, StoreProblems,
    ),
)]
async fn get_upload(
    State(app): State<App>,
    caller: SignedIn,
    PathId(id): PathId<UploadTag>,
) -> Result<Json<Response>, Problem> {
    let upload = app.tables().upload(id).await?.filter(|upload| upload.owner == caller.user_id);
    let upload = upload.ok_or_else(Problem::not_found)?;
    let (reason, variants) = match &upload.state {
        upload::State::Ready { variants } => (None, VariantLink::all(&app, id, variants).await?),
        upload::State::Rejected { reason } => (Some(*reason), Vec::new()),
        upload::State::Awaiting | upload::State::Processing { .. } | upload::State::Replaced { .. } => {
            (None, Vec::new())
        }
    };
    Ok(Json(Response {
        id: id.to_string(),
        purpose: upload.purpose,
        state: upload.state.name(),
        reason,
        variants,
        created_at: upload.created_at,
    }))
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_upload))
}
