//! What others see of a person's name.

use std::fmt;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use crate::Violation;

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
        // Checked first, so that normalising an overlong text costs nothing; a character has at
        // most four bytes, and composition at most thirds the count.
        if raw.len() > MAX_CHARS * 4 * 3 {
            return Err(too_long());
        }
        if raw.chars().any(is_invisible) {
            return Err(Violation::new("control_character", "must not have control characters"));
        }
        let name = raw.split_whitespace().collect::<Vec<_>>().join(" ").nfc().collect::<String>();
        match name.chars().count() {
            0 => Err(Violation::new("required", "must not be empty")),
            1..=MAX_CHARS => Ok(Self(name)),
            _ => Err(too_long()),
        }
    }

    /// The name as it is shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn too_long() -> Violation {
    Violation::new("too_long", format!("must be at most {MAX_CHARS} characters"))
}

/// Control characters, and those that reorder or hide the text around them.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}')
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
