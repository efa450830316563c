//! The rules of NannyRadar: value types, state machines and errors.
//!
//! Nothing here reads a clock, a socket or an environment: time is always an argument, so that
//! every rule can be tested at any moment. Raw input becomes one of these types once, at the edge,
//! by a `parse` function; private fields keep it true afterwards.

pub mod address;
pub mod analytics;
pub mod availability;
pub mod booking;
pub mod calendar;
pub mod care;
pub mod chargeback;
pub mod child;
pub mod credentials;
pub mod display_name;
pub mod due;
pub mod email;
pub mod epoch;
pub mod event;
pub mod favourites;
pub mod geo;
pub mod id;
pub mod language;
pub mod ledger;
pub mod listing;
pub mod locale;
pub mod mail_link;
pub mod money;
pub mod one_time_code;
pub mod page;
pub mod pairings;
pub mod parent;
pub mod password;
pub mod payment;
pub mod phone;
pub mod rating;
pub mod recommend;
pub mod review;
pub mod revocation;
pub mod role;
pub mod search;
pub mod series;
pub mod session;
pub mod settlement;
pub mod sitter;
pub mod stripe;
pub mod text;
pub mod time_zone;
pub mod token_keys;
pub mod upload;
pub mod user;
pub mod vetting;
mod violation;

pub use violation::Violation;
