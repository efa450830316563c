//! `payments-work`: called by the payments queue, it does what is missing about the money of a booking.
//!
//! A message names a booking, or something at Stripe; what is to be done follows from what is so now
//! ([`domain::settlement`]). Each call of Stripe carries a key that follows from the payment and the step, so that after
//! a crash between the call and the write the next try gets the same answer and writes it. While Stripe does not
//! answer, the message comes again, for hours; what still fails then lies in the dead-letter queue.

use api::App;
use domain::{
    booking::{Booking, Card, Refusal, policy::Charge},
    id::{BookingId, PaymentId},
    payment::{Change, Failure, Order, Payment, Purpose, Status, Step},
    settlement::{self, Action},
    stripe::{AccountId, CustomerId, IntentId},
};
use jiff::Timestamp;
use messaging::queue::PaymentMessage;
use runtime::Error;
use storage::{
    Error as StoreError,
    bookings::{Actor, ChangeError, Changed},
};
use stripe::{Capture, Error as StripeError, Intent, NewIntent, NewTransfer, Transfer};

use crate::card;

/// More steps than any booking's money takes at once. Beyond, something goes in circles.
const MOST_STEPS: usize = 20;

/// Somebody else who looks at the same booking, because of a webhook, may be quicker with a write so often before a
/// message is put back.
const MOST_CONFLICTS: usize = 10;

/// Does what is missing.
#[derive(Debug)]
pub struct Worker {
    app: App,
}

/// Whether there may be something more to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Look,
    Wait,
}

impl Worker {
    /// As the environment says.
    pub fn from_env() -> Result<Self, Error> {
        Ok(Self::new(App::from_env()?))
    }

    /// With that application.
    pub fn new(app: App) -> Self {
        Self { app }
    }

    /// Does what a message asks for.
    pub async fn handle(&self, message: PaymentMessage) -> Result<(), Error> {
        let mut conflicts = 0;
        loop {
            let done = match &message {
                PaymentMessage::Booking { booking_id, .. } => Box::pin(self.settle(*booking_id)).await,
                PaymentMessage::Stripe { object, .. } => Box::pin(self.hear(object)).await,
            };
            let is_conflict = |error: &Error| matches!(error.downcast_ref(), Some(StoreError::Conflict));
            if conflicts == MOST_CONFLICTS || !done.as_ref().is_err_and(is_conflict) {
                return done;
            }
            conflicts += 1;
        }
    }

    /// Asks Stripe how something stands that it has told of.
    pub async fn hear(&self, object: &str) -> Result<(), Error> {
        if let Ok(id) = IntentId::parse(object) {
            let intent = match self.app.stripe().await?.own_payment_intent(&id).await {
                // Somebody else's, or of another mode.
                Err(StripeError::NotFound) | Ok(None) => return Ok(()),
                Ok(Some(intent)) => intent,
                Err(error) => return Err(error.into()),
            };
            let Some(payment) = intent.payment else { return Ok(()) };
            let Some(payment) = self.app.tables().payment(payment).await? else { return Ok(()) };
            self.observe(&payment, &intent).await?;
            return self.settle(payment.booking).await;
        }
        match AccountId::parse(object) {
            Ok(account) => self.account(&account).await,
            Err(_) => Ok(()),
        }
    }

    /// A sitter has told Stripe more, or Stripe wants to know more: what waits is paid out as soon as it can be.
    async fn account(&self, account: &AccountId) -> Result<(), Error> {
        let Some(payee) = self.app.tables().payee_of(account).await? else { return Ok(()) };
        let now = self.app.stripe().await?.account(account).await?;
        // Money must get there, and on from there.
        let can_be_paid = now.transfers_active && now.payouts_enabled;
        if let Some(told) = payee.told(can_be_paid) {
            self.app.tables().save_payee(&told, &[]).await?;
        }
        let mut failed = None;
        if can_be_paid {
            for owed in self.app.tables().owed(payee.user_id).await? {
                // One that cannot be paid out holds up no other.
                if let Err(error) = self.settle(owed.booking).await {
                    tracing::warn!(booking = %owed.booking, %error, "what waits was not paid out");
                    failed.get_or_insert(error);
                }
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Does all that is missing about the money of a booking.
    pub async fn settle(&self, id: BookingId) -> Result<(), Error> {
        for _ in 0..MOST_STEPS {
            let tables = self.app.tables();
            let Some(booking) = tables.booking(id).await? else { return Ok(()) };
            let payments = tables.payments_of(id).await?;
            let now = self.app.now();
            let Some(action) = settlement::next(&booking, &payments, now) else { return Ok(()) };
            tracing::info!(booking = %id, ?action, "about the money of a booking");
            let payment = |id: PaymentId| {
                payments.iter().find(|payment| payment.id == id).ok_or("a payment that is not there")
            };
            let then = match action {
                Action::CheckCard => self.note_card(&booking, self.check_card(&booking).await?).await?,
                Action::NoteCard(card) => self.note_card(&booking, card).await?,
                Action::Order(purpose, charge) => self.order(&booking, purpose, charge, now).await?,
                Action::Authorise(id) => self.authorise(payment(id)?).await?,
                Action::Reduce(id, owed) => self.save(payment(id)?.reduce(owed)?).await?,
                Action::Capture(id) => self.capture(payment(id)?).await?,
                Action::GiveUp(id, intent) => self.give_up(payment(id)?, &intent).await?,
                Action::Release(id) => self.save(payment(id)?.release()?).await?,
                Action::GrantRefund(id, amount) => self.save(payment(id)?.grant_refund(amount)?).await?,
                Action::Refund(id) => self.refund(payment(id)?).await?,
                Action::Owe(id) => self.owe(payment(id)?).await?,
                Action::PayOut(id) => self.pay_out(payment(id)?).await?,
            };
            if then == Then::Wait {
                return Ok(());
            }
        }
        Err("the money of a booking goes in circles".into())
    }

    async fn check_card(&self, booking: &Booking) -> Result<Card, Error> {
        let Some(customer) = self.app.tables().payer(booking.parent).await? else { return Ok(Card::Refused) };
        let stripe = self.app.stripe().await?;
        let is_good = card::is_good(stripe, &booking.method, &customer, booking.span.start).await?;
        Ok(if is_good { Card::Good } else { Card::Refused })
    }

    async fn note_card(&self, asked: &Booking, card: Card) -> Result<Then, Error> {
        let now = self.app.now();
        let rule = |before: &Booking| {
            // It may be another card by now; the next look tells.
            if before.version != asked.version {
                return Ok::<_, Refusal>(None);
            }
            let (booking, news) = before.with_card(card, now)?;
            Ok(Some(Changed::new(booking, news)))
        };
        match self.app.tables().change_booking(asked.id, &Actor::default(), now, rule).await {
            Ok(_) => Ok(Then::Look),
            Err(ChangeError::Store(error)) => Err(error.into()),
            Err(error) => Err(error.to_string().into()),
        }
    }

    async fn order(
        &self,
        booking: &Booking,
        purpose: Purpose,
        charge: Charge,
        now: Timestamp,
    ) -> Result<Then, Error> {
        let order = Order {
            booking: booking.id,
            parent: booking.parent,
            sitter: booking.sitter,
            purpose,
            charge,
            method: booking.method.clone(),
            customer: self.app.tables().payer(booking.parent).await?,
        };
        self.app.tables().save_payment(&Payment::new(order, now), None, &[]).await?;
        Ok(Then::Look)
    }

    async fn authorise(&self, payment: &Payment) -> Result<Then, Error> {
        let stripe = self.app.stripe().await?;
        if let Some(before) = &payment.replaces {
            let seen = self.cancel(payment, before).await?;
            // It was paid after all, while nobody looked.
            if seen.status == Status::Succeeded {
                return self.learn(payment, &seen).await;
            }
        }
        let Some(customer) = self.customer(payment).await? else {
            return self.save(payment.refuse(Failure::CardDeclined)?).await;
        };
        let capture =
            if payment.purpose.is_captured_at_once() { Capture::Automatic } else { Capture::Manual };
        let new = NewIntent {
            amount: payment.priced.total(),
            customer,
            payment_method: payment.method.clone(),
            capture,
            payment: payment.id,
            attempt: payment.attempt,
            booking: payment.booking,
        };
        let key = payment.idempotency_key(Step::Authorise);
        let intent = match stripe.create_payment_intent(&new, &key).await {
            Ok(intent) => intent,
            Err(
                StripeError::Declined { intent: Some(id), .. }
                | StripeError::AuthenticationRequired { intent: id },
            ) => stripe.payment_intent(&id).await?,
            Err(StripeError::Declined { code, intent: None }) => {
                return self.save(payment.refuse(Failure::from_stripe(&code))?).await;
            }
            // The card is not there any more, or not this parent's.
            Err(error @ (StripeError::Refused(_) | StripeError::NotFound)) => {
                tracing::warn!(payment = %payment.id, %error, "Stripe makes no intent");
                return self.save(payment.refuse(Failure::CardDeclined)?).await;
            }
            Err(error) => return Err(error.into()),
        };
        // While the bank thinks nothing follows; a webhook tells when something does.
        let is_news = self.observe(payment, &intent).await?;
        Ok(if is_news { Then::Look } else { Then::Wait })
    }

    async fn customer(&self, payment: &Payment) -> Result<Option<CustomerId>, StoreError> {
        match &payment.customer {
            Some(customer) => Ok(Some(customer.clone())),
            None => self.app.tables().payer(payment.parent).await,
        }
    }

    async fn capture(&self, payment: &Payment) -> Result<Then, Error> {
        let stripe = self.app.stripe().await?;
        let id = payment.intent.as_ref().ok_or("a hold without an intent")?;
        let key = payment.idempotency_key(Step::Capture);
        let intent = match stripe.capture(id, payment.owed.total(), &key).await {
            // Taken before, or over: how it stands decides.
            Err(StripeError::Refused(_) | StripeError::IdempotencyClash) => stripe.payment_intent(id).await?,
            intent => intent?,
        };
        self.learn(payment, &intent).await
    }

    async fn give_up(&self, payment: &Payment, intent: &IntentId) -> Result<Then, Error> {
        let seen = self.cancel(payment, intent).await?;
        if payment.intent.is_none() && seen.status == Status::Canceled {
            // One of an attempt before: that it is over changes nothing else.
            return self.save(payment.release()?).await;
        }
        self.learn(payment, &seen).await
    }

    /// Gives up an intent, unless it has been paid: nothing else is done before it is over.
    async fn cancel(&self, payment: &Payment, intent: &IntentId) -> Result<Intent, Error> {
        let stripe = self.app.stripe().await?;
        let key = payment.idempotency_key(Step::Cancel(intent));
        let seen = match stripe.cancel(intent, &key).await {
            // Given up before, or taken, or in the hands of the bank.
            Err(StripeError::Refused(_) | StripeError::IdempotencyClash) => {
                stripe.payment_intent(intent).await?
            }
            seen => seen?,
        };
        match seen.status {
            Status::Canceled | Status::Succeeded => Ok(seen),
            status => Err(format!("{intent} cannot be given up yet: {status:?}").into()),
        }
    }

    async fn refund(&self, payment: &Payment) -> Result<Then, Error> {
        let stripe = self.app.stripe().await?;
        let id = payment.intent.as_ref().ok_or("a payment without an intent")?;
        // The answer to a call before may have been lost so long ago that Stripe has forgotten its key.
        let seen = stripe.payment_intent(id).await?;
        if seen.refunded.amount_minor > payment.refunded.total().amount_minor {
            self.observe(payment, &seen).await?;
            return Ok(Then::Look);
        }
        let key = payment.idempotency_key(Step::Refund);
        match stripe.refund(id, payment.to_refund(), &key).await {
            Ok(_) | Err(StripeError::Refused(_) | StripeError::IdempotencyClash) => {}
            Err(error) => return Err(error.into()),
        }
        let seen = stripe.payment_intent(id).await?;
        self.learn(payment, &seen).await
    }

    async fn owe(&self, payment: &Payment) -> Result<Then, Error> {
        // Another amount waits than before: did somebody pay that out?
        let sent = if payment.payable.amount_minor > 0 { self.sent(payment).await? } else { None };
        self.save_payable(&match sent {
            Some(transfer) => payment.pay_out(transfer.amount, transfer.id, self.app.now())?,
            None => payment.owe()?,
        })
        .await
    }

    async fn pay_out(&self, payment: &Payment) -> Result<Then, Error> {
        let payee = self.app.tables().payee(payment.sitter).await?.filter(|payee| payee.payouts_enabled);
        let Some(payee) = payee else { return Ok(Then::Wait) };
        let transfer = match self.sent(payment).await? {
            Some(sent) => sent,
            None => {
                let stripe = self.app.stripe().await?;
                let id = payment.intent.as_ref().ok_or("a payment without an intent")?;
                let new = NewTransfer {
                    amount: payment.payable,
                    destination: payee.account,
                    booking: payment.booking,
                    payment: payment.id,
                    source: stripe.payment_intent(id).await?.charge,
                };
                stripe.transfer(&new, &payment.idempotency_key(Step::PayOut)).await?
            }
        };
        self.save_payable(&payment.pay_out(transfer.amount, transfer.id, self.app.now())?).await
    }

    /// What was sent to the sitter and is not in the ledger: the answer to that call was lost. A part may have gone
    /// back to the family since, so that the call would be another one now.
    async fn sent(&self, payment: &Payment) -> Result<Option<Transfer>, Error> {
        let sent = self.app.stripe().await?.transfers_of(payment.booking).await?;
        let ledger = self.app.tables().ledger_of(payment.booking).await?;
        let is_known =
            |transfer: &Transfer| ledger.iter().any(|moved| moved.transfer.as_ref() == Some(&transfer.id));
        Ok(sent.into_iter().find(|transfer| transfer.payment == Some(payment.id) && !is_known(transfer)))
    }

    /// What Stripe says after a call. If nothing follows from it, the call would be repeated for ever.
    async fn learn(&self, payment: &Payment, seen: &Intent) -> Result<Then, Error> {
        if self.observe(payment, seen).await? {
            return Ok(Then::Look);
        }
        Err(format!("{} stays as it is, and Stripe says {:?}", payment.id, seen.status).into())
    }

    /// Writes all that follows from what Stripe says of an intent, and tells whether the payment is another than the
    /// one that was read: because of that, or because somebody else was quicker.
    async fn observe(&self, read: &Payment, seen: &Intent) -> Result<bool, Error> {
        let (seen, now) = (seen.observation(), self.app.now());
        let stored = self.app.tables().payment_of(read.booking, read.id).await?;
        let Some(mut payment) = stored else { return Ok(false) };
        while let Some(change) = payment.observe(&seen, now)? {
            payment = change.payment.clone();
            self.save(change).await?;
        }
        Ok(payment.version != read.version)
    }

    async fn save_payable(&self, change: &Change) -> Result<Then, Error> {
        self.app.tables().save_payable(change, self.app.now()).await?;
        Ok(Then::Look)
    }

    async fn save(&self, change: Change) -> Result<Then, Error> {
        let Change { payment, transaction, .. } = change;
        self.app.tables().save_payment(&payment, transaction.as_ref(), &[]).await?;
        Ok(Then::Look)
    }
}
