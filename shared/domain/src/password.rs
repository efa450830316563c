//! Passwords as people type them. How they are hashed is not decided here.

use secrecy::{ExposeSecret, SecretString};
use unicode_normalization::UnicodeNormalization;
use zxcvbn::Score;

use crate::Violation;

/// A password somebody has typed: at most 128 characters, NFC, so that it matches on every keyboard.
///
/// It may be weak: that is only asked of a new one, see [`Password::parse_new`].
#[derive(Debug, Clone)]
pub struct Password(SecretString);

/// NIST SP 800-63B asks for at least 64 to be allowed; a bound keeps hashing cheap to attack.
const MAX_CHARS: usize = 128;
/// NIST SP 800-63B, 5.1.1.2.
const MIN_CHARS: usize = 8;

impl Password {
    /// Reads a password that is to be compared with a stored one.
    pub fn parse(raw: &str) -> Result<Self, Violation> {
        if raw.len() > MAX_CHARS * 4 * 3 {
            return Err(too_long());
        }
        let password = raw.nfc().collect::<String>();
        match password.chars().count() {
            0 => Err(Violation::new("required", "must not be empty")),
            1..=MAX_CHARS => Ok(Self(SecretString::from(password))),
            _ => Err(too_long()),
        }
    }

    /// Reads a password somebody chooses: it must also be hard to guess for one who knows `hints`,
    /// such as the person's name and address. There are no rules of composition.
    pub fn parse_new(raw: &str, hints: &[&str]) -> Result<Self, Violation> {
        let password = Self::parse(raw)?;
        if password.expose().chars().count() < MIN_CHARS {
            return Err(Violation::new("too_short", format!("must be at least {MIN_CHARS} characters")));
        }
        let mut hints = hints.to_vec();
        hints.push("nannyradar");
        let estimate = zxcvbn::zxcvbn(password.expose(), &hints);
        // A score of 3: safely unguessable at 10^8 guesses, the documented bar for an online
        // service that hashes slowly.
        if estimate.score() < Score::Three {
            let advice = estimate.feedback().and_then(|f| f.warning()).map(|w| w.to_string());
            let advice = advice.unwrap_or_else(|| "Add another word or two; uncommon ones are better".into());
            return Err(Violation::new(
                "too_weak",
                format!("is too easy to guess: {}", advice.trim_end_matches('.')),
            ));
        }
        Ok(password)
    }

    /// The characters, for the hash function alone.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

fn too_long() -> Violation {
    Violation::new("too_long", format!("must be at most {MAX_CHARS} characters"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_phrases_of_any_make() {
        for raw in ["correct horse battery staple", "ünïcödé pässphräse ok", "kQ9!vv2#Lp0z"] {
            assert!(Password::parse_new(raw, &[]).is_ok(), "{raw}");
        }
        assert!(Password::parse(&"ab3Ψ".repeat(32)).is_ok());
    }

    #[test]
    fn refuses_what_is_guessed_first() {
        let code = |raw: &str, hints: &[&str]| Password::parse_new(raw, hints).unwrap_err().code;
        assert_eq!(code("", &[]), "required");
        assert_eq!(code("kQ9!vv", &[]), "too_short");
        assert_eq!(code("password123", &[]), "too_weak");
        assert_eq!(code("nannyradar1", &[]), "too_weak");
        assert_eq!(code("lovelace1815", &["ada lovelace1815"]), "too_weak");
        assert_eq!(code(&"x".repeat(129), &[]), "too_long");
    }

    #[test]
    fn composes_before_it_compares() {
        assert_eq!(Password::parse("Zoe\u{308}").unwrap().expose(), Password::parse("Zoë").unwrap().expose());
    }

    #[test]
    fn debug_keeps_it_secret() {
        assert!(!format!("{:?}", Password::parse("hunter2hunter2").unwrap()).contains("hunter2"));
    }
}
