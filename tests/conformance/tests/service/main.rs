//! The whole service in one process, on the embedded DynamoDB, with a clock that the tests turn.
#![expect(clippy::unwrap_used, reason = "a test stops at the first thing that is wrong")]

mod authorization;
mod bookings;
mod client;
mod contract;
mod family;
mod identity;
mod inputs;
mod limits;
mod me;
mod payments;
mod proofs;
mod protocol;
mod recommended;
mod recovery;
mod second_step;
mod sessions;
mod sitters;
mod tasks;
mod text;
mod uploads;
mod vetting;
