use axum::{
    extract::FromRequestParts,
    http::{header, request::Parts},
};
use domain::{
    id::{SessionId, UserId},
    user::Role,
};

use crate::{App, Problem, RequestMeta};

/// Somebody who is signed in. A handler that asks for it cannot be reached by anybody else.
#[derive(Debug, Clone, Copy)]
pub struct SignedIn {
    /// Who.
    pub user_id: UserId,
    /// By which sign-in.
    pub session_id: SessionId,
    /// What they may do.
    pub role: Role,
}

impl FromRequestParts<App> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header.and_then(|header| {
            let (scheme, token) = header.split_once(' ')?;
            // RFC 9110, 11.1: the scheme's case does not matter.
            scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
        });
        let claims = app.tokens().verify(token.ok_or_else(Problem::unauthenticated)?, app.now()).await?;
        Ok(Self { user_id: claims.sub, session_id: claims.sid, role: claims.role })
    }
}

/// Where a request came from, for the audit trail.
impl FromRequestParts<App> for RequestMeta {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Self::Rejection> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}
