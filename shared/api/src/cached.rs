use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::{Problem, entity_tags::EntityTags};

/// What a client has already, from the header `If-None-Match` (RFC 9110, 13.1.2); answers with what is public, and
/// with a 304 where the client has it.
#[derive(Debug)]
pub struct IfNoneMatch(Option<EntityTags>);

impl<S: Send + Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        // A header that cannot be read costs its sender a whole answer and nothing else, so it is ignored. An error
        // could be kept by a cache.
        Ok(Self(EntityTags::of(&parts.headers, &header::IF_NONE_MATCH).unwrap_or_default()))
    }
}

impl IfNoneMatch {
    /// Answers with JSON that any cache may keep for so many seconds.
    pub fn json(&self, max_age: u32, body: &impl Serialize) -> Result<Response, Problem> {
        let body = serde_json::to_string(body).map_err(|_| Problem::internal())?;
        let tag = BASE64_URL_SAFE_NO_PAD.encode(&Sha256::digest(&body)[..12]);
        let mut headers = HeaderMap::new();
        let value = |text: &str| HeaderValue::from_str(text).map_err(|_| Problem::internal());
        headers.insert(header::ETAG, value(&format!("\"{tag}\""))?);
        headers.insert(header::CACHE_CONTROL, value(&format!("public, max-age={max_age}"))?);
        // Compared weakly, since caches and gateways weaken tags on the way.
        if self.0.as_ref().is_some_and(|tags| tags.match_weakly(&tag)) {
            return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
        }
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok((headers, body).into_response())
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    async fn answer(lines: &[&str]) -> Response {
        let request =
            lines.iter().fold(Request::get("/"), |request, line| request.header("if-none-match", *line));
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let Ok(if_none_match) = IfNoneMatch::from_request_parts(&mut parts, &()).await;
        if_none_match.json(300, &"body").unwrap()
    }

    #[tokio::test]
    async fn what_a_client_has_is_not_sent_again() {
        let first = answer(&[]).await;
        assert_eq!(
            (first.status(), &first.headers()["cache-control"]),
            (StatusCode::OK, &"public, max-age=300".parse().unwrap())
        );
        let etag = first.headers()["etag"].to_str().unwrap();
        let weak = format!("W/{etag}");
        let listed = format!("\"other\", {weak}");
        for has in [&[etag][..], &[&weak], &[&listed], &["*"], &["\"other\"", etag], &["\"a,b\"", &listed]] {
            let again = answer(has).await;
            assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{has:?}");
            assert_eq!(again.headers()["etag"], etag);
        }
        let inside = format!("\"x,{}\"", etag.trim_matches('"'));
        let bare = etag.trim_matches('"');
        for has in
            [&[""][..], &["\"other\""], &["other"], &["W/"], &["\"*\""], &[&inside], &[bare], &["*", etag]]
        {
            assert_eq!(answer(has).await.status(), StatusCode::OK, "{has:?}");
        }
    }
}
