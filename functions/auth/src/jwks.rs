//! `GET /.well-known/jwks.json`: anyone learns the keys that access tokens are signed with (RFC 7517).

use api::{App, IfNoneMatch, Problem, openapi::StoreProblems};
use axum::{extract::State, response::Response};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

/// The published keys; some may not sign yet, or not any more.
#[derive(Debug, Serialize, ToSchema)]
pub struct Jwks {
    /// In no particular order.
    keys: Vec<Jwk>,
}

/// One public key (RFC 8037).
#[derive(Debug, Serialize, ToSchema)]
pub struct Jwk {
    /// Always `OKP`.
    #[schema(example = "OKP")]
    kty: &'static str,
    /// Always `Ed25519`.
    #[schema(example = "Ed25519")]
    crv: &'static str,
    /// Always `EdDSA`.
    #[schema(example = "EdDSA")]
    alg: &'static str,
    /// Always `sig`.
    #[schema(example = "sig")]
    r#use: &'static str,
    /// Its name in the header of a token: the thumbprint (RFC 7638).
    kid: String,
    /// The key, in base64url.
    x: String,
}

/// A new key is published a day before it signs, so that nobody who reads this once an hour is
/// surprised by one.
const MAX_AGE: u32 = 3600;

/// Shows the public keys.
#[utoipa::path(
    get, path = "/.well-known/jwks.json", operation_id = "get_jwks", tag = "Identity",
    params(("If-None-Match" = Option<String>, Header, description = "The `ETag` of what the client has")),
    responses(
        (status = 200, description = "The keys", body = Jwks, headers(("ETag" = String, description = "Of this content"))),
        (status = 304, description = "The client has them"),
        StoreProblems,
    ),
)]
async fn get_jwks(State(app): State<App>, if_none_match: IfNoneMatch) -> Result<Response, Problem> {
    let keys = app.tables().token_keys().await?.keys.into_iter().map(|key| Jwk {
        kty: "OKP",
        crv: "Ed25519",
        alg: "EdDSA",
        r#use: "sig",
        kid: key.kid,
        x: key.x,
    });
    if_none_match.json(MAX_AGE, &Jwks { keys: keys.collect() })
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_jwks))
}
