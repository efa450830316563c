//! Six digits that come by text or from an app, and what waits for them.

use std::{fmt, time::Duration};

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    Violation,
    epoch::Epoch,
    id::{ChallengeId, UserId},
    phone::PhoneNumber,
    session::TokenHash,
    text,
    user::User,
};

/// A code that was typed in.
#[derive(Debug, Clone)]
pub struct Code(SecretString);

impl Code {
    /// How many digits a code has.
    pub const DIGITS: usize = 6;

    /// Reads a code: six digits; white space of all kinds is forgiven, because phones show `123 456`, and what they copy
    /// with it.
    pub fn parse(raw: &str) -> Result<Self, Violation> {
        let written = text::without_layout(raw);
        let digits: String = written.chars().filter(|c| !c.is_whitespace()).take(Self::DIGITS + 1).collect();
        if digits.len() == Self::DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            Ok(Self(digits.into()))
        } else {
            Err(Violation::new("invalid_code", "must be six digits"))
        }
    }

    /// The digits.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// How long a code is waited for.
pub const LIFETIME: SignedDuration = SignedDuration::from_mins(10);
/// How often a wrong code may be typed in. With six digits, five tries find it once in 200,000.
pub const TRIES: u8 = 5;
/// How long apps and clocks may be off: one step to either side (RFC 6238, 5.2).
pub const TOTP_STEP: Duration = Duration::from_secs(30);

/// What a code is waited for.
#[derive(Clone, PartialEq, Eq)]
pub enum Purpose {
    /// To prove that a person reads texts sent to a number.
    ProvePhone {
        /// The number.
        phone: PhoneNumber,
    },
    /// To sign in: the password was right.
    SignIn {
        /// The sign-in that waits.
        challenge: ChallengeId,
        /// Of the secret that the client was given for it.
        secret: TokenHash,
    },
}

impl Purpose {
    /// The sign-in that waits, if one does.
    pub fn challenge(&self) -> Option<ChallengeId> {
        match self {
            Self::ProvePhone { .. } => None,
            Self::SignIn { challenge, .. } => Some(*challenge),
        }
    }
}

impl fmt::Debug for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ProvePhone { .. } => "ProvePhone",
            Self::SignIn { .. } => "SignIn",
        })
    }
}

/// What waits for a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// Whose code.
    pub user_id: UserId,
    /// For what.
    pub purpose: Purpose,
    /// The user's epoch when the wait began.
    pub epoch: Epoch,
    /// Of the code that was sent last, if one was.
    pub code_hash: Option<String>,
    /// How often a wrong code was typed in.
    pub tries: u8,
    /// From then on nothing is waited for.
    pub expires_at: Timestamp,
}

impl Pending {
    /// Waits from `now` on.
    pub fn new(user: &User, purpose: Purpose, now: Timestamp) -> Self {
        let expires_at = now.saturating_add(LIFETIME).unwrap_or(Timestamp::MAX);
        Self { user_id: user.id, purpose, epoch: user.epoch, code_hash: None, tries: 0, expires_at }
    }

    /// Whether a code of that user may still be tried.
    pub fn is_open(&self, user: &User, now: Timestamp) -> bool {
        user.admits(self.epoch) && now < self.expires_at && self.tries < TRIES
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{display_name::DisplayName, role::Role};

    #[test]
    fn six_digits() {
        for raw in ["123456", "123 456", "\u{200E}123\u{A0}456\u{FEFF}\n"] {
            assert_eq!(Code::parse(raw).unwrap().expose(), "123456", "{raw:?}");
        }
        for raw in ["", "12345", "1234567", "12345a", "١٢٣٤٥٦", "123-456", &"1".repeat(10_000)] {
            assert_eq!(Code::parse(raw).unwrap_err().code, "invalid_code", "{raw:.20}");
        }
        assert!(!format!("{:?}", Code::parse("123456").unwrap()).contains("123456"));
    }

    #[test]
    fn is_open_for_ten_minutes_five_tries_and_one_epoch() {
        let now: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        let (email, name) = ("ada@example.org".parse().unwrap(), DisplayName::parse("Ada").unwrap());
        let ada = User::register(Role::Parent, email, name, SignedDuration::from_hours(1), now);
        let phone = PhoneNumber::parse("+447400123456").unwrap();
        let mut pending = Pending::new(&ada, Purpose::ProvePhone { phone }, now);
        assert!(pending.is_open(&ada, now + SignedDuration::from_secs(599)));
        assert!(!pending.is_open(&ada, now + SignedDuration::from_secs(600)));
        pending.tries = 4;
        assert!(pending.is_open(&ada, now));
        assert!(!pending.is_open(&ada.clone().next_epoch(), now));
        pending.tries = 5;
        assert!(!pending.is_open(&ada, now));
    }
}
