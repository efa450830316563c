//! What only the store knows whether it is good: refresh tokens, challenges, links, codes.

use std::fmt;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use domain::{
    id::{ChallengeTag, Id, SessionTag, Tag, UserId},
    one_time_code::Code,
    session::{Token, TokenHash},
};
use rand::RngExt;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::Problem;

/// 256 random bits that prove that their holder was given them. To clients a token that has them is
/// opaque: base64url of the names that it is found by, and the secret.
#[derive(Clone)]
pub struct Secret([u8; 32]);

/// 128 bits: neither half can be guessed.
const FAMILY_BYTES: usize = 16;

/// Nothing longer is decoded; the longest there is, with two names, has 86.
const MAX_CHARS: usize = 128;

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Secret {
    /// A new one.
    pub fn generate() -> Self {
        Self(rand::rng().random())
    }

    /// The next one of the same family: they have their first half in common.
    #[must_use]
    pub fn next(&self) -> Self {
        let mut next = Self::generate();
        next.0[..FAMILY_BYTES].copy_from_slice(&self.0[..FAMILY_BYTES]);
        next
    }

    /// What the store keeps of it.
    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.0).into())
    }

    /// What the store keeps of one that has a family.
    pub fn token(&self) -> Token {
        let family = TokenHash(Sha256::digest(&self.0[..FAMILY_BYTES]).into());
        Token { family, whole: self.hash() }
    }

    fn encode(&self, names: &[Uuid]) -> String {
        let mut bytes: Vec<u8> = names.iter().flat_map(|name| name.into_bytes()).collect();
        bytes.extend(self.0);
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    fn decode<const N: usize>(raw: &str) -> Option<([Uuid; N], Self)> {
        if raw.len() > MAX_CHARS {
            return None;
        }
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(raw).ok()?;
        let (names, secret) = bytes.split_at_checked(N * 16)?;
        let names: Vec<Uuid> = names.chunks(16).map(Uuid::from_slice).collect::<Result<_, _>>().ok()?;
        Some((names.try_into().ok()?, Self(secret.try_into().ok()?)))
    }
}

/// A token that names something of a person.
#[derive(Debug)]
pub struct NamedToken<T: Tag> {
    /// Whose it claims to be.
    pub user_id: UserId,
    /// What it claims to be for.
    pub id: Id<T>,
    /// By which it proves so.
    pub secret: Secret,
}

/// Keeps a sign-in alive.
pub type RefreshToken = NamedToken<SessionTag>;
/// Names a sign-in that waits for its second step.
pub type ChallengeToken = NamedToken<ChallengeTag>;

impl<T: Tag> NamedToken<T> {
    /// As the client holds it.
    pub fn encode(&self) -> String {
        self.secret.encode(&[self.user_id.uuid(), self.id.uuid()])
    }

    /// Reads what a client holds.
    pub fn decode(raw: &str) -> Option<Self> {
        let ([user, id], secret) = Secret::decode(raw)?;
        Some(Self { user_id: UserId::from_uuid(user), id: Id::from_uuid(id), secret })
    }
}

/// What a link in a mail carries.
#[derive(Debug)]
pub struct LinkToken {
    /// Whose it claims to be.
    pub user_id: UserId,
    /// By which it proves so.
    pub secret: Secret,
}

impl LinkToken {
    /// As the link holds it.
    pub fn encode(&self) -> String {
        self.secret.encode(&[self.user_id.uuid()])
    }

    /// Reads what a link holds.
    pub fn decode(raw: &str) -> Option<Self> {
        let ([user], secret) = Secret::decode(raw)?;
        Some(Self { user_id: UserId::from_uuid(user), secret })
    }
}

/// A code to be sent: each of the million is as likely.
pub fn generate_code() -> Result<Code, Problem> {
    let number = rand::rng().random_range(0..1_000_000);
    Code::parse(&format!("{number:06}")).map_err(|violation| {
        tracing::error!(%violation, "a code that is none");
        Problem::internal()
    })
}

/// Codes for a user whose phone is lost: ten characters of an alphabet without look-alikes, 49 random bits.
pub mod recovery {
    use domain::{id::UserId, session::TokenHash};

    use super::RngExt;
    use crate::{App, Problem};

    const ALPHABET: &[u8; 31] = b"23456789ABCDEFGHJKMNPQRSTUVWXYZ";
    const LENGTH: usize = 10;
    /// How many a user is given.
    pub const COUNT: usize = 10;

    /// A code, in the form in which it is hashed.
    #[derive(Clone, PartialEq, Eq)]
    pub struct Code(String);

    impl std::fmt::Debug for Code {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("Code(…)")
        }
    }

    impl Code {
        /// A new one.
        pub fn generate() -> Self {
            let mut random = rand::rng();
            Self((0..LENGTH).map(|_| char::from(ALPHABET[random.random_range(0..ALPHABET.len())])).collect())
        }

        /// Reads what a user typed; `None` if it cannot be one.
        pub fn parse(raw: &str) -> Option<Self> {
            let code: String = raw
                .chars()
                // Whatever hyphen or space the clipboard has made of it.
                .filter(char::is_ascii_alphanumeric)
                .take(LENGTH + 1)
                .map(|c| c.to_ascii_uppercase())
                .collect();
            let known = code.len() == LENGTH && code.bytes().all(|byte| ALPHABET.contains(&byte));
            known.then_some(Self(code))
        }

        /// As it is shown, e.g. `7KQ2M-XW4TP`.
        pub fn show(&self) -> String {
            let (first, second) = self.0.split_at(LENGTH / 2);
            format!("{first}-{second}")
        }

        /// What the store keeps of it. 49 bits can be searched through, so the hash has a key that is not in the store.
        pub async fn hash(&self, app: &App, user: UserId) -> Result<TokenHash, Problem> {
            let bytes = [user.uuid().as_bytes(), self.0.as_bytes()].concat();
            Ok(TokenHash(app.keyed_hash("recovery_code", &bytes).await?))
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_token_is_read_back_and_no_other_kind_is() {
        let at = Timestamp::UNIX_EPOCH;
        let token = RefreshToken {
            user_id: domain::id::new(at),
            id: domain::id::new(at),
            secret: Secret::generate(),
        };
        let read = RefreshToken::decode(&token.encode()).unwrap();
        assert_eq!((read.user_id, read.id), (token.user_id, token.id));
        assert_eq!(read.secret.hash(), token.secret.hash());
        assert!(LinkToken::decode(&token.encode()).is_none());
    }

    #[test]
    fn the_next_secret_is_of_the_same_family() {
        let first = Secret::generate();
        let (token, next, other) = (first.token(), first.next().token(), Secret::generate().token());
        assert_eq!(token.family, next.family);
        assert_ne!(token.whole, next.whole);
        assert_ne!(token.family, other.family);
    }

    #[test]
    fn a_recovery_code_is_read_as_people_write_it() {
        let code = recovery::Code::generate();
        let shown = code.show();
        assert_eq!((shown.len(), shown.as_bytes()[5]), (11, b'-'));
        let pasted = format!("\u{FEFF}{}\u{A0}", shown.replace('-', "\u{2011}"));
        for typed in [shown.to_lowercase().replace('-', " "), pasted] {
            assert_eq!(recovery::Code::parse(&typed).as_ref(), Some(&code), "{typed:?}");
        }
        for raw in ["", "7KQ2M-XW4T", "7KQ2M-XW4TPP", "0KQ2M-XW4TP", "ÄKQ2M-XW4TP"] {
            assert_eq!(recovery::Code::parse(raw), None, "{raw}");
        }
    }

    proptest! {
        #[test]
        fn nonsense_is_no_token(raw in ".{0,200}|[A-Za-z0-9_-]{0,130}") {
            if let Some(token) = LinkToken::decode(&raw) {
                prop_assert_eq!(token.encode(), raw);
            } else if let Some(token) = RefreshToken::decode(&raw) {
                prop_assert_eq!(token.encode(), raw);
            }
        }
    }
}
