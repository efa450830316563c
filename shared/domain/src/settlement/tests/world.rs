//! A world in which the money of one booking moves: the store, Stripe, workers that may be slow or break off, and
//! time.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp, civil::date};

use crate::{
    address::Country,
    availability::{Hours, Minute},
    booking::{
        Booking, Card, Event, News, Refusal, Request, Sealed, State, Who,
        policy::Policy,
        quote::{Quote, Tariff},
        window::Window,
    },
    chargeback::Chargeback,
    id::PaymentId,
    ledger::{Transaction, left_of},
    money::{Currency, HourlyRate, Money},
    payment::{
        Change, Event as Paying, Failure, Observation, Order, Payment, Purpose, Refused, State as Paid,
        Status, Step,
    },
    settlement::{Action, next},
    stripe::{IntentId, PaymentMethodId, TransferId},
    time_zone::TimeZoneName,
};

/// More steps than a worker takes at once.
pub(super) const MOST_STEPS: usize = 20;

/// What a card does when it is asked for money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Behaviour {
    /// It has it.
    Good,
    /// Its bank says no.
    Refused,
    /// Its bank wants to see its owner.
    Asks,
    /// Its bank thinks.
    Slow,
    /// It is not there.
    Gone,
}

use Behaviour::{Asks, Gone, Good, Slow};

impl Behaviour {
    pub(super) const ALL: [Self; 5] = [Good, Self::Refused, Asks, Slow, Gone];

    pub(super) fn method(self) -> PaymentMethodId {
        PaymentMethodId::parse(format!("pm_{}", self as u8)).unwrap()
    }

    fn of(method: &PaymentMethodId) -> Self {
        Self::ALL.into_iter().find(|behaviour| behaviour.method() == *method).unwrap()
    }
}

/// Why a call of Stripe came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It does not answer, or the answer was lost.
    Unavailable,
    /// The bank says no.
    Declined(IntentId),
    /// It cannot be done.
    Refused,
    /// The key belongs to another call.
    Clash,
}

/// An intent, as Stripe has it.
#[derive(Debug, Clone)]
pub(super) struct Intent {
    pub(super) of: Payment,
    is_manual: bool,
    pub(super) seen: Observation,
    /// What its bank has taken back, and may give again.
    pub(super) open: u32,
    /// What its bank keeps.
    pub(super) lost: u32,
}

/// Money on its way to the sitter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Transfer {
    id: TransferId,
    of: Payment,
    pub(super) amount: Money,
    /// What was called back of it.
    pub(super) reversed: u32,
}

impl Transfer {
    fn left(&self) -> u32 {
        self.amount.amount_minor - self.reversed
    }
}

#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "there are a few at a time")]
enum Answer {
    Intent(Observation),
    Transfer(Transfer),
    Done,
}

/// As far as its callers can tell.
#[derive(Debug, Default)]
pub(super) struct Stripe {
    pub(super) intents: Vec<Intent>,
    pub(super) transfers: Vec<Transfer>,
    pub(super) is_down: bool,
    /// Nothing lies on the sitter's account any more that could be called back.
    pub(super) is_empty: bool,
    /// The answer to the call after so many more is lost.
    pub(super) loses: Option<u32>,
    /// What was answered under a key, and to which call.
    answered: BTreeMap<String, (String, Result<Answer, Trouble>)>,
}

impl Stripe {
    fn get(&mut self, id: &IntentId) -> Result<Observation, Trouble> {
        let found = self.intents.iter().find(|intent| intent.seen.intent == *id);
        let found = found.ok_or(Trouble::Refused).map(|intent| intent.seen.clone());
        self.answer(found)
    }

    fn transfers(&mut self) -> Result<Vec<Transfer>, Trouble> {
        let transfers = self.transfers.clone();
        self.answer(Ok(transfers))
    }

    /// Does what was not done under that key before.
    fn post(
        &mut self,
        key: String,
        call: String,
        work: impl FnOnce(&mut Self) -> Result<Answer, Trouble>,
    ) -> Result<Answer, Trouble> {
        if self.is_down {
            return Err(Trouble::Unavailable);
        }
        let answer = match self.answered.get(&key) {
            Some((before, _)) if *before != call => Err(Trouble::Clash),
            Some((_, answer)) => answer.clone(),
            None => {
                let answer = work(self);
                // What was never begun is not kept.
                if !matches!(answer, Err(Trouble::Refused)) {
                    self.answered.insert(key, (call, answer.clone()));
                }
                answer
            }
        };
        self.answer(answer)
    }

    fn answer<T>(&mut self, answer: Result<T, Trouble>) -> Result<T, Trouble> {
        let is_lost = self.loses == Some(0);
        self.loses = self.loses.and_then(|left| left.checked_sub(1));
        if self.is_down || is_lost { Err(Trouble::Unavailable) } else { answer }
    }

    fn intent(&mut self, id: &IntentId) -> &mut Intent {
        self.intents.iter_mut().find(|intent| intent.seen.intent == *id).unwrap()
    }

    fn create(&mut self, payment: &Payment) -> Result<Answer, Trouble> {
        let behaviour = Behaviour::of(&payment.method);
        if behaviour == Gone {
            return Err(Trouble::Refused);
        }
        let id = IntentId::parse(format!("pi_{}", self.intents.len())).unwrap();
        let seen = Observation {
            intent: id.clone(),
            attempt: payment.attempt,
            status: Status::RequiresPaymentMethod,
            currency: payment.currency(),
            capturable: 0,
            received: 0,
            refunded: 0,
            failure: None,
        };
        let is_manual = !payment.purpose.is_captured_at_once();
        self.intents.push(Intent { of: payment.clone(), is_manual, seen, open: 0, lost: 0 });
        let intent = self.intent(&id);
        match behaviour {
            Good => intent.charge(),
            Slow => intent.seen.status = Status::Processing,
            Asks => intent.fail(Failure::AuthenticationRequired),
            Behaviour::Refused | Gone => intent.fail(Failure::CardDeclined),
        }
        match intent.seen.failure {
            Some(_) => Err(Trouble::Declined(id)),
            None => Ok(Answer::Intent(intent.seen.clone())),
        }
    }

    fn capture(&mut self, id: &IntentId, amount: u32) -> Result<Answer, Trouble> {
        let seen = &mut self.intent(id).seen;
        if seen.status != Status::RequiresCapture || amount == 0 || amount > seen.capturable {
            return Err(Trouble::Refused);
        }
        (seen.status, seen.capturable, seen.received) = (Status::Succeeded, 0, amount);
        Ok(Answer::Intent(seen.clone()))
    }

    fn cancel(&mut self, id: &IntentId) -> Result<Answer, Trouble> {
        let seen = &mut self.intent(id).seen;
        if matches!(seen.status, Status::Succeeded | Status::Canceled | Status::Processing) {
            return Err(Trouble::Refused);
        }
        (seen.status, seen.capturable) = (Status::Canceled, 0);
        Ok(Answer::Intent(seen.clone()))
    }

    pub(super) fn refund(&mut self, id: &IntentId, amount: u32) -> Result<(), Trouble> {
        let intent = self.intent(id);
        let (is_charged_back, seen) = (intent.open + intent.lost > 0, &mut intent.seen);
        if is_charged_back || amount == 0 || amount > seen.received - seen.refunded {
            return Err(Trouble::Refused);
        }
        seen.refunded += amount;
        Ok(())
    }

    fn transfer(&mut self, payment: &Payment) -> Result<Answer, Trouble> {
        let id = TransferId::parse(format!("tr_{}", self.transfers.len())).unwrap();
        let transfer = Transfer { id, of: payment.clone(), amount: payment.payable, reversed: 0 };
        self.transfers.push(transfer.clone());
        Ok(Answer::Transfer(transfer))
    }

    fn reverse(&mut self, id: &TransferId, amount: u32) -> Result<(), Trouble> {
        let transfer = self.transfers.iter_mut().find(|transfer| transfer.id == *id).unwrap();
        if self.is_empty || amount == 0 || amount > transfer.left() {
            return Err(Trouble::Refused);
        }
        transfer.reversed += amount;
        Ok(())
    }
}

impl Intent {
    fn charge(&mut self) {
        let amount = self.of.priced.total().amount_minor;
        self.seen.failure = None;
        if self.is_manual {
            (self.seen.status, self.seen.capturable) = (Status::RequiresCapture, amount);
        } else {
            (self.seen.status, self.seen.received) = (Status::Succeeded, amount);
        }
    }

    fn fail(&mut self, failure: Failure) {
        (self.seen.status, self.seen.failure) = (Status::RequiresPaymentMethod, Some(failure));
    }

    /// The family confirms it in the app, or does not; also long after it was asked to. Then the bank may think.
    pub(super) fn confirm(&mut self, success: Option<bool>) {
        if self.seen.status == Status::RequiresPaymentMethod && Behaviour::of(&self.of.method) == Asks {
            match success {
                Some(true) => self.charge(),
                Some(false) => self.fail(Failure::AuthenticationFailed),
                None => self.seen.status = Status::Processing,
            }
        }
    }

    /// The bank has thought.
    pub(super) fn decide(&mut self, success: bool) {
        if self.seen.status == Status::Processing {
            if success { self.charge() } else { self.fail(Failure::InsufficientFunds) }
        }
    }

    /// Its owner goes to their bank, which takes a percentage of what is left back.
    pub(super) fn contest(&mut self, percent: u32) {
        self.open += (self.seen.received - self.seen.refunded - self.open - self.lost) * percent / 100;
    }

    /// Their bank has decided.
    pub(super) fn close(&mut self, is_won: bool) {
        self.lost += if is_won { 0 } else { self.open };
        self.open = 0;
    }

    /// Nothing is held for ever.
    pub(super) fn expire(&mut self) {
        if self.seen.status == Status::RequiresCapture {
            (self.seen.status, self.seen.capturable) = (Status::Canceled, 0);
        }
    }
}

/// A worker in the middle of something.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "there are a few at a time")]
enum Job {
    /// It knows what it will do, by what was so when it looked.
    Decided(Booking, Vec<Payment>, Action),
    /// It was told of an intent, and has written nothing yet. Something must follow from it, if it has asked for it.
    Told(Payment, Observation, bool),
    /// It has sent the sitter that, by what the payment was, and has written nothing yet.
    Sent(PaymentId, Transfer),
    /// It will write that.
    Write(Box<Change>),
    /// It will write that of the card.
    Note(u64, Card),
}

/// A worker cannot go on. The message comes again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Broken {
    /// Stripe does not answer.
    Unavailable,
    /// Somebody else has written.
    Conflict,
    /// What must not be while nothing else happens.
    Stuck(String),
}

impl From<Trouble> for Broken {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Unavailable => Self::Unavailable,
            other => Self::Stuck(format!("{other:?}")),
        }
    }
}

impl From<Refused> for Broken {
    fn from(refused: Refused) -> Self {
        Self::Stuck(refused.to_string())
    }
}

/// Everything.
#[derive(Debug)]
pub(super) struct World {
    pub(super) now: Timestamp,
    pub(super) booking: Booking,
    pub(super) payments: Vec<Payment>,
    pub(super) ledger: Vec<Transaction>,
    pub(super) stripe: Stripe,
    pub(super) can_be_paid: bool,
    workers: [Option<Job>; 3],
    /// How often the family was told that its card was refused.
    pub(super) complaints: usize,
    /// How often it was.
    pub(super) refusals: usize,
    /// What was granted besides what an admin has decided of a dispute.
    pub(super) granted: u32,
    /// What was given back at Stripe's own pages.
    pub(super) by_hand: u32,
    /// What was held was taken at Stripe's own pages.
    pub(super) was_taken_by_hand: bool,
    /// Something was called back from the sitter at Stripe's own pages.
    pub(super) was_called_back_by_hand: bool,
}

impl World {
    /// A booking of an afternoon that a sitter has accepted, so many hours ahead.
    pub(super) fn new(ahead: i64, rate: u32, policy: Policy, card: Behaviour) -> Self {
        let hours = Hours { start: Minute::parse("12:00").unwrap(), end: Minute::parse("16:20").unwrap() };
        let window = Window { date: date(2026, 6, 10), hours, zone: TimeZoneName::default() };
        let span = window.span().unwrap();
        let now = span.start - SignedDuration::from_hours(ahead);
        let rate = HourlyRate::parse(rate, Currency::Gbp).unwrap();
        let tariff = Tariff::of(Country::parse("GB").unwrap());
        let request = Request {
            id: crate::id::new(now),
            parent: crate::id::new(now),
            sitter: crate::id::new(now),
            occurrence: None,
            quote: Quote::price(rate, 1, &window, span, &tariff).unwrap(),
            window,
            span,
            children: vec![crate::id::new(now)],
            sealed: Sealed {
                address: String::new(),
                point: String::new(),
                emergency_contact: None,
                note: None,
            },
            rate,
            policy,
            tariff,
            method: card.method(),
        };
        let requested = Booking::request(request, now);
        Self {
            now,
            booking: requested.after(Event::Accept, Who::Sitter, now).unwrap(),
            payments: Vec::new(),
            ledger: Vec::new(),
            stripe: Stripe::default(),
            can_be_paid: false,
            workers: [None, None, None],
            complaints: 0,
            refusals: 0,
            granted: 0,
            by_hand: 0,
            was_taken_by_hand: false,
            was_called_back_by_hand: false,
        }
    }

    /// Somebody does something, if the rules let them.
    pub(super) fn happens(&mut self, change: impl FnOnce(&Booking, Timestamp) -> Result<Booking, Refusal>) {
        if let Ok(after) = change(&self.booking, self.now) {
            self.booking = after;
        }
    }

    /// Time goes by, and what falls due by that is done.
    pub(super) fn passes(&mut self, time: SignedDuration) {
        self.now += time;
        while let Some((after, _)) = self.booking.after_step(self.now).unwrap() {
            self.booking = after;
        }
    }

    /// The parent mends what was refused.
    pub(super) fn retries(&mut self, card: Behaviour) {
        let is_broken = |payment: &&Payment| matches!(payment.state, Paid::Failed | Paid::ActionRequired);
        let broken: Vec<Payment> = self.payments.iter().filter(is_broken).cloned().collect();
        if broken.is_empty() && !(self.booking.is_refused() && self.is_ahead()) {
            return;
        }
        self.booking = self.booking.with_method(card.method());
        for payment in broken {
            self.save(&payment.retry(card.method()).unwrap()).unwrap();
        }
    }

    pub(super) fn is_ahead(&self) -> bool {
        matches!(self.booking.state, State::Accepted | State::Confirmed | State::InProgress)
    }

    /// An admin gives back a percentage of what is owed.
    pub(super) fn gives_back(&mut self, index: usize, percent: u32) {
        let Some(payment) = self.payments.get(index) else { return };
        let amount = Money::new(payment.owed.total().amount_minor * percent / 100, payment.currency());
        if let Ok(change) = payment.grant_refund(amount) {
            self.granted += amount.amount_minor;
            self.save(&change).unwrap();
        }
    }

    /// Somebody gives back a percentage at Stripe's own pages.
    pub(super) fn gives_back_by_hand(&mut self, index: usize, percent: u32) {
        let Some(intent) = self.stripe.intents.get(index) else { return };
        let amount = (intent.seen.received - intent.seen.refunded) * percent / 100;
        if self.stripe.refund(&intent.seen.intent.clone(), amount).is_ok() {
            self.by_hand += amount;
        }
    }

    /// Somebody takes all of what is held at Stripe's own pages.
    pub(super) fn takes_by_hand(&mut self, index: usize) {
        let Some(intent) = self.stripe.intents.get(index) else { return };
        let (id, held) = (intent.seen.intent.clone(), intent.seen.capturable);
        self.was_taken_by_hand |= self.stripe.capture(&id, held).is_ok();
    }

    /// Somebody calls a percentage back from the sitter at Stripe's own pages.
    pub(super) fn calls_back_by_hand(&mut self, index: usize, percent: u32) {
        let Some(transfer) = self.stripe.transfers.get(index) else { return };
        let (id, amount) = (transfer.id.clone(), transfer.left() * percent / 100);
        self.was_called_back_by_hand |= self.stripe.reverse(&id, amount).is_ok();
    }

    /// A worker looks, if it has nothing to do.
    pub(super) fn looks(&mut self, worker: usize) {
        if self.workers[worker].is_none() {
            self.workers[worker] = self.decide();
        }
    }

    fn decide(&self) -> Option<Job> {
        let action = next(&self.booking, &self.payments, self.now)?;
        Some(Job::Decided(self.booking.clone(), self.payments.clone(), action))
    }

    /// A worker goes on by one step.
    pub(super) fn goes_on(&mut self, worker: usize) {
        if let Some(job) = self.workers[worker].take() {
            self.workers[worker] = self.step(job).unwrap_or_default();
        }
    }

    /// A worker stops in the middle of something.
    pub(super) fn crashes(&mut self, worker: usize) {
        self.workers[worker] = None;
    }

    /// A worker has asked Stripe for an intent that a webhook has named.
    pub(super) fn hears(&mut self, worker: usize, index: usize) {
        let Some(intent) = self.stripe.intents.get(index) else { return };
        let (id, seen) = (intent.of.id, intent.seen.intent.clone());
        if let (None, Ok(seen)) = (&self.workers[worker], self.stripe.get(&seen)) {
            let payment = self.payments.iter().find(|payment| payment.id == id);
            self.workers[worker] = payment.map(|payment| Job::Told(payment.clone(), seen, false));
        }
    }

    /// A worker has asked Stripe what the bank has of an intent.
    pub(super) fn hears_of_bank(&mut self, worker: usize, index: usize) {
        let Some(intent) = self.stripe.intents.get(index) else { return };
        let stored = self.payments.iter().find(|stored| stored.id == intent.of.id).unwrap();
        if stored.intent.as_ref() != Some(&intent.seen.intent) || self.workers[worker].is_some() {
            return;
        }
        if stored.chargeback.is_some() || intent.open + intent.lost > 0 {
            let [open, lost] = [intent.open, intent.lost].map(|minor| Money::new(minor, stored.currency()));
            let change = stored.charge_back(Chargeback::new(open, lost, None), self.now);
            // Of what nobody has heard yet that it was taken, nothing follows.
            let change = change.unwrap_or_else(|refused| {
                assert!(stored.captured.is_zero(), "{refused}");
                None
            });
            self.workers[worker] = change.map(|change| Job::Write(Box::new(change)));
        }
    }

    /// One worker does all that there is to do, and says what.
    pub(super) fn settles(&mut self) -> Result<Vec<Action>, Broken> {
        let mut actions = Vec::new();
        while let Some(mut job) = self.decide() {
            if let Job::Decided(.., action) = &job {
                actions.push(action.clone());
            }
            assert!(actions.len() <= MOST_STEPS, "it goes in circles: {actions:?}");
            let (booking, payments) = (self.booking.version, self.versions());
            while let Some(then) = self.step(job)? {
                job = then;
            }
            if (booking, payments) == (self.booking.version, self.versions()) {
                break;
            }
        }
        Ok(actions)
    }

    fn versions(&self) -> Vec<u64> {
        self.payments.iter().map(|payment| payment.version).collect()
    }

    /// One call of Stripe with all that belongs to it, or one write. What follows, if anything does.
    fn step(&mut self, job: Job) -> Result<Option<Job>, Broken> {
        let (booking, payments, action) = match job {
            Job::Decided(booking, payments, action) => (booking, payments, action),
            Job::Told(payment, seen, must) => {
                let is_news = self.observe(&payment, &seen)?;
                let stuck = || Broken::Stuck(format!("nothing follows from {seen:?}"));
                return if is_news || !must { Ok(None) } else { Err(stuck()) };
            }
            Job::Sent(id, transfer) => {
                if left_of(&transfer.id, &self.ledger).is_none() {
                    let stored = self.payments.iter().find(|stored| stored.id == id).unwrap();
                    self.save(&stored.pay_out(transfer.amount, transfer.id, self.now)?)?;
                }
                return Ok(None);
            }
            Job::Write(change) => return self.save(&change).map(|()| None),
            Job::Note(version, card) => {
                self.note(version, card);
                return Ok(None);
            }
        };
        let payment = |id| payments.iter().find(|payment| payment.id == id).unwrap();
        let told = |payment: &Payment, seen, must| Ok(Some(Job::Told(payment.clone(), seen, must)));
        let write = |change| Ok(Some(Job::Write(Box::new(change))));
        match action {
            Action::CheckCard => {
                self.stripe.transfers()?;
                let card = if Behaviour::of(&booking.method) == Gone { Card::Refused } else { Card::Good };
                self.refusals += usize::from(card == Card::Refused);
                Ok(Some(Job::Note(booking.version, card)))
            }
            Action::NoteCard(card) => Ok(Some(Job::Note(booking.version, card))),
            Action::Order(purpose, charge) => {
                let order = Order {
                    booking: booking.id,
                    parent: booking.parent,
                    sitter: booking.sitter,
                    purpose,
                    charge,
                    method: booking.method,
                    customer: None,
                };
                let new = Payment::new(order, self.now);
                if self.payments.iter().any(|payment| payment.id == new.id) {
                    return Err(Broken::Conflict);
                }
                self.payments.push(new);
                Ok(None)
            }
            Action::Authorise(id) => self.authorise(payment(id)),
            Action::Capture(id) => {
                let payment = payment(id);
                let (intent, amount) = (payment.intent.clone().unwrap(), payment.owed.total().amount_minor);
                let key = payment.idempotency_key(Step::Capture);
                let call = format!("capture {intent} {amount}");
                let answer = self.stripe.post(key, call, |stripe| stripe.capture(&intent, amount));
                let seen = self.instead(answer, &intent)?;
                told(payment, seen, true)
            }
            Action::GiveUp(id, intent) => {
                let payment = payment(id);
                let seen = self.cancel(payment, &intent)?;
                if payment.intent.is_none() && seen.status == Status::Canceled {
                    return write(payment.release()?);
                }
                told(payment, seen, true)
            }
            Action::Refund(id) => {
                let payment = payment(id);
                let intent = payment.intent.clone().unwrap();
                let seen = self.stripe.get(&intent)?;
                if seen.refunded > payment.refunded.total().amount_minor {
                    return told(payment, seen, false);
                }
                let amount = payment.to_refund().amount_minor;
                let key = payment.idempotency_key(Step::Refund);
                let call = format!("refund {intent} {amount}");
                let work = |stripe: &mut Stripe| stripe.refund(&intent, amount).map(|()| Answer::Done);
                match self.stripe.post(key, call, work) {
                    Ok(_) | Err(Trouble::Refused | Trouble::Clash) => {}
                    Err(trouble) => return Err(trouble.into()),
                }
                let seen = self.stripe.get(&intent)?;
                told(payment, seen, true)
            }
            Action::PayOut(id) => self.pay_out(payment(id)),
            Action::CallBack(id) => self.call_back(payment(id)),
            Action::Reduce(id, owed) => write(payment(id).reduce(owed)?),
            Action::Release(id) => write(payment(id).release()?),
            Action::GrantRefund(id, amount) => write(payment(id).grant_refund(amount)?),
            Action::Owe(id) => {
                let payment = payment(id);
                let sent = if payment.payable.amount_minor > 0 { self.sent(payment)? } else { None };
                write(match sent {
                    Some(transfer) => payment.pay_out(transfer.amount, transfer.id, self.now)?,
                    None => payment.owe()?,
                })
            }
        }
    }

    fn authorise(&mut self, payment: &Payment) -> Result<Option<Job>, Broken> {
        if let Some(before) = &payment.replaces {
            let seen = self.cancel(payment, before)?;
            if seen.status == Status::Succeeded {
                return Ok(Some(Job::Told(payment.clone(), seen, true)));
            }
        }
        let key = payment.idempotency_key(Step::Authorise);
        let call = format!("create {} {:?} {}", payment.id, payment.priced, payment.method);
        let seen = match self.stripe.post(key, call, |stripe| stripe.create(payment)) {
            Ok(Answer::Intent(seen)) => seen,
            Err(Trouble::Declined(id)) => self.stripe.get(&id)?,
            Err(Trouble::Refused) => {
                return Ok(Some(Job::Write(Box::new(payment.refuse(Failure::CardDeclined)?))));
            }
            Err(trouble) => return Err(trouble.into()),
            Ok(_) => unreachable!("it is an intent"),
        };
        Ok(Some(Job::Told(payment.clone(), seen, false)))
    }

    fn cancel(&mut self, payment: &Payment, intent: &IntentId) -> Result<Observation, Broken> {
        let key = payment.idempotency_key(Step::Cancel(intent));
        let answer = self.stripe.post(key, format!("cancel {intent}"), |stripe| stripe.cancel(intent));
        let seen = self.instead(answer, intent)?;
        match seen.status {
            Status::Canceled | Status::Succeeded => Ok(seen),
            _ => Err(Broken::Unavailable),
        }
    }

    /// How an intent stands, if it cannot be brought about.
    fn instead(&mut self, answer: Result<Answer, Trouble>, id: &IntentId) -> Result<Observation, Broken> {
        match answer {
            Ok(Answer::Intent(seen)) => Ok(seen),
            Err(Trouble::Refused | Trouble::Clash) => Ok(self.stripe.get(id)?),
            Err(trouble) => Err(trouble.into()),
            Ok(_) => unreachable!("it is an intent"),
        }
    }

    fn pay_out(&mut self, payment: &Payment) -> Result<Option<Job>, Broken> {
        if !self.can_be_paid {
            return Ok(None);
        }
        let transfer = match self.sent(payment)? {
            Some(transfer) => transfer,
            None => {
                let key = payment.idempotency_key(Step::PayOut);
                let call = format!("transfer {:?}", payment.payable);
                match self.stripe.post(key, call, |stripe| stripe.transfer(payment))? {
                    Answer::Transfer(transfer) => transfer,
                    _ => unreachable!("it is a transfer"),
                }
            }
        };
        Ok(Some(Job::Sent(payment.id, transfer)))
    }

    fn call_back(&mut self, payment: &Payment) -> Result<Option<Job>, Broken> {
        if let Some(change) = self.noticed(payment)? {
            return Ok(Some(Job::Write(Box::new(change))));
        }
        let mut sent = self.stripe.transfers()?;
        sent.retain(|transfer| transfer.of.id == payment.id && transfer.left() > 0);
        let transfer = sent.pop().unwrap();
        let amount = payment.to_call_back().amount_minor.min(transfer.left());
        let key = payment.idempotency_key(Step::CallBack(&transfer.id));
        let call = format!("reverse {} {amount}", transfer.id);
        let work = |stripe: &mut Stripe| stripe.reverse(&transfer.id, amount).map(|()| Answer::Done);
        let is_refused = match self.stripe.post(key, call, work) {
            Ok(_) | Err(Trouble::Clash) => false,
            Err(Trouble::Refused) => true,
            Err(trouble) => return Err(trouble.into()),
        };
        let change = match self.noticed(payment)? {
            Some(change) => change,
            None if is_refused => payment.waive(self.now)?,
            None => return Err(Broken::Conflict),
        };
        Ok(Some(Job::Write(Box::new(change))))
    }

    /// What follows from transfers of which the ledger says otherwise.
    fn noticed(&mut self, payment: &Payment) -> Result<Option<Change>, Broken> {
        for transfer in self.stripe.transfers()? {
            let left = i64::from(transfer.left());
            match left_of(&transfer.id, &self.ledger) {
                _ if transfer.of.id != payment.id => {}
                None => return Ok(Some(payment.pay_out(transfer.amount, transfer.id, self.now)?)),
                Some(known) if known > left => {
                    let back = u32::try_from(known - left).unwrap().min(payment.to_call_back().amount_minor);
                    let back = Money::new(back, payment.currency());
                    return Ok(Some(payment.call_back(back, transfer.id, self.now)?));
                }
                Some(_) => {}
            }
        }
        Ok(None)
    }

    /// What was sent and not noted.
    fn sent(&mut self, payment: &Payment) -> Result<Option<Transfer>, Trouble> {
        let mut sent = self.stripe.transfers()?;
        sent.retain(|transfer| transfer.of.id == payment.id && left_of(&transfer.id, &self.ledger).is_none());
        Ok(sent.pop())
    }

    fn observe(&mut self, payment: &Payment, seen: &Observation) -> Result<bool, Broken> {
        let stored = self.payments.iter().find(|stored| stored.id == payment.id).unwrap();
        let (mut payment, before) = (stored.clone(), stored.version);
        while let Some(change) = payment.observe(seen, self.now)? {
            self.save(&change)?;
            payment = change.payment;
        }
        Ok(payment.version != before)
    }

    fn note(&mut self, version: u64, card: Card) {
        if self.booking.version == version {
            let (after, news) = self.booking.with_card(card, self.now).unwrap();
            self.complaints += usize::from(news == Some(News::CardRefused));
            self.booking = after;
        }
    }

    fn save(&mut self, change: &Change) -> Result<(), Broken> {
        let stored = self.payments.iter_mut().find(|payment| payment.id == change.payment.id).unwrap();
        if stored.version + 1 != change.payment.version {
            return Err(Broken::Conflict);
        }
        assert_eq!(stored.state.after(change.event), Ok(change.payment.state));
        *stored = change.payment.clone();
        self.refusals += usize::from(matches!(change.event, Paying::Fail | Paying::RequireAction));
        self.ledger.extend(change.transaction.clone());
        Ok(())
    }

    /// The payment of that purpose.
    pub(super) fn payment(&self, purpose: Purpose) -> Option<&Payment> {
        self.payments.iter().find(|payment| payment.purpose == purpose)
    }
}
