//! Numbers that texts can be sent to.

use std::fmt;

use icu_properties::props::GeneralCategory;
use phonenumber::{Mode, Type, metadata::DATABASE};
use serde::{Deserialize, Serialize};

use crate::{Violation, text};

/// A mobile number in the form of E.164, e.g. `+447400123456`.
///
/// Only numbers that the numbering plans know as mobile are taken: texts to premium numbers are how
/// money is made from services that send codes.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PhoneNumber(String);

/// E.164 has at most 15 digits; people write a zero after the country code.
const MAX_DIGITS: usize = 16;

impl PhoneNumber {
    /// Reads a number in its international form, as people write it and as address books copy it: with `+` or
    /// `00`, spaces, dots and hyphens of all kinds, directional marks, or as a `tel:` URI (RFC 3966).
    pub fn parse(raw: &str) -> Result<Self, Violation> {
        let invalid = || Violation::new("invalid_phone", "must be a mobile number such as +44 7400 123456");
        let written = normalise(raw);
        let digits = written.strip_prefix('+').ok_or_else(invalid)?;
        if digits.len() > MAX_DIGITS || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(invalid());
        }
        let number = phonenumber::parse(None, &written).map_err(|_| invalid())?;
        let mobile = matches!(number.number_type(&DATABASE), Type::Mobile | Type::FixedLineOrMobile);
        if !number.is_valid() || !mobile || number.extension().is_some() {
            return Err(invalid());
        }
        Ok(Self(number.format().mode(Mode::E164).to_string()))
    }

    /// The number in the form of E.164.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The country of the number, as ISO 3166-1 alpha-2 in capitals. A calling code that several
    /// countries share is told apart by the number.
    pub fn country(&self) -> Option<String> {
        let number = phonenumber::parse(None, &self.0).ok()?;
        number.country().id().map(|id| id.as_ref().to_owned())
    }

    /// The number with all but its last two digits hidden: enough to know it again.
    pub fn hint(&self) -> String {
        format!("…{}", &self.0[self.0.len() - 2..])
    }
}

/// Writes a number as `+` and digits, without what only groups them, where it is one.
fn normalise(raw: &str) -> String {
    let written = text::without_layout(raw);
    let written: String = written.chars().filter(|c| !is_grouping(*c)).collect();
    let written = match written.split_at_checked(4) {
        Some((scheme, number)) if scheme.eq_ignore_ascii_case("tel:") => number,
        _ => &written,
    };
    // The international prefix that most countries dial (ITU-T E.123 writes `+`).
    written.strip_prefix("00").map_or_else(|| written.to_owned(), |rest| format!("+{rest}"))
}

/// White space, dots, parentheses, the minus sign, and hyphens and dashes of all kinds.
fn is_grouping(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '.' | '(' | ')' | '\u{2212}')
        || text::category(c) == GeneralCategory::DashPunctuation
}

/// A number is personal: a log line shows only that there was one.
impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PhoneNumber(…)")
    }
}

/// As it was stored, after [`PhoneNumber::parse`]. The numbering plans are not asked again: they change,
/// and a number that was proved stays one; and loading them takes fifty milliseconds.
impl TryFrom<String> for PhoneNumber {
    type Error = Violation;
    fn try_from(stored: String) -> Result<Self, Violation> {
        let digits = stored.strip_prefix('+').unwrap_or_default();
        if (2..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            Ok(Self(stored))
        } else {
            Err(Violation::new("invalid_phone", "must be in the form of E.164"))
        }
    }
}

impl From<PhoneNumber> for String {
    fn from(number: PhoneNumber) -> Self {
        number.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn knows_one_number_in_all_its_forms() {
        for raw in ["+447400123456", " +44 7400 123456", "+44 (0)7400-123456", "+44.7400.123.456"] {
            let number = PhoneNumber::parse(raw).unwrap();
            assert_eq!(number.as_str(), "+447400123456", "{raw}");
            assert_eq!(number.country().as_deref(), Some("GB"));
            assert_eq!(number.hint(), "…56");
        }
        for pasted in [
            "\u{202A}+44\u{A0}7400\u{A0}123456\u{202C}",
            "\u{200E}+44 7400\u{2011}123\u{2011}456\u{200F}",
            "\u{FEFF}+44\u{202F}7400\u{2013}123456\t",
            "\u{2066}0044 7400 123456\u{2069}",
            "00 44 (0)7400 123456",
            "tel:+44-7400-123456",
            "TEL:00447400123456",
            "+44 \u{2212} 7400 \u{2014} 123456",
            "+44                                 7400                      123456",
        ] {
            assert_eq!(
                PhoneNumber::parse(pasted).map(String::from).as_deref(),
                Ok("+447400123456"),
                "{pasted:?}"
            );
        }
        assert_eq!(PhoneNumber::parse("+353 85 012 3456").unwrap().country().as_deref(), Some("IE"));
    }

    #[test]
    fn refuses_what_no_text_should_go_to() {
        for raw in [
            "",
            "07400123456",
            "+44",
            "+44 20 7946 0000", // a landline
            "+44 9098 790 000", // premium rate
            "+1 900 234 5678",  // premium rate
            "+44 7400 123456 x1",
            "+44 7400 123456;+44 7400 123457",
            "+٤٤٧٤٠٠١٢٣٤٥٦",
            "+999999999999",
            "00",
            "000447400123456",
            "tel:",
            "tel:07400123456",
            "tel:+44-7400-123456;ext=12",
            "sms:+447400123456",
            "+44+7400123456",
            "tel:tel:+447400123456",
            "0\u{200B}7400123456",
        ] {
            assert_eq!(PhoneNumber::parse(raw).unwrap_err().code, "invalid_phone", "{raw:?}");
        }
    }

    #[test]
    fn is_read_back_as_it_was_stored() {
        let stored = |raw: &str| PhoneNumber::try_from(raw.to_owned());
        assert_eq!(stored("+447400123456").unwrap(), PhoneNumber::parse("+44 7400 123456").unwrap());
        for raw in ["", "+", "447400123456", "+44 7400", "+4474001234567890"] {
            assert!(stored(raw).is_err(), "{raw}");
        }
    }

    #[test]
    fn debug_keeps_the_number_to_itself() {
        assert!(!format!("{:?}", PhoneNumber::parse("+447400123456").unwrap()).contains("44"));
    }

    proptest! {
        #[test]
        fn never_panics_and_stays_what_it_is(raw in "(tel:|00|\\+)?[0-9 ().x\u{A0}\u{200E}\u{2011}-]{0,40}|.{0,40}") {
            if let Ok(number) = PhoneNumber::parse(&raw) {
                prop_assert_eq!(PhoneNumber::parse(number.as_str()).unwrap(), number.clone());
                prop_assert!(number.as_str()[1..].chars().all(|c| c.is_ascii_digit()));
            }
        }
    }
}
