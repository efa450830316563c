//! Passwords as people type them. How they are hashed is not decided here.

use icu_properties::props::{GeneralCategory, GeneralCategoryGroup as Group};
use precis_core::{DerivedPropertyValue, Error, FreeformClass, StringClass, UnexpectedError};
use secrecy::{ExposeSecret, SecretString};
use unicode_normalization::UnicodeNormalization;
use zxcvbn::Score;

use crate::{Violation, text};

/// A password somebody has typed: at most 128 characters, by the OpaqueString profile of PRECIS (RFC 8265, 4.2), so that
/// it matches on every keyboard: NFC, and every space is U+0020.
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
        // Bounds the work: a character has at most four bytes, and composes at most four.
        if raw.len() > MAX_CHARS * 4 * 4 {
            return Err(too_long());
        }
        Repertoire.allows(raw).map_err(|error| {
            let message = "must not have control characters, joiners or other invisible characters";
            Violation::new("unsupported_character", message).at(position(&error, raw))
        })?;
        let is_space = |c| text::category(c) == GeneralCategory::SpaceSeparator;
        let password = raw.chars().map(|c| if is_space(c) { ' ' } else { c }).nfc().collect::<String>();
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

/// The FreeformClass of PRECIS (RFC 8264, 4.3). The crate has the tables of Unicode 6.3: a character that was assigned
/// later is allowed as that class allows its kind.
struct Repertoire;

impl StringClass for Repertoire {
    fn get_value_from_char(&self, c: char) -> DerivedPropertyValue {
        const KINDS: Group = Group::Letter
            .union(Group::Mark)
            .union(Group::Number)
            .union(Group::Punctuation)
            .union(Group::Symbol)
            .union(Group::SpaceSeparator);
        match FreeformClass::default().get_value_from_char(c) {
            DerivedPropertyValue::Unassigned
                if KINDS.contains(text::category(c)) && !text::is_ignorable(c) =>
            {
                DerivedPropertyValue::SpecClassPval
            }
            value => value,
        }
    }

    fn get_value_from_codepoint(&self, code_point: u32) -> DerivedPropertyValue {
        char::from_u32(code_point).map_or(DerivedPropertyValue::Disallowed, |c| self.get_value_from_char(c))
    }
}

/// Where the character is that is not allowed. The crate does not say it of a joiner at either end.
fn position(error: &Error, raw: &str) -> usize {
    use DerivedPropertyValue::{PValid, SpecClassPval};
    match error {
        Error::BadCodepoint(info)
        | Error::Unexpected(
            UnexpectedError::ContextRuleNotApplicable(info) | UnexpectedError::MissingContextRule(info),
        ) => info.position,
        _ => {
            let is_free = |c| matches!(Repertoire.get_value_from_char(c), PValid | SpecClassPval);
            raw.chars().position(|c| !is_free(c)).unwrap_or(0)
        }
    }
}

fn too_long() -> Violation {
    Violation::new("too_long", format!("must be at most {MAX_CHARS} characters"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
    fn every_space_is_the_same() {
        let typed = Password::parse("correct horse battery").unwrap();
        for space in ['\u{A0}', '\u{2003}', '\u{202F}', '\u{3000}'] {
            let pasted = format!("correct{space}horse{space}battery");
            assert_eq!(Password::parse(&pasted).unwrap().expose(), typed.expose(), "{space:?}");
        }
        // Spaces are part of it, and width and case are.
        for other in [" correct horse battery", "Correct horse battery", "ｃorrect horse battery"] {
            assert_ne!(Password::parse(other).unwrap().expose(), typed.expose());
        }
    }

    #[test]
    fn refuses_characters_that_nobody_can_type_again() {
        for (raw, position) in [
            ("abc\u{0}def", 3),
            ("\tabc", 0),
            ("abc\n", 3),
            ("ab\u{200B}c", 2),
            ("\u{FEFF}abc", 0),
            ("\u{200D}abc", 0),
            ("é\u{202E}abc", 1),
            ("❤\u{FE0F}", 1),
            ("\u{3164}", 0),
            ("a\u{FFFF}", 1),
            ("a\u{E000}", 1),
            ("a\u{378}", 1), // not assigned
        ] {
            let violation = Password::parse(raw).unwrap_err();
            assert_eq!(
                (violation.code, violation.position),
                ("unsupported_character", Some(position)),
                "{raw:?}"
            );
        }
    }

    #[test]
    fn accepts_characters_of_every_version_of_unicode() {
        for raw in ["☃ ❤", "🎈🎈", "🤗🥰🫠", "👋🏽", "नमस्\u{200D}ते", "\u{1E900}"]
        {
            assert!(Password::parse(raw).is_ok(), "{raw}");
        }
    }

    proptest! {
        #[test]
        fn never_panics_and_stays_what_it_is(raw in "(.|\\PC|[\u{A0}\u{B7}\u{3000}\u{200D}\u{94D}\u{308}el]){0,140}") {
            if let Ok(password) = Password::parse(&raw) {
                prop_assert!(password.expose().chars().count() <= MAX_CHARS);
                if let Ok(again) = Password::parse(password.expose()) {
                    prop_assert_eq!(again.expose(), password.expose());
                }
            }
        }
    }

    #[test]
    fn debug_keeps_it_secret() {
        assert!(!format!("{:?}", Password::parse("hunter2hunter2").unwrap()).contains("hunter2"));
    }
}
