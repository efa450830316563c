//! What a family's bank takes back, because the owner of the card does not agree: with the bank, and not with us.
//!
//! It takes the money at once. Whoever operates the marketplace shows it, at Stripe and until a day that Stripe tells,
//! that the care was given; then the bank gives the money again, or keeps it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use strum::AsRefStr;

use crate::money::Money;

/// How it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, AsRefStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum State {
    /// The bank has taken the money, and thinks.
    Open,
    /// The bank has given all of it again.
    Won,
    /// The bank keeps it, or a part of it.
    Lost,
}

/// Every transition that there is: from, to. Who hears late may hear of the end alone; and who has been to their bank
/// once may go there again.
pub const TABLE: &[(Option<State>, State)] = &[
    (None, State::Open),
    (None, State::Won),
    (None, State::Lost),
    (Some(State::Open), State::Open),
    (Some(State::Open), State::Won),
    (Some(State::Open), State::Lost),
    (Some(State::Won), State::Open),
    (Some(State::Won), State::Lost),
    (Some(State::Lost), State::Open),
    (Some(State::Lost), State::Lost),
];

/// All that a bank has taken back of one payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chargeback {
    /// How it stands.
    pub state: State,
    /// What the bank has, and may give again.
    pub open: Money,
    /// What it keeps.
    pub lost: Money,
    /// Until when Stripe is to be shown that the care was given; while it is open.
    pub due_by: Option<Timestamp>,
}

impl Chargeback {
    /// Of what a bank has, keeps, and wants to be told until when.
    pub fn new(open: Money, lost: Money, due_by: Option<Timestamp>) -> Self {
        let state = match (open.amount_minor, lost.amount_minor) {
            (0, 0) => State::Won,
            (0, _) => State::Lost,
            _ => State::Open,
        };
        Self { state, open, lost, due_by: due_by.filter(|_| state == State::Open) }
    }

    /// What is not with us, in minor units.
    pub fn taken(&self) -> u32 {
        self.open.amount_minor.saturating_add(self.lost.amount_minor)
    }
}
