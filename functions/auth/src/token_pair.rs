use api::{
    App, Problem,
    secrets::{RefreshToken, Secret},
    tokens::ACCESS_LIFETIME,
};
use domain::session::Session;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// The tokens of a sign-in (RFC 6749, 5.1).
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenPair {
    /// Goes into the header `Authorization: Bearer …`.
    access_token: String,
    /// Is exchanged for the next pair, once. Opaque.
    refresh_token: String,
    /// Always `Bearer`.
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// How long the access token lives, in seconds.
    #[schema(example = 900)]
    expires_in: i64,
}

impl TokenPair {
    /// The pair for a sign-in whose current refresh token has that secret.
    pub(crate) async fn issue(
        app: &App,
        session: &Session,
        secret: Secret,
        now: Timestamp,
    ) -> Result<Self, Problem> {
        let refresh_token = RefreshToken { user_id: session.user_id, id: session.id, secret };
        Ok(Self {
            access_token: app.signer()?.sign(app.tables(), app.settings(), session, now).await?,
            refresh_token: refresh_token.encode(),
            token_type: "Bearer",
            expires_in: ACCESS_LIFETIME.as_secs(),
        })
    }
}
