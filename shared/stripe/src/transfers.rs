use std::collections::HashMap;

use domain::{
    id::{self, BookingId, PaymentId},
    money::Money,
    stripe::{AccountId, ChargeId, TransferId},
};
use jiff::Timestamp;
use serde::Deserialize;

use crate::{
    Error, Page, Stripe,
    page::{LIMIT, moment, money, written},
};

/// Money to be sent to a sitter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTransfer {
    /// How much.
    pub amount: Money,
    /// To whom.
    pub destination: AccountId,
    /// For which booking.
    pub booking: BookingId,
    /// Which payment's part it is.
    pub payment: PaymentId,
    /// Out of which charge. Its money arrives with us days after it was taken; with its name the transfer
    /// waits for it, without Stripe refuses it with `balance_insufficient`.
    pub source: Option<ChargeId>,
}

/// Money on its way to a sitter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// Its name.
    pub id: TransferId,
    /// How much.
    pub amount: Money,
    /// How much of it was called back.
    pub reversed: Money,
    /// To whom.
    pub destination: AccountId,
    /// For which booking, if it is one of ours.
    pub booking: Option<BookingId>,
    /// Which payment's part it is, if it is one of ours.
    pub payment: Option<PaymentId>,
    /// When it was made, to the second.
    pub created: Timestamp,
}

impl Transfer {
    /// What the sitter has of it, in minor units.
    pub fn left(&self) -> u32 {
        self.amount.amount_minor.saturating_sub(self.reversed.amount_minor)
    }
}

impl Stripe {
    /// Sends a sitter their share.
    pub async fn transfer(&self, new: &NewTransfer, idempotency_key: &str) -> Result<Transfer, Error> {
        let (amount, currency) = written(new.amount);
        let (booking, payment) = (new.booking.to_string(), new.payment.to_string());
        let mut form = vec![
            ("amount", amount.as_str()),
            ("currency", &currency),
            ("destination", new.destination.as_str()),
            ("metadata[payment]", &payment),
            ("transfer_group", &booking),
        ];
        form.extend(new.source.as_ref().map(|charge| ("source_transaction", charge.as_str())));
        self.post::<Answer>("/v1/transfers", idempotency_key, &form).await?.try_into()
    }

    /// Calls a part of a transfer back, in its currency. It is refused when the account has not so much, e.g. because it
    /// has gone on to the sitter's bank.
    pub async fn reverse(
        &self,
        transfer: &TransferId,
        amount: Money,
        payment: PaymentId,
        idempotency_key: &str,
    ) -> Result<(), Error> {
        #[derive(Deserialize)]
        struct Reversal {}
        let ((amount, _), payment) = (written(amount), payment.to_string());
        let form = [("amount", amount.as_str()), ("metadata[payment]", &payment)];
        let path = format!("/v1/transfers/{transfer}/reversals");
        self.post::<Reversal>(&path, idempotency_key, &form).await.map(|_| ())
    }

    /// What was sent for a booking, the latest first. No booking has more than the hundred of one page.
    pub async fn transfers_of(&self, booking: BookingId) -> Result<Vec<Transfer>, Error> {
        #[derive(Deserialize)]
        struct Page {
            data: Vec<Answer>,
        }
        let booking = booking.to_string();
        let query = [("transfer_group", booking.as_str()), ("limit", LIMIT)];
        let page: Page = self.get("/v1/transfers", &query).await?;
        page.data.into_iter().map(Transfer::try_from).collect()
    }

    /// The transfers that were made from a moment on and before another, to the second, to be compared with our
    /// books.
    pub async fn transfers(
        &self,
        created_from: Timestamp,
        created_until: Timestamp,
        after: Option<&TransferId>,
    ) -> Result<Page<Transfer, TransferId>, Error> {
        let time = (created_from, created_until);
        let after = after.map(TransferId::as_str);
        self.page::<Answer, _, _>("/v1/transfers", time, after, None).await
    }
}

#[derive(Deserialize)]
struct Answer {
    id: TransferId,
    amount: u64,
    amount_reversed: u64,
    currency: String,
    destination: AccountId,
    transfer_group: Option<String>,
    metadata: HashMap<String, String>,
    created: i64,
}

impl From<&Answer> for TransferId {
    fn from(answer: &Answer) -> Self {
        answer.id.clone()
    }
}

impl TryFrom<Answer> for Transfer {
    type Error = Error;

    fn try_from(answer: Answer) -> Result<Self, Error> {
        Ok(Self {
            amount: money(answer.amount, &answer.currency)?,
            reversed: money(answer.amount_reversed, &answer.currency)?,
            destination: answer.destination,
            booking: answer.transfer_group.and_then(|group| id::parse(&group).ok()),
            payment: answer.metadata.get("payment").and_then(|raw| id::parse(raw).ok()),
            created: moment(answer.created)?,
            id: answer.id,
        })
    }
}
