use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::Problem;

/// What a client has already, from the header `If-None-Match`; answers with what is public, and with a
/// 304 where the client has it.
#[derive(Debug)]
pub struct IfNoneMatch(Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let value = parts.headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
        Ok(Self(value.map(str::to_owned)))
    }
}

impl IfNoneMatch {
    /// Answers with JSON that any cache may keep for so many seconds.
    pub fn json(&self, max_age: u32, body: &impl Serialize) -> Result<Response, Problem> {
        let body = serde_json::to_string(body).map_err(|_| Problem::internal())?;
        let etag = format!("\"{}\"", BASE64_URL_SAFE_NO_PAD.encode(&Sha256::digest(&body)[..12]));
        let mut headers = HeaderMap::new();
        let value = |text: &str| HeaderValue::from_str(text).map_err(|_| Problem::internal());
        headers.insert(header::ETAG, value(&etag)?);
        headers.insert(header::CACHE_CONTROL, value(&format!("public, max-age={max_age}"))?);
        if self.has(&etag) {
            return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
        }
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok((headers, body).into_response())
    }

    /// RFC 9110, 13.1.2: compared weakly, since caches and gateways weaken tags on the way.
    fn has(&self, etag: &str) -> bool {
        let listed = self.0.as_deref().unwrap_or_default().split(',').map(str::trim);
        listed.map(|each| each.strip_prefix("W/").unwrap_or(each)).any(|each| each == "*" || each == etag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(if_none_match: Option<&str>) -> Response {
        IfNoneMatch(if_none_match.map(str::to_owned)).json(300, &"body").unwrap()
    }

    #[test]
    fn what_a_client_has_is_not_sent_again() {
        let first = answer(None);
        assert_eq!(
            (first.status(), &first.headers()["cache-control"]),
            (StatusCode::OK, &"public, max-age=300".parse().unwrap())
        );
        let etag = first.headers()["etag"].to_str().unwrap();
        for has in [etag.to_owned(), format!("W/{etag}"), format!("\"other\", {etag}"), "*".into()] {
            let again = answer(Some(&has));
            assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{has}");
            assert_eq!(again.headers()["etag"], etag);
        }
        for has in ["", "\"other\"", "other", "W/"] {
            assert_eq!(answer(Some(has)).status(), StatusCode::OK, "{has}");
        }
    }
}
