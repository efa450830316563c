//! The whole service in one process, on the embedded DynamoDB, with a clock that the tests turn.
#![expect(clippy::unwrap_used, reason = "a test stops at the first thing that is wrong")]

mod client;
mod contract;
mod identity;
mod me;
mod protocol;
