//! `POST /uploads`: anyone who is signed in announces a file and is told how to send it.
//!
//! The file goes straight to S3, through a form that S3 itself checks for size and type; its arrival
//! calls `media-process`. An announced file that never comes is removed by `retention-cleanup`.

use std::collections::BTreeMap;

use api::{
    App, Fields, Idempotent, Json, Limiter, Problem, SignedIn, limits,
    openapi::{BodyProblems, IdempotencyProblems, LimitProblems, SignedInProblems, StoreProblems},
};
use axum::{extract::State, http::StatusCode, response::Response as HttpResponse};
use domain::upload::{FileSize, ImageType, Purpose, Upload};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

/// The file that is to be sent.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreateUploadRequest)]
pub struct Request {
    /// What it is for: `avatar`, the caller's picture.
    #[schema(example = "avatar", pattern = "^avatar$")]
    purpose: String,
    /// `image/jpeg`, `image/png` or `image/webp`. What the file really is, is found out from its content.
    #[schema(example = "image/jpeg", pattern = "^image/(jpeg|png|webp)$")]
    content_type: String,
    /// At most 15 MiB.
    #[schema(example = 4_194_304, minimum = 1, maximum = 15_728_640)]
    size_bytes: u64,
}

/// How to send it: a `multipart/form-data` POST to `url` with every one of `fields`, and the file
/// itself as the last field, `file`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CreateUploadResponse)]
pub struct Response {
    /// The upload; ask for it to learn what became of the file.
    #[schema(example = "upl_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// Where to.
    url: String,
    /// In any order.
    fields: BTreeMap<String, String>,
    /// From then on it is refused.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// Announces a file.
#[utoipa::path(
    post, path = "/uploads", operation_id = "create_upload", tag = "Files", security(("access_token" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "Chosen by the client, e.g. a UUID: a repeated request with the same key is answered the same, once",
        max_length = 255)),
    request_body = Request,
    responses(
        (status = 201, description = "Send the file now", body = Response,
         headers(("Idempotent-Replayed" = String, description = "`true` where the request was done before"))),
        BodyProblems, SignedInProblems, LimitProblems, IdempotencyProblems, StoreProblems,
    ),
)]
async fn create_upload(
    State(app): State<App>,
    caller: SignedIn,
    limiter: Limiter,
    request: Idempotent<Request>,
) -> Result<HttpResponse, Problem> {
    request
        .once(&app, caller.user_id, "create_upload", async |request| {
            announce(&app, caller, &limiter, request).await
        })
        .await
}

async fn announce(
    app: &App,
    caller: SignedIn,
    limiter: &Limiter,
    request: Request,
) -> Result<(StatusCode, Json<Response>), Problem> {
    let mut fields = Fields::default();
    let purpose = fields.take("/purpose", Purpose::parse(&request.purpose));
    let content_type = fields.take("/content_type", ImageType::parse(&request.content_type));
    let size = fields.take("/size_bytes", FileSize::parse(request.size_bytes));
    let (Some(purpose), Some(content_type), Some(size)) = (purpose, content_type, size) else {
        return Err(fields.into_problem());
    };
    caller.verified_user(app).await?;
    limiter.admit(&limits::UPLOADS, &caller.user_id.to_string()).await?;
    let now = app.now();
    let upload = Upload::announce(caller.user_id, purpose, content_type, size, now);
    caller.tables(app).announce_upload(&upload).await?;
    let form = app.files()?.form(&upload, now).await?;
    let response = Response {
        id: upload.id.to_string(),
        url: form.url,
        fields: form.fields,
        expires_at: form.expires_at,
    };
    Ok((StatusCode::CREATED, Json(response)))
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(create_upload))
}
