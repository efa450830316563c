//! What is kept of the price of a booking that is cancelled.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use strum::{AsRefStr, EnumIter, EnumString};

use crate::{
    Violation,
    booking::quote::Quote,
    money::{Currency, Money, MoneyError},
};

/// How a sitter takes it that a family cancels. The stricter is the greater.
#[derive(
    Debug,
    Default,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    AsRefStr,
    EnumIter,
    EnumString,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Policy {
    /// Lightly.
    #[default]
    Flexible,
    /// As a disturbance.
    Moderate,
    /// As a loss.
    Strict,
}

/// How long before the start, in hours, a family cancels at the latest for no more than a percentage to be
/// kept; the earliest of each policy first. Whoever is later than all of them pays everything.
pub const TIERS: [(Policy, i64, u8); 6] = [
    (Policy::Flexible, 24, 0),
    (Policy::Flexible, 0, 50),
    (Policy::Moderate, 72, 0),
    (Policy::Moderate, 24, 50),
    (Policy::Strict, 7 * 24, 0),
    (Policy::Strict, 48, 50),
];

impl Policy {
    /// Reads a policy.
    pub fn parse(raw: &str) -> Result<Self, Violation> {
        raw.parse().map_err(|_| Violation::new("unknown_policy", "must be flexible, moderate or strict"))
    }

    /// How much is kept, in percent, of the price of a booking that is cancelled at `now`.
    pub fn kept_percent(self, start: Timestamp, now: Timestamp) -> u8 {
        let ahead = start.duration_since(now);
        let mut tiers = self.tiers();
        tiers.find(|(hours, _)| ahead >= SignedDuration::from_hours(*hours)).map_or(100, |(_, kept)| kept)
    }

    /// The last moment at which nothing is kept.
    pub fn free_until(self, start: Timestamp) -> Timestamp {
        let free = self.tiers().find(|(_, kept)| *kept == 0).map_or(0, |(hours, _)| hours);
        start.checked_sub(SignedDuration::from_hours(free)).unwrap_or(Timestamp::MIN)
    }

    fn tiers(self) -> impl Iterator<Item = (i64, u8)> {
        let own = TIERS.iter().filter(move |(policy, ..)| *policy == self);
        own.map(|(_, hours, kept)| (*hours, *kept))
    }
}

/// What a family pays, or gets back, and whose it is. The total is always the sum of the parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Parts", into = "Parts")]
pub struct Charge(Parts);

/// In minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Parts {
    currency: Currency,
    sitter: u32,
    fee: u32,
    tax: u32,
}

impl Charge {
    /// All that a quote comes to.
    pub fn of(quote: &Quote) -> Self {
        let [sitter, fee, tax] = [quote.sitter(), quote.fee(), quote.tax()].map(|part| part.amount_minor);
        Self(Parts { currency: quote.currency(), sitter, fee, tax })
    }

    /// Nothing.
    pub const fn zero(currency: Currency) -> Self {
        Self(Parts { currency, sitter: 0, fee: 0, tax: 0 })
    }

    /// A percentage of what a quote comes to, of 100 at most, to the nearest minor unit.
    pub fn share(quote: &Quote, percent: u8) -> Self {
        let whole = Self::of(quote);
        // A share is no larger than the whole, so it is an amount.
        let share = whole.total().share(percent.min(100).into(), 100).unwrap_or(whole.total());
        whole.portion(share.amount_minor)
    }

    /// What is given back of this, which is all that is left of what was captured: so much, taken from the
    /// parts as they stand to each other. To give back more is refused as [`MoneyError::Negative`].
    pub fn refund(&self, amount: Money) -> Result<Self, MoneyError> {
        self.total().checked_sub(amount)?;
        Ok(self.portion(amount.amount_minor))
    }

    /// What is left without the other, part by part.
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        Ok(Self(Parts {
            currency: self.0.currency,
            sitter: self.sitter().checked_sub(other.sitter())?.amount_minor,
            fee: self.fee().checked_sub(other.fee())?.amount_minor,
            tax: self.tax().checked_sub(other.tax())?.amount_minor,
        }))
    }

    /// Whether there is nothing in it.
    pub fn is_zero(&self) -> bool {
        self.total().amount_minor == 0
    }

    /// What the family pays.
    pub fn total(&self) -> Money {
        self.money(self.0.sitter + self.0.fee + self.0.tax)
    }

    /// The sitter's part.
    pub fn sitter(&self) -> Money {
        self.money(self.0.sitter)
    }

    /// The platform's part.
    pub fn fee(&self) -> Money {
        self.money(self.0.fee)
    }

    /// The tax on the platform's part.
    pub fn tax(&self) -> Money {
        self.money(self.0.tax)
    }

    fn money(&self, amount_minor: u32) -> Money {
        Money::new(amount_minor, self.0.currency)
    }

    /// An amount of the total. Each part ends where all up to it end, in proportion and rounded, so that they
    /// add up and none is larger than what it is taken from.
    fn portion(&self, amount: u32) -> Self {
        let total = self.total().amount_minor;
        // There is no proportion only if there is nothing to take.
        let end = |parts: u32| {
            self.money(amount).share(parts.into(), total.into()).map_or(0, |money| money.amount_minor)
        };
        let Parts { currency, sitter, fee, .. } = self.0;
        let ends = [end(sitter), end(sitter + fee), end(total)];
        Self(Parts { currency, sitter: ends[0], fee: ends[1] - ends[0], tax: ends[2] - ends[1] })
    }
}

impl TryFrom<Parts> for Charge {
    type Error = MoneyError;
    fn try_from(parts: Parts) -> Result<Self, MoneyError> {
        let charge = Self(parts);
        Money::sum(parts.currency, [charge.sitter(), charge.fee(), charge.tax()])?;
        Ok(charge)
    }
}

impl From<Charge> for Parts {
    fn from(charge: Charge) -> Self {
        charge.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::booking::quote::{Line, LineKind};
    use proptest::prelude::*;
    use strum::IntoEnumIterator;

    fn at(raw: &str) -> Timestamp {
        raw.parse().unwrap()
    }

    fn quote(currency: Currency, parts: [u32; 3]) -> Quote {
        let kinds = [LineKind::Care, LineKind::ServiceFee, LineKind::Tax];
        let line = |(kind, amount)| {
            let amount = Money::new(amount, currency);
            Line { kind, minutes: None, percent: None, amount }
        };
        Quote::try_from(kinds.into_iter().zip(parts).map(line).collect::<Vec<_>>()).unwrap()
    }

    fn parts(charge: Charge) -> [u32; 4] {
        [charge.sitter(), charge.fee(), charge.tax(), charge.total()].map(|part| part.amount_minor)
    }

    #[test]
    fn each_policy_keeps_more_the_later_it_is() {
        let start = at("2026-03-29T12:00:00Z");
        let kept = |policy: Policy, hours: i64, seconds: i64| {
            policy.kept_percent(start, start - SignedDuration::new(hours * 3600 + seconds, 0))
        };
        for (policy, free, half) in
            [(Policy::Flexible, 24, 0), (Policy::Moderate, 72, 24), (Policy::Strict, 168, 48)]
        {
            let all = [kept(policy, 5000, 0), kept(policy, free, 0), kept(policy, free, -1)];
            assert_eq!(all, [0, 0, 50], "{policy:?}");
            assert_eq!([kept(policy, half, 0), kept(policy, half, -1)], [50, 100], "{policy:?}");
            assert_eq!(policy.free_until(start), start - SignedDuration::from_hours(free));
            assert_eq!(policy.kept_percent(start, policy.free_until(start)), 0);
        }
        assert_eq!(Policy::Strict.free_until(Timestamp::MIN), Timestamp::MIN);
    }

    #[test]
    fn tiers_are_in_order_and_every_policy_has_a_free_one() {
        for policy in Policy::iter() {
            let tiers: Vec<_> = policy.tiers().collect();
            assert_eq!(tiers[0].1, 0);
            assert!(tiers.is_sorted_by(|one, next| one.0 > next.0 && one.1 < next.1));
            assert_eq!(Policy::parse(policy.as_ref()).unwrap(), policy);
            assert_eq!(serde_json::to_value(policy).unwrap(), policy.as_ref());
        }
        assert_eq!(Policy::parse("Strict").unwrap_err().code, "unknown_policy");
    }

    #[test]
    fn the_table_in_the_documentation_is_of_these_tiers() {
        let document = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/BOOKINGS.md");
        let document = std::fs::read_to_string(document).unwrap();
        for policy in Policy::iter() {
            assert_eq!(policy.tiers().map(|(_, kept)| kept).collect::<Vec<_>>(), [0, 50]);
            let cells: Vec<_> =
                policy.tiers().map(|(hours, _)| format!("{hours} h before the start")).collect();
            let row = format!("| {} | {} |\n", policy.as_ref(), cells.join(" | "));
            assert!(document.contains(&row), "put this into docs/BOOKINGS.md: {row}");
        }
    }

    #[test]
    fn half_of_an_odd_price_is_shared_out() {
        let quote = quote(Currency::Gbp, [1001, 121, 25]);
        assert_eq!(parts(Charge::of(&quote)), [1001, 121, 25, 1147]);
        assert_eq!(parts(Charge::share(&quote, 50)), [501, 60, 13, 574]);
        assert_eq!(Charge::share(&quote, 255), Charge::of(&quote));
        assert!(Charge::share(&quote, 0).is_zero());
    }

    #[test]
    fn currencies_never_mix() {
        let [pounds, euros] =
            [Currency::Gbp, Currency::Eur].map(|currency| Charge::of(&quote(currency, [10, 2, 1])));
        assert_eq!(pounds.checked_sub(euros), Err(MoneyError::CurrencyMismatch));
        assert_eq!(pounds.refund(Money::new(1, Currency::Eur)), Err(MoneyError::CurrencyMismatch));
        assert_eq!(pounds.refund(Money::zero(Currency::Eur)), Err(MoneyError::CurrencyMismatch));
    }

    #[test]
    fn keeps_its_form() {
        let charge = Charge::of(&quote(Currency::Gbp, [1000, 120, 24]));
        let json = r#"{"currency":"GBP","sitter":1000,"fee":120,"tax":24}"#;
        assert_eq!(serde_json::to_string(&charge).unwrap(), json);
        assert_eq!(serde_json::from_str::<Charge>(json).unwrap(), charge);
        assert!(serde_json::from_str::<Charge>(&json.replace("24", "4294967295")).is_err());
    }

    fn any_parts() -> impl Strategy<Value = [u32; 3]> {
        prop_oneof![
            prop::array::uniform3(0u32..50),
            prop::array::uniform3(0u32..200_000),
            prop::array::uniform3(0u32..=u32::MAX / 3),
        ]
    }

    proptest! {
        #[test]
        fn shares_add_up(amounts in any_parts(), percent in 0u8..=100) {
            let quote = quote(Currency::Gbp, amounts);
            let share = Charge::share(&quote, percent);
            prop_assert_eq!(share.total(), quote.total().share(percent.into(), 100).unwrap());
            let rest = Charge::of(&quote).checked_sub(share).unwrap();
            prop_assert_eq!(rest.total(), quote.total().checked_sub(share.total()).unwrap());
            // The total's rounding and that of both its ends: no part is off by more than one unit and a half.
            for (part, whole) in parts(share).into_iter().zip(amounts) {
                let off = i64::from(part) * 100 - i64::from(whole) * i64::from(percent);
                prop_assert!(off.abs() <= 150);
            }
        }

        #[test]
        fn refunds_never_exceed_and_end_at_nothing(amounts in any_parts(), percents in prop::collection::vec(0u64..=110, 0..12)) {
            let captured = Charge::of(&quote(Currency::Gbp, amounts));
            let mut left = captured;
            let mut refunded = Money::zero(Currency::Gbp);
            for percent in percents.into_iter().chain([100]) {
                let most = Money::new(u32::MAX, Currency::Gbp);
                let amount = left.total().share(percent, 100).unwrap_or(most);
                let refund = match left.refund(amount) {
                    Ok(refund) => refund,
                    Err(error) => {
                        prop_assert_eq!(error, MoneyError::Negative);
                        prop_assert!(amount.amount_minor > left.total().amount_minor);
                        continue;
                    }
                };
                prop_assert_eq!(refund.total(), amount);
                // No part gives more than it has.
                left = left.checked_sub(refund).unwrap();
                refunded = refunded.checked_add(amount).unwrap();
                prop_assert_eq!(left.total().checked_add(refunded).unwrap(), captured.total());
            }
            prop_assert!(left.is_zero());
            prop_assert_eq!(refunded, captured.total());
            prop_assert_eq!(left.refund(Money::new(1, Currency::Gbp)), Err(MoneyError::Negative));
        }
    }
}
