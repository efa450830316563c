//! Requests that a client may repeat.
//!
//! The client chooses a key, in the header `Idempotency-Key`, and sends it again with the same
//! request if the answer got lost (draft-ietf-httpapi-idempotency-key-header). The request is done
//! once, and answered the same each time; see [`storage::idempotency`]. Refusals are not kept:
//! nothing was done, so that the request may be repeated when its cause is gone.

use axum::{
    body::Body,
    extract::{FromRequest, Request},
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use domain::{
    Violation,
    id::{RequestId, UserId},
};
use jiff::SignedDuration;
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use storage::idempotency::{Answer, Begun, Key};
use uuid::Builder;

use crate::{App, Json, Problem, extract};

/// Longer than any function of ours that answers HTTP may run.
const LOCK: SignedDuration = SignedDuration::from_secs(30);
const HEADER: &str = "Idempotency-Key";
pub(crate) const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
const MAX_KEY_BYTES: usize = 255;

/// A JSON body, like [`Json`], of a request that may be repeated.
#[derive(Debug)]
pub struct Idempotent<T> {
    /// The body.
    pub body: T,
    repeat: Option<Repeat>,
}

#[derive(Debug)]
struct Repeat {
    key: String,
    fingerprint: String,
}

impl<T: DeserializeOwned> FromRequest<App> for Idempotent<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let key = request.headers().get(HEADER).map(parse_key).transpose()?;
        let path = request.uri().path().to_owned();
        let bytes = extract::json_bytes(request, app).await?;
        let repeat = key.map(|key| Repeat {
            key: digest(&[key.as_bytes()]),
            // Includes the key, which the store never has in the clear: the hash of a body alone could be guessed.
            fingerprint: digest(&[key.as_bytes(), path.as_bytes(), &bytes]),
        });
        Ok(Self { body: extract::parse(&bytes)?, repeat })
    }
}

fn parse_key(value: &HeaderValue) -> Result<String, Problem> {
    let bytes = value.as_bytes();
    if bytes.is_empty() || bytes.len() > MAX_KEY_BYTES || !bytes.iter().all(u8::is_ascii_graphic) {
        let violation =
            Violation::new("invalid_key", "must be 1 to 255 visible ASCII characters, such as a UUID");
        return Err(Problem::invalid_field(HEADER, violation));
    }
    Ok(String::from_utf8_lossy(bytes).into_owned())
}

fn digest(parts: &[&[u8]]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(hash(parts))
}

fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let hash = parts.iter().fold(Sha256::new(), |hash, part| hash.chain_update(part).chain_update([0]));
    hash.finalize().into()
}

impl<T> Idempotent<T> {
    /// The same for each repetition of the request, and for no other; `None` without a key. After a crash the work is
    /// done again: what it must not do twice it writes under this name, on the condition that nothing is there.
    pub fn name(&self, user_id: UserId, operation: &'static str) -> Option<RequestId> {
        let Repeat { key, fingerprint } = self.repeat.as_ref()?;
        let user = user_id.to_string();
        let hash = hash(&[user.as_bytes(), operation.as_bytes(), key.as_bytes(), fingerprint.as_bytes()]);
        let (half, _) = hash.split_first_chunk()?;
        Some(RequestId::from_uuid(Builder::from_custom_bytes(*half).into_uuid()))
    }

    /// Does the request once for its key, and answers. Without a key it is done each time.
    pub async fn once<R: Serialize>(
        self,
        app: &App,
        user_id: UserId,
        operation: &'static str,
        work: impl AsyncFnOnce(T) -> Result<(StatusCode, Json<R>), Problem>,
    ) -> Result<Response, Problem> {
        let Some(repeat) = self.repeat else { return Ok(work(self.body).await?.into_response()) };
        let key = Key { user_id, operation, hash: repeat.key, fingerprint: repeat.fingerprint };
        let lock = match app.tables().begin(&key, LOCK, app.now()).await? {
            Begun::Yours(lock) => lock,
            Begun::Done(answer) => return replay(answer),
            Begun::Busy => return Err(Problem::in_progress()),
            Begun::Reused => {
                let detail = "This Idempotency-Key was used for another request.";
                return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused", detail));
            }
        };
        match work(self.body).await {
            Ok((status, Json(body))) => {
                let body = serde_json::to_string(&body).map_err(|_| Problem::internal())?;
                let answer = Answer { status: status.as_u16(), body };
                if let Err(error) = app.tables().finish(&key, &lock, answer.clone(), app.now()).await {
                    // It is done, and its client should know.
                    tracing::error!(%error, operation, "an answer was not kept");
                }
                respond(answer)
            }
            Err(problem) => {
                if let Err(error) = app.tables().abandon(&key, &lock).await {
                    tracing::warn!(%error, operation, "a lock was not given back");
                }
                Err(problem)
            }
        }
    }
}

fn respond(answer: Answer) -> Result<Response, Problem> {
    Response::builder()
        .status(answer.status)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(answer.body))
        .map_err(|_| Problem::internal())
}

fn replay(answer: Answer) -> Result<Response, Problem> {
    let mut response = respond(answer)?;
    response.headers_mut().insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}
