//! Access tokens, which any function can verify.

use std::{collections::HashMap, fmt, sync::Arc};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair},
};
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use domain::{
    epoch::Epoch,
    id::{SessionId, UserId},
    role::Role,
    session::Session,
    token_keys::{KeySet, PublicKey},
};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use storage::{
    Tables,
    signing_secret::{PrivateKeys, SigningSecret},
};
use tokio::sync::RwLock;

use crate::{Problem, Settings};

/// An access token lives for 15 minutes: so long a stolen one serves.
pub const ACCESS_LIFETIME: SignedDuration = SignedDuration::from_mins(15);
/// How long a function uses the keys that it has read.
const KEYS_FRESH_FOR: SignedDuration = SignedDuration::from_mins(5);
/// How soon it reads them again for a token whose key it does not know: anyone can invent a `kid`.
const KEYS_READ_AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(30);
/// RFC 9068: an access token says that it is one, so that nothing else we ever sign passes for it.
const TYPE: &str = "at+jwt";

/// What an access token says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Claims {
    /// Who made it.
    pub iss: String,
    /// Whom it is for.
    pub aud: String,
    /// Whose it is.
    pub sub: UserId,
    /// The sign-in that it follows from.
    pub sid: SessionId,
    /// What the person may do.
    pub role: Role,
    /// The user's epoch at the sign-in.
    pub epoch: Epoch,
    /// When it was made, in seconds since 1970.
    pub iat: i64,
    /// When it ends, in seconds since 1970.
    pub exp: i64,
    /// When it begins, in seconds since 1970, if that is later than when it was made. We sign none with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
}

/// Verifies access tokens with the published keys.
pub struct AccessTokens {
    tables: Tables,
    validation: Validation,
    keys: RwLock<Option<ReadKeys>>,
}

struct ReadKeys {
    at: Timestamp,
    by_kid: Arc<HashMap<String, DecodingKey>>,
}

impl fmt::Debug for AccessTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessTokens")
    }
}

impl AccessTokens {
    pub(crate) fn new(tables: Tables, settings: &Settings) -> Self {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[&settings.issuer]);
        validation.set_audience(&[&settings.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // The application's clock is compared, not the library's.
        validation.validate_exp = false;
        Self { tables, validation, keys: RwLock::new(None) }
    }

    /// What a token says, if it is one of ours, whole, and alive.
    pub async fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, Problem> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| Problem::unauthenticated())?;
        // `crit` names extensions that a verifier has to understand, and none is understood here (RFC 7515, 4.1.11).
        let (Some(kid), Some(TYPE), None) = (header.kid, header.typ.as_deref(), header.crit) else {
            return Err(Problem::unauthenticated());
        };
        let keys = self.keys(&kid, now).await?;
        let key = keys.get(&kid).ok_or_else(Problem::unauthenticated)?;
        let claims = jsonwebtoken::decode::<Claims>(token, key, &self.validation)
            .map_err(|_| Problem::unauthenticated())?
            .claims;
        let now = now.as_second();
        if now >= claims.exp || claims.nbf.is_some_and(|begins| now < begins) {
            return Err(Problem::unauthenticated());
        }
        Ok(claims)
    }

    async fn keys(&self, kid: &str, now: Timestamp) -> Result<Arc<HashMap<String, DecodingKey>>, Problem> {
        if let Some(read) = &*self.keys.read().await {
            let bound = if read.by_kid.contains_key(kid) { KEYS_FRESH_FOR } else { KEYS_READ_AGAIN_AFTER };
            if now.duration_since(read.at) < bound {
                return Ok(read.by_kid.clone());
            }
        }
        let published = self.tables.token_keys().await?;
        let decoded = published.keys.iter().filter_map(|key| {
            let decoding = DecodingKey::from_ed_components(&key.x).ok()?;
            Some((key.kid.clone(), decoding))
        });
        let by_kid = Arc::new(decoded.collect::<HashMap<_, _>>());
        *self.keys.write().await = Some(ReadKeys { at: now, by_kid: by_kid.clone() });
        Ok(by_kid)
    }
}

/// Signs access tokens with the youngest published key that has begun.
pub struct Signer {
    source: Source,
    keys: RwLock<Option<SigningKeys>>,
}

enum Source {
    Secret(SigningSecret),
    Given(PrivateKeys),
}

struct SigningKeys {
    at: Timestamp,
    published: KeySet,
    private: PrivateKeys,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer")
    }
}

impl Signer {
    /// Signs with the keys of a secret.
    pub fn from_secret(secret: SigningSecret) -> Self {
        Self { source: Source::Secret(secret), keys: RwLock::new(None) }
    }

    /// Signs with keys that a test has made.
    pub fn from_keys(keys: PrivateKeys) -> Self {
        Self { source: Source::Given(keys), keys: RwLock::new(None) }
    }

    /// An access token for a sign-in.
    pub async fn sign(
        &self,
        tables: &Tables,
        settings: &Settings,
        session: &Session,
        now: Timestamp,
    ) -> Result<String, Problem> {
        let claims = Claims {
            iss: settings.issuer.clone(),
            aud: settings.audience.clone(),
            sub: session.user_id,
            sid: session.id,
            role: session.role,
            epoch: session.epoch,
            iat: now.as_second(),
            exp: now.as_second() + ACCESS_LIFETIME.as_secs(),
            nbf: None,
        };
        self.refresh(tables, now).await?;
        let keys = self.keys.read().await;
        let signing = keys.as_ref().and_then(|keys| {
            let kid = &keys
                .published
                .clone()
                .without(|kid| keys.private.get(kid).is_none())
                .signing(now)?
                .kid
                .clone();
            Some((kid.clone(), keys.private.get(kid)?.clone()))
        });
        let Some((kid, key)) = signing else {
            tracing::error!("no key to sign tokens with: token-keys-rotate has not run");
            return Err(Problem::unavailable());
        };
        encode(&claims, kid, &key)
    }

    async fn refresh(&self, tables: &Tables, now: Timestamp) -> Result<(), Problem> {
        let fresh = |keys: &SigningKeys| now.duration_since(keys.at) < KEYS_FRESH_FOR;
        if self.keys.read().await.as_ref().is_some_and(fresh) {
            return Ok(());
        }
        let published = tables.token_keys().await?;
        let private = match &self.source {
            Source::Secret(secret) => secret.read().await?,
            Source::Given(keys) => keys.clone(),
        };
        *self.keys.write().await = Some(SigningKeys { at: now, published, private });
        Ok(())
    }
}

fn encode(claims: &Claims, kid: String, key: &SecretString) -> Result<String, Problem> {
    let failed = || {
        tracing::error!(kid, "the key cannot sign");
        Problem::internal()
    };
    let der = BASE64_STANDARD.decode(key.expose_secret()).map_err(|_| failed())?;
    let mut header = Header::new(Algorithm::EdDSA);
    header.typ = Some(TYPE.into());
    header.kid = Some(kid.clone());
    jsonwebtoken::encode(&header, claims, &EncodingKey::from_ed_der(&der)).map_err(|_| failed())
}

/// The machine could not make a key: it has no randomness.
#[derive(Debug, thiserror::Error)]
#[error("no key could be made")]
pub struct NoKey;

/// A new key pair: the public half to publish, the private half (PKCS#8 in base64) to keep.
pub fn generate_key(signs_from: Timestamp) -> Result<(PublicKey, SecretString), NoKey> {
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| NoKey)?;
    let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).map_err(|_| NoKey)?;
    let x = BASE64_URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
    // RFC 7638: the thumbprint names the key, so that no two keys share a name.
    let thumbprint = Sha256::digest(format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#));
    let kid = BASE64_URL_SAFE_NO_PAD.encode(thumbprint);
    Ok((PublicKey { kid, x, signs_from }, SecretString::from(BASE64_STANDARD.encode(pkcs8.as_ref()))))
}
