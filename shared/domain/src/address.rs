//! Where somebody lives, as it stands on an envelope.

use phonenumber::country;
use serde::{Deserialize, Serialize};

use crate::{Violation, sitter::Town, text::text_type};

text_type! {
    /// House and street: 1 to 200 characters, in lines.
    Lines = paragraphs(200)
}

text_type! {
    /// As the country writes it: one line of 1 to 12 characters.
    Postcode = line(12)
}

/// A country by ISO 3166-1 alpha-2, e.g. `GB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Country(country::Id);

impl Country {
    /// Reads a code.
    pub fn parse(raw: &str) -> Result<Self, Violation> {
        let unknown = |_| Violation::new("unknown_country", "must be an ISO 3166-1 code such as GB");
        raw.parse().map(Self).map_err(unknown)
    }

    /// The code, in capitals.
    pub fn as_str(&self) -> &str {
        self.0.as_ref()
    }
}

/// Where somebody lives. It is private.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Address {
    /// House and street.
    pub lines: Lines,
    /// In words.
    pub town: Town,
    /// See [`Postcode`].
    pub postcode: Postcode,
    /// See [`Country`].
    pub country: Country,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_countries() {
        assert_eq!(Country::parse("IE").unwrap().as_str(), "IE");
        for raw in ["", "ie", "XX", "IRL", "Ireland"] {
            assert_eq!(Country::parse(raw).unwrap_err().code, "unknown_country", "{raw}");
        }
    }

    #[test]
    fn hides_where_it_is_and_keeps_its_form() {
        let json = r#"{"lines":"1 Mill Lane","town":"Hebden Bridge","postcode":"HX7 8AD","country":"GB"}"#;
        let address: Address = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&address).unwrap(), json);
        let shown = format!("{address:?}");
        assert!(!["Mill", "Hebden", "HX7"].iter().any(|part| shown.contains(part)), "{shown}");
    }
}
