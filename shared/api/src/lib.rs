//! HTTP: what every endpoint shares.
//!
//! A handler parses its request into domain types, calls a rule and the storage, and turns the
//! result into a response. Everything around that is here: the application that it is given, the
//! extractors that it asks for, the errors that it answers with, and the stack around it.

mod app;
mod cached;
mod caller;
mod cursors;
mod entity_tags;
mod extract;
mod fields;
pub mod idempotency;
mod keyed_hash;
pub mod limits;
mod money;
mod objects_only;
pub mod openapi;
pub mod passwords;
mod problem;
mod rate;
mod request;
mod revoked;
pub mod secrets;
mod sitter_card;
mod stack;
pub mod tokens;
pub mod totp;
mod variant_link;

pub use app::{App, Clock, Settings};
pub use cached::IfNoneMatch;
pub use caller::{Admin, Parent, SignedIn, Sitter};
pub use cursors::Cursors;
pub use extract::{CachedQuery, IfMatch, Json, PathId, Query, RawBody, present};
pub use fields::Fields;
pub use idempotency::Idempotent;
pub use keyed_hash::KeyedHash;
pub use limits::Limiter;
pub use money::Money;
pub use problem::{FieldProblem, MOST_NAMED, Problem, ProblemBody};
pub use rate::Rate;
pub use request::RequestMeta;
pub use sitter_card::{SitterCard, links};
pub use stack::service;
pub use variant_link::VariantLink;
