use domain::money::{Currency, HourlyRate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Fields;

/// What an hour costs.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = HourlyRate)]
pub struct Rate {
    /// In minor units, e.g. pence.
    #[schema(example = 1450, minimum = 100, maximum = 20_000)]
    amount_minor: u32,
    /// `GBP` or `EUR`.
    #[schema(example = "GBP", pattern = "^(GBP|EUR)$")]
    currency: String,
}

impl Rate {
    /// Reads it, as the field of that name.
    pub fn parse(&self, pointer: &str, fields: &mut Fields) -> Option<HourlyRate> {
        let currency = fields.take(&format!("{pointer}/currency"), Currency::parse(&self.currency));
        // The bounds are the same for all currencies, so the amount is judged whatever that one is.
        let rate = HourlyRate::parse(self.amount_minor, currency.unwrap_or_default());
        let rate = fields.take(&format!("{pointer}/amount_minor"), rate);
        currency.and(rate)
    }
}

impl From<HourlyRate> for Rate {
    fn from(rate: HourlyRate) -> Self {
        let money = rate.money();
        Self { amount_minor: money.amount_minor, currency: money.currency.to_string() }
    }
}
