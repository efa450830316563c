//! `payments-work`: called by the payments queue, it does what is missing about the money of a booking.
//!
//! A message names a booking, or something at Stripe; what is to be done follows from what is so now
//! ([`domain::settlement`]). Each call of Stripe carries a key that follows from the payment and the step, so that after
//! a crash between the call and the write the next try gets the same answer and writes it. While Stripe does not
//! answer, the message comes again, at growing distances and for hours; what still fails then lies in the dead-letter
//! queue.

use api::App;
use domain::{
    booking::{Booking, Card, Refusal, policy::Charge},
    id::{BookingId, PaymentId},
    ledger::left_of,
    money::Money,
    payment::{Change, Failure, Order, Payment, Purpose, Status, Step},
    settlement::{self, Action},
    stripe::{AccountId, CustomerId, IntentId},
};
use jiff::Timestamp;
use messaging::{
    backoff::Backoff,
    queue::{PaymentMessage, Queue},
};
use runtime::Error;
use storage::{
    Error as StoreError,
    bookings::{Actor, ChangeError, Changed},
};
use stripe::{Capture, Error as StripeError, Intent, NewIntent, NewTransfer, Transfer};

use crate::{CHARGED_BACK, DISAGREE, card};

/// More steps than any booking's money takes at once. Beyond, something goes in circles.
const MOST_STEPS: usize = 20;

/// Somebody else who looks at the same booking, because of a webhook, may be quicker with a write so often before a
/// message is put back.
const MOST_CONFLICTS: usize = 10;

/// A hiccup is over in seconds, an outage in hours. By how often the queue lets a message be tried, it lies in the
/// dead-letter queue after five hours at least, and ten and a half at most.
pub const BACKOFF: Backoff = Backoff { first: 5, most: 15 * 60 };

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

    /// The queue that calls.
    pub fn queue(&self) -> Result<Queue, Error> {
        Ok(Queue::from_env(self.app.aws(), "PAYMENTS_QUEUE_URL")?)
    }

    /// Does what a message asks for.
    pub async fn handle(&self, message: PaymentMessage) -> Result<(), Error> {
        let mut conflicts = 0;
        loop {
            let done = match &message {
                PaymentMessage::Booking { booking_id, .. } => Box::pin(self.settle(*booking_id)).await,
                PaymentMessage::Stripe { object, .. } => Box::pin(self.hear(object.as_str())).await,
                PaymentMessage::Abandoned { object, .. } => self.delete_at_stripe(object).await,
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
            self.ask_bank(&payment, &intent).await?;
            return self.settle(payment.booking).await;
        }
        match AccountId::parse(object) {
            Ok(account) => self.account(&account).await,
            Err(_) => Ok(()),
        }
    }

    /// Deletes a customer or an account whose user is gone. What is deleted already is as it should be, so that the
    /// message may come again.
    async fn delete_at_stripe(&self, object: &str) -> Result<(), Error> {
        let stripe = self.app.stripe().await?;
        let deleted = match (CustomerId::parse(object), AccountId::parse(object)) {
            (Ok(customer), _) => stripe.delete_customer(&customer).await,
            (_, Ok(account)) => stripe.delete_account(&account).await,
            (Err(violation), Err(_)) => return Err(violation.message.into()),
        };
        match deleted {
            Ok(()) | Err(StripeError::NotFound) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes what the family's bank has taken back, if it has ever taken anything.
    async fn ask_bank(&self, payment: &Payment, intent: &Intent) -> Result<(), Error> {
        let stored = self.app.tables().payment_of(payment.booking, payment.id).await?;
        let Some(stored) = stored.filter(|stored| stored.intent.as_ref() == Some(&intent.id)) else {
            return Ok(());
        };
        if !intent.is_disputed && stored.chargeback.is_none() {
            return Ok(());
        }
        let seen = self.app.stripe().await?.chargeback(&intent.id, stored.currency()).await?;
        // An inquiry takes nothing.
        if stored.chargeback.is_none() && seen.taken() == 0 {
            return Ok(());
        }
        let Some(change) = stored.charge_back(seen, self.app.now())? else { return Ok(()) };
        self.save(change).await?;
        if stored.chargeback.map(|before| before.state) != Some(seen.state) {
            tracing::warn!(
                payment = %stored.id, booking = %stored.booking, state = seen.state.as_ref(),
                taken = seen.taken(), due_by = seen.due_by.map(tracing::field::display), "{CHARGED_BACK}"
            );
        }
        Ok(())
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
                Action::CallBack(id) => self.call_back(payment(id)?).await?,
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
                // What a bank has had is on no charge any more, and long enough ago to be on the balance.
                let source = match payment.chargeback {
                    Some(_) => None,
                    None => stripe.payment_intent(id).await?.charge,
                };
                let new = NewTransfer {
                    amount: payment.payable,
                    destination: payee.account,
                    booking: payment.booking,
                    payment: payment.id,
                    source,
                };
                stripe.transfer(&new, &payment.idempotency_key(Step::PayOut)).await?
            }
        };
        self.note_sent(payment.clone(), transfer).await
    }

    /// Writes that the sitter was sent something, whatever the payment has become meanwhile: all of it may have gone
    /// back, and then nobody would look for it again.
    async fn note_sent(&self, mut payment: Payment, transfer: Transfer) -> Result<Then, Error> {
        for _ in 0..MOST_CONFLICTS {
            let change = payment.pay_out(transfer.amount, transfer.id.clone(), self.app.now())?;
            match self.app.tables().save_payable(&change, self.app.now()).await {
                Ok(()) => return Ok(Then::Look),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
            let tables = self.app.tables();
            payment =
                tables.payment_of(payment.booking, payment.id).await?.ok_or("a payment that is gone")?;
            if left_of(&transfer.id, &tables.ledger_of(payment.booking).await?).is_some() {
                return Ok(Then::Look);
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// What was sent to the sitter and is not in the ledger: the answer to that call was lost. A part may have gone
    /// back to the family since, so that the call would be another one now.
    async fn sent(&self, payment: &Payment) -> Result<Option<Transfer>, Error> {
        let payouts = self.payouts(payment).await?;
        Ok(payouts.into_iter().find_map(|(transfer, known)| known.is_none().then_some(transfer)))
    }

    /// What was sent to the sitter out of a payment, and what they have of each by the ledger.
    async fn payouts(&self, payment: &Payment) -> Result<Vec<(Transfer, Option<i64>)>, Error> {
        let mut sent = self.app.stripe().await?.transfers_of(payment.booking).await?;
        sent.retain(|transfer| transfer.payment == Some(payment.id));
        let ledger = self.app.tables().ledger_of(payment.booking).await?;
        let with_known = sent.into_iter().map(|transfer| {
            let known = left_of(&transfer.id, &ledger);
            (transfer, known)
        });
        Ok(with_known.collect())
    }

    async fn call_back(&self, payment: &Payment) -> Result<Then, Error> {
        // The answer to a call before may have been lost so long ago that Stripe has forgotten its key.
        let payouts = self.payouts(payment).await?;
        if let Some(then) = self.notice(payment, &payouts).await? {
            return Ok(then);
        }
        let left = payouts.iter().map(|(transfer, _)| transfer).find(|transfer| transfer.left() > 0);
        // Somebody else has called it back since the payment was read.
        let Some(transfer) = left else { return Err(StoreError::Conflict.into()) };
        let minor = payment.to_call_back().amount_minor.min(transfer.left());
        let amount = Money::new(minor, payment.currency());
        let key = payment.idempotency_key(Step::CallBack(&transfer.id));
        let refused = match self.app.stripe().await?.reverse(&transfer.id, amount, payment.id, &key).await {
            Ok(()) | Err(StripeError::IdempotencyClash) => None,
            Err(StripeError::Refused(code)) => Some(code),
            Err(error) => return Err(error.into()),
        };
        if let Some(then) = self.notice(payment, &self.payouts(payment).await?).await? {
            return Ok(then);
        }
        // Without a refusal somebody else has noticed it.
        let Some(code) = refused else { return Err(StoreError::Conflict.into()) };
        let then = self.save(payment.waive(self.app.now())?).await?;
        let lost = payment.to_call_back().amount_minor;
        tracing::error!(
            payment = %payment.id, transfer = %transfer.id, code, lost,
            difference = "a sitter keeps what went back to a family", "{DISAGREE}"
        );
        Ok(then)
    }

    /// Writes what follows from payouts of which the ledger says otherwise, if there is one. What was called back by
    /// hand counts, too, as far as it was to be.
    async fn notice(
        &self,
        payment: &Payment,
        payouts: &[(Transfer, Option<i64>)],
    ) -> Result<Option<Then>, Error> {
        for (transfer, known) in payouts {
            let Some(known) = known else {
                return self.note_sent(payment.clone(), transfer.clone()).await.map(Some);
            };
            let back = u32::try_from(known - i64::from(transfer.left())).unwrap_or(0);
            if back > 0 {
                let amount = Money::new(back.min(payment.to_call_back().amount_minor), payment.currency());
                let change = payment.call_back(amount, transfer.id.clone(), self.app.now())?;
                return self.save(change).await.map(Some);
            }
        }
        Ok(None)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_tried_for_hours() {
        let queues = include_str!("../../../infra/messaging.yaml");
        let (_, policy) = queues.split_once("!GetAtt PaymentsDeadLetters.Arn").unwrap();
        let (_, count) = policy.split_once("maxReceiveCount: ").unwrap();
        let tries: u32 = count.lines().next().unwrap().parse().unwrap();
        // After each of them it waits, the last time for the dead-letter queue.
        let bounds = (1..=tries).map(|tries| BACKOFF.bounds(tries).into_inner());
        let (least, most) = bounds.fold((0, 0), |sum, bounds| (sum.0 + bounds.0, sum.1 + bounds.1));
        assert_eq!((tries, least, most), (48, 18_638, 37_275));
        // As the documents and the alarm have it.
        assert!(least >= 5 * 3600 && most <= 21 * 1800);
        // The first three come before a family has lost its patience.
        assert!((1..=3).map(|tries| BACKOFF.bounds(tries).into_inner().1).sum::<u32>() <= 35);
    }
}
