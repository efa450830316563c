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

/// Why amounts cannot be reckoned with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// They are of different currencies, which never mix.
    #[error("amounts of different currencies do not mix")]
    CurrencyMismatch,
    /// More comes out than an amount can be.
    #[error("the amount is too large")]
    Overflow,
    /// Less than nothing comes out.
    #[error("the amount would be negative")]
    Negative,
}

impl Money {
    /// That many minor units.
    pub const fn new(amount_minor: u32, currency: Currency) -> Self {
        Self { amount_minor, currency }
    }

    /// Nothing.
    pub const fn zero(currency: Currency) -> Self {
        Self::new(0, currency)
    }

    /// Both together.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        let amount = self.amount_minor.checked_add(other.amount_minor).ok_or(MoneyError::Overflow)?;
        Ok(Self::new(amount, self.currency))
    }

    /// What is left without the other.
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        let amount = self.amount_minor.checked_sub(other.amount_minor).ok_or(MoneyError::Negative)?;
        Ok(Self::new(amount, self.currency))
    }

    /// So many parts of it out of so many, to the nearest minor unit; half a unit is rounded up.
    pub fn share(self, numerator: u64, denominator: u64) -> Result<Self, MoneyError> {
        let (numerator, denominator) = (u128::from(numerator), u128::from(denominator));
        let twice = 2 * u128::from(self.amount_minor) * numerator + denominator;
        let rounded = twice.checked_div(2 * denominator).ok_or(MoneyError::Overflow)?;
        Ok(Self::new(rounded.try_into().map_err(|_| MoneyError::Overflow)?, self.currency))
    }

    /// All together; nothing of that currency if there are none.
    pub fn sum(currency: Currency, amounts: impl IntoIterator<Item = Self>) -> Result<Self, MoneyError> {
        amounts.into_iter().try_fold(Self::zero(currency), Self::checked_add)
    }

    fn same_currency(self, other: Self) -> Result<(), MoneyError> {
        if self.currency == other.currency { Ok(()) } else { Err(MoneyError::CurrencyMismatch) }
    }
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
    use Currency::{Eur, Gbp};
    use proptest::prelude::*;

    #[test]
    fn shares_are_rounded_half_up() {
        let share = |amount, numerator, denominator| Money::new(amount, Gbp).share(numerator, denominator);
        for (amount, numerator, denominator, expected) in
            [(1, 1, 2, 1), (3, 1, 2, 2), (49, 1, 100, 0), (50, 1, 100, 1), (1001, 1, 3, 334), (7, 0, 9, 0)]
        {
            assert_eq!(share(amount, numerator, denominator), Ok(Money::new(expected, Gbp)));
        }
        assert_eq!(share(u32::MAX, u64::MAX, u64::MAX), Ok(Money::new(u32::MAX, Gbp)));
        assert_eq!(share(u32::MAX, u64::MAX, 1), Err(MoneyError::Overflow));
        assert_eq!(share(u32::MAX, 2_000_000_001, 2_000_000_000), Err(MoneyError::Overflow));
        assert_eq!(share(1, 1, 0), Err(MoneyError::Overflow));
    }

    #[test]
    fn currencies_never_mix() {
        let (pound, euro) = (Money::new(100, Gbp), Money::new(100, Eur));
        assert_eq!(pound.checked_add(euro), Err(MoneyError::CurrencyMismatch));
        assert_eq!(pound.checked_sub(euro), Err(MoneyError::CurrencyMismatch));
        assert_eq!(Money::sum(Gbp, [pound, euro]), Err(MoneyError::CurrencyMismatch));
        // Not even nothing.
        assert_eq!(pound.checked_add(Money::zero(Eur)), Err(MoneyError::CurrencyMismatch));
        assert_eq!(Money::sum(Eur, []), Ok(Money::zero(Eur)));
    }

    proptest! {
        #[test]
        fn adds_up(one: u32, other: u32) {
            let (one, other) = (Money::new(one, Gbp), Money::new(other, Gbp));
            match one.checked_add(other) {
                Ok(both) => {
                    prop_assert_eq!(both.checked_sub(other), Ok(one));
                    prop_assert_eq!(Money::sum(Gbp, [other, one]), Ok(both));
                }
                Err(error) => {
                    prop_assert_eq!(error, MoneyError::Overflow);
                    prop_assert!(u64::from(one.amount_minor) + u64::from(other.amount_minor) > u64::from(u32::MAX));
                }
            }
            prop_assert_eq!(one.checked_sub(other).is_ok(), one.amount_minor >= other.amount_minor);
        }

        #[test]
        fn a_share_is_off_by_half_a_unit_at_most(amount: u32, numerator in 0u64..=1_000_000, denominator in 1u64..=1_000_000) {
            prop_assume!(numerator <= denominator);
            let share = i128::from(Money::new(amount, Gbp).share(numerator, denominator).unwrap().amount_minor);
            let off = share * i128::from(denominator) - i128::from(amount) * i128::from(numerator);
            prop_assert!(-i128::from(denominator) < 2 * off && 2 * off <= i128::from(denominator));
        }
    }

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
