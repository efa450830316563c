use std::fmt;

use aws_lc_rs::hmac;
use secrecy::{ExposeSecret, SecretString};

/// HMAC-SHA256 with a secret of the deployment, for data that is easy to guess from a plain hash: IP addresses,
/// phone numbers, email addresses, short codes.
pub struct KeyedHash(hmac::Key);

impl fmt::Debug for KeyedHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyedHash")
    }
}

impl KeyedHash {
    /// A keyed hash with that secret.
    pub fn new(secret: &SecretString) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes()))
    }

    /// The hash of `bytes` for one purpose. Hashes of the same bytes for two purposes are unrelated.
    pub fn hash(&self, purpose: &str, bytes: &[u8]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.0);
        // The length separates the purpose from the bytes.
        context.update(&u64::try_from(purpose.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(purpose.as_bytes());
        context.update(bytes);
        let mut hash = [0; 32];
        hash.copy_from_slice(context.sign().as_ref());
        hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(secret: &str) -> KeyedHash {
        KeyedHash::new(&SecretString::from(secret.repeat(32)))
    }

    #[test]
    fn depends_on_the_secret_the_purpose_and_the_bytes() {
        let hash = with("k").hash("limit", b"203.0.113.7");
        assert_eq!(hash, with("k").hash("limit", b"203.0.113.7"));
        let others = [
            with("x").hash("limit", b"203.0.113.7"),
            with("k").hash("limit", b"203.0.113.8"),
            with("k").hash("code", b"203.0.113.7"),
            with("k").hash("limit2", b"03.0.113.7"),
        ];
        assert!(!others.contains(&hash));
    }
}
