//! What a person proves themselves with.

use serde::{Deserialize, Serialize};
use strum::AsRefStr;

use crate::{id::UserId, role::Role, session::TokenHash};

/// What is asked for after the password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(tag = "method", rename_all = "snake_case")]
pub enum SecondStep {
    /// Nothing.
    #[default]
    None,
    /// A code by text to the person's number.
    Sms,
    /// A code from an app (RFC 6238).
    Totp {
        /// The shared secret, encrypted.
        sealed_secret: String,
        /// The last time step whose code was used, so that none is used twice.
        last_step: u64,
    },
}

/// The names of the second steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, AsRefStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Method {
    /// See [`SecondStep::None`].
    None,
    /// See [`SecondStep::Sms`].
    Sms,
    /// See [`SecondStep::Totp`].
    Totp,
}

impl SecondStep {
    /// Which one it is.
    pub fn method(&self) -> Method {
        match self {
            Self::None => Method::None,
            Self::Sms => Method::Sms,
            Self::Totp { .. } => Method::Totp,
        }
    }
}

/// What a sign-in compares with. Stored apart from the person, so that no reader carries it about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Whose they are.
    pub user_id: UserId,
    /// What the person may do.
    pub role: Role,
    /// In the PHC string format.
    pub password_hash: String,
    /// What is asked for after the password.
    pub second_step: SecondStep,
    /// Of the codes for somebody whose phone is lost; each serves once.
    pub recovery_codes: Vec<TokenHash>,
    /// Rises by one with each change.
    pub version: u64,
}

impl Credentials {
    /// Those of a new account.
    pub fn new(user_id: UserId, role: Role, password_hash: String) -> Self {
        Self {
            user_id,
            role,
            password_hash,
            second_step: SecondStep::None,
            recovery_codes: Vec::new(),
            version: 1,
        }
    }

    /// With another password, or the same one hashed anew.
    #[must_use]
    pub fn with_password(self, password_hash: String) -> Self {
        Self { password_hash, version: self.version + 1, ..self }
    }

    /// With another second step, and the recovery codes that go with it.
    #[must_use]
    pub fn with_second_step(self, second_step: SecondStep, recovery_codes: Vec<TokenHash>) -> Self {
        Self { second_step, recovery_codes, version: self.version + 1, ..self }
    }

    /// After a code of the app was used; `None` if that code, or a later one, was used before.
    pub fn use_totp_step(self, step: u64) -> Option<Self> {
        let SecondStep::Totp { sealed_secret, last_step } = self.second_step else { return None };
        let second_step = SecondStep::Totp { sealed_secret, last_step: step };
        (step > last_step).then_some(Self { second_step, version: self.version + 1, ..self })
    }

    /// After a recovery code was used; `None` if there is no such code.
    pub fn use_recovery_code(mut self, hash: &TokenHash) -> Option<Self> {
        let at = self.recovery_codes.iter().position(|code| code == hash)?;
        self.recovery_codes.remove(at);
        self.version += 1;
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn credentials() -> Credentials {
        let id = crate::id::new(Timestamp::UNIX_EPOCH);
        let codes = vec![TokenHash([1; 32]), TokenHash([2; 32])];
        let totp = SecondStep::Totp { sealed_secret: "sealed".into(), last_step: 100 };
        Credentials::new(id, Role::Parent, "hash".into()).with_second_step(totp, codes)
    }

    #[test]
    fn a_code_of_the_app_serves_once_and_never_backwards() {
        assert_eq!(credentials().use_totp_step(100), None);
        assert_eq!(credentials().use_totp_step(99), None);
        let used = credentials().use_totp_step(101).unwrap();
        assert_eq!(used.version, 3);
        assert_eq!(used.use_totp_step(101), None);
        let without = credentials().with_second_step(SecondStep::Sms, vec![]);
        assert_eq!(without.use_totp_step(200), None);
    }

    #[test]
    fn a_recovery_code_serves_once() {
        let used = credentials().use_recovery_code(&TokenHash([2; 32])).unwrap();
        assert_eq!(used.recovery_codes, [TokenHash([1; 32])]);
        assert_eq!(used.use_recovery_code(&TokenHash([2; 32])), None);
    }
}
