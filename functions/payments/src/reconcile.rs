//! `payments-reconcile`: called by a schedule every hour, it compares payments and the ledger with what Stripe knows, from
//! both sides: each payment that has moved, for months at growing distances, and each intent and transfer that
//! Stripe has made lately. What is only new, because a webhook has not come, is announced as if it had, and so is what
//! waits for a sitter who can be paid. What does not agree is logged as an error, on which an alarm rings, and is for
//! people to mend.

use std::sync::atomic::{AtomicU64, Ordering};

use api::App;
use domain::{
    due::Kind as Due,
    event::{Event, Fact},
    id::PaymentId,
    ledger::{Account, left_of},
    payment::{Observation, Payment},
    stripe::IntentId,
};
use jiff::{SignedDuration, Timestamp};
use runtime::{
    Error, Invocation,
    due::{self, Outcome, RESERVE, Run, parse},
    task::Progress,
};
use serde::Serialize;
use storage::Error as StoreError;
use stripe::{Intent, Transfer};

use crate::DISAGREE;

/// What Stripe has made is looked at for two days ...
const SWEPT: SignedDuration = SignedDuration::from_hours(48);
/// ... and not before an hour has gone, in which a webhook may still come.
const SETTLED: SignedDuration = SignedDuration::from_hours(1);
/// Compares.
#[derive(Debug)]
pub struct Reconciliation {
    app: App,
}

/// What a run did, and found.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// About the payments that were due.
    #[serde(flatten)]
    pub due: due::Report,
    /// What does not agree.
    pub discrepancies: u64,
}

impl Progress for Report {
    fn failed(&self) -> u64 {
        self.due.failed
    }

    fn is_complete(&self) -> bool {
        self.due.complete
    }
}

impl Reconciliation {
    /// As the environment says.
    pub fn from_env() -> Result<Self, Error> {
        Ok(Self::new(App::from_env()?))
    }

    /// With that application.
    pub fn new(app: App) -> Self {
        Self { app }
    }

    /// Runs until everything due is looked at or the time is up.
    pub async fn run(&self, invocation: Invocation) -> Result<Report, Error> {
        let found = AtomicU64::new(0);
        let mut run = Run::new(self.app.tables(), &invocation);
        let payment = async |id: &str, now| {
            let (outcome, discrepancies) = self.payment(parse(id)?, now).await?;
            found.fetch_add(discrepancies, Ordering::Relaxed);
            Ok(outcome)
        };
        run.each(Due::Payment, payment).await?;
        let mut report = Report { due: run.finish(), discrepancies: found.into_inner() };
        self.sweep_intents(&invocation, &mut report).await?;
        self.sweep_transfers(&invocation, &mut report).await?;
        Ok(report)
    }

    async fn payment(&self, id: PaymentId, now: Timestamp) -> Result<(Outcome, u64), StoreError> {
        let Some(payment) = self.app.tables().payment(id).await? else { return Ok((Outcome::Skipped, 0)) };
        if payment.reconcile_at.is_none_or(|at| at > now) {
            return Ok((Outcome::Skipped, 0));
        }
        let seen = match &payment.intent {
            Some(intent) => Some(self.ask(intent).await?),
            None => None,
        };
        let found = [
            self.differs_from_ledger(&payment).await?,
            seen.as_ref().and_then(|seen| self.differs(&payment, &seen.observation())),
            self.differs_in_payouts(&payment).await?,
        ];
        if let Some(seen) = &seen {
            self.tell(&payment, seen).await?;
        }
        if let Some(intent) = &payment.intent
            && self.is_held_up(&payment).await?
        {
            tracing::warn!(payment = %payment.id, "what waits for a sitter who can be paid is still there");
            self.announce(intent).await?;
        }
        // Only if nobody has changed it since it was read are those that were compared of the same moment.
        self.app.tables().save_payment(&payment.reconciled(now), None, &[]).await?;
        let found = found.into_iter().flatten();
        Ok((Outcome::Done, found.map(|difference| report(payment.id, &difference)).sum()))
    }

    async fn ask(&self, intent: &IntentId) -> Result<Intent, StoreError> {
        let asked = self.app.stripe().await?.payment_intent(intent).await;
        asked.map_err(|error| StoreError::Unavailable(error.to_string()))
    }

    /// What is wrong, when what is new is left aside.
    fn differs(&self, payment: &Payment, seen: &Observation) -> Option<String> {
        match payment.observe(seen, self.app.now()) {
            Ok(Some(_)) => None,
            Ok(None) => payment.compare(seen).map(|discrepancy| discrepancy.to_string()),
            Err(refused) => Some(refused.to_string()),
        }
    }

    /// What the sitter has been sent is what the ledger says. While something is to be called back of it, that may just
    /// be happening.
    async fn differs_in_payouts(&self, payment: &Payment) -> Result<Option<String>, StoreError> {
        if payment.paid_out.amount_minor == 0 || is_calling_back(payment) {
            return Ok(None);
        }
        let sent = self.app.stripe().await?.transfers_of(payment.booking).await;
        let mut sent = sent.map_err(|error| StoreError::Unavailable(error.to_string()))?;
        sent.retain(|transfer| transfer.payment == Some(payment.id));
        let ledger = self.app.tables().ledger_of(payment.booking).await?;
        let difference = sent.iter().find_map(|transfer| {
            let (left, known) = (transfer.left(), left_of(&transfer.id, &ledger));
            let sentence =
                || format!("of {} the sitter has {left}, and the ledger says {known:?}", transfer.id);
            (known != Some(left.into())).then(sentence)
        });
        let all: u32 = sent.iter().map(Transfer::left).sum();
        let known = payment.paid_out.amount_minor - payment.called_back.amount_minor;
        let missing = || format!("the sitter has {all}, and the payment says {known}");
        Ok(difference.or_else(|| (all != known).then(missing)))
    }

    /// What is new is for the payments queue to work on.
    async fn tell(&self, payment: &Payment, seen: &Intent) -> Result<(), StoreError> {
        let now = self.app.now();
        let is_news = matches!(payment.observe(&seen.observation(), now), Ok(Some(_)));
        if is_news || is_calling_back(payment) || self.has_bank_news(payment, seen).await? {
            tracing::warn!(payment = %payment.id, intent = %seen.id, "nobody has told of what Stripe knows");
            self.announce(&seen.id).await?;
        }
        Ok(())
    }

    async fn announce(&self, intent: &IntentId) -> Result<(), StoreError> {
        let fact = Fact::StripeEventReceived { object: intent.clone().into() };
        self.app.tables().announce(&Event::new(fact, self.app.now())).await
    }

    /// Whether something waits for a sitter who could have it.
    async fn is_held_up(&self, payment: &Payment) -> Result<bool, StoreError> {
        if payment.payable.amount_minor == 0 {
            return Ok(false);
        }
        let payee = self.app.tables().payee(payment.sitter).await?;
        Ok(payee.is_some_and(|payee| payee.payouts_enabled))
    }

    /// Whether the family's bank has other than we know.
    async fn has_bank_news(&self, payment: &Payment, seen: &Intent) -> Result<bool, StoreError> {
        if payment.intent.as_ref() != Some(&seen.id) || !(seen.is_disputed || payment.chargeback.is_some()) {
            return Ok(false);
        }
        let has = self.app.stripe().await?.chargeback(&seen.id, payment.currency()).await;
        let has = has.map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(payment.chargeback.map_or(has.taken() > 0, |known| known != has))
    }

    /// What the ledger says of a payment is what the payment says itself.
    async fn differs_from_ledger(&self, payment: &Payment) -> Result<Option<String>, StoreError> {
        let ledger = self.app.tables().ledger_of(payment.booking).await?;
        let of_payment = ledger.iter().filter(|moved| moved.payment == payment.id);
        let cash: i64 = of_payment.map(|moved| moved.for_account(&Account::Cash)).sum();
        let [captured, refunded] = [payment.captured, payment.refunded].map(|charge| charge.total());
        let amounts = [captured, refunded, payment.paid_out, payment.called_back];
        let [captured, refunded, paid_out, called_back] = amounts.map(|money| i64::from(money.amount_minor));
        let charged_back = payment.chargeback.map_or(0, |chargeback| chargeback.taken().into());
        let expected = captured - refunded - paid_out + called_back - charged_back;
        Ok((cash != expected).then(|| format!("the ledger has {cash}, and the payment {expected}")))
    }

    async fn sweep_intents(&self, invocation: &Invocation, report: &mut Report) -> Result<(), Error> {
        let (from, until) = lately(self.app.now());
        let (stripe, mut after) = (self.app.stripe().await?, None);
        loop {
            let page = stripe.payment_intents(from, until, after.as_ref()).await?;
            for seen in &page.items {
                report.discrepancies += self.intent(seen).await?;
            }
            after = page.after;
            if !goes_on(after.is_some(), invocation, report) {
                return Ok(());
            }
        }
    }

    /// Everything that Stripe has taken from somebody belongs to a payment.
    async fn intent(&self, seen: &Intent) -> Result<u64, StoreError> {
        let tables = self.app.tables();
        let payment = match seen.payment {
            Some(id) => tables.payment(id).await?,
            None => None,
        };
        let Some(payment) = payment else {
            let is_empty = seen.received.amount_minor == 0 && seen.capturable.amount_minor == 0;
            if !is_empty {
                tracing::error!(intent = %seen.id, difference = "no payment of ours has it", "{DISAGREE}");
            }
            return Ok(u64::from(!is_empty));
        };
        self.tell(&payment, seen).await?;
        if self.differs(&payment, &seen.observation()).is_none() {
            return Ok(0);
        }
        // The list was made before the payment was read: now the other way round.
        let seen = self.ask(&seen.id).await?;
        let after = tables.payment_of(payment.booking, payment.id).await?;
        let difference = self.differs(&payment, &seen.observation());
        let difference = difference.filter(|_| after.is_some_and(|after| after.version == payment.version));
        Ok(difference.map_or(0, |difference| self::report(payment.id, &difference)))
    }

    async fn sweep_transfers(&self, invocation: &Invocation, report: &mut Report) -> Result<(), Error> {
        let (from, until) = lately(self.app.now());
        let (stripe, mut after) = (self.app.stripe().await?, None);
        loop {
            let page = stripe.transfers(from, until, after.as_ref()).await?;
            for seen in &page.items {
                report.discrepancies += self.transfer(seen).await?;
            }
            after = page.after;
            if !goes_on(after.is_some(), invocation, report) {
                return Ok(());
            }
        }
    }

    /// Everything that Stripe has sent to a sitter stands in the ledger, with what they have of it.
    async fn transfer(&self, seen: &Transfer) -> Result<u64, StoreError> {
        let tables = self.app.tables();
        let ledger = match seen.booking {
            Some(booking) => tables.ledger_of(booking).await?,
            None => Vec::new(),
        };
        let known = left_of(&seen.id, &ledger);
        if known == Some(seen.left().into()) {
            return Ok(0);
        }
        let payment = match seen.payment {
            Some(id) => tables.payment(id).await?,
            None => None,
        };
        // Of a payout that the ledger knows a part is called back, or was since the list was made.
        if let (Some(payment), Some(_)) = (payment, known) {
            let difference = self.differs_in_payouts(&payment).await?;
            let after = tables.payment_of(payment.booking, payment.id).await?;
            let difference =
                difference.filter(|_| after.is_some_and(|after| after.version == payment.version));
            return Ok(difference.map_or(0, |difference| report(payment.id, &difference)));
        }
        tracing::error!(transfer = %seen.id, difference = "the ledger does not have it", "{DISAGREE}");
        Ok(1)
    }
}

/// Whether a part of a payout is to come back. The payments queue does that, and asks Stripe before.
fn is_calling_back(payment: &Payment) -> bool {
    payment.to_call_back().amount_minor > 0
}

/// Logs what does not agree; it counts as one.
fn report(payment: PaymentId, difference: &str) -> u64 {
    tracing::error!(%payment, difference, "{DISAGREE}");
    1
}

/// Whether there is more to look at, and time for it.
fn goes_on(is_more: bool, invocation: &Invocation, report: &mut Report) -> bool {
    let is_late = Timestamp::now() + RESERVE > invocation.deadline;
    report.due.complete &= !(is_more && is_late);
    is_more && !is_late
}

fn lately(now: Timestamp) -> (Timestamp, Timestamp) {
    (now - SWEPT, now - SETTLED)
}
