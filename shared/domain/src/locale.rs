//! The language a person reads.

use std::fmt;

use serde::{Deserialize, Serialize};
use unic_langid::LanguageIdentifier;

use crate::Violation;

/// A BCP 47 language tag in its canonical form, e.g. `en-GB`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Locale(LanguageIdentifier);

impl Locale {
    /// Reads a tag.
    pub fn parse(raw: &str) -> Result<Self, Violation> {
        // RFC 5646, 4.4.1: 35 characters hold every tag without extensions.
        if raw.len() > 35 {
            return Err(Violation::new("too_long", "must be at most 35 characters"));
        }
        raw.parse::<LanguageIdentifier>()
            .ok()
            .filter(|tag| tag.language != unic_langid::subtags::Language::default())
            .map(Self)
            .ok_or_else(|| Violation::new("invalid_locale", "must be a BCP 47 language tag such as en-GB"))
    }
}

/// The language of the town that NannyRadar starts in.
impl Default for Locale {
    fn default() -> Self {
        Self(LanguageIdentifier::from_bytes(b"en-GB").unwrap_or_default())
    }
}

impl fmt::Display for Locale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl TryFrom<String> for Locale {
    type Error = Violation;
    fn try_from(raw: String) -> Result<Self, Violation> {
        Self::parse(&raw)
    }
}

impl From<Locale> for String {
    fn from(locale: Locale) -> Self {
        locale.0.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_canonical() {
        assert_eq!(Locale::parse("EN-gb").unwrap().to_string(), "en-GB");
        assert_eq!(Locale::parse("zh-hant-tw").unwrap().to_string(), "zh-Hant-TW");
        assert_eq!(Locale::default().to_string(), "en-GB");
    }

    #[test]
    fn refuses() {
        for raw in ["", "und", "english please", "e", "en--GB", "../en"] {
            assert_eq!(Locale::parse(raw).unwrap_err().code, "invalid_locale", "{raw}");
        }
    }
}
