//! Text that is shown: normalised once, where it comes in. It is escaped where it is rendered.

use unicode_normalization::UnicodeNormalization;

use crate::Violation;

/// One line of 1 to `max_chars` characters: NFC, trimmed, with runs of white space made one space.
pub(crate) fn line(raw: &str, max_chars: usize) -> Result<String, Violation> {
    let too_long = || Violation::new("too_long", format!("must be at most {max_chars} characters"));
    // Checked first, so that normalising an overlong text costs nothing; a character has at most
    // four bytes, and composition at most thirds the count.
    if raw.len() > max_chars * 4 * 3 {
        return Err(too_long());
    }
    if raw.chars().any(is_invisible) {
        return Err(Violation::new("control_character", "must not have control characters"));
    }
    let line = raw.split_whitespace().collect::<Vec<_>>().join(" ").nfc().collect::<String>();
    match line.chars().count() {
        0 => Err(Violation::new("required", "must not be empty")),
        count if count <= max_chars => Ok(line),
        _ => Err(too_long()),
    }
}

/// Paragraphs of 1 to `max_chars` characters together: NFC, trimmed, at most one empty line in a row, and
/// within each line as in [`line`].
pub(crate) fn paragraphs(raw: &str, max_chars: usize) -> Result<String, Violation> {
    let too_long = || Violation::new("too_long", format!("must be at most {max_chars} characters"));
    if raw.len() > max_chars * 4 * 3 {
        return Err(too_long());
    }
    let mut lines: Vec<String> = Vec::new();
    for raw in raw.lines() {
        let line = if raw.trim().is_empty() { String::new() } else { line(raw, max_chars)? };
        if !(line.is_empty() && lines.last().is_none_or(String::is_empty)) {
            lines.push(line);
        }
    }
    let text = lines.join("\n").trim_end().to_owned();
    match text.chars().count() {
        0 => Err(Violation::new("required", "must not be empty")),
        count if count <= max_chars => Ok(text),
        _ => Err(too_long()),
    }
}

/// Makes a type of text that is shown, with its parser. The text may be personal: a log line shows only
/// that there was one.
macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident = $parse:ident($max:expr)) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Reads it.
            pub fn parse(raw: &str) -> Result<Self, $crate::Violation> {
                $crate::text::$parse(raw, $max).map(Self)
            }

            /// As it is shown.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::Violation;
            fn try_from(raw: String) -> Result<Self, $crate::Violation> {
                Self::parse(&raw)
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> Self {
                text.0
            }
        }
    };
}
pub(crate) use text_type;

/// Control characters, and those that reorder or hide the text around them.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}')
}

/// Why an admin did something: 1 to 500 characters in one line, for whoever reads the audit trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason(String);

impl Reason {
    /// Reads a reason.
    pub fn parse(raw: &str) -> Result<Self, Violation> {
        line(raw, 500).map(Self)
    }
}

impl From<Reason> for String {
    fn from(reason: Reason) -> Self {
        reason.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn paragraphs_keep_their_lines() {
        assert_eq!(paragraphs(" I  cook.\r\n\n\n\nI sing. \n", 40).unwrap(), "I cook.\n\nI sing.");
        assert_eq!(paragraphs(" \n ", 40).unwrap_err().code, "required");
        assert_eq!(paragraphs("a\u{0}b", 40).unwrap_err().code, "control_character");
        assert_eq!(paragraphs(&"x\n".repeat(21), 40).unwrap_err().code, "too_long");
    }

    proptest! {
        #[test]
        fn a_line_stays_one(raw in "\\PC{0,60}|.{0,60}") {
            if let Ok(line) = line(&raw, 40) {
                prop_assert!(line.chars().count() <= 40 && !line.chars().any(is_invisible));
                prop_assert_eq!(super::line(&line, 40).unwrap(), line);
            }
        }

        #[test]
        fn paragraphs_stay_what_they_are(raw in "(\\PC|\n){0,60}") {
            if let Ok(text) = paragraphs(&raw, 40) {
                prop_assert!(text.chars().count() <= 40 && !text.contains("\n\n\n"));
                prop_assert_eq!(paragraphs(&text, 40).unwrap(), text);
            }
        }
    }
}
