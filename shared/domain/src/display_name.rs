//! What others see of a person's name.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Violation, text};

/// A name that is shown: 1 to 80 characters, NFC, trimmed, with runs of white space made one space.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DisplayName(String);

/// Long enough for the longest names that the registries of births know to be in use, short enough
/// for a subject line.
const MAX_CHARS: usize = 80;

impl DisplayName {
    /// Reads a name.
    pub fn parse(raw: &str) -> Result<Self, Violation> {
        text::line(raw, MAX_CHARS).map(Self)
    }

    /// The name as it is shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A name is personal: a log line shows only that there was one.
impl fmt::Debug for DisplayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DisplayName(…)")
    }
}

impl TryFrom<String> for DisplayName {
    type Error = Violation;
    fn try_from(raw: String) -> Result<Self, Violation> {
        Self::parse(&raw)
    }
}

impl From<DisplayName> for String {
    fn from(name: DisplayName) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn normalises() {
        assert_eq!(DisplayName::parse("  Zoe\u{308}   van  Dijk ").unwrap().as_str(), "Zoë van Dijk");
        assert_eq!(DisplayName::parse("<b>Bobby</b>").unwrap().as_str(), "<b>Bobby</b>");
    }

    #[test]
    fn refuses() {
        assert_eq!(DisplayName::parse(" \u{a0} ").unwrap_err().code, "required");
        assert_eq!(DisplayName::parse("a\u{0}b").unwrap_err().code, "control_character");
        assert_eq!(DisplayName::parse("Ada\nBcc: x@y.org").unwrap_err().code, "control_character");
        assert_eq!(DisplayName::parse("\u{202E}adA").unwrap_err().code, "control_character");
        assert_eq!(DisplayName::parse(&"x".repeat(81)).unwrap_err().code, "too_long");
        assert_eq!(DisplayName::parse(&"x".repeat(100_000)).unwrap_err().code, "too_long");
    }

    proptest! {
        #[test]
        fn parsing_is_idempotent(raw in ".{0,90}") {
            if let Ok(name) = DisplayName::parse(&raw) {
                prop_assert_eq!(DisplayName::parse(name.as_str()).unwrap(), name);
            }
        }
    }
}
