use std::collections::HashMap;

use domain::{
    id::{self, BookingId, PaymentId},
    money::Money,
    payment::{Failure, Observation, Status},
    stripe::{ChargeId, CustomerId, IntentId, PaymentMethodId, RefundId},
};
use jiff::Timestamp;
use secrecy::SecretString;
use serde::Deserialize;

use crate::{
    Error, Page, Stripe,
    error::Told,
    page::{moment, money, written},
};

/// Refunds are found on the charge, so it is asked for with every intent.
const EXPAND: (&str, &str) = ("expand[]", "latest_charge");

/// Whether a card is charged at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capture {
    /// The amount is held; [`Stripe::capture`] takes it, or [`Stripe::cancel`] lets go of it.
    Manual,
    /// The amount is taken.
    Automatic,
}

/// Money to be taken from a card whose owner is away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewIntent {
    /// How much.
    pub amount: Money,
    /// From whom.
    pub customer: CustomerId,
    /// From which of their cards.
    pub payment_method: PaymentMethodId,
    /// Now, or only held.
    pub capture: Capture,
    /// The payment that it belongs to.
    pub payment: PaymentId,
    /// Which attempt at it.
    pub attempt: u32,
    /// The booking that it pays. Everything that is paid for a booking, and paid on to its sitter, is one group
    /// at Stripe.
    pub booking: BookingId,
}

/// Money from a card, as it stands at Stripe now.
#[derive(Debug)]
pub struct Intent {
    /// Its name.
    pub id: IntentId,
    /// Where it stands.
    pub status: Status,
    /// What it was made for.
    pub amount: Money,
    /// What is held and can be taken.
    pub capturable: Money,
    /// What was taken, before refunds.
    pub received: Money,
    /// What was given back of it. To let go of the rest of a hold is not a refund.
    pub refunded: Money,
    /// The try that succeeded, or the last that did not.
    pub charge: Option<ChargeId>,
    /// Why the last try failed, by its code.
    pub failure: Option<String>,
    /// The card. None once the card was refused.
    pub payment_method: Option<PaymentMethodId>,
    /// What the app hands to Stripe for the payer to confirm it.
    pub client_secret: Option<SecretString>,
    /// The payment that it belongs to, if it is one of ours.
    pub payment: Option<PaymentId>,
    /// Which attempt at it; 0 of one that is not ours.
    pub attempt: u32,
    /// The booking that it pays, if it is one of ours.
    pub booking: Option<BookingId>,
    /// When it was made, to the second.
    pub created: Timestamp,
}

impl Intent {
    /// What it means for the payment that it belongs to.
    pub fn observation(&self) -> Observation {
        Observation {
            intent: self.id.clone(),
            attempt: self.attempt,
            status: self.status,
            currency: self.amount.currency,
            capturable: self.capturable.amount_minor,
            received: self.received.amount_minor,
            refunded: self.refunded.amount_minor,
            failure: self.failure.as_deref().map(Failure::from_stripe),
        }
    }
}

/// Where a refund stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundStatus {
    /// On its way.
    Pending,
    /// Done.
    Succeeded,
    /// The bank did not take it, e.g. because the card is no more; the money is ours again.
    Failed,
    /// It was called back.
    Canceled,
    /// What cards do not bring about.
    #[serde(other)]
    Other,
}

/// Money on its way back to a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    /// Its name.
    pub id: RefundId,
    /// Where it stands.
    pub status: RefundStatus,
    /// How much.
    pub amount: Money,
}

impl Stripe {
    /// Holds or takes money, in one step with its confirmation. A card that is refused leaves an intent behind,
    /// which the error names; a second try is a new intent under a new key.
    pub async fn create_payment_intent(
        &self,
        new: &NewIntent,
        idempotency_key: &str,
    ) -> Result<Intent, Error> {
        let capture = match new.capture {
            Capture::Manual => "manual",
            Capture::Automatic => "automatic",
        };
        let (amount, currency) = written(new.amount);
        let (payment, booking) = (new.payment.to_string(), new.booking.to_string());
        let attempt = new.attempt.to_string();
        let form = [
            ("amount", amount.as_str()),
            ("currency", &currency),
            ("customer", new.customer.as_str()),
            ("payment_method", new.payment_method.as_str()),
            ("payment_method_types[]", "card"),
            ("capture_method", capture),
            ("confirm", "true"),
            ("off_session", "true"),
            ("metadata[payment]", &payment),
            ("metadata[attempt]", &attempt),
            ("metadata[booking]", &booking),
            ("transfer_group", &booking),
            EXPAND,
        ];
        self.post::<Answer>("/v1/payment_intents", idempotency_key, &form).await?.try_into()
    }

    /// An intent as it is now.
    pub async fn payment_intent(&self, id: &IntentId) -> Result<Intent, Error> {
        self.get::<Answer>(&format!("/v1/payment_intents/{id}"), &[EXPAND]).await?.try_into()
    }

    /// The same, if it is one of ours. Of others not even the amount need be one that can be read.
    pub async fn own_payment_intent(&self, id: &IntentId) -> Result<Option<Intent>, Error> {
        let found: Answer = self.get(&format!("/v1/payment_intents/{id}"), &[EXPAND]).await?;
        found.payment().map(|_| found.try_into()).transpose()
    }

    /// Takes what is held, or a part of it, in the hold's currency. The card's owner is free of the rest; it
    /// cannot be taken later.
    pub async fn capture(
        &self,
        id: &IntentId,
        amount: Money,
        idempotency_key: &str,
    ) -> Result<Intent, Error> {
        let (amount, _) = written(amount);
        let form = [("amount_to_capture", amount.as_str()), EXPAND];
        let path = format!("/v1/payment_intents/{id}/capture");
        self.post::<Answer>(&path, idempotency_key, &form).await?.try_into()
    }

    /// Gives up an intent, and lets go of what it holds. One that is given up or taken already is refused, with
    /// the code `payment_intent_unexpected_state`.
    pub async fn cancel(&self, id: &IntentId, idempotency_key: &str) -> Result<Intent, Error> {
        let path = format!("/v1/payment_intents/{id}/cancel");
        self.post::<Answer>(&path, idempotency_key, &[EXPAND]).await?.try_into()
    }

    /// Gives back what was taken, or a part of it, in its currency.
    pub async fn refund(
        &self,
        intent: &IntentId,
        amount: Money,
        idempotency_key: &str,
    ) -> Result<Refund, Error> {
        #[derive(Deserialize)]
        struct Answer {
            id: RefundId,
            status: Option<RefundStatus>,
            amount: u64,
            currency: String,
        }
        let (amount, _) = written(amount);
        let form = [("payment_intent", intent.as_str()), ("amount", amount.as_str())];
        let made: Answer = self.post("/v1/refunds", idempotency_key, &form).await?;
        let amount = money(made.amount, &made.currency)?;
        Ok(Refund { id: made.id, status: made.status.unwrap_or(RefundStatus::Other), amount })
    }

    /// The intents that were made from a moment on and before another, to the second, to be compared with our
    /// books.
    pub async fn payment_intents(
        &self,
        created_from: Timestamp,
        created_until: Timestamp,
        after: Option<&IntentId>,
    ) -> Result<Page<Intent, IntentId>, Error> {
        let time = (created_from, created_until);
        let expand = Some(("expand[]", "data.latest_charge"));
        let after = after.map(IntentId::as_str);
        self.page::<Answer, _, _>("/v1/payment_intents", time, after, expand).await
    }
}

#[derive(Deserialize)]
struct Answer {
    id: IntentId,
    status: Status,
    currency: String,
    amount: u64,
    amount_capturable: u64,
    amount_received: u64,
    latest_charge: Option<Charge>,
    last_payment_error: Option<Told>,
    // Of another kind for whoever pays without a card.
    payment_method: Option<String>,
    client_secret: Option<String>,
    metadata: HashMap<String, String>,
    created: i64,
}

#[derive(Deserialize)]
struct Charge {
    id: ChargeId,
    amount: u64,
    amount_captured: u64,
    amount_refunded: u64,
    captured: bool,
}

impl Charge {
    /// Stripe counts as refunded what was held and not taken, too.
    fn given_back(&self) -> u64 {
        let let_go = self.amount.saturating_sub(self.amount_captured);
        if self.captured { self.amount_refunded.saturating_sub(let_go) } else { 0 }
    }
}

impl Answer {
    fn payment(&self) -> Option<PaymentId> {
        self.metadata.get("payment").and_then(|raw| id::parse(raw).ok())
    }
}

impl From<&Answer> for IntentId {
    fn from(answer: &Answer) -> Self {
        answer.id.clone()
    }
}

impl TryFrom<Answer> for Intent {
    type Error = Error;

    fn try_from(answer: Answer) -> Result<Self, Error> {
        let amount_of = |amount| money(amount, &answer.currency);
        let named = |key| answer.metadata.get(key).map(String::as_str);
        Ok(Self {
            status: answer.status,
            amount: amount_of(answer.amount)?,
            capturable: amount_of(answer.amount_capturable)?,
            received: amount_of(answer.amount_received)?,
            refunded: amount_of(answer.latest_charge.as_ref().map_or(0, Charge::given_back))?,
            payment: answer.payment(),
            attempt: named("attempt").and_then(|raw| raw.parse().ok()).unwrap_or(0),
            booking: named("booking").and_then(|raw| id::parse(raw).ok()),
            charge: answer.latest_charge.map(|charge| charge.id),
            failure: answer.last_payment_error.and_then(Told::reason),
            payment_method: answer.payment_method.and_then(|raw| PaymentMethodId::parse(raw).ok()),
            client_secret: answer.client_secret.map(SecretString::from),
            created: moment(answer.created)?,
            id: answer.id,
        })
    }
}
