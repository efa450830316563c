//! Amounts of money, in the smallest unit of their currency. Never a floating-point number.

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString};

use crate::Violation;

/// What sitters are paid in, by ISO 4217. All of them have a hundred minor units.
#[derive(
    Debug,
    Default,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    Display,
    EnumString,
)]
#[serde(rename_all = "UPPERCASE")]
#[strum(serialize_all = "UPPERCASE")]
pub enum Currency {
    /// Pound sterling: that of the town that NannyRadar starts in.
    #[default]
    Gbp,
    /// Euro.
    Eur,
}

impl Currency {
    /// Reads a code.
    pub fn parse(raw: &str) -> Result<Self, Violation> {
        raw.parse().map_err(|_| Violation::new("unknown_currency", "must be GBP or EUR"))
    }
}

/// An amount of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// E.g. pence.
    pub amount_minor: u32,
    /// Of which currency.
    pub currency: Currency,
}

/// What an hour costs: 1.00 to 200.00, which keeps out what is a slip of the finger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Money", into = "Money")]
pub struct HourlyRate(Money);

const MIN_RATE: u32 = 100;
const MAX_RATE: u32 = 20_000;

impl HourlyRate {
    /// Reads an amount of minor units.
    pub fn parse(amount_minor: u32, currency: Currency) -> Result<Self, Violation> {
        if (MIN_RATE..=MAX_RATE).contains(&amount_minor) {
            Ok(Self(Money { amount_minor, currency }))
        } else {
            let message = format!("must be from {MIN_RATE} to {MAX_RATE}, in minor units");
            Err(Violation::new("out_of_range", message))
        }
    }

    /// For an hour.
    pub fn money(self) -> Money {
        self.0
    }
}

impl TryFrom<Money> for HourlyRate {
    type Error = Violation;
    fn try_from(money: Money) -> Result<Self, Violation> {
        Self::parse(money.amount_minor, money.currency)
    }
}

impl From<HourlyRate> for Money {
    fn from(rate: HourlyRate) -> Self {
        rate.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_bounded() {
        assert_eq!(Currency::parse("GBP").unwrap().to_string(), "GBP");
        assert_eq!(Currency::parse("gbp").unwrap_err().code, "unknown_currency");
        for amount in [0, 99, 20_001, u32::MAX] {
            assert_eq!(HourlyRate::parse(amount, Currency::Gbp).unwrap_err().code, "out_of_range");
        }
        let json = serde_json::to_string(&HourlyRate::parse(1850, Currency::Gbp).unwrap()).unwrap();
        assert_eq!(json, r#"{"amount_minor":1850,"currency":"GBP"}"#);
    }
}
