//! The only code that knows Lambda: it turns a router into a function behind API Gateway, and a
//! function of one message into a consumer of a batch.

pub mod custom_resource;
pub mod due;
mod http;
mod log;
mod once;
mod records;
pub mod task;

pub use http::{serve_http, serve_signing_http};
pub use once::once;
pub use records::{
    Delivery, Invocation, serve_event, serve_queue, serve_queue_with_backoff, serve_stream, serve_task,
};

/// What ends a process before it serves.
pub type Error = lambda_runtime::Error;
