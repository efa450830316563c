use domain::money::Currency;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Fields;

/// An amount of money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// In minor units, e.g. pence.
    #[schema(example = 8700)]
    pub amount_minor: u32,
    /// By ISO 4217.
    #[schema(example = "GBP", pattern = "^(GBP|EUR)$")]
    pub currency: String,
}

impl Money {
    /// Reads it, as the field of that name.
    pub fn parse(&self, pointer: &str, fields: &mut Fields) -> Option<domain::money::Money> {
        let currency = fields.take(&format!("{pointer}/currency"), Currency::parse(&self.currency));
        currency.map(|currency| domain::money::Money::new(self.amount_minor, currency))
    }
}

impl From<domain::money::Money> for Money {
    fn from(money: domain::money::Money) -> Self {
        Self { amount_minor: money.amount_minor, currency: money.currency.to_string() }
    }
}
