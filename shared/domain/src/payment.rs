//! What a family pays for a booking, and what became of it at Stripe.
//!
//! A payment says how much is owed, in the end. Less may be owed later, never more, and the payments worker
//! brings Stripe to it: it holds [`Payment::priced`], captures [`Payment::owed`], gives up what is owed no
//! more, and refunds [`Payment::to_refund`]. How much that is, is written here before Stripe is
//! called; so it does not matter how often a message comes, nor whether the answer or the webhook is first.
//!
//! Whatever Stripe says goes through [`Payment::observe`], from which only what is new follows.
//!
//! What is the sitter's of it they get by itself, out of the money that it has brought: so one payment of a booking
//! that comes late, or never, holds up no other. What goes back to the family after that is called back from the
//! sitter, as far as it was theirs ([`Payment::to_call_back`]).

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use strum::{AsRefStr, EnumIter};

use State::{ActionRequired, Authorised, Captured, Failed, Pending, Refunded, Released};

use crate::{
    booking::policy::Charge,
    chargeback::{self, Chargeback},
    id::{BookingId, PaymentId, UserId},
    ledger::Transaction,
    money::{Currency, Money, MoneyError},
    stripe::{CustomerId, IntentId, PaymentMethodId, TransferId},
};

/// A payment is compared with Stripe so long after it has changed, …
const COMPARED_AFTER: SignedDuration = SignedDuration::from_hours(24);
/// … and not once it has rested for so long: by then a family's bank takes nothing back any more.
const WATCHED_FOR: SignedDuration = SignedDuration::from_hours(24 * 120);

/// What is paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, AsRefStr, EnumIter)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Purpose {
    /// A booking as it was agreed. It is held beforehand and captured afterwards.
    Care,
    /// What it took longer. It is captured at once.
    Overrun,
    /// What is kept of a booking that was cancelled before anything was held. It is captured at once.
    Cancellation,
}

impl Purpose {
    /// Whether the money is taken at once, and not held before.
    pub fn is_captured_at_once(self) -> bool {
        self != Self::Care
    }
}

/// The one payment of a booking for a purpose. Whoever begins it a second time, or at the same moment, names the
/// same; a booking's own identifier is as random as a payment's must be.
fn name(booking: BookingId, purpose: Purpose) -> PaymentId {
    let mut bytes = *booking.uuid().as_bytes();
    bytes[15] ^= match purpose {
        Purpose::Care => 1,
        Purpose::Overrun => 2,
        Purpose::Cancellation => 3,
    };
    PaymentId::from_uuid(uuid::Uuid::from_bytes(bytes))
}

/// Where a payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, AsRefStr, EnumIter)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum State {
    /// Stripe is to be asked.
    Pending,
    /// The bank wants the family to confirm it.
    ActionRequired,
    /// The card was refused, or a hold has ended.
    Failed,
    /// The card holds it.
    Authorised,
    /// It has come, and not all of it went back.
    Captured,
    /// All of it went back.
    Refunded,
    /// Nothing is owed any more, and nothing was taken.
    Released,
}

/// What happens to a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AsRefStr, EnumIter)]
#[strum(serialize_all = "snake_case")]
pub enum Event {
    /// The card holds what was priced.
    Authorise,
    /// The money has come, all of it or a part.
    Capture,
    /// The bank wants the family to confirm it.
    RequireAction,
    /// The card was refused, or a hold has ended.
    Fail,
    /// The family tries again, with the same card or with another.
    Retry,
    /// Less is owed than before. Nothing has been captured yet.
    Reduce,
    /// Nothing is owed any more, and nothing is held.
    Release,
    /// A part of what has come is to go back.
    GrantRefund,
    /// A part of what has come went back.
    RefundPart,
    /// The rest of what has come went back.
    RefundRest,
    /// What waits to be paid out to the sitter is all that is theirs now.
    Owe,
    /// The sitter was paid.
    PayOut,
    /// The sitter has given back a part of what they were paid.
    CallBack,
    /// The sitter keeps what they were to give back.
    Waive,
    /// The family's bank has taken something back, or decided about it.
    ChargeBack,
}

/// Every transition that there is: from, event, to.
pub const TABLE: &[(State, Event, State)] = &[
    (Pending, Event::Authorise, Authorised),
    (Pending, Event::Capture, Captured),
    (Pending, Event::RequireAction, ActionRequired),
    (Pending, Event::Fail, Failed),
    (Pending, Event::Reduce, Pending),
    (Pending, Event::Release, Released),
    (ActionRequired, Event::Authorise, Authorised),
    (ActionRequired, Event::Capture, Captured),
    (ActionRequired, Event::Fail, Failed),
    (ActionRequired, Event::Retry, Pending),
    (ActionRequired, Event::Reduce, ActionRequired),
    (ActionRequired, Event::Release, Released),
    // The family may have tried again by the same intent.
    (Failed, Event::Authorise, Authorised),
    (Failed, Event::Capture, Captured),
    // And by now it cannot any more.
    (Failed, Event::Fail, Failed),
    (Failed, Event::Retry, Pending),
    (Failed, Event::Reduce, Failed),
    (Failed, Event::Release, Released),
    (Authorised, Event::Capture, Captured),
    (Authorised, Event::Fail, Failed),
    (Authorised, Event::Reduce, Authorised),
    (Authorised, Event::Release, Released),
    (Captured, Event::GrantRefund, Captured),
    (Captured, Event::RefundPart, Captured),
    (Captured, Event::RefundRest, Refunded),
    (Captured, Event::Owe, Captured),
    (Captured, Event::PayOut, Captured),
    (Captured, Event::CallBack, Captured),
    (Captured, Event::Waive, Captured),
    (Captured, Event::ChargeBack, Captured),
    // It went back while it waited, and then nothing waits any more; or the sitter was quicker.
    (Refunded, Event::Owe, Refunded),
    (Refunded, Event::PayOut, Refunded),
    (Refunded, Event::CallBack, Refunded),
    (Refunded, Event::Waive, Refunded),
    (Refunded, Event::ChargeBack, Refunded),
    // Stripe had done it before the payment was released, and nobody had written it down: it is to be undone.
    (Released, Event::Authorise, Authorised),
    (Released, Event::Capture, Captured),
];

impl State {
    /// The state after an event.
    pub fn after(self, event: Event) -> Result<Self, Refused> {
        let row = TABLE.iter().find(|(from, on, _)| (*from, *on) == (self, event));
        row.map(|(.., to)| *to).ok_or(Refused::WrongState { from: self, event })
    }
}

/// Why something cannot happen to a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Its state does not know the event.
    #[error("a payment that is {} cannot {}", .from.as_ref(), .event.as_ref())]
    WrongState {
        /// Where it stands.
        from: State,
        /// What was to happen.
        event: Event,
    },
    /// It is more than was priced, than is owed, than has come, or than is to be called back.
    #[error("the amount is more than the payment has")]
    TooMuch,
    /// It cannot be released, because something is owed.
    #[error("something is owed still")]
    StillOwed,
    /// It cannot be released, because Stripe has an intent for it. That it was given up is to be observed.
    #[error("an intent of it is not given up yet")]
    HasIntent,
    /// The amount is in another currency.
    #[error("the amount is in another currency")]
    OtherCurrency,
    /// The family's bank has taken it back, and keeps it, or may.
    #[error("the family's bank has taken it back")]
    ChargedBack,
    /// What a bank says cannot follow from what it said before.
    #[error("a chargeback that is {} cannot be {}", .from.map_or("none".to_owned(), |state| state.as_ref().to_owned()), .to.as_ref())]
    WrongChargeback {
        /// How it stood.
        from: Option<chargeback::State>,
        /// How it is said to stand.
        to: chargeback::State,
    },
    /// The sums do not work out.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

/// Why nothing could be taken from a card: as much as helps the family to do something about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, AsRefStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Failure {
    /// The bank wants the family to confirm it.
    AuthenticationRequired,
    /// The family was asked to confirm it, and did not.
    AuthenticationFailed,
    /// The account has not enough.
    InsufficientFunds,
    /// The card's last month is past.
    CardExpired,
    /// What was on hold is so no more, or the payment was given up at Stripe.
    Ended,
    /// Anything else, of which banks tell nothing.
    CardDeclined,
}

impl Failure {
    /// What one of Stripe's codes means: that of the bank's refusal, or, without one, that of the error.
    pub fn from_stripe(code: &str) -> Self {
        match code {
            "authentication_required" | "authentication_not_handled" => Self::AuthenticationRequired,
            "payment_intent_authentication_failure" => Self::AuthenticationFailed,
            "insufficient_funds" | "withdrawal_count_limit_exceeded" | "card_velocity_exceeded" => {
                Self::InsufficientFunds
            }
            "expired_card" | "invalid_expiry_month" | "invalid_expiry_year" => Self::CardExpired,
            _ => Self::CardDeclined,
        }
    }
}

/// How Stripe says that an intent stands, in its own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It waits for a card: the one before was refused, or has to be confirmed by its owner.
    RequiresPaymentMethod,
    /// It waits for the family.
    RequiresAction,
    /// It waits for the bank.
    Processing,
    /// The card holds the amount.
    RequiresCapture,
    /// The money has come.
    Succeeded,
    /// It is over: given up by us or, after a week on hold, by Stripe.
    Canceled,
    /// What we do not bring about.
    #[serde(other)]
    Other,
}

/// What Stripe says of an intent. Amounts are in minor units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// Which.
    pub intent: IntentId,
    /// For which attempt it was made; its metadata carry it.
    pub attempt: u32,
    /// How it stands.
    pub status: Status,
    /// Of the amounts.
    pub currency: Currency,
    /// What the card holds.
    pub capturable: u32,
    /// What has come.
    pub received: u32,
    /// What of it went back.
    pub refunded: u32,
    /// Why the last try failed.
    pub failure: Option<Failure>,
}

/// What a payment and Stripe do not agree about, when nothing is left to be observed. Amounts are in minor
/// units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Discrepancy {
    /// The currency.
    #[error("Stripe has another currency")]
    Currency,
    /// Another intent than that of the payment holds money.
    #[error("another intent holds money")]
    OtherIntent,
    /// What the card holds.
    #[error("the card holds {stripe}, but the payment is {}", .state.as_ref())]
    Hold {
        /// Where the payment stands.
        state: State,
        /// What Stripe says.
        stripe: u32,
    },
    /// What has come.
    #[error("{known} was captured, but Stripe says {stripe}")]
    Captured {
        /// What the payment says.
        known: u32,
        /// What Stripe says.
        stripe: u32,
    },
    /// What went back.
    #[error("{known} was refunded, but Stripe says {stripe}")]
    Refunded {
        /// What the payment says.
        known: u32,
        /// What Stripe says.
        stripe: u32,
    },
}

/// A call of Stripe that changes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// Make an intent, of which [`Payment::priced`] is held, or captured at once.
    Authorise,
    /// Capture [`Payment::owed`].
    Capture,
    /// Give up an intent.
    Cancel(&'a IntentId),
    /// Refund [`Payment::to_refund`].
    Refund,
    /// Pay [`Payment::payable`] out.
    PayOut,
    /// Call back a part of what was paid out.
    CallBack(&'a TransferId),
}

/// What somebody is to pay.
#[derive(Debug, Clone)]
pub struct Order {
    /// For which booking.
    pub booking: BookingId,
    /// Who pays.
    pub parent: UserId,
    /// Who earns.
    pub sitter: UserId,
    /// What for.
    pub purpose: Purpose,
    /// How much, and who gets what of it.
    pub charge: Charge,
    /// By which card.
    pub method: PaymentMethodId,
    /// As whom Stripe knows the family.
    pub customer: Option<CustomerId>,
}

/// A payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Never reused.
    pub id: PaymentId,
    /// For which booking.
    pub booking: BookingId,
    /// Who pays.
    pub parent: UserId,
    /// Who earns.
    pub sitter: UserId,
    /// What for.
    pub purpose: Purpose,
    /// What it was at first. The card is to hold so much, whatever is owed in the end.
    pub priced: Charge,
    /// What the family owes in the end, as far as is known.
    pub owed: Charge,
    /// By which card.
    pub method: PaymentMethodId,
    /// As whom Stripe knows the family.
    pub customer: Option<CustomerId>,
    /// The intent of the last attempt that Stripe has told of.
    pub intent: Option<IntentId>,
    /// The intent of the attempt before: to be cancelled before another one is made.
    pub replaces: Option<IntentId>,
    /// Where it stands.
    pub state: State,
    /// Which attempt it is, from 1 on: one more after each that has failed.
    pub attempt: u32,
    /// What has come.
    pub captured: Charge,
    /// What of it went back.
    pub refunded: Charge,
    /// What waits to be paid out to the sitter.
    pub payable: Money,
    /// What the sitter has been paid.
    pub paid_out: Money,
    /// What was called back of it.
    pub called_back: Money,
    /// What was to be called back of it, and stays with the sitter all the same: the platform bears it.
    pub waived: Money,
    /// What the family's bank has taken back of what has come.
    pub chargeback: Option<Chargeback>,
    /// Why the last attempt failed, or what it waits for.
    pub failure: Option<Failure>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When Stripe last told something new of it.
    pub told_at: Option<Timestamp>,
    /// When it is to be compared with Stripe; to the second.
    pub reconcile_at: Option<Timestamp>,
    /// Rises by one with each change.
    pub version: u64,
}

/// What follows from an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What has happened.
    pub event: Event,
    /// The payment after it.
    pub payment: Payment,
    /// What the ledger says of it, where money has moved: to be written together with the payment.
    pub transaction: Option<Transaction>,
}

impl Payment {
    /// One that Stripe is to be asked for.
    pub fn new(order: Order, now: Timestamp) -> Self {
        let Order { booking, parent, sitter, purpose, charge, method, customer } = order;
        let currency = charge.total().currency;
        let nothing = Charge::zero(currency);
        Self {
            id: name(booking, purpose),
            booking,
            parent,
            sitter,
            purpose,
            priced: charge,
            owed: charge,
            method,
            customer,
            intent: None,
            replaces: None,
            state: Pending,
            attempt: 1,
            captured: nothing,
            refunded: nothing,
            payable: Money::zero(currency),
            paid_out: Money::zero(currency),
            called_back: Money::zero(currency),
            waived: Money::zero(currency),
            chargeback: None,
            failure: None,
            created_at: now,
            told_at: None,
            reconcile_at: None,
            version: 1,
        }
    }

    /// In which currency.
    pub fn currency(&self) -> Currency {
        self.priced.total().currency
    }

    /// What has gone back of what has come, or is to.
    pub fn granted(&self) -> Money {
        self.money(self.captured.total().amount_minor.saturating_sub(self.owed.total().amount_minor))
    }

    /// Whether the family's bank has something of it, for now or for good. Then nothing is given back besides: Stripe
    /// refuses it, and the family would have it twice.
    pub fn is_charged_back(&self) -> bool {
        self.chargeback.is_some_and(|chargeback| chargeback.state != chargeback::State::Won)
    }

    /// Whether the family's bank has yet to decide. The sitter is not paid before.
    pub fn is_contested(&self) -> bool {
        self.chargeback.is_some_and(|chargeback| chargeback.state == chargeback::State::Open)
    }

    /// What is to go back still of what has come.
    pub fn to_refund(&self) -> Money {
        if self.is_charged_back() {
            return self.money(0);
        }
        let [captured, refunded, owed] =
            [self.captured, self.refunded, self.owed].map(|charge| charge.total().amount_minor);
        self.money(captured.saturating_sub(refunded).saturating_sub(owed))
    }

    /// What has come for the sitter, stays theirs as far as is known, and was not paid out to them yet.
    pub fn to_pay_out(&self) -> Money {
        let (theirs, have) = self.of_sitter();
        self.money(theirs.saturating_sub(have))
    }

    /// What the sitter was paid, and has gone back to the family since: so much as was theirs of it.
    pub fn to_call_back(&self) -> Money {
        let (theirs, have) = self.of_sitter();
        self.money(have.saturating_sub(theirs))
    }

    /// What is the sitter's of all that has come and not gone back, and what they have, apart from what they may keep.
    fn of_sitter(&self) -> (u32, u32) {
        let [captured, refunded] = [self.captured, self.refunded].map(|charge| charge.sitter().amount_minor);
        let given_back = self.called_back.amount_minor.saturating_add(self.waived.amount_minor);
        (captured.saturating_sub(refunded), self.paid_out.amount_minor.saturating_sub(given_back))
    }

    /// By which Stripe knows that a call is the same as one before. It goes by what the payment was before
    /// the call: so a repeated one finds what the first has done, and one that is meant anew does not.
    pub fn idempotency_key(&self, step: Step<'_>) -> String {
        let (id, attempt) = (self.id, self.attempt);
        match step {
            Step::Authorise => format!("{id}/authorise/{attempt}"),
            Step::Capture => format!("{id}/capture/{attempt}/{}", self.owed.total().amount_minor),
            Step::Cancel(intent) => format!("{id}/cancel/{}", intent.as_str()),
            // Not by how much is to go back, which may have become more since a call whose answer was lost: then
            // Stripe refuses the next, instead of giving back the same a second time.
            Step::Refund => format!("{id}/refund/{}", self.refunded.total().amount_minor),
            Step::PayOut => format!("{id}/payout/{}", self.paid_out.amount_minor),
            Step::CallBack(transfer) => {
                let before = [self.called_back, self.waived].map(|money| money.amount_minor);
                format!("{id}/callback/{}/{}/{}", transfer.as_str(), before[0], before[1])
            }
        }
    }

    /// Less is owed than before: so much of it, or nothing. Only before anything has been captured.
    pub fn reduce(&self, owed: Charge) -> Result<Change, Refused> {
        let next = self.after(Event::Reduce)?;
        if owed.total().currency != self.currency() {
            return Err(Refused::OtherCurrency);
        }
        self.owed.checked_sub(owed).map_err(|_| Refused::TooMuch)?;
        Ok(Change { event: Event::Reduce, payment: Self { owed, ..next }, transaction: None })
    }

    /// So much more of what has come is to go back. Sitter, platform and tax bear it in the proportion in
    /// which they had it.
    pub fn grant_refund(&self, amount: Money) -> Result<Change, Refused> {
        let next = self.after(Event::GrantRefund)?;
        if amount.currency != self.currency() {
            return Err(Refused::OtherCurrency);
        }
        if self.is_charged_back() {
            return Err(Refused::ChargedBack);
        }
        let left = self.owed.total().amount_minor.checked_sub(amount.amount_minor).ok_or(Refused::TooMuch)?;
        let owed = self.all_but(self.captured.total().amount_minor - left)?;
        Ok(Change { event: Event::GrantRefund, payment: Self { owed, ..next }, transaction: None })
    }

    /// The family tries again, by that card.
    pub fn retry(&self, method: PaymentMethodId) -> Result<Change, Refused> {
        let next = self.after(Event::Retry)?;
        // An attempt that failed has been counted; one that waits for the family ends here.
        let attempt = if self.state == ActionRequired { self.attempt + 1 } else { self.attempt };
        let replaces = self.intent.clone().or_else(|| self.replaces.clone());
        let payment = Self { method, attempt, replaces, intent: None, failure: None, ..next };
        Ok(Change { event: Event::Retry, payment, transaction: None })
    }

    /// Nothing is owed any more, and there is no intent. Where there is one, it is given up first, and the rest
    /// follows from that.
    pub fn release(&self) -> Result<Change, Refused> {
        let payment = self.after(Event::Release)?;
        if !self.owed.is_zero() {
            return Err(Refused::StillOwed);
        }
        if self.intent.is_some() {
            return Err(Refused::HasIntent);
        }
        Ok(Change { event: Event::Release, payment, transaction: None })
    }

    /// All that is the sitter's waits to be paid out to them, from now on.
    pub fn owe(&self) -> Result<Change, Refused> {
        let next = self.after(Event::Owe)?;
        let payment = Self { payable: self.to_pay_out(), ..next };
        Ok(Change { event: Event::Owe, payment, transaction: None })
    }

    /// The sitter was paid so much, by that transfer. It is what Stripe says: a part may have gone back to the family
    /// since the sitter was to be paid.
    pub fn pay_out(&self, amount: Money, transfer: TransferId, now: Timestamp) -> Result<Change, Refused> {
        let next = self.after(Event::PayOut)?;
        let payment = Self { payable: self.money(0), paid_out: self.paid_out.checked_add(amount)?, ..next };
        let transaction = Some(Transaction::paid_out(&payment, amount, transfer, now));
        Ok(Change { event: Event::PayOut, payment, transaction })
    }

    /// So much of that transfer was called back.
    pub fn call_back(&self, amount: Money, transfer: TransferId, now: Timestamp) -> Result<Change, Refused> {
        let next = self.after(Event::CallBack)?;
        self.to_call_back().checked_sub(amount).map_err(|_| Refused::TooMuch)?;
        let payment = Self { called_back: self.called_back.checked_add(amount)?, ..next };
        let transaction = Some(Transaction::called_back(&payment, amount, transfer, now));
        Ok(Change { event: Event::CallBack, payment, transaction })
    }

    /// What is to be called back cannot be, and the platform bears it.
    pub fn waive(&self, now: Timestamp) -> Result<Change, Refused> {
        let (next, amount) = (self.after(Event::Waive)?, self.to_call_back());
        let payment = Self { waived: self.waived.checked_add(amount)?, ..next };
        let transaction = Some(Transaction::waived(&payment, amount, now));
        Ok(Change { event: Event::Waive, payment, transaction })
    }

    /// What follows from what the family's bank has of it now; `None` where that is known. It must have been asked for
    /// after the payment was read.
    pub fn charge_back(&self, seen: Chargeback, now: Timestamp) -> Result<Option<Change>, Refused> {
        if [seen.open, seen.lost].iter().any(|amount| amount.currency != self.currency()) {
            return Err(Refused::OtherCurrency);
        }
        if self.chargeback == Some(seen) {
            return Ok(None);
        }
        let (from, to) = (self.chargeback.map(|before| before.state), seen.state);
        if !chargeback::TABLE.contains(&(from, to)) {
            return Err(Refused::WrongChargeback { from, to });
        }
        if seen.taken() > self.captured.total().amount_minor {
            return Err(Refused::TooMuch);
        }
        let moved = Transaction::charged_back(self, self.chargeback, seen, now);
        let next = self.after(Event::ChargeBack)?;
        let reconcile_at = now.saturating_add(COMPARED_AFTER).ok();
        let payment = Self { chargeback: Some(seen), told_at: Some(now), reconcile_at, ..next };
        // Until when it is to be told moves nothing.
        let transaction = (!moved.entries().is_empty()).then_some(moved);
        Ok(Some(Change { event: Event::ChargeBack, payment, transaction }))
    }

    /// Stripe has refused to make an intent.
    pub fn refuse(&self, failure: Failure) -> Result<Change, Refused> {
        let next = self.after(Event::Fail)?;
        let payment = Self { attempt: self.attempt + 1, failure: Some(failure), ..next };
        Ok(Change { event: Event::Fail, payment, transaction: None })
    }

    /// What follows from what Stripe says of an intent; `None` where it is known, or older than what is. More
    /// than one thing may follow: ask again with the payment after the first.
    ///
    /// What Stripe says must have been asked for after the payment was read, and the change be stored on the
    /// condition that it is still of that version: then nothing is decided by what was so before.
    pub fn observe(&self, seen: &Observation, now: Timestamp) -> Result<Option<Change>, Refused> {
        if seen.currency != self.currency() {
            return Err(Refused::OtherCurrency);
        }
        let is_own = self.intent.as_ref() == Some(&seen.intent);
        let is_current = seen.attempt >= self.attempt;
        // What a released payment has had is over, unless it never heard of it.
        let may_hold = is_current || (is_own && self.state != Released);
        let change = match (self.state, seen.status) {
            (Captured, Status::Succeeded) if is_own && seen.refunded > self.refunded.total().amount_minor => {
                self.refund(seen.refunded, now)?
            }
            (Authorised, Status::Succeeded) if is_own => self.capture(seen, now)?,
            (Authorised, Status::Canceled) if is_own => self.end(seen)?,
            (Authorised | Captured | Refunded, _) => return Ok(None),
            (_, Status::RequiresCapture) if may_hold => self.authorise(seen)?,
            (_, Status::Succeeded) if may_hold || self.replaces.as_ref() == Some(&seen.intent) => {
                self.capture(seen, now)?
            }
            (Pending | ActionRequired | Failed, Status::Canceled) if may_hold => self.end(seen)?,
            (Pending | ActionRequired, Status::RequiresPaymentMethod) if is_current => match seen.failure {
                // A card that must be confirmed is refused to us, and not to the family.
                Some(Failure::AuthenticationRequired) if self.state == Pending => self.wait(seen)?,
                None | Some(Failure::AuthenticationRequired) => return Ok(None),
                Some(failure) => self.fail(seen, failure)?,
            },
            (Pending, Status::RequiresAction) if is_current => self.wait(seen)?,
            _ => return Ok(None),
        };
        let reconcile_at = now.saturating_add(COMPARED_AFTER).ok();
        let payment = Self { told_at: Some(now), reconcile_at, ..change.payment };
        Ok(Some(Change { payment, ..change }))
    }

    /// What Stripe says otherwise, when [`Payment::observe`] has nothing to say to it any more.
    pub fn compare(&self, seen: &Observation) -> Option<Discrepancy> {
        let [captured, refunded, owed] =
            [self.captured, self.refunded, self.owed].map(|charge| charge.total().amount_minor);
        let hold = Discrepancy::Hold { state: self.state, stripe: seen.capturable };
        if seen.currency != self.currency() {
            Some(Discrepancy::Currency)
        } else if self.intent.as_ref() != Some(&seen.intent) {
            let is_empty = seen.capturable == 0 && seen.received == seen.refunded;
            (!is_empty).then_some(Discrepancy::OtherIntent)
        } else if seen.received != captured {
            Some(Discrepancy::Captured { known: captured, stripe: seen.received })
        } else if seen.refunded != refunded {
            Some(Discrepancy::Refunded { known: refunded, stripe: seen.refunded })
        } else if self.state == Authorised {
            let is_enough = seen.status == Status::RequiresCapture && seen.capturable >= owed;
            (!is_enough).then_some(hold)
        } else {
            (seen.capturable > 0).then_some(hold)
        }
    }

    /// It has been compared with Stripe. The longer nothing happens, the later the next time: after a day,
    /// two, four, and so on.
    pub fn reconciled(&self, now: Timestamp) -> Self {
        let rested = now.duration_since(self.told_at.unwrap_or(self.created_at));
        let next = now.saturating_add(rested.max(COMPARED_AFTER)).ok();
        let reconcile_at = next.filter(|_| rested < WATCHED_FOR);
        Self { reconcile_at, version: self.version + 1, ..self.clone() }
    }

    /// In the state after an event.
    fn after(&self, event: Event) -> Result<Self, Refused> {
        Ok(Self { state: self.state.after(event)?, version: self.version + 1, ..self.clone() })
    }

    /// The payment has that intent from now on.
    fn with(&self, event: Event, seen: &Observation) -> Result<Self, Refused> {
        let intent = Some(seen.intent.clone());
        Ok(Self { intent, replaces: None, failure: None, ..self.after(event)? })
    }

    fn authorise(&self, seen: &Observation) -> Result<Change, Refused> {
        let payment = self.with(Event::Authorise, seen)?;
        Ok(Change { event: Event::Authorise, payment, transaction: None })
    }

    fn wait(&self, seen: &Observation) -> Result<Change, Refused> {
        let next = self.with(Event::RequireAction, seen)?;
        let payment = Self { failure: Some(Failure::AuthenticationRequired), ..next };
        Ok(Change { event: Event::RequireAction, payment, transaction: None })
    }

    fn fail(&self, seen: &Observation, failure: Failure) -> Result<Change, Refused> {
        let next = self.with(Event::Fail, seen)?;
        let payment = Self { attempt: self.attempt_after(seen), failure: Some(failure), ..next };
        Ok(Change { event: Event::Fail, payment, transaction: None })
    }

    /// The intent is over. By our own wish, if nothing is owed.
    fn end(&self, seen: &Observation) -> Result<Change, Refused> {
        let attempt = self.attempt_after(seen);
        if self.owed.is_zero() {
            let payment = Self { attempt, ..self.with(Event::Release, seen)? };
            return Ok(Change { event: Event::Release, payment, transaction: None });
        }
        let failed = self.fail(seen, Failure::Ended)?;
        Ok(Change { payment: Self { intent: None, ..failed.payment }, ..failed })
    }

    fn attempt_after(&self, seen: &Observation) -> u32 {
        self.attempt.max(seen.attempt + 1)
    }

    fn capture(&self, seen: &Observation, now: Timestamp) -> Result<Change, Refused> {
        let next = self.with(Event::Capture, seen)?;
        let owed = self.owed.total().amount_minor;
        let captured = match seen.received {
            received if received == owed => self.owed,
            received => self.part(self.priced, received)?,
        };
        let mut payment = Self { captured, owed: captured, ..next };
        // Where more has come than is owed any more, the rest is to go back.
        payment.owed = payment.all_but(seen.received.saturating_sub(owed))?;
        let transaction = Some(Transaction::charged(&payment, captured, now));
        Ok(Change { event: Event::Capture, payment, transaction })
    }

    /// So much went back altogether. How it was shared goes by the sum, and not by the steps in which it went.
    fn refund(&self, altogether: u32, now: Timestamp) -> Result<Change, Refused> {
        let refunded = self.part(self.captured, altogether)?;
        let is_all = refunded.total() == self.captured.total();
        let event = if is_all { Event::RefundRest } else { Event::RefundPart };
        // If it was more than was granted, less is owed than was thought.
        let back = altogether.max(self.captured.total().amount_minor - self.owed.total().amount_minor);
        let payment = Self { refunded, owed: self.all_but(back)?, ..self.after(event)? };
        let transaction = Some(Transaction::refunded(&payment, self.refunded, refunded, now));
        Ok(Change { event, payment, transaction })
    }

    /// What is left of what has come when so much of it goes back.
    fn all_but(&self, back: u32) -> Result<Charge, Refused> {
        Ok(self.captured.checked_sub(self.part(self.captured, back)?)?)
    }

    /// So much of a charge.
    fn part(&self, charge: Charge, amount: u32) -> Result<Charge, Refused> {
        if amount > charge.total().amount_minor {
            return Err(Refused::TooMuch);
        }
        Ok(charge.refund(self.money(amount))?)
    }

    fn money(&self, amount_minor: u32) -> Money {
        Money::new(amount_minor, self.currency())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::ledger::{Account, Kind};
    use proptest::prelude::*;

    fn now() -> Timestamp {
        "2026-03-01T12:00:00Z".parse().unwrap()
    }

    fn gbp(amount_minor: u32) -> Money {
        Money::new(amount_minor, Currency::Gbp)
    }

    pub(crate) fn charge(sitter: u32, fee: u32, tax: u32) -> Charge {
        let parts = serde_json::json!({ "currency": "GBP", "sitter": sitter, "fee": fee, "tax": tax });
        serde_json::from_value(parts).unwrap()
    }

    pub(crate) fn payment(purpose: Purpose, charge: Charge) -> Payment {
        let order = Order {
            booking: crate::id::new(now()),
            parent: crate::id::new(now()),
            sitter: crate::id::new(now()),
            purpose,
            charge,
            method: PaymentMethodId::parse("pm_1").unwrap(),
            customer: None,
        };
        Payment::new(order, now())
    }

    /// 74.40: 62.00 for the sitter, a fee of 10.33, and 2.07 of tax.
    fn care() -> Payment {
        payment(Purpose::Care, charge(6200, 1033, 207))
    }

    fn seen(attempt: u32, status: Status) -> Observation {
        Observation {
            intent: IntentId::parse(format!("pi_{attempt}")).unwrap(),
            attempt,
            status,
            currency: Currency::Gbp,
            capturable: 0,
            received: 0,
            refunded: 0,
            failure: None,
        }
    }

    fn refusal(attempt: u32, failure: Failure) -> Observation {
        Observation { failure: Some(failure), ..seen(attempt, Status::RequiresPaymentMethod) }
    }

    fn hold(attempt: u32) -> Observation {
        Observation { capturable: 7440, ..seen(attempt, Status::RequiresCapture) }
    }

    fn capture(attempt: u32, received: u32, refunded: u32) -> Observation {
        Observation { received, refunded, ..seen(attempt, Status::Succeeded) }
    }

    fn observed(payment: &Payment, seen: &Observation) -> Change {
        payment.observe(seen, now()).unwrap().unwrap()
    }

    /// All that follows, as the worker does it.
    fn settled(mut payment: Payment, seen: &Observation, ledger: &mut Vec<Transaction>) -> Payment {
        while let Some(change) = payment.observe(seen, now()).unwrap() {
            assert_eq!(payment.state.after(change.event), Ok(change.payment.state));
            assert_eq!(change.payment.version, payment.version + 1);
            ledger.extend(change.transaction);
            payment = change.payment;
        }
        payment
    }

    #[test]
    fn each_transition_is_named_once() {
        for (index, (from, event, _)) in TABLE.iter().enumerate() {
            assert!(!TABLE[..index].iter().any(|(other, on, _)| (other, on) == (from, event)));
        }
        let refused = Refunded.after(Event::Capture).unwrap_err();
        assert_eq!(refused.to_string(), "a payment that is refunded cannot capture");
    }

    #[test]
    fn what_is_held_is_captured() {
        let held = observed(&care(), &hold(1));
        assert_eq!((held.event, held.payment.state, held.transaction), (Event::Authorise, Authorised, None));
        let captured = observed(&held.payment, &capture(1, 7440, 0));
        assert_eq!((captured.event, captured.payment.state), (Event::Capture, Captured));
        assert_eq!((captured.payment.captured, captured.payment.version), (care().priced, 3));
        let transaction = captured.transaction.unwrap();
        assert_eq!((transaction.kind, transaction.for_account(&Account::Cash)), (Kind::Charged, 7440));
        // At once, where nothing was held before.
        let overrun = payment(Purpose::Overrun, charge(600, 100, 20));
        assert_eq!(observed(&overrun, &capture(1, 720, 0)).payment.captured, overrun.priced);
        let too_much = overrun.observe(&capture(1, 721, 0), now());
        assert_eq!(too_much, Err(Refused::TooMuch));
    }

    #[test]
    fn less_may_be_owed_and_the_shares_are_as_decided() {
        let held = observed(&care(), &hold(1)).payment;
        let half = charge(3100, 1033, 207);
        let reduced = held.reduce(half).unwrap().payment;
        assert_eq!(reduced.reduce(held.priced), Err(Refused::TooMuch));
        let captured = observed(&reduced, &capture(1, 4340, 0)).payment;
        assert_eq!((captured.captured, captured.owed, captured.to_refund()), (half, half, gbp(0)));
        assert!(matches!(captured.reduce(half), Err(Refused::WrongState { .. })));
        // It was captured before anybody could write that less is owed.
        let whole = observed(&reduced, &capture(1, 7440, 0)).payment;
        assert_eq!((whole.captured, whole.to_refund()), (held.priced, gbp(3100)));
        let refunded = observed(&whole, &capture(1, 7440, 3100)).payment;
        assert_eq!((refunded.state, refunded.to_refund()), (Captured, gbp(0)));
    }

    #[test]
    fn what_is_owed_no_more_is_released() {
        let nothing = charge(0, 0, 0);
        assert_eq!(care().release(), Err(Refused::StillOwed));
        let unasked = care().reduce(nothing).unwrap().payment.release().unwrap().payment;
        assert_eq!(unasked.state, Released);
        let held = observed(&care(), &hold(1)).payment.reduce(nothing).unwrap().payment;
        let released = observed(&held, &seen(1, Status::Canceled)).payment;
        assert_eq!((held.release(), released.state), (Err(Refused::HasIntent), Released));
        assert_eq!(released.observe(&hold(1), now()), Ok(None));
        // The answer to the first call was lost, and the payment released meanwhile: nothing is forgotten.
        let found = observed(&unasked, &hold(1)).payment;
        assert_eq!(observed(&found, &seen(1, Status::Canceled)).payment.state, Released);
        let taken = observed(&unasked, &capture(1, 7440, 0)).payment;
        assert_eq!((taken.state, taken.to_refund()), (Captured, gbp(7440)));
    }

    #[test]
    fn a_refused_card_can_be_replaced() {
        let refused = observed(&care(), &refusal(1, Failure::InsufficientFunds)).payment;
        assert_eq!((refused.state, refused.attempt), (Failed, 2));
        assert_eq!(refused.failure, Some(Failure::InsufficientFunds));
        let again = refused.retry(PaymentMethodId::parse("pm_2").unwrap()).unwrap().payment;
        assert_eq!((again.state, again.attempt, again.failure), (Pending, 2, None));
        assert_eq!((&again.intent, &again.replaces), (&None, &refused.intent));
        // The refusal of the first card says nothing of the second, nor does the end of its intent.
        for old in [refusal(1, Failure::InsufficientFunds), seen(1, Status::Canceled), hold(1)] {
            assert_eq!(again.observe(&old, now()), Ok(None));
        }
        // But money that came by it is there.
        assert_eq!(observed(&again, &capture(1, 7440, 0)).payment.state, Captured);
        let held = observed(&again, &hold(2)).payment;
        assert_eq!((held.state, held.replaces, held.failure), (Authorised, None, None));
        let unmade = care().refuse(Failure::CardExpired).unwrap().payment;
        assert_eq!((unmade.state, unmade.attempt, unmade.intent), (Failed, 2, None));
    }

    #[test]
    fn the_family_is_asked_to_confirm() {
        let care = care();
        let asked = [refusal(1, Failure::AuthenticationRequired), seen(1, Status::RequiresAction)]
            .map(|seen| observed(&care, &seen).payment);
        assert_eq!(asked[0], asked[1]);
        let [asked, _] = asked;
        assert_eq!((asked.state, asked.attempt), (ActionRequired, 1));
        assert_eq!(observed(&asked, &hold(1)).payment.state, Authorised);
        let failed = observed(&asked, &refusal(1, Failure::AuthenticationFailed)).payment;
        assert_eq!((failed.state, failed.attempt), (Failed, 2));
        assert_eq!(observed(&failed, &hold(1)).payment.state, Authorised);
        let another = asked.retry(PaymentMethodId::parse("pm_2").unwrap()).unwrap().payment;
        assert_eq!((another.state, another.attempt), (Pending, 2));
    }

    #[test]
    fn a_hold_may_end() {
        let held = observed(&care(), &hold(1)).payment;
        let ended = observed(&held, &seen(1, Status::Canceled)).payment;
        assert_eq!((ended.state, ended.attempt, ended.failure), (Failed, 2, Some(Failure::Ended)));
        assert_eq!(ended.observe(&hold(1), now()), Ok(None));
    }

    #[test]
    fn a_part_goes_back_once() {
        let captured = observed(&observed(&care(), &hold(1)).payment, &capture(1, 7440, 0)).payment;
        assert_eq!(captured.grant_refund(gbp(7441)), Err(Refused::TooMuch));
        let euros = Money { currency: Currency::Eur, ..gbp(1) };
        assert_eq!(captured.grant_refund(euros), Err(Refused::OtherCurrency));
        let granted = captured.grant_refund(gbp(1000)).unwrap().payment;
        assert_eq!((granted.state, granted.to_refund()), (Captured, gbp(1000)));
        let key = granted.idempotency_key(Step::Refund);
        let returned = observed(&granted, &capture(1, 7440, 1000));
        assert_eq!((returned.event, returned.payment.to_refund()), (Event::RefundPart, gbp(0)));
        let transaction = returned.transaction.unwrap();
        assert_eq!((transaction.kind, transaction.for_account(&Account::Cash)), (Kind::Refunded, -1000));
        assert_eq!(returned.payment.observe(&capture(1, 7440, 1000), now()), Ok(None));
        // The same amount, meant anew.
        let again = returned.payment.grant_refund(gbp(1000)).unwrap().payment;
        assert_ne!(again.idempotency_key(Step::Refund), key);
        // More went back than was granted, by somebody at Stripe's own pages.
        let all = observed(&again, &capture(1, 7440, 7440));
        assert_eq!((all.event, all.payment.state), (Event::RefundRest, Refunded));
        assert_eq!((all.payment.refunded, all.payment.to_refund()), (captured.captured, gbp(0)));
    }

    #[test]
    fn the_sitter_is_paid_what_is_theirs() {
        let transfer = || TransferId::parse("tr_1").unwrap();
        assert_eq!(care().owe(), Err(Refused::WrongState { from: Pending, event: Event::Owe }));
        let captured = observed(&observed(&care(), &hold(1)).payment, &capture(1, 7440, 0)).payment;
        let waits = captured.owe().unwrap().payment;
        assert_eq!((waits.state, waits.payable, waits.to_pay_out()), (Captured, gbp(6200), gbp(6200)));
        // Half of it goes back before anything is paid out.
        let half = waits.grant_refund(gbp(3720)).unwrap().payment;
        let half = observed(&half, &capture(1, 7440, 3720)).payment;
        assert_eq!((half.payable, half.to_pay_out()), (gbp(6200), gbp(3100)));
        let less = half.owe().unwrap().payment;
        assert_eq!(less.payable, gbp(3100));
        let key = less.idempotency_key(Step::PayOut);
        let paid = less.pay_out(less.payable, transfer(), now()).unwrap();
        let transaction = paid.transaction.unwrap();
        assert_eq!((transaction.kind, transaction.for_account(&Account::Cash)), (Kind::PaidOut, -3100));
        let paid = paid.payment;
        assert_eq!((paid.payable, paid.paid_out, paid.to_pay_out()), (gbp(0), gbp(3100), gbp(0)));
        assert_ne!(paid.idempotency_key(Step::PayOut), key);
        // It had been paid out before it was known that a part went back.
        let quicker = half.pay_out(gbp(6200), transfer(), now()).unwrap().payment;
        assert_eq!(
            (quicker.payable, quicker.to_pay_out(), quicker.to_call_back()),
            (gbp(0), gbp(0), gbp(3100))
        );
        let all = observed(&quicker, &capture(1, 7440, 7440)).payment;
        assert_eq!(
            (all.state, all.to_pay_out(), all.owe().unwrap().payment.payable),
            (Refunded, gbp(0), gbp(0))
        );
    }

    #[test]
    fn what_went_back_after_that_is_called_back() {
        let transfer = || TransferId::parse("tr_1").unwrap();
        let captured = observed(&observed(&care(), &hold(1)).payment, &capture(1, 7440, 0)).payment;
        let paid = captured.owe().unwrap().payment.pay_out(gbp(6200), transfer(), now()).unwrap().payment;
        assert_eq!(paid.to_call_back(), gbp(0));
        // A sixth goes back, of which the platform and the tax bear theirs.
        let back = observed(&paid, &capture(1, 7440, 1240)).payment;
        assert_eq!((back.to_call_back(), back.to_pay_out()), (gbp(1033), gbp(0)));
        assert_eq!(back.call_back(gbp(1034), transfer(), now()), Err(Refused::TooMuch));
        let some = back.call_back(gbp(1000), transfer(), now()).unwrap();
        let moved = some.transaction.unwrap();
        assert_eq!((moved.kind, moved.for_account(&Account::Cash)), (Kind::CalledBack, 1000));
        let some = some.payment;
        assert_eq!((some.state, some.called_back, some.to_call_back()), (Captured, gbp(1000), gbp(33)));
        // What Stripe does not call back is lost to the platform, and the sitter owes nothing any more.
        let waived = some.waive(now()).unwrap();
        let moved = waived.transaction.unwrap();
        assert_eq!((moved.kind, moved.for_account(&Account::Losses)), (Kind::Waived, 33));
        let waived = waived.payment;
        assert_eq!((waived.waived, waived.to_call_back(), waived.to_pay_out()), (gbp(33), gbp(0), gbp(0)));
        // The rest, later.
        let all = observed(&waived, &capture(1, 7440, 7440)).payment;
        assert_eq!((all.state, all.to_call_back()), (Refunded, gbp(5167)));
        let all = all.call_back(gbp(5167), transfer(), now()).unwrap().payment;
        assert_eq!((all.called_back, all.to_call_back(), all.to_pay_out()), (gbp(6167), gbp(0), gbp(0)));
        let keys = [&back, &some, &waived, &all].map(|payment| {
            let key = payment.idempotency_key(Step::CallBack(&transfer()));
            key.strip_prefix(&format!("{}/callback/tr_1/", payment.id)).unwrap().to_owned()
        });
        assert_eq!(keys, ["0/0", "1000/0", "1000/33", "6167/33"]);
        assert!(matches!(care().waive(now()), Err(Refused::WrongState { .. })));
    }

    #[test]
    fn a_bank_takes_money_back_and_decides() {
        let captured = observed(&observed(&care(), &hold(1)).payment, &capture(1, 7440, 0)).payment;
        let due_by = now() + SignedDuration::from_hours(24 * 7);
        let claim = |open, lost| Chargeback::new(gbp(open), gbp(lost), Some(due_by));
        let sums = |change: &Change| {
            let moved = change.transaction.as_ref().unwrap();
            [Account::Cash, Account::Contested, Account::Losses].map(|account| moved.for_account(&account))
        };
        let heard = |payment: &Payment, seen| payment.charge_back(seen, now()).unwrap().unwrap();
        let open = heard(&captured, claim(7440, 0));
        assert_eq!(
            (sums(&open), open.transaction.as_ref().unwrap().kind),
            ([-7440, 7440, 0], Kind::Contested)
        );
        assert!(open.transaction.as_ref().unwrap().lines().is_empty());
        let open = open.payment;
        assert_eq!(open.chargeback.unwrap().due_by, Some(due_by));
        assert_eq!(open.charge_back(claim(7440, 0), now()), Ok(None));
        assert!(open.is_contested() && open.reconcile_at.is_some());
        assert_eq!(open.grant_refund(gbp(1)), Err(Refused::ChargedBack));
        // It gives the money again, ...
        let won = heard(&open, claim(0, 0));
        assert_eq!((sums(&won), won.transaction.as_ref().unwrap().kind), ([7440, -7440, 0], Kind::Won));
        assert!(!won.payment.is_charged_back() && won.payment.grant_refund(gbp(1)).is_ok());
        // ... or keeps it, also if nobody has heard of the beginning.
        let lost = heard(&open, claim(0, 7440));
        assert_eq!((sums(&lost), lost.transaction.as_ref().unwrap().kind), ([0, -7440, 7440], Kind::Lost));
        assert_eq!(sums(&heard(&captured, claim(0, 7440))), [-7440, 0, 7440]);
        assert_eq!((lost.payment.to_refund(), lost.payment.to_pay_out()), (gbp(0), gbp(6200)));
        assert_eq!(lost.payment.chargeback.unwrap().due_by, None);
        // What was to go back, does not besides.
        let granted = captured.grant_refund(gbp(1000)).unwrap().payment;
        assert_eq!(
            (granted.to_refund(), heard(&granted, claim(100, 0)).payment.to_refund()),
            (gbp(1000), gbp(0))
        );
        // Another day moves no money.
        let later = Chargeback { due_by: None, ..open.chargeback.unwrap() };
        assert_eq!(heard(&open, later).transaction, None);
        let wrong =
            Refused::WrongChargeback { from: Some(chargeback::State::Lost), to: chargeback::State::Won };
        assert_eq!(lost.payment.charge_back(claim(0, 0), now()), Err(wrong));
        assert_eq!(wrong.to_string(), "a chargeback that is lost cannot be won");
        assert_eq!(captured.charge_back(claim(7441, 0), now()), Err(Refused::TooMuch));
    }

    #[test]
    fn each_step_has_a_key_of_its_own() {
        let (payment, id) = (care(), care().id);
        let payment = Payment { id, attempt: 2, ..payment };
        let intent = IntentId::parse("pi_1").unwrap();
        let keys = [Step::Authorise, Step::Capture, Step::Cancel(&intent), Step::Refund, Step::PayOut]
            .map(|step| payment.idempotency_key(step));
        let expected = ["authorise/2", "capture/2/7440", "cancel/pi_1", "refund/0", "payout/0"];
        assert_eq!(keys, expected.map(|step| format!("{id}/{step}")));
    }

    #[test]
    fn says_where_it_differs_from_stripe() {
        let held = observed(&care(), &hold(1)).payment;
        let captured = observed(&held, &capture(1, 7440, 0)).payment;
        assert_eq!((held.compare(&hold(1)), captured.compare(&capture(1, 7440, 0))), (None, None));
        for (payment, seen, expected) in [
            (
                &held,
                Observation { capturable: 100, ..hold(1) },
                "the card holds 100, but the payment is authorised",
            ),
            (&held, hold(2), "another intent holds money"),
            (&held, Observation { currency: Currency::Eur, ..hold(1) }, "Stripe has another currency"),
            (&captured, hold(1), "7440 was captured, but Stripe says 0"),
            (&captured, capture(1, 7440, 1), "0 was refunded, but Stripe says 1"),
        ] {
            assert_eq!(payment.compare(&seen).unwrap().to_string(), expected);
        }
        assert_eq!(held.compare(&seen(2, Status::Canceled)), None);
    }

    #[test]
    fn is_compared_the_more_seldom_the_longer_it_rests() {
        let mut payment = observed(&care(), &hold(1)).payment;
        let mut days = Vec::new();
        while let Some(at) = payment.reconcile_at {
            days.push(at.duration_since(now()).as_hours() / 24);
            payment = payment.reconciled(at);
        }
        assert_eq!(days, [1, 2, 4, 8, 16, 32, 64, 128]);
    }

    #[test]
    fn knows_stripes_words() {
        let read = |raw: &str| serde_json::from_value::<Status>(raw.into()).unwrap();
        assert_eq!(read("requires_payment_method"), Status::RequiresPaymentMethod);
        assert_eq!(read("requires_confirmation"), Status::Other);
        assert_eq!(Failure::from_stripe("expired_card"), Failure::CardExpired);
        assert_eq!(Failure::from_stripe("do_not_honor"), Failure::CardDeclined);
    }

    /// What one intent goes through at Stripe.
    fn history(attempt: u32) -> impl Strategy<Value = Vec<Observation>> {
        let ends = (0u32..=7440, proptest::collection::vec(0u32..=7440, 0..4));
        (any::<bool>(), 0..3, any::<bool>(), 0..4, ends).prop_map(
            move |(processing, asked, refused, end, (received, mut refunds))| {
                let mut history = Vec::new();
                history.extend(processing.then(|| seen(attempt, Status::Processing)));
                match asked {
                    0 => history.push(seen(attempt, Status::RequiresAction)),
                    1 => history.push(refusal(attempt, Failure::AuthenticationRequired)),
                    _ => {}
                }
                history.extend(refused.then(|| refusal(attempt, Failure::CardDeclined)));
                history.extend((end > 0).then(|| hold(attempt)));
                match end {
                    2 => history.push(seen(attempt, Status::Canceled)),
                    3 => {
                        let received = received.max(1);
                        history.push(capture(attempt, received, 0));
                        refunds.retain(|refund| *refund <= received);
                        refunds.sort_unstable();
                        history.extend(refunds.into_iter().map(|refund| capture(attempt, received, refund)));
                    }
                    _ => {}
                }
                history
            },
        )
    }

    /// Everything at least once, in any order.
    fn shuffled(history: Vec<Observation>) -> impl Strategy<Value = (Vec<Observation>, Vec<Observation>)> {
        let twice: Vec<_> = history.iter().chain(&history).cloned().collect();
        (Just(history), Just(twice).prop_shuffle())
    }

    /// Stripe does not count the attempts, and the order in which it is heard does.
    fn essence(payment: Payment) -> Payment {
        Payment { version: 0, attempt: 0, ..payment }
    }

    proptest! {
        /// In whichever order and however often it is heard what has happened at Stripe, the end is the same; and
        /// the ledger says what the payment says.
        #[test]
        fn any_order_ends_the_same(
            (history, heard) in history(1).prop_flat_map(shuffled),
            (second, heard_second) in history(2).prop_flat_map(shuffled),
            owed in prop_oneof![Just(0), 0u32..=7440],
        ) {
            let start = care();
            let owed = start.part(start.priced, owed).unwrap();
            let start = start.reduce(owed).unwrap().payment;
            let run = |payment: Payment, heard: &[Observation], ledger: &mut Vec<Transaction>| {
                heard.iter().fold(payment, |payment, seen| settled(payment, seen, ledger))
            };
            let (mut ledger, mut other) = (Vec::new(), Vec::new());
            let mut ends = [run(start.clone(), &history, &mut ledger), run(start, &heard, &mut other)];
            prop_assert_eq!(essence(ends[0].clone()), essence(ends[1].clone()));
            if let Ok(retried) = ends[0].retry(PaymentMethodId::parse("pm_2").unwrap()) {
                let late: Vec<_> = heard_second.iter().zip(heard.iter().cycle()).collect();
                let late: Vec<_> = late.into_iter().flat_map(|(new, old)| [new.clone(), old.clone()]).collect();
                ends = [run(retried.payment.clone(), &second, &mut ledger), run(retried.payment, &late, &mut other)];
                prop_assert_eq!(essence(ends[0].clone()), essence(ends[1].clone()));
            }
            for (end, ledger) in ends.iter().zip([ledger, other]) {
                let sum = |account| ledger.iter().map(|entry| entry.for_account(&account)).sum::<i64>();
                let kept = end.captured.checked_sub(end.refunded).unwrap();
                let minor = |money: Money| i64::from(money.amount_minor);
                prop_assert_eq!(sum(Account::Cash), minor(kept.total()));
                prop_assert_eq!(sum(Account::Sitter(end.sitter)), -minor(kept.sitter()));
                prop_assert_eq!(sum(Account::Fees) + sum(Account::Tax), -minor(kept.fee()) - minor(kept.tax()));
                prop_assert_eq!(sum(Account::Payer(end.parent)), 0);
                let left = kept.total().amount_minor.checked_sub(end.to_refund().amount_minor);
                prop_assert_eq!(end.captured.is_zero() || left == Some(end.owed.total().amount_minor), true);
            }
        }
    }
}
