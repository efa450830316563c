//! Where a person can be written to, and what keeps two accounts from sharing it.

use std::{fmt, str::FromStr};

use idna::{
    AsciiDenyList,
    uts46::{DnsLength, Hyphens, Uts46},
};
use serde::{Deserialize, Serialize};

use crate::{Violation, text};

/// A mailbox that mail can be sent to: RFC 5321 without comments, quotes or address literals.
///
/// The domain is stored as A-labels (RFC 5890), e.g. `xn--mnchen-3ya.example`: SES requires this form, and
/// every spelling of a domain becomes the same claim.
///
/// Its case is folded. The standard lets the part before the @ be case-sensitive, but no provider
/// of note makes use of it, and `Ada@…` and `ada@…` must not become two accounts.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EmailAddress(String);

/// RFC 5321, 4.5.3.1.3: a path has at most 256 octets, two of them for the angle brackets.
const MAX_OCTETS: usize = 254;

impl EmailAddress {
    /// Reads an address. White space around it, and characters that only control layout, are removed.
    pub fn parse(raw: &str) -> Result<Self, Violation> {
        let invalid = || Violation::new("invalid_email", "must be an e-mail address such as ada@example.org");
        let too_long = || Violation::new("too_long", "must be at most 254 bytes");
        let written = text::without_layout(raw);
        let (local, domain) = written.trim().rsplit_once('@').ok_or_else(invalid)?;
        // Bounds the work. UTF-8 has at most four bytes for each that an A-label has.
        if written.len() > MAX_OCTETS * 4 {
            return Err(too_long());
        }
        let host = host(domain).ok_or_else(|| {
            let position = raw.chars().count() - raw.chars().rev().take_while(|c| *c != '@').count();
            Violation::new("invalid_email", "must have a domain that receives mail, such as example.org")
                .at(position)
        })?;
        let address = format!("{}@{host}", local.to_ascii_lowercase());
        if address.len() > MAX_OCTETS {
            return Err(too_long());
        }
        let options = email_address::Options::default().without_display_text().without_domain_literal();
        let parsed =
            email_address::EmailAddress::parse_with_options(&address, options).map_err(|_| invalid())?;
        // SES refuses non-ASCII local parts, and a quoted one is only ever an attack on a parser.
        if !address.is_ascii() || parsed.local_part().starts_with('"') {
            return Err(invalid());
        }
        Ok(Self(address))
    }

    /// The address as it is stored and written to.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The A-labels of a domain on the public internet; `None` of an IP address, a single label, or a name that is no
/// host name (RFC 1123): DNS permits underscores, mail servers do not have them.
fn host(domain: &str) -> Option<String> {
    let ascii = Uts46::new().to_ascii(
        domain.as_bytes(),
        AsciiDenyList::STD3,
        Hyphens::CheckFirstLast,
        DnsLength::Verify,
    );
    let host = ascii.ok()?.into_owned();
    let (_, top_level) = host.rsplit_once('.')?;
    // Every top-level domain is alphabetic or an A-label (RFC 1123, 2.1; the root zone).
    let is_alphabetic = top_level.len() >= 2 && top_level.bytes().all(|byte| byte.is_ascii_alphabetic());
    (is_alphabetic || top_level.starts_with("xn--")).then_some(host)
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
    fn a_domain_has_one_spelling() {
        for raw in [
            "ada@München.example",
            "ada@mu\u{308}nchen.example",
            "ada@MÜNCHEN。example",
            "Ada@XN--MNCHEN-3YA.example",
        ] {
            assert_eq!(EmailAddress::parse(raw).unwrap().as_str(), "ada@xn--mnchen-3ya.example", "{raw}");
        }
        assert_eq!(EmailAddress::parse("ada@例え.テスト").unwrap().as_str(), "ada@xn--r8jz45g.xn--zckzah");
        let pasted = "\u{FEFF}\u{202A}ada@exam\u{AD}ple.org\u{202C}\u{A0}";
        assert_eq!(EmailAddress::parse(pasted).unwrap().as_str(), "ada@example.org");
    }

    #[test]
    fn refuses_domains_that_receive_no_mail_with_their_position() {
        for domain in [
            "127.0.0.1",
            "[127.0.0.1]",
            "[IPv6:::1]",
            "0x7f.1",
            "example.1",
            "example.c",
            "localhost",
            "example",
            "_dmarc.example.org",
            "my_host.example.org",
            "-a.example.org",
            "a-.example.org",
            "example.org.",
            ".example.org",
            "example..org",
            "xn--a.example",
            "",
        ] {
            let violation = EmailAddress::parse(&format!(" ädä@{domain}")).unwrap_err();
            assert_eq!((violation.code, violation.position), ("invalid_email", Some(5)), "{domain}");
        }
        let label = "a".repeat(64);
        assert_eq!(EmailAddress::parse(&format!("a@{label}.org")).unwrap_err().code, "invalid_email");
    }

    #[test]
    fn the_limit_is_that_of_the_stored_form() {
        let spaces = " ".repeat(300);
        assert!(EmailAddress::parse(&format!("{spaces}ada@example.org{spaces}")).is_ok());
        let long = format!("ada@{}example.org", "ü.".repeat(60));
        assert!(long.len() < 254);
        assert_eq!(EmailAddress::parse(&long).unwrap_err().code, "invalid_email");
        let long = format!("ada@{}example.org", "ü.".repeat(30));
        assert_eq!(EmailAddress::parse(&long).map(|_| ()).map_err(|error| error.code), Err("too_long"));
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
        fn parsing_is_idempotent(raw in "[a-zA-Z0-9.+]{1,20}@(\\PC|[a-zA-Z0-9ü。-]){1,20}\\.[a-zé]{2,6}") {
            if let Ok(address) = EmailAddress::parse(&raw) {
                prop_assert_eq!(EmailAddress::parse(address.as_str()).unwrap(), address);
            }
        }
    }
}
