//! Languages that people speak.

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Serialize};
use unic_langid::subtags;

use crate::Violation;

/// A language by its shortest code of ISO 639, e.g. `en` or `pl`: the first part of a BCP 47 tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Language(subtags::Language);

/// How many anybody can name.
pub const MAX_LANGUAGES: usize = 10;

impl Language {
    /// Reads a code.
    pub fn parse(raw: &str) -> Result<Self, Violation> {
        let invalid = || Violation::new("invalid_language", "must be an ISO 639 code such as en");
        if !(2..=3).contains(&raw.len()) {
            return Err(invalid());
        }
        let language: subtags::Language = raw.parse().map_err(|_| invalid())?;
        if language == subtags::Language::default() { Err(invalid()) } else { Ok(Self(language)) }
    }
}

/// A few languages, each once.
pub type Languages = BTreeSet<Language>;

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl TryFrom<String> for Language {
    type Error = Violation;
    fn try_from(raw: String) -> Result<Self, Violation> {
        Self::parse(&raw)
    }
}

impl From<Language> for String {
    fn from(language: Language) -> Self {
        language.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_canonical() {
        assert_eq!(Language::parse("PL").unwrap().to_string(), "pl");
        for raw in ["", "e", "und", "english", "en-GB", "12"] {
            assert_eq!(Language::parse(raw).unwrap_err().code, "invalid_language", "{raw}");
        }
    }
}
