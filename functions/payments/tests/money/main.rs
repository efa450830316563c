//! What becomes of the money of bookings: journeys, and everything that can break in them.
#![expect(clippy::unwrap_used, reason = "a test stops at the first thing that is wrong")]

mod faults;
mod journeys;
mod reconcile;
mod world;
