//! What others see of a person's name.

use std::{fmt, net::Ipv4Addr};

use idna::AsciiDenyList;
use serde::{Deserialize, Serialize};
use unicode_normalization::char::is_combining_mark;

use crate::{Violation, text};

/// A name that is shown: 1 to 80 characters in one line, normalised as all free text. It names no web address:
/// names go into emails.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DisplayName(String);

/// Long enough for the longest names that the registries of births know to be in use, short enough
/// for a subject line.
const MAX_CHARS: usize = 80;

impl DisplayName {
    /// Reads a name.
    pub fn parse(raw: &str) -> Result<Self, Violation> {
        let name = text::line(raw, MAX_CHARS)?;
        match name.split(' ').position(is_address) {
            None => Ok(Self(name)),
            Some(word) => {
                let position = name.split(' ').take(word).map(|before| before.chars().count() + 1).sum();
                Err(Violation::new("contains_url", "must not contain a web or email address").at(position))
            }
        }
    }

    /// The name as it is shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether mail software would make a link of a word: a scheme, `www.`, an IPv4 address, or a domain below a public
/// suffix, in any spelling that a browser accepts.
fn is_address(word: &str) -> bool {
    let word = word.to_lowercase();
    if word.contains("://") || word.contains("www.") {
        return true;
    }
    // The parts of `mailto:ada@example.org`, `example.org/prize` and `(example.org)`.
    let hosts =
        word.split(|c: char| !(c.is_alphanumeric() || is_combining_mark(c) || is_host_punctuation(c)));
    hosts.map(|host| host.trim_matches(is_host_punctuation)).any(|host| {
        let Ok(ascii) = idna::domain_to_ascii_cow(host.as_bytes(), AsciiDenyList::URL) else { return false };
        let is_known = |suffix: psl::Suffix<'_>| suffix.is_known() && suffix.as_bytes().len() < ascii.len();
        ascii.parse::<Ipv4Addr>().is_ok() || psl::suffix(ascii.as_bytes()).is_some_and(is_known)
    })
}

/// Hyphens, and the dots that IDNA takes for a full stop.
fn is_host_punctuation(c: char) -> bool {
    matches!(c, '-' | '.' | '。' | '．' | '｡')
}

/// A name is personal: a log line shows only that there was one.
impl fmt::Debug for DisplayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DisplayName(…)")
    }
}

/// As it was stored, after [`DisplayName::parse`]. The list of public suffixes is not asked again: it grows, and a name
/// must stay readable.
impl TryFrom<String> for DisplayName {
    type Error = Violation;
    fn try_from(stored: String) -> Result<Self, Violation> {
        text::line(&stored, MAX_CHARS).map(Self)
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
        assert_eq!(DisplayName::parse("\u{202E}adA").unwrap_err().code, "control_character");
        assert_eq!(DisplayName::parse("\u{3164}").unwrap_err().code, "invisible");
        assert_eq!(DisplayName::parse(&"x".repeat(81)).unwrap_err().code, "too_long");
        assert_eq!(DisplayName::parse(&"x".repeat(100_000)).unwrap_err().code, "too_long");
    }

    #[test]
    fn a_line_break_or_a_mark_changes_nothing_around_a_name() {
        assert_eq!(DisplayName::parse("Ada\nBcc: x").unwrap().as_str(), "Ada Bcc: x");
        assert_eq!(DisplayName::parse("\u{200F}Ada\u{2066}").unwrap().as_str(), "Ada");
    }

    #[test]
    fn refuses_addresses_with_their_position() {
        for address in [
            "example.com",
            "Example.Com",
            "t.co/x",
            "www.prize",
            "http://x",
            "hxxps://x",
            "//example.com",
            "(example.co.uk)",
            "example.com.",
            "example.com,",
            "example.com:8080/a?b#c",
            "prize-example.com!",
            "ada@example.org",
            "mailto:ada@example.org",
            "192.0.2.1",
            "http:192.0.2.1/",
            "example。com",
            "ｅｘａｍｐｌｅ．ｃｏｍ",
            "münchen.de",
            "mu\u{308}nchen.de",
            "例え.みんな",
            "exam\u{AD}ple\u{200B}.com",
            "xn--mnchen-3ya.de",
        ] {
            let violation = DisplayName::parse(&format!(" Zoë  won: {address} now")).unwrap_err();
            assert_eq!((violation.code, violation.position), ("contains_url", Some(9)), "{address}");
        }
    }

    #[test]
    fn accepts_the_names_of_people() {
        for name in [
            "J. R. Smith",
            "J.R. Smith",
            "J.R.Smith",
            "Dr. O'Neil",
            "Dr.O'Neil",
            "Jean-Luc",
            "St. John-Smythe",
            "Ada Byron, Ph.D.",
            "Martin Luther King Jr.",
            "María-José Carreño Quiñones",
            "Σωκράτης",
            "محمد",
            "李小龙",
            "田中さん。",
            "김민준",
            "X Æ A-12",
            "Anne (Annie) B.",
            "Sitter No.1",
            "3.5 stars",
            "Com",
            "…",
        ] {
            assert_eq!(DisplayName::parse(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn a_stored_name_is_read_whatever_the_list_of_suffixes_says_by_then() {
        assert!(serde_json::from_str::<DisplayName>(r#""Ada example.com""#).is_ok());
    }

    proptest! {
        #[test]
        fn parsing_is_idempotent(raw in "(.|[a-z.:/ \u{3002}\u{200B}\u{308}]){0,90}") {
            if let Ok(name) = DisplayName::parse(&raw) {
                prop_assert_eq!(DisplayName::parse(name.as_str()).unwrap(), name);
            }
        }
    }
}
