//! Stripe: a client for what is used of it, and the signature of its webhooks.
//!
//! Nothing here knows a booking's rules or the store. A caller says what is to happen at Stripe and under
//! which idempotency key, and is told what is so there now. Amounts are in minor units, as everywhere.

mod accounts;
mod breaker;
mod cards;
mod client;
mod disputes;
mod error;
mod intents;
mod page;
mod transfers;
pub mod webhook;

pub use accounts::{Account, AccountLink};
pub use cards::{Card, SetupIntent};
pub use client::{Patience, Stripe};
pub use error::Error;
pub use intents::{Capture, Intent, NewIntent, Refund, RefundStatus};
pub use page::Page;
pub use transfers::{NewTransfer, Transfer};
