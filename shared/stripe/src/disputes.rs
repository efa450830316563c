use domain::{
    chargeback::Chargeback,
    money::{Currency, Money},
    stripe::IntentId,
};
use jiff::Timestamp;
use serde::Deserialize;

use crate::{
    Error, Stripe,
    page::{LIMIT, moment, money},
};

impl Stripe {
    /// What the bank of whoever paid has taken back of an intent in that currency. What banks only ask about is none of
    /// it: they have taken nothing.
    pub async fn chargeback(&self, intent: &IntentId, currency: Currency) -> Result<Chargeback, Error> {
        #[derive(Deserialize)]
        struct Page {
            data: Vec<Answer>,
        }
        let query = [("payment_intent", intent.as_str()), ("limit", LIMIT)];
        let page: Page = self.get("/v1/disputes", &query).await?;
        let of = |is_so: fn(&Status) -> bool| page.data.iter().filter(move |answer| is_so(&answer.status));
        let open = sum(of(|status| matches!(status, Status::NeedsResponse | Status::UnderReview)), currency)?;
        let lost = sum(of(|status| matches!(status, Status::Lost)), currency)?;
        let due_by = of(|status| matches!(status, Status::NeedsResponse));
        let due_by: Option<Timestamp> =
            due_by.filter_map(|answer| answer.evidence_details.due_by).min().map(moment).transpose()?;
        Ok(Chargeback::new(open, lost, due_by))
    }
}

fn sum<'a>(mut answers: impl Iterator<Item = &'a Answer>, currency: Currency) -> Result<Money, Error> {
    answers.try_fold(Money::zero(currency), |sum, answer| {
        sum.checked_add(money(answer.amount, &answer.currency)?).map_err(|_| Error::Unreadable)
    })
}

/// What Stripe calls a dispute.
#[derive(Deserialize)]
struct Answer {
    amount: u64,
    currency: String,
    status: Status,
    evidence_details: Evidence,
}

#[derive(Deserialize)]
struct Evidence {
    due_by: Option<i64>,
}

/// How it stands, in Stripe's words.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    /// The bank has the money, and wants to be told.
    NeedsResponse,
    /// The bank has the money, and has been told.
    UnderReview,
    /// The bank keeps the money.
    Lost,
    /// The bank has given it again, or never had it.
    #[serde(other)]
    Over,
}
