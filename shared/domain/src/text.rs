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

    proptest! {
        #[test]
        fn a_line_stays_one(raw in "\\PC{0,60}|.{0,60}") {
            if let Ok(line) = line(&raw, 40) {
                prop_assert!(line.chars().count() <= 40 && !line.chars().any(is_invisible));
                prop_assert_eq!(super::line(&line, 40).unwrap(), line);
            }
        }
    }
}
