//! Where a person can be written to, and what keeps two accounts from sharing it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::Violation;

/// A mailbox that mail can be sent to: RFC 5321 without comments, quotes or address literals.
///
/// Its case is folded. The standard lets the part before the @ be case-sensitive, but no provider
/// of note makes use of it, and `Ada@…` and `ada@…` must not become two accounts.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EmailAddress(String);

/// RFC 5321, 4.5.3.1.3: a path has at most 256 octets, two of them for the angle brackets.
const MAX_OCTETS: usize = 254;

impl EmailAddress {
    /// Reads an address; white space around it is forgiven.
    pub fn parse(raw: &str) -> Result<Self, Violation> {
        let invalid = || Violation::new("invalid_email", "must be an e-mail address such as ada@example.org");
        let trimmed = raw.trim();
        if trimmed.len() > MAX_OCTETS {
            return Err(Violation::new("too_long", "must be at most 254 bytes"));
        }
        let options = email_address::Options::default()
            .with_required_tld()
            .without_display_text()
            .without_domain_literal();
        let address =
            email_address::EmailAddress::parse_with_options(trimmed, options).map_err(|_| invalid())?;
        // SES refuses non-ASCII local parts, and a quoted one is only ever an attack on a parser.
        if !trimmed.is_ascii() || address.local_part().starts_with('"') {
            return Err(invalid());
        }
        Ok(Self(trimmed.to_ascii_lowercase()))
    }

    /// The address as it is stored and written to.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An address is personal: a log line or a panic message shows only that there was one.
impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmailAddress(…)")
    }
}

impl TryFrom<String> for EmailAddress {
    type Error = Violation;
    fn try_from(raw: String) -> Result<Self, Violation> {
        Self::parse(&raw)
    }
}

impl FromStr for EmailAddress {
    type Err = Violation;
    fn from_str(raw: &str) -> Result<Self, Violation> {
        Self::parse(raw)
    }
}

impl From<EmailAddress> for String {
    fn from(address: EmailAddress) -> Self {
        address.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn folds_case_and_trims() {
        assert_eq!(EmailAddress::parse(" Ada.L@Example.ORG ").unwrap().as_str(), "ada.l@example.org");
        assert_eq!(
            EmailAddress::parse("ada+nanny@example.co.uk").unwrap().as_str(),
            "ada+nanny@example.co.uk"
        );
    }

    #[test]
    fn refuses_what_mail_cannot_reach() {
        for raw in [
            "",
            "ada",
            "ada@",
            "@example.org",
            "ada@localhost",
            "ada@[127.0.0.1]",
            "a b@example.org",
            "\"ada\"@example.org",
            "Ada <ada@example.org>",
            "ada@exa mple.org",
            "ada@example.org\nBcc: x@y.org",
            "adä@example.org",
            "ada@example..org",
        ] {
            assert_eq!(EmailAddress::parse(raw).unwrap_err().code, "invalid_email", "{raw:?}");
        }
        let long = format!("{}@example.org", "a".repeat(250));
        assert_eq!(EmailAddress::parse(&long).unwrap_err().code, "too_long");
    }

    #[test]
    fn debug_keeps_the_address_to_itself() {
        assert!(!format!("{:?}", EmailAddress::parse("ada@example.org").unwrap()).contains("ada"));
    }

    proptest! {
        #[test]
        fn never_lets_a_line_break_into_a_header(raw in ".*") {
            if let Ok(address) = EmailAddress::parse(&raw) {
                prop_assert!(address.as_str().chars().all(|c| c.is_ascii_graphic()));
            }
        }

        #[test]
        fn parsing_is_idempotent(raw in "[a-zA-Z0-9.+]{1,20}@[a-zA-Z0-9]{1,20}\\.[a-z]{2,6}") {
            if let Ok(address) = EmailAddress::parse(&raw) {
                prop_assert_eq!(EmailAddress::parse(address.as_str()).unwrap(), address);
            }
        }
    }
}
