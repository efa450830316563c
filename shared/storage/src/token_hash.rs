//! Hashes of secrets as attributes: base64url.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use domain::session::TokenHash;

use crate::Error;

pub(crate) fn encode(hash: &TokenHash) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(hash.0)
}

pub(crate) fn decode(hash: &str) -> Result<TokenHash, Error> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(hash).ok();
    let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
    bytes.map(TokenHash).ok_or_else(|| Error::Unreadable("the hash of a token".into()))
}
