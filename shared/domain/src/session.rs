//! Sign-ins, and the refresh tokens that keep one alive.
//!
//! A refresh token is used once: its use makes the next one. A token that is used a second time means
//! that two parties hold it, one of them a thief, and nobody can tell which; so the whole session
//! ends (RFC 9700, 4.14.2). Two cases are exempt within [`RETRY_GRACE`]: a client that lost the answer
//! tries again, and two tabs of a browser use the same token at the same time. Each of them gets a token
//! of its own, which is valid and is exchanged independently from then on.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    Violation,
    epoch::Epoch,
    id::{SessionId, UserId},
    role::Role,
};

/// How long a client may come back with the token it has just used, because the answer got lost.
/// Mobile clients give up on a request and repeat it within this time.
pub const RETRY_GRACE: SignedDuration = SignedDuration::from_secs(10);
/// How many tokens of a session are valid at the same time: one for each tab that used the same token
/// within the grace.
pub const MAX_TOKENS: usize = 8;
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
    /// The user's epoch at the sign-in; see [`crate::user::User::admits`].
    pub epoch: Epoch,
    /// When one of its tokens was last exchanged.
    pub refreshed_at: Timestamp,
    /// Who used it last, from where.
    pub client: Client,
    /// What all its tokens have in common. Only whoever was given one of them knows it, so that
    /// nobody else can be mistaken for a thief and have the sign-in ended.
    pub family: TokenHash,
    /// The tokens that are valid, at most [`MAX_TOKENS`].
    pub tokens: Vec<LiveToken>,
    /// Rises by one with each exchange.
    pub revision: u64,
}

/// A valid refresh token and the one that it was exchanged for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveToken {
    /// The token that its client holds.
    pub current: TokenHash,
    /// The token before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<TokenHash>,
    /// When the token before was first exchanged.
    pub since: Timestamp,
}

/// What a presented refresh token is to the session that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presented {
    /// A valid one, by its position in [`Session::tokens`]: exchange it.
    Current(usize),
    /// One that was exchanged within the grace, by the position of a token that it was exchanged for:
    /// exchange it once more.
    Retry(usize),
    /// Any other of this session: end the session.
    Reused,
    /// None that was ever issued.
    Invented,
}

impl Session {
    /// A session at `now` with its first refresh token.
    pub fn start(
        user_id: UserId,
        role: Role,
        epoch: Epoch,
        token: Token,
        client: Client,
        now: Timestamp,
    ) -> Self {
        Self {
            id: crate::id::new(now),
            user_id,
            role,
            created_at: now,
            epoch,
            refreshed_at: now,
            client,
            family: token.family,
            tokens: vec![LiveToken { current: token.whole, previous: None, since: now }],
            revision: 1,
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

    /// Judges a token that a client presents.
    pub fn judge(&self, token: &Token, now: Timestamp) -> Presented {
        if token.family != self.family {
            return Presented::Invented;
        }
        if let Some(at) = self.tokens.iter().position(|live| live.current == token.whole) {
            return Presented::Current(at);
        }
        let retried = |live: &LiveToken| {
            live.previous.as_ref() == Some(&token.whole) && now.duration_since(live.since) <= RETRY_GRACE
        };
        self.tokens.iter().position(retried).map_or(Presented::Reused, Presented::Retry)
    }

    /// The session after a presented token was exchanged for `next` by `client`. A retry neither
    /// invalidates the token that the first exchange issued nor lengthens the grace. If there are too
    /// many tokens, the one that was issued first is dropped.
    pub fn rotate(mut self, presented: Presented, next: TokenHash, client: Client, now: Timestamp) -> Self {
        let issued = match presented {
            Presented::Current(at) => {
                let before = self.tokens.remove(at);
                LiveToken { current: next, previous: Some(before.current), since: now }
            }
            Presented::Retry(at) => LiveToken { current: next, ..self.tokens[at].clone() },
            Presented::Reused | Presented::Invented => return self,
        };
        if self.tokens.len() == MAX_TOKENS {
            self.tokens.remove(0);
        }
        self.tokens.push(issued);
        Self { refreshed_at: now, client, revision: self.revision + 1, ..self }
    }

    /// The session under another epoch: the one that goes on where all others end.
    #[must_use]
    pub fn with_epoch(self, epoch: Epoch) -> Self {
        Self { epoch, revision: self.revision + 1, ..self }
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

    /// The session after the `n`th token was exchanged for the `next`th.
    fn rotated(session: Session, n: u8, next: u8, now: Timestamp) -> Session {
        let presented = session.judge(&token(n), now);
        assert!(matches!(presented, Presented::Current(_) | Presented::Retry(_)), "{presented:?}");
        session.rotate(presented, hash(next), Client::default(), now)
    }

    fn is_current(presented: Presented) -> bool {
        matches!(presented, Presented::Current(_))
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn session() -> Session {
        let user = crate::id::new(at(0));
        Session::start(user, Role::Parent, Epoch::FIRST, token(1), Client::default(), at(0))
    }

    #[test]
    fn each_token_serves_once() {
        let session = rotated(session(), 1, 2, at(60));
        assert!(is_current(session.judge(&token(2), at(61))));
        assert_eq!(session.judge(&token(1), at(71)), Presented::Reused);
        assert_eq!(session.judge(&token(9), at(61)), Presented::Reused);
    }

    #[test]
    fn two_tabs_that_use_one_token_at_once_both_stay_signed_in() {
        let session = rotated(session(), 1, 2, at(60));
        let session = rotated(session, 1, 3, at(65));
        // Long afterwards, and independently.
        let session = rotated(session, 2, 4, at(1000));
        let session = rotated(session, 3, 5, at(2000));
        let session = rotated(session, 4, 6, at(3000));
        for used in 1..5 {
            assert_eq!(session.judge(&token(used), at(3011)), Presented::Reused, "{used}");
        }
        assert!([5, 6].into_iter().all(|n| is_current(session.judge(&token(n), at(3011)))));
    }

    #[test]
    fn a_retry_does_not_lengthen_the_grace() {
        let session = rotated(session(), 1, 2, at(60));
        let session = rotated(session, 1, 3, at(69));
        assert!(matches!(session.judge(&token(1), at(70)), Presented::Retry(_)));
        assert_eq!(session.judge(&token(1), at(71)), Presented::Reused);
    }

    #[test]
    fn the_tokens_of_a_session_are_bounded() {
        let mut session = rotated(session(), 1, 2, at(60));
        for n in 0..20 {
            session = rotated(session, 1, 3 + n, at(61));
        }
        assert_eq!(session.tokens.len(), MAX_TOKENS);
        assert!(is_current(session.judge(&token(22), at(62))));
        assert_eq!(session.judge(&token(2), at(62)), Presented::Reused);
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
