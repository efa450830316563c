//! Free text: normalised once, where it comes in. It is escaped where it is rendered.
//!
//! Unicode properties decide what is normalised and what is rejected, so that no list of characters needs
//! maintenance.

use icu_properties::{
    CodePointMapData, CodePointSetData,
    props::{
        DefaultIgnorableCodePoint, GeneralCategory, GeneralCategoryGroup as Group, NoncharacterCodePoint,
    },
};
use unicode_normalization::UnicodeNormalization;

use crate::Violation;

/// Normalises one line of 1 to `max_chars` characters: NFC, trimmed, each run of white space is one space.
///
/// The limit applies to the normalised text. The size of a request body bounds the work.
pub(crate) fn line(raw: &str, max_chars: usize) -> Result<String, Violation> {
    bounded(one_line(&clean(raw)?), raw, max_chars)
}

/// Normalises paragraphs of 1 to `max_chars` characters together: at most one empty line in a row, and each
/// line as in [`line`].
pub(crate) fn paragraphs(raw: &str, max_chars: usize) -> Result<String, Violation> {
    let mut lines: Vec<String> = Vec::new();
    for line in clean(raw)?.split('\n').map(one_line) {
        if !(line.is_empty() && lines.last().is_none_or(String::is_empty)) {
            lines.push(line);
        }
    }
    bounded(lines.join("\n").trim_end().to_owned(), raw, max_chars)
}

/// Removes the characters that only control layout: byte order marks, zero-width spaces, soft hyphens,
/// directional marks. Joiners stay, because scripts and emoji need them.
pub(crate) fn without_layout(raw: &str) -> String {
    raw.chars().filter(|c| !is_layout(*c)).collect()
}

/// Rejects what XML cannot carry, and writes every line break as `\n`: word processors use vertical tabs and lone
/// carriage returns.
fn clean(raw: &str) -> Result<String, Violation> {
    // Character by character, so that positions stay.
    let text = raw.replace(['\u{B}', '\u{C}', '\u{85}', '\u{2028}', '\u{2029}'], "\n");
    reject_unsupported(&text)?;
    // Without its override, text reads in another order than it was seen.
    if let Some(position) = text.chars().position(|c| matches!(c, '\u{202D}' | '\u{202E}')) {
        let message = "must not override the direction of text";
        return Err(Violation::new("control_character", message).at(position));
    }
    Ok(without_layout(&text).replace("\r\n", "\n").replace('\r', "\n"))
}

/// Rejects control characters other than tabs and line breaks, and noncharacters such as U+FFFF: XML 1.0, and
/// therefore SQS, cannot carry them.
pub fn reject_unsupported(raw: &str) -> Result<(), Violation> {
    let noncharacters = CodePointSetData::new::<NoncharacterCodePoint>();
    for (position, c) in raw.chars().enumerate() {
        if c.is_control() && !matches!(c, '\t' | '\n' | '\r') {
            let message = "must not have control characters";
            return Err(Violation::new("control_character", message).at(position));
        }
        if noncharacters.contains(c) {
            let message = "must not have code points that are no characters";
            return Err(Violation::new("unsupported_character", message).at(position));
        }
    }
    Ok(())
}

fn one_line(text: &str) -> String {
    // A joiner that joins nothing is invisible.
    let words = text.split_whitespace().map(|word| word.trim_matches(is_joiner));
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ").nfc().collect()
}

fn bounded(text: String, raw: &str, max_chars: usize) -> Result<String, Violation> {
    let Some(position) = raw.chars().position(|c| !c.is_whitespace()) else {
        return Err(Violation::new("required", "must not be empty"));
    };
    if !text.chars().any(is_visible) {
        return Err(Violation::new("invisible", "must have a character that can be seen").at(position));
    }
    if text.chars().count() > max_chars {
        return Err(Violation::new("too_long", format!("must be at most {max_chars} characters")));
    }
    Ok(text)
}

/// Whether a character only controls layout. Variation selectors (marks) and Hangul fillers (letters) are
/// parts of what is written; they stay, and do not count as visible.
fn is_layout(c: char) -> bool {
    is_ignorable(c) && !Group::Mark.union(Group::Letter).contains(category(c)) && !is_joiner(c)
}

/// Zero-width joiner and non-joiner.
fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200C}' | '\u{200D}')
}

/// Characters of a visible category whose glyph is empty. No Unicode property has them: the blank Braille
/// pattern and the musical null notehead.
const BLANK: [char; 2] = ['\u{2800}', '\u{1D159}'];

const VISIBLE: Group = Group::Letter.union(Group::Number).union(Group::Punctuation).union(Group::Symbol);

fn is_visible(c: char) -> bool {
    VISIBLE.contains(category(c)) && !is_ignorable(c) && !BLANK.contains(&c)
}

pub(crate) fn is_ignorable(c: char) -> bool {
    CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

pub(crate) fn category(c: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(c)
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

    fn refused(raw: &str) -> (&'static str, Option<usize>) {
        let violation = line(raw, 40).unwrap_err();
        assert_eq!(paragraphs(raw, 40).unwrap_err(), violation, "{raw:?}");
        (violation.code, violation.position)
    }

    #[test]
    fn paragraphs_keep_their_lines() {
        assert_eq!(paragraphs(" I  cook.\r\n\n\n\nI sing. \n", 40).unwrap(), "I cook.\n\nI sing.");
        assert_eq!(paragraphs(" \n ", 40).unwrap_err().code, "required");
        assert_eq!(paragraphs(&"x\n".repeat(21), 40).unwrap_err().code, "too_long");
    }

    #[test]
    fn text_from_a_word_processor_is_normalised() {
        let pasted = "\u{FEFF}I\tcook.\u{B}I\u{A0}sing.\rI\u{200B} dance\u{AD}.\u{2028}\u{200E}\u{202A}Me\u{202C}\u{200F}.\u{C}";
        assert_eq!(paragraphs(pasted, 40).unwrap(), "I cook.\nI sing.\nI dance.\nMe.");
        assert_eq!(line(pasted, 40).unwrap(), "I cook. I sing. I dance. Me.");
    }

    #[test]
    fn joiners_and_variation_selectors_stay_where_they_join() {
        for kept in ["👩\u{200D}👧", "❤\u{FE0F}", "می\u{200C}خواهم", "\u{1100}\u{1161}"] {
            assert_eq!(line(kept, 40).unwrap(), kept.nfc().collect::<String>());
        }
        assert_eq!(line("\u{200D}Ada \u{200C} Byron\u{200D}", 40).unwrap(), "Ada Byron");
    }

    #[test]
    fn text_that_nobody_can_see_is_refused_with_its_position() {
        for invisible in [
            "\u{200B}",
            " \u{FEFF}\u{200E}",
            "\u{3164}",                  // Hangul filler
            " \u{115F}\u{1160}\u{FFA0}", // other Hangul fillers
            "\u{2800}\u{2800}",          // Braille blank
            "\u{301}\u{308}",            // marks on nothing
            "\u{FE0F}",
            "\u{E0041}\u{E007F}", // tags
            "\u{34F}",
            "\u{180E}",
            "\u{200D}",
        ] {
            let position = usize::from(invisible.starts_with(' '));
            assert_eq!(refused(invisible), ("invisible", Some(position)), "{invisible:?}");
        }
        assert_eq!(refused(" \u{A0}\u{3000}\t\n"), ("required", None));
    }

    #[test]
    fn characters_that_no_queue_can_carry_are_refused_with_their_position() {
        for control in ['\0', '\u{1B}', '\u{7F}', '\u{9B}', '\u{202D}', '\u{202E}'] {
            assert_eq!(refused(&format!("aé{control}b")), ("control_character", Some(2)));
        }
        for none in ['\u{FFFE}', '\u{FFFF}', '\u{FDD0}', '\u{10FFFF}'] {
            assert_eq!(refused(&format!("{none}b")), ("unsupported_character", Some(0)));
        }
    }

    #[test]
    fn limits_are_those_of_the_normalised_text() {
        assert_eq!(line(&format!("a{}b", " ".repeat(10_000)), 3).unwrap(), "a b");
        assert_eq!(line(&format!("{}Zoe\u{308}", "\u{200B}".repeat(10_000)), 3).unwrap(), "Zoë");
        assert_eq!(paragraphs(&format!("a{}b", "\n".repeat(10_000)), 4).unwrap(), "a\n\nb");
        assert_eq!(line("abcd", 3).unwrap_err().code, "too_long");
    }

    /// Letters, white space of all kinds, and what is invisible or not allowed.
    const ODD: &str = "(\\PC|[a-z\u{301}\u{308}\u{E9}]|[ \t\n\r\u{B}\u{C}\u{85}\u{A0}\u{2028}\u{3000}]\
        |[\u{200B}-\u{200F}\u{202A}-\u{202E}\u{2060}-\u{2069}\u{FEFF}\u{AD}\u{34F}\u{3164}\u{115F}\u{FE0F}\u{E0041}]|\\PC|.){0,60}";

    proptest! {
        #[test]
        fn a_line_stays_one(raw in ODD) {
            if let Ok(line) = line(&raw, 40) {
                prop_assert!(line.chars().count() <= 40 && line.chars().any(is_visible));
                prop_assert!(!line.chars().any(|c| c.is_control() || is_layout(c)));
                prop_assert_eq!(super::line(&line, 40).unwrap(), line);
            }
        }

        #[test]
        fn paragraphs_stay_what_they_are(raw in ODD) {
            if let Ok(text) = paragraphs(&raw, 40) {
                prop_assert!(text.chars().count() <= 40 && !text.contains("\n\n\n"));
                prop_assert!(!text.chars().any(|c| (c.is_control() && c != '\n') || is_layout(c)));
                prop_assert_eq!(paragraphs(&text, 40).unwrap(), text);
            }
        }
    }
}
