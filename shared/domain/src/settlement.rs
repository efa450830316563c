//! What is to be done next about the money of a booking.
//!
//! It follows from the booking and its payments alone, and not from what has just been heard of: whoever is told to
//! look at a booking's money, in whatever order and however often, does what is missing and nothing twice.

use jiff::Timestamp;

use crate::{
    booking::{Booking, Card, HOLD, State, policy::Charge},
    id::PaymentId,
    money::Money,
    payment::{Payment, Purpose, State as Paid},
    stripe::IntentId,
};

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Ask Stripe whether the card is there, and the parent's.
    CheckCard,
    /// Note on the booking what is known of the card.
    NoteCard(Card),
    /// Begin a payment.
    Order(Purpose, Charge),
    /// Ask the card for what was priced, when the attempt before is given up: never do two hold the same money.
    Authorise(PaymentId),
    /// Note that less is owed.
    Reduce(PaymentId, Charge),
    /// Take what is owed.
    Capture(PaymentId),
    /// Give up an intent.
    GiveUp(PaymentId, IntentId),
    /// Note that nothing is owed, where there is nothing to give up.
    Release(PaymentId),
    /// Note that so much more is to go back.
    GrantRefund(PaymentId, Money),
    /// Give back what is to go back.
    Refund(PaymentId),
    /// Note what waits to be paid out to the sitter. If something did before, that may have been paid out by now.
    Owe(PaymentId),
    /// Pay it out.
    PayOut(PaymentId),
}

/// The next thing to be done; `None` while there is nothing, or somebody else is to act first.
pub fn next(booking: &Booking, payments: &[Payment], now: Timestamp) -> Option<Action> {
    let of = |purpose| payments.iter().find(|payment| payment.purpose == purpose);
    let care = of(Purpose::Care);
    let note_card = || note_card(booking, payments);
    match booking.state {
        State::Requested | State::Declined | State::Expired | State::Withdrawn => None,
        State::Accepted | State::Confirmed | State::InProgress => {
            before_the_end(booking, care, now).or_else(note_card)
        }
        State::Completed | State::Disputed | State::Settled => {
            let due = Charge::of(&booking.quote);
            let overrun = booking.overrun.as_ref().map(Charge::of);
            collect(care, Purpose::Care, due)
                .or_else(|| collect(of(Purpose::Overrun), Purpose::Overrun, overrun?))
                .or_else(note_card)
                .or_else(|| give_back(booking, payments))
                .or_else(|| pay_out(booking, payments))
        }
        State::Cancelled | State::NoShow => called_off(booking, care, of(Purpose::Cancellation))
            .or_else(note_card)
            .or_else(|| payments.iter().find_map(refund))
            .or_else(|| pay_out(booking, payments)),
    }
}

/// Whether a booking is to be paid with its card still, or may be.
pub fn needs_card(booking: &Booking, payments: &[Payment], now: Timestamp) -> bool {
    let is_open = |payment: &Payment| {
        let is_taken = matches!(payment.state, Paid::Captured | Paid::Refunded | Paid::Released);
        !is_taken && !payment.owed.is_zero()
    };
    matches!(booking.state, State::Accepted | State::Confirmed | State::InProgress)
        || payments.iter().any(is_open)
        || matches!(next(booking, payments, now), Some(Action::Order(..)))
}

/// A good card is enough until a day ahead; then it must hold the money.
fn before_the_end(booking: &Booking, care: Option<&Payment>, now: Timestamp) -> Option<Action> {
    match care {
        None if now < booking.span.start - HOLD => {
            (booking.card == Card::Unasked).then_some(Action::CheckCard)
        }
        None => Some(Action::Order(Purpose::Care, Charge::of(&booking.quote))),
        Some(payment) => (payment.state == Paid::Pending).then_some(Action::Authorise(payment.id)),
    }
}

/// The booking tells of the card what its payments do: of several the one that has to be mended.
fn note_card(booking: &Booking, payments: &[Payment]) -> Option<Action> {
    let known = |card| payments.iter().any(|payment| card_of(payment.state) == Some(card));
    let card = [Card::Refused, Card::ActionRequired, Card::Held].into_iter().find(|card| known(*card))?;
    (card != booking.card).then_some(Action::NoteCard(card))
}

/// What a payment tells of the card.
fn card_of(state: Paid) -> Option<Card> {
    match state {
        Paid::Failed => Some(Card::Refused),
        Paid::ActionRequired => Some(Card::ActionRequired),
        Paid::Authorised | Paid::Captured | Paid::Refunded => Some(Card::Held),
        Paid::Pending | Paid::Released => None,
    }
}

/// What is owed is taken.
fn collect(payment: Option<&Payment>, purpose: Purpose, due: Charge) -> Option<Action> {
    let Some(payment) = payment else {
        return (!due.is_zero()).then_some(Action::Order(purpose, due));
    };
    match payment.state {
        Paid::Pending => Some(Action::Authorise(payment.id)),
        Paid::Authorised => Some(Action::Capture(payment.id)),
        // Its parent is to mend it.
        Paid::Failed | Paid::ActionRequired => None,
        Paid::Captured | Paid::Refunded | Paid::Released => None,
    }
}

fn refund(payment: &Payment) -> Option<Action> {
    (payment.state == Paid::Captured && payment.to_refund().amount_minor > 0)
        .then_some(Action::Refund(payment.id))
}

/// What an admin has decided goes back: out of the care first, then out of what it took longer.
fn give_back(booking: &Booking, payments: &[Payment]) -> Option<Action> {
    if let Some(refund) = payments.iter().find_map(refund) {
        return Some(refund);
    }
    let decided = booking.dispute.as_ref().and_then(|dispute| dispute.refund)?;
    let granted: u32 = payments.iter().map(granted).sum();
    let missing = decided.amount_minor.checked_sub(granted)?;
    payments.iter().filter(|payment| payment.state == Paid::Captured).find_map(|payment| {
        let amount = payment.owed.total().amount_minor.min(missing);
        let amount = Money::new(amount, payment.currency());
        (amount.amount_minor > 0).then_some(Action::GrantRefund(payment.id, amount))
    })
}

/// What has gone back of a payment, or is to.
fn granted(payment: &Payment) -> u32 {
    payment.captured.total().amount_minor.saturating_sub(payment.owed.total().amount_minor)
}

/// What is kept is taken, and all else is given up.
fn called_off(booking: &Booking, care: Option<&Payment>, cancellation: Option<&Payment>) -> Option<Action> {
    let kept = booking.charge();
    let Some(care) = care else { return collect(cancellation, Purpose::Cancellation, kept) };
    // Somebody held the money while somebody else heard that it was called off: it is kept once.
    let of_care = if cancellation.is_some() { Charge::zero(care.currency()) } else { kept };
    wind_up(care, of_care).or_else(|| collect(Some(cancellation?), Purpose::Cancellation, kept))
}

/// So much of a payment is kept.
fn wind_up(care: &Payment, kept: Charge) -> Option<Action> {
    match care.state {
        Paid::Captured => {
            let too_much = care.owed.total().checked_sub(kept.total()).ok()?;
            (too_much.amount_minor > 0).then_some(Action::GrantRefund(care.id, too_much))
        }
        Paid::Refunded | Paid::Released => None,
        _ if care.owed != kept => Some(Action::Reduce(care.id, kept)),
        Paid::Authorised if !kept.is_zero() => Some(Action::Capture(care.id)),
        Paid::Pending if !kept.is_zero() => Some(Action::Authorise(care.id)),
        // Its parent is to mend it.
        _ if !kept.is_zero() => None,
        _ => Some(match care.intent.clone().or_else(|| care.replaces.clone()) {
            Some(intent) => Action::GiveUp(care.id, intent),
            None => Action::Release(care.id),
        }),
    }
}

/// The sitter gets what has come for them, once nobody can disagree any more, and what is to go back has gone.
fn pay_out(booking: &Booking, payments: &[Payment]) -> Option<Action> {
    if !matches!(booking.state, State::Settled | State::Cancelled | State::NoShow) {
        return None;
    }
    let owe = payments.iter().find(|payment| payment.payable != payment.to_pay_out());
    let pay = || payments.iter().find(|payment| payment.payable.amount_minor > 0);
    owe.map(|payment| Action::Owe(payment.id)).or_else(|| pay().map(|payment| Action::PayOut(payment.id)))
}

#[cfg(test)]
mod tests;
