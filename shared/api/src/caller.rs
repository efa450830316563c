use axum::{
    extract::{FromRequestParts, OptionalFromRequestParts},
    http::{header, request::Parts},
};
use domain::{
    credentials::Credentials,
    id::{SessionId, UserId},
    role::Role,
    session::Session,
    user::{Standing, User},
};
use storage::Tables;

use crate::{App, Problem};

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

impl SignedIn {
    /// The user's account. A token outlives a removed or suspended account by seconds; to its holder that is the
    /// same as no token.
    pub async fn user(self, app: &App) -> Result<User, Problem> {
        let user = app.tables().user(self.user_id).await?;
        user.filter(|user| user.standing == Standing::Active).ok_or_else(Problem::unauthenticated)
    }

    /// The tables, for what this caller changes: they refuse the writes of a user whose account has been removed or
    /// suspended.
    pub fn tables(self, app: &App) -> Tables {
        app.tables().acting_for(self.user_id)
    }

    /// The user, if their address is verified. Nothing that outlives a stranger's use of somebody else's address
    /// is available before.
    pub async fn verified_user(self, app: &App) -> Result<User, Problem> {
        let user = self.user(app).await?;
        if user.email_verified { Ok(user) } else { Err(Problem::email_unverified()) }
    }

    /// The session that the access token belongs to, while it is good for the user.
    pub async fn session(self, app: &App, user: &User) -> Result<Session, Problem> {
        let session = app.tables().session(self.user_id, self.session_id).await?;
        session.filter(|session| user.admits(session.epoch)).ok_or_else(Problem::unauthenticated)
    }

    /// What the person signs in with.
    pub async fn credentials(self, app: &App) -> Result<Credentials, Problem> {
        app.tables().credentials(self.user_id).await?.ok_or_else(Problem::unauthenticated)
    }
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
        let now = app.now();
        let claims = app.tokens().verify(token.ok_or_else(Problem::unauthenticated)?, now).await?;
        app.revoked().check(app.tables(), &claims, now).await?;
        Ok(Self { user_id: claims.sub, session_id: claims.sid, role: claims.role })
    }
}

/// Nobody, where no token is sent; a bad one is refused nevertheless.
impl OptionalFromRequestParts<App> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Option<Self>, Problem> {
        if !parts.headers.contains_key(header::AUTHORIZATION) {
            return Ok(None);
        }
        <Self as FromRequestParts<App>>::from_request_parts(parts, app).await.map(Some)
    }
}

/// Makes the extractor of a role. To everybody else who is signed in the answer is a 403.
macro_rules! caller {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name(pub SignedIn);

        impl FromRequestParts<App> for $name {
            type Rejection = Problem;

            async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
                let caller = <SignedIn as FromRequestParts<App>>::from_request_parts(parts, app).await?;
                if caller.role == Role::$name { Ok(Self(caller)) } else { Err(Problem::forbidden()) }
            }
        }
    };
}

caller! {
    /// A parent who is signed in.
    Parent
}
caller! {
    /// A sitter who is signed in.
    Sitter
}
caller! {
    /// An admin who is signed in.
    Admin
}
