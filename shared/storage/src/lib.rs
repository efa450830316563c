//! DynamoDB, S3, KMS and Secrets Manager. One file per entity, each opening with its access patterns.
//!
//! Every question is one GetItem or one Query; nothing scans, and IAM would not let it. Every
//! change is one conditional write or one transaction.

pub mod accounts;
pub mod admins;
pub mod audit;
pub mod blocks;
pub mod bookings;
pub mod calendars;
pub mod certificates;
pub mod check_secret;
pub mod children;
pub mod credentials;
pub mod data_keys;
pub mod due;
mod error;
pub mod favourites;
pub mod field_cipher;
pub mod files;
pub mod generated_secret;
pub mod idempotency;
pub mod inbox;
pub mod ledger;
pub mod mail_links;
pub mod one_time_codes;
pub mod outbox;
pub mod pairings;
pub mod parent_profiles;
pub mod payees;
pub mod payers;
pub mod payments;
pub mod rate_limits;
pub mod reviews;
pub mod revocations;
pub mod search;
pub mod search_counts;
pub mod series;
pub mod sessions;
pub mod signing_secret;
pub mod sitter_records;
pub mod sitters;
pub mod stripe_events;
pub mod stripe_secret;
mod tables;
pub mod token_keys;
pub mod uploads;
pub mod users;

pub use error::Error;
pub use tables::Tables;
