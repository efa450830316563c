//! Links in mails that prove who reads them.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use strum::AsRefStr;

use crate::{email::EmailAddress, id::UserId, session::TokenHash};

/// What a link is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, AsRefStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Purpose {
    /// Proves that its reader reads mail sent to an address.
    VerifyEmail,
    /// Lets its reader choose a new password.
    ResetPassword,
}

impl Purpose {
    /// How long a link lives: as long as people take to read mail, but an hour where it opens the
    /// account.
    pub fn lifetime(self) -> SignedDuration {
        match self {
            Self::VerifyEmail => SignedDuration::from_hours(48),
            Self::ResetPassword => SignedDuration::from_hours(1),
        }
    }
}

/// A link that was sent. A person has at most one per purpose: a new one replaces it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailLink {
    /// Whose.
    pub user_id: UserId,
    /// For what.
    pub purpose: Purpose,
    /// Where it was sent to.
    pub email: EmailAddress,
    /// Of its secret.
    pub hash: TokenHash,
    /// From then on it is void.
    pub expires_at: Timestamp,
}

impl MailLink {
    /// A link that is made at `now`.
    pub fn new(
        user_id: UserId,
        purpose: Purpose,
        email: EmailAddress,
        hash: TokenHash,
        now: Timestamp,
    ) -> Self {
        let expires_at = now.saturating_add(purpose.lifetime()).unwrap_or(Timestamp::MAX);
        Self { user_id, purpose, email, hash, expires_at }
    }

    /// Whether a secret with that hash opens it.
    pub fn opens(&self, hash: &TokenHash, now: Timestamp) -> bool {
        now < self.expires_at && self.hash == *hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_once_it_is_there_until_it_ends() {
        let now: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        let email = EmailAddress::parse("ada@example.org").unwrap();
        let link = MailLink::new(crate::id::new(now), Purpose::ResetPassword, email, TokenHash([1; 32]), now);
        let after = |minutes| now + SignedDuration::from_mins(minutes);
        assert!(link.opens(&TokenHash([1; 32]), after(59)));
        assert!(!link.opens(&TokenHash([1; 32]), after(60)));
        assert!(!link.opens(&TokenHash([2; 32]), now));
    }
}
