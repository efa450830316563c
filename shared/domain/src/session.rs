//! Sign-ins, and the refresh tokens that keep one alive.
//!
//! A refresh token is used once: its use makes the next one. A token that comes a second time means
//! that two parties hold it, one of them a thief, and nobody can tell which; so the whole sign-in
//! ends (RFC 9700, 4.14.2). One case is forgiven: a client that lost the answer on the way tries
//! again within seconds.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    Violation,
    id::{SessionId, UserId},
    role::Role,
};

/// How long a client may come back with the token it has just used, because the answer got lost.
/// Mobile clients give up on a request and repeat it within this time.
pub const RETRY_GRACE: SignedDuration = SignedDuration::from_secs(10);
/// Without use, a sign-in ends after 30 days.
pub const IDLE_LIFETIME: SignedDuration = SignedDuration::from_hours(30 * 24);
/// However much it is used, a sign-in ends after 90 days.
pub const LIFETIME: SignedDuration = SignedDuration::from_hours(90 * 24);

/// What is stored of a refresh token: SHA-256 of its secret part, which has 256 random bits, so
/// that no salt and no slow hash is needed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TokenHash(pub [u8; 32]);

impl TokenHash {
    /// As it is stored: base64url.
    pub fn encode(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.0)
    }
}

impl TryFrom<String> for TokenHash {
    type Error = Violation;
    fn try_from(stored: String) -> Result<Self, Violation> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(stored).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| Violation::new("invalid_hash", "must be a hash in base64url"))
    }
}

impl From<TokenHash> for String {
    fn from(hash: TokenHash) -> Self {
        hash.encode()
    }
}

/// A refresh token, as hashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Of what all tokens of the sign-in have in common.
    pub family: TokenHash,
    /// Of all of it.
    pub whole: TokenHash,
}

/// What a client tells of itself without being asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Client {
    /// The header `User-Agent`, cut to 256 characters.
    pub user_agent: Option<String>,
    /// The network that it called from, not the address: /24 or /48.
    pub ip_prefix: Option<String>,
}

/// One sign-in.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    /// Its identity, in every token that follows from it.
    pub id: SessionId,
    /// Who signed in.
    pub user_id: UserId,
    /// What they may do; a role never changes.
    pub role: Role,
    /// When.
    pub created_at: Timestamp,
    /// When its token was last exchanged.
    pub refreshed_at: Timestamp,
    /// Who used it last, from where.
    pub client: Client,
    /// What all its tokens have in common. Only whoever was given one of them knows it, so that
    /// nobody else can be mistaken for a thief and have the sign-in ended.
    pub family: TokenHash,
    /// The token that is expected next.
    pub current: TokenHash,
    /// The token before it.
    pub previous: Option<TokenHash>,
}

/// What a presented refresh token is to the sign-in that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presented {
    /// The one that is expected: exchange it.
    Current,
    /// The one before, again within the grace: exchange it once more.
    Retry,
    /// Any other of this sign-in's: end it.
    Reused,
    /// None that was ever given out.
    Invented,
}

impl Session {
    /// A sign-in at `now` with its first refresh token.
    pub fn start(user_id: UserId, role: Role, token: Token, client: Client, now: Timestamp) -> Self {
        Self {
            id: crate::id::new(now),
            user_id,
            role,
            created_at: now,
            refreshed_at: now,
            client,
            family: token.family,
            current: token.whole,
            previous: None,
        }
    }

    /// When it ends if nobody uses it again.
    pub fn expires_at(&self) -> Timestamp {
        // Saturating, because an end beyond the calendar is no end at all.
        let idle = self.refreshed_at.saturating_add(IDLE_LIFETIME).unwrap_or(Timestamp::MAX);
        let hard = self.created_at.saturating_add(LIFETIME).unwrap_or(Timestamp::MAX);
        idle.min(hard)
    }

    /// Whether it has ended by time.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        now >= self.expires_at()
    }

    /// Judges a token that somebody presents.
    pub fn judge(&self, token: &Token, now: Timestamp) -> Presented {
        let within_grace = now.duration_since(self.refreshed_at) <= RETRY_GRACE;
        if token.family != self.family {
            Presented::Invented
        } else if token.whole == self.current {
            Presented::Current
        } else if within_grace && self.previous.as_ref() == Some(&token.whole) {
            Presented::Retry
        } else {
            Presented::Reused
        }
    }

    /// The sign-in after its token was exchanged for `next` by `client`. A retry keeps the token that
    /// it retried as the previous one and drops the answer that got lost, so that the grace neither
    /// moves on nor lets an older token in.
    pub fn rotate(self, presented: Presented, next: TokenHash, client: Client, now: Timestamp) -> Self {
        match presented {
            Presented::Current => Self {
                previous: Some(self.current.clone()),
                current: next,
                refreshed_at: now,
                client,
                ..self
            },
            Presented::Retry => Self { current: next, client, ..self },
            Presented::Reused | Presented::Invented => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(n: u8) -> TokenHash {
        TokenHash([n; 32])
    }

    fn token(n: u8) -> Token {
        Token { family: hash(0), whole: hash(n) }
    }

    fn rotated(session: Session, presented: Presented, n: u8, now: Timestamp) -> Session {
        session.rotate(presented, hash(n), Client::default(), now)
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn session() -> Session {
        Session::start(crate::id::new(at(0)), Role::Parent, token(1), Client::default(), at(0))
    }

    #[test]
    fn each_token_serves_once() {
        let session = session();
        assert_eq!(session.judge(&token(1), at(60)), Presented::Current);
        let session = rotated(session, Presented::Current, 2, at(60));
        assert_eq!(session.judge(&token(2), at(61)), Presented::Current);
        assert_eq!(session.judge(&token(1), at(71)), Presented::Reused);
        assert_eq!(session.judge(&token(9), at(61)), Presented::Reused);
    }

    #[test]
    fn a_lost_answer_is_forgiven_within_the_grace() {
        let session = rotated(session(), Presented::Current, 2, at(60));
        assert_eq!(session.judge(&token(1), at(70)), Presented::Retry);
        let session = rotated(session, Presented::Retry, 3, at(65));
        assert_eq!(
            session.judge(&token(2), at(66)),
            Presented::Reused,
            "the lost answer was found by a thief"
        );
        assert_eq!(session.judge(&token(1), at(70)), Presented::Retry);
        assert_eq!(
            session.judge(&token(1), at(71)),
            Presented::Reused,
            "a retry does not lengthen the grace"
        );
        let session = rotated(session, Presented::Current, 4, at(80));
        assert_eq!(session.judge(&token(1), at(81)), Presented::Reused);
    }

    #[test]
    fn what_was_never_given_out_ends_nothing() {
        let invented = Token { family: hash(9), whole: hash(1) };
        assert_eq!(session().judge(&invented, at(60)), Presented::Invented);
    }

    #[test]
    fn ends_by_idleness_and_by_age() {
        let mut session = session();
        assert_eq!(session.expires_at(), at(30 * 86_400));
        session.refreshed_at = at(80 * 86_400);
        assert_eq!(session.expires_at(), at(90 * 86_400));
        assert!(!session.is_expired(at(90 * 86_400 - 1)));
        assert!(session.is_expired(at(90 * 86_400)));
    }
}
