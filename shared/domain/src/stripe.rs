//! Names that Stripe gives to things, as we keep them.
//!
//! They are opaque but for their prefix, which tells what is named: a card's name where a payment's is
//! expected does not parse.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Violation;

/// Stripe's names have at most so many characters.
const MAX_CHARS: usize = 255;

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident($prefix:literal);)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            #[doc = concat!("Reads a name that begins with `", $prefix, "`.")]
            pub fn parse(raw: impl Into<String>) -> Result<Self, Violation> {
                named($prefix, raw.into()).map(Self)
            }

            /// The name, as Stripe writes it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = Violation;
            fn try_from(raw: String) -> Result<Self, Violation> {
                Self::parse(raw)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    )*};
}

names! {
    /// Somebody who pays: a parent.
    CustomerId("cus_");
    /// A card that somebody has left with Stripe.
    PaymentMethodId("pm_");
    /// Leaving a card for later.
    SetupIntentId("seti_");
    /// Taking money from a card: the hold, the capture and what is given back.
    IntentId("pi_");
    /// The one try of an intent that succeeded, or the last that did not.
    ChargeId("ch_");
    /// Money that was given back.
    RefundId("re_");
    /// Somebody who is paid: a sitter.
    AccountId("acct_");
    /// Money on its way to an account.
    TransferId("tr_");
    /// Something that happened at Stripe.
    EventId("evt_");
    /// Any of these, and whatever else Stripe gives a name.
    ObjectId("");
}

impl From<IntentId> for ObjectId {
    fn from(id: IntentId) -> Self {
        Self(id.0)
    }
}

/// A name of one kind. What comes after the prefix becomes part of a path, so nothing else is let in.
fn named(prefix: &'static str, raw: String) -> Result<String, Violation> {
    let rest = raw.strip_prefix(prefix).unwrap_or_default();
    let plain = rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !rest.is_empty() && raw.len() <= MAX_CHARS && plain {
        Ok(raw)
    } else {
        Err(Violation::new("invalid_id", format!("must be an identifier that starts with {prefix}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_stripe_writes() {
        let id = PaymentMethodId::parse("pm_1MoS30LgUG5tbmjcjfsQqpHI").unwrap();
        assert_eq!(id.to_string(), "pm_1MoS30LgUG5tbmjcjfsQqpHI");
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(serde_json::from_str::<PaymentMethodId>(&json).unwrap(), id);
    }

    #[test]
    fn refuses_another_kind_and_what_would_change_a_path() {
        let long = format!("pi_{}", "a".repeat(MAX_CHARS - 2));
        for raw in ["", "pi_", "pm_123", "PI_123", "pi_1/capture", "pi_1?x", "pi_1 ", "pi_ä", long.as_str()]
        {
            assert_eq!(IntentId::parse(raw).unwrap_err().code, "invalid_id", "{raw}");
        }
        assert!(serde_json::from_str::<IntentId>(r#""pm_123""#).is_err());
        assert_eq!(ObjectId::parse("cus_1").unwrap().as_str(), "cus_1");
        for raw in ["", "gold-plan", "pi_\u{FFFF}", "pi_1\n"] {
            assert_eq!(ObjectId::parse(raw).unwrap_err().code, "invalid_id", "{raw:?}");
        }
    }
}
