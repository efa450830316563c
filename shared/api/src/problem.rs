use std::borrow::Cow;

use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::Violation;
use jiff::SignedDuration;
use serde::Serialize;
use utoipa::ToSchema;

use crate::limits;

/// So many things a problem names that stand in the way.
pub const MOST_NAMED: usize = 20;

/// The one error at the edge of HTTP, answered as `application/problem+json` (RFC 9457).
///
/// A cause that is not the client's is logged once, where it becomes a problem, and not told.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: Cow<'static, str>,
    errors: Vec<FieldProblem>,
    blocked_by: Box<[String]>,
    retry_after: Option<u32>,
    /// What a request may have instead, as a header of the answer.
    accepts: Option<&'static (HeaderName, &'static str)>,
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldProblem {
    /// Where in the body, as a JSON pointer (RFC 6901); for a parameter, its name.
    #[schema(example = "/email")]
    pub pointer: String,
    /// Stable and machine-readable.
    #[schema(example = "invalid_email")]
    pub code: Cow<'static, str>,
    /// For people.
    #[schema(example = "must be an e-mail address such as ada@example.org")]
    pub message: Cow<'static, str>,
    /// Where in the text of the field, in Unicode code points from 0, if one place is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 3)]
    pub position: Option<usize>,
}

/// The body of every error (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// Names the kind of problem; the `code` in the form of a URI.
    #[schema(example = "urn:nannyradar:problem:invalid_request")]
    pub r#type: String,
    /// The status in words.
    #[schema(example = "Bad Request")]
    pub title: &'static str,
    /// The HTTP status.
    #[schema(example = 400)]
    pub status: u16,
    /// Stable and machine-readable.
    #[schema(example = "invalid_request")]
    pub code: &'static str,
    /// For people.
    pub detail: Cow<'static, str>,
    /// To be quoted when asking for help.
    pub request_id: String,
    /// What is wrong with which field.
    pub errors: Vec<FieldProblem>,
    /// The identifiers of what stands in the way, where that can be named: at most 20.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(example = json!(["bkg_01h455vb4pex5vsknk084sn02q"]), required = false)]
    pub blocked_by: Vec<String>,
}

static ACCEPT_JSON: (HeaderName, &str) = (header::ACCEPT, "application/json");
static ACCEPT_IDENTITY: (HeaderName, &str) = (header::ACCEPT_ENCODING, "identity");

impl Problem {
    /// A problem without fields.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            errors: Vec::new(),
            blocked_by: Box::default(),
            retry_after: None,
            accepts: None,
        }
    }

    /// 400: the request is not of the expected form, field by field.
    pub fn invalid(errors: Vec<FieldProblem>) -> Self {
        let detail = "The request has fields that are not as they must be; see errors.";
        Self { errors, ..Self::new(StatusCode::BAD_REQUEST, "invalid_request", detail) }
    }

    /// The same, pointing at fields.
    #[must_use]
    pub fn with_errors(self, errors: Vec<FieldProblem>) -> Self {
        Self { errors, ..self }
    }

    /// The same, naming what stands in the way; [`MOST_NAMED`] at most.
    #[must_use]
    pub fn blocked_by(self, blocked_by: Vec<String>) -> Self {
        Self { blocked_by: blocked_by.into(), ..self }
    }

    /// 400 for one field.
    pub fn invalid_field(pointer: impl Into<String>, violation: Violation) -> Self {
        Self::invalid(vec![FieldProblem::new(pointer, violation)])
    }

    /// 401: no access token, or none that is good.
    pub fn unauthenticated() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", "A valid access token is required.")
    }

    /// The caller's address is not verified.
    pub fn email_unverified() -> Self {
        Self::new(StatusCode::CONFLICT, "email_unverified", "Verify your email address first.")
    }

    /// 403: the caller has not the role for it.
    pub fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "Your account has not the role for this.")
    }

    /// 415: the body is not announced as JSON.
    pub(crate) fn unsupported_media_type() -> Self {
        let detail = "The body must be JSON, with the header Content-Type: application/json.";
        Self {
            accepts: Some(&ACCEPT_JSON),
            ..Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail)
        }
    }

    /// 415: the body is compressed.
    pub(crate) fn unsupported_content_encoding() -> Self {
        let detail = "The body must be sent uncompressed, without the header Content-Encoding.";
        Self {
            accepts: Some(&ACCEPT_IDENTITY),
            ..Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_content_encoding", detail)
        }
    }

    /// 429: again after that time.
    pub fn too_many_requests(wait: SignedDuration) -> Self {
        let seconds = limits::seconds(wait).max(1);
        let detail = format!("Too many requests; try again in {seconds} seconds.");
        Self {
            retry_after: Some(seconds),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", detail)
        }
    }

    /// 409: another request with the same key is being worked on.
    pub fn in_progress() -> Self {
        let detail = "A request with this Idempotency-Key is being worked on; repeat it in a moment.";
        Self { retry_after: Some(1), ..Self::new(StatusCode::CONFLICT, "request_in_progress", detail) }
    }

    /// 404: there is no such thing, or not for this caller.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "There is nothing here, or nothing that you may see.")
    }

    /// 412: the entity has changed since the client read it.
    pub fn stale() -> Self {
        let detail = "It has changed since you read it; read it again and repeat the change.";
        Self::new(StatusCode::PRECONDITION_FAILED, "stale_version", detail)
    }

    /// 409: somebody else changed it at the same moment.
    pub fn conflict() -> Self {
        let detail = "Somebody else changed it at the same moment; read it again and repeat the change.";
        Self::new(StatusCode::CONFLICT, "conflict", detail)
    }

    /// 500: a bug. What it was, the caller has logged.
    pub fn internal() -> Self {
        let detail = "Something went wrong on our side; it has been noted.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
    }

    /// 503: a service that we need does not answer.
    pub fn unavailable() -> Self {
        let detail = "A service that this depends on does not answer; try again shortly.";
        Self { retry_after: Some(2), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail) }
    }

    pub(crate) fn body(self, request_id: String) -> ProblemBody {
        ProblemBody {
            r#type: format!("urn:nannyradar:problem:{}", self.code),
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            code: self.code,
            detail: self.detail,
            request_id,
            errors: self.errors,
            blocked_by: self.blocked_by.into(),
        }
    }
}

impl FieldProblem {
    /// What is wrong with the field at `pointer`.
    pub fn new(pointer: impl Into<String>, violation: Violation) -> Self {
        let Violation { code, message, position } = violation;
        Self { pointer: pointer.into(), code: code.into(), message, position }
    }
}

/// The stack writes the body, since it knows the request's identifier.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        let headers = response.headers_mut();
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        // RFC 9110, 15.5.16.
        if let Some((name, value)) = &self.accepts {
            headers.insert(name, HeaderValue::from_static(value));
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<storage::Error> for Problem {
    fn from(error: storage::Error) -> Self {
        match error {
            storage::Error::Conflict => Self::conflict(),
            storage::Error::Inactive => Self::unauthenticated(),
            storage::Error::Unavailable(_) => {
                tracing::warn!(%error, "dependency unavailable");
                Self::unavailable()
            }
            storage::Error::Unreadable(_) | storage::Error::Refused(_) | storage::Error::Missing(_) => {
                tracing::error!(%error, "request failed");
                Self::internal()
            }
        }
    }
}

impl From<config::Missing> for Problem {
    fn from(error: config::Missing) -> Self {
        storage::Error::from(error).into()
    }
}
