//! Who owes what to whom: transactions of two sides and more, each of which adds up to nothing.
//!
//! Positive amounts are debits, what somebody owes the platform and what it holds; negative ones are
//! credits, what it owes and what it has earned. So `Cash` is what lies at Stripe, and what is to be
//! paid out to a sitter is the sum of their account with its sign turned.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use strum::{AsRefStr, EnumIter};

use crate::{
    booking::policy::Charge,
    chargeback::{self, Chargeback},
    id::{BookingId, PaymentId, TransactionId, UserId},
    money::{Currency, Money},
    payment::Payment,
    stripe::TransferId,
};

/// One of the accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Account {
    /// What a family owes.
    Payer(UserId),
    /// What a sitter has earned and not been paid yet.
    Sitter(UserId),
    /// What the platform earns.
    Fees,
    /// The tax on it.
    Tax,
    /// What lies at Stripe.
    Cash,
    /// What the platform has borne for others.
    Losses,
    /// What families' banks have taken back, and may give again.
    Contested,
}

/// One line of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// On which account.
    pub account: Account,
    /// In minor units: a debit, or, below zero, a credit.
    pub amount_minor: i64,
}

/// What has happened to the money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, AsRefStr, EnumIter)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Kind {
    /// A family has paid.
    Charged,
    /// A family has got something back.
    Refunded,
    /// A sitter has been paid.
    PaidOut,
    /// A sitter has been paid what then went back to the family, and Stripe has called it back.
    CalledBack,
    /// Stripe could not call it back, and the platform bears it.
    Waived,
    /// A family's bank has taken something back, and may give it again.
    Contested,
    /// It has given all of it again.
    Won,
    /// It keeps it.
    Lost,
}

/// Entries that add up to nothing. There is no other way to make one than by what it is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Transaction {
    /// Never reused; later ones are greater.
    pub id: TransactionId,
    /// For which booking.
    pub booking: BookingId,
    /// By which payment.
    pub payment: PaymentId,
    /// Under which name Stripe knows the payout that it is, or that is called back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transfer: Option<TransferId>,
    /// What has happened.
    pub kind: Kind,
    /// Of all entries.
    pub currency: Currency,
    entries: Vec<Entry>,
    /// When.
    pub at: Timestamp,
}

/// A transaction whose entries nobody has added up yet.
#[derive(Deserialize)]
struct Unchecked {
    id: TransactionId,
    booking: BookingId,
    payment: PaymentId,
    #[serde(default)]
    transfer: Option<TransferId>,
    kind: Kind,
    currency: Currency,
    entries: Vec<Entry>,
    at: Timestamp,
}

/// A transaction does not add up to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the entries of a transaction add up to {0}")]
pub struct Unbalanced(i128);

impl TryFrom<Unchecked> for Transaction {
    type Error = Unbalanced;
    fn try_from(stored: Unchecked) -> Result<Self, Unbalanced> {
        let Unchecked { id, booking, payment, transfer, kind, currency, entries, at } = stored;
        match entries.iter().map(|entry| i128::from(entry.amount_minor)).sum() {
            0 => Ok(Self { id, booking, payment, transfer, kind, currency, entries, at }),
            sum => Err(Unbalanced(sum)),
        }
    }
}

impl Transaction {
    /// A family has paid a charge: what it owed, who has earned it, and that it has come.
    pub fn charged(payment: &Payment, charge: Charge, now: Timestamp) -> Self {
        Self::moved(payment, Kind::Charged, parts(charge), now)
    }

    /// A family has got something back: altogether it was `before`, and is `after` now. The reverse of
    /// [`Transaction::charged`].
    pub fn refunded(payment: &Payment, before: Charge, after: Charge, now: Timestamp) -> Self {
        // Each sum is shared by itself, so that how often something goes back does not count. A part of the
        // larger sum may be less by a unit, if others are more.
        let (before, after) = (parts(before), parts(after));
        Self::moved(payment, Kind::Refunded, std::array::from_fn(|part| before[part] - after[part]), now)
    }

    fn moved(payment: &Payment, kind: Kind, [sitter, fee, tax]: [i64; 3], now: Timestamp) -> Self {
        let total = sitter + fee + tax;
        Self {
            id: crate::id::new(now),
            booking: payment.booking,
            payment: payment.id,
            transfer: None,
            kind,
            currency: payment.currency(),
            entries: entries(&[
                (Account::Payer(payment.parent), total),
                (Account::Sitter(payment.sitter), -sitter),
                (Account::Fees, -fee),
                (Account::Tax, -tax),
                (Account::Payer(payment.parent), -total),
                (Account::Cash, total),
            ]),
            at: now,
        }
    }

    /// A sitter has been paid out of a payment.
    pub fn paid_out(payment: &Payment, amount: Money, transfer: TransferId, now: Timestamp) -> Self {
        let minor = i64::from(amount.amount_minor);
        Self::of_sitter(payment, Kind::PaidOut, Account::Cash, -minor, Some(transfer), now)
    }

    /// A part of a payout was called back. The reverse of [`Transaction::paid_out`].
    pub fn called_back(payment: &Payment, amount: Money, transfer: TransferId, now: Timestamp) -> Self {
        let minor = i64::from(amount.amount_minor);
        Self::of_sitter(payment, Kind::CalledBack, Account::Cash, minor, Some(transfer), now)
    }

    /// A sitter keeps what they were to give back.
    pub fn waived(payment: &Payment, amount: Money, now: Timestamp) -> Self {
        Self::of_sitter(payment, Kind::Waived, Account::Losses, amount.amount_minor.into(), None, now)
    }

    /// A family's bank has taken something back, or decided about it. The platform bears it; neither the family nor the
    /// sitter owes any of it.
    pub fn charged_back(
        payment: &Payment,
        before: Option<Chargeback>,
        after: Chargeback,
        now: Timestamp,
    ) -> Self {
        let sums = |chargeback: Chargeback| -> [i64; 2] {
            [chargeback.open, chargeback.lost].map(|money| money.amount_minor.into())
        };
        let ([open, lost], [was_open, was_lost]) = (sums(after), before.map_or([0, 0], sums));
        let (open, lost) = (open - was_open, lost - was_lost);
        let kind = match after.state {
            chargeback::State::Open => Kind::Contested,
            chargeback::State::Won => Kind::Won,
            chargeback::State::Lost => Kind::Lost,
        };
        let entries =
            entries(&[(Account::Contested, open), (Account::Losses, lost), (Account::Cash, -open - lost)]);
        Self { entries, ..Self::of_sitter(payment, kind, Account::Cash, 0, None, now) }
    }

    /// So much more on an account, and so much less on the sitter's.
    fn of_sitter(
        payment: &Payment,
        kind: Kind,
        account: Account,
        minor: i64,
        transfer: Option<TransferId>,
        now: Timestamp,
    ) -> Self {
        Self {
            id: crate::id::new(now),
            booking: payment.booking,
            payment: payment.id,
            transfer,
            kind,
            currency: payment.currency(),
            entries: entries(&[(Account::Sitter(payment.sitter), -minor), (account, minor)]),
            at: now,
        }
    }

    /// Its entries, none of which is of nothing.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What it changes on an account.
    pub fn for_account(&self, account: &Account) -> i64 {
        let of_account = self.entries.iter().filter(|entry| entry.account == *account);
        of_account.map(|entry| entry.amount_minor).sum()
    }

    /// What it is to the people in it: one line for each whom it gives something or takes something from.
    pub fn lines(&self) -> Vec<(UserId, Line)> {
        let mut lines: Vec<(UserId, Line)> = Vec::new();
        for entry in &self.entries {
            let (user, amount_minor) = match entry.account {
                // A family's own account is even after each transaction: what it sees is the cash.
                Account::Payer(user) => (user, -self.for_account(&Account::Cash)),
                Account::Sitter(user) => (user, -self.for_account(&entry.account)),
                Account::Fees | Account::Tax | Account::Cash | Account::Losses | Account::Contested => {
                    continue;
                }
            };
            if lines.iter().all(|(other, _)| *other != user) {
                lines.push((user, self.line(amount_minor)));
            }
        }
        lines
    }

    fn line(&self, amount_minor: i64) -> Line {
        Line {
            transaction: self.id,
            booking: self.booking,
            payment: self.payment,
            kind: self.kind,
            amount_minor,
            currency: self.currency,
            at: self.at,
        }
    }
}

/// What a sitter has of a payout, in minor units; `None` if no transaction is of it.
pub fn left_of(transfer: &TransferId, ledger: &[Transaction]) -> Option<i64> {
    let mut of_it = ledger.iter().filter(|moved| moved.transfer.as_ref() == Some(transfer)).peekable();
    of_it.peek()?;
    Some(of_it.map(|moved| -moved.for_account(&Account::Cash)).sum())
}

/// What the sitter, the platform and the tax have of a charge.
fn parts(charge: Charge) -> [i64; 3] {
    [charge.sitter(), charge.fee(), charge.tax()].map(|part| part.amount_minor.into())
}

fn entries(amounts: &[(Account, i64)]) -> Vec<Entry> {
    let some = amounts.iter().filter(|(_, amount)| *amount != 0);
    some.map(|(account, amount_minor)| Entry { account: *account, amount_minor: *amount_minor }).collect()
}

/// One line of somebody's statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Of which transaction.
    pub transaction: TransactionId,
    /// For which booking.
    pub booking: BookingId,
    /// By which payment.
    pub payment: PaymentId,
    /// What has happened.
    pub kind: Kind,
    /// In minor units, as that person sees it: what a family pays is below zero, and what it gets back is
    /// above; what a sitter earns is above zero, and what goes back to the family or has been paid out is below. What a
    /// sitter gives back, or need not, is above again: they owe it no more.
    pub amount_minor: i64,
    /// Its currency.
    pub currency: Currency,
    /// When.
    pub at: Timestamp,
}

/// What the lines of somebody's statement come to in one currency, by what has happened.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Balance {
    /// Which currency.
    pub currency: Currency,
    /// The sum of what a family has paid, below zero, or of what a sitter has earned. In minor units, as the
    /// others.
    pub charged: i64,
    /// The sum of what a family has got back, or, below zero, of what was taken back from a sitter.
    pub refunded: i64,
    /// The sum of what a sitter has been paid, below zero.
    pub paid_out: i64,
    /// The sum of what was called back of it.
    pub called_back: i64,
    /// The sum of what could not be called back of it.
    pub waived: i64,
}

impl Balance {
    /// Of those lines of one currency.
    pub fn of<'a>(currency: Currency, lines: impl IntoIterator<Item = &'a Line>) -> Self {
        let empty = Self { currency, ..Self::default() };
        lines.into_iter().filter(|line| line.currency == currency).fold(empty, |mut balance, line| {
            match line.kind {
                Kind::Charged => balance.charged += line.amount_minor,
                Kind::Refunded => balance.refunded += line.amount_minor,
                Kind::PaidOut => balance.paid_out += line.amount_minor,
                Kind::CalledBack => balance.called_back += line.amount_minor,
                Kind::Waived => balance.waived += line.amount_minor,
                // Nobody has a line of these.
                Kind::Contested | Kind::Won | Kind::Lost => {}
            }
            balance
        })
    }

    /// What a sitter is owed still, or, below zero, owes; below zero also what a family has spent.
    pub fn total(&self) -> i64 {
        self.charged + self.refunded + self.paid_out + self.called_back + self.waived
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payment::{
        Purpose,
        tests::{charge, payment},
    };
    use proptest::prelude::*;

    fn now() -> Timestamp {
        "2026-03-01T12:00:00Z".parse().unwrap()
    }

    fn transactions(sitter: u32, fee: u32, tax: u32) -> [Transaction; 5] {
        let payment = payment(Purpose::Care, charge(sitter, fee, tax));
        let amount = payment.priced.sitter();
        let transfer = || TransferId::parse("tr_1").unwrap();
        [
            Transaction::charged(&payment, payment.priced, now()),
            Transaction::refunded(&payment, Charge::zero(Currency::Gbp), payment.priced, now()),
            Transaction::paid_out(&payment, amount, transfer(), now()),
            Transaction::called_back(&payment, amount, transfer(), now()),
            Transaction::waived(&payment, amount, now()),
        ]
    }

    #[test]
    fn says_who_paid_and_who_earned() {
        let [charged, refunded, paid_out, called_back, waived] = transactions(6200, 1033, 207);
        assert_eq!(charged.for_account(&Account::Cash), 7440);
        assert_eq!((charged.for_account(&Account::Fees), charged.for_account(&Account::Tax)), (-1033, -207));
        let amounts = |transaction: &Transaction| -> Vec<i64> {
            transaction.lines().iter().map(|(_, line)| line.amount_minor).collect()
        };
        assert_eq!(amounts(&charged), [-7440, 6200]);
        assert_eq!(amounts(&refunded), [7440, -6200]);
        assert_eq!(amounts(&paid_out), [-6200]);
        // It lies at Stripe again, or it is lost; either way the sitter owes it no more.
        assert_eq!((amounts(&called_back), amounts(&waived)), (vec![6200], vec![6200]));
        let transfer = paid_out.transfer.clone().unwrap();
        let ledger = [charged.clone(), paid_out.clone(), called_back.clone()];
        let left = [1, 2, 3].map(|until| left_of(&transfer, &ledger[..until]));
        assert_eq!(left, [None, Some(6200), Some(0)]);
        let sums = |transaction: &Transaction| {
            [Account::Cash, Account::Losses].map(|account| transaction.for_account(&account))
        };
        assert_eq!((sums(&called_back), sums(&waived)), ([6200, 0], [0, 6200]));
        let sitters = |made: &[&Transaction]| -> Vec<Line> {
            made.iter().map(|made| made.lines().pop().unwrap().1).collect()
        };
        let paid = sitters(&[&charged, &paid_out]);
        let balance = Balance::of(Currency::Gbp, &paid);
        assert_eq!((balance.charged, balance.paid_out, balance.total()), (6200, -6200, 0));
        for made_good in [&called_back, &waived] {
            let lines = sitters(&[&charged, &paid_out, &refunded, made_good]);
            assert_eq!(Balance::of(Currency::Gbp, &lines).total(), 0);
        }
        let back = Balance::of(Currency::Gbp, &sitters(&[&called_back, &waived]));
        assert_eq!((back.called_back, back.waived), (6200, 6200));
        assert_eq!(Balance::of(Currency::Eur, &paid).charged, 0);
    }

    #[test]
    fn whom_it_gives_nothing_it_does_not_name() {
        let [charged, ..] = transactions(0, 100, 0);
        assert_eq!((charged.lines().len(), charged.entries().len()), (1, 4));
    }

    #[test]
    fn what_was_changed_in_the_store_is_not_read() {
        let [charged, ..] = transactions(6200, 1033, 207);
        let json = serde_json::to_string(&charged).unwrap();
        assert_eq!(serde_json::from_str::<Transaction>(&json).unwrap(), charged);
        let error = serde_json::from_str::<Transaction>(&json.replace("-1033", "-1034")).unwrap_err();
        assert_eq!(error.to_string(), "the entries of a transaction add up to -1");
    }

    proptest! {
        #[test]
        fn adds_up_to_nothing(sitter in 0u32..1 << 30, fee in 0u32..1 << 30, tax in 0u32..1 << 30) {
            for transaction in transactions(sitter, fee, tax) {
                prop_assert_eq!(transaction.entries().iter().map(|entry| entry.amount_minor).sum::<i64>(), 0);
                prop_assert!(transaction.entries().iter().all(|entry| entry.amount_minor != 0));
            }
        }
    }
}
