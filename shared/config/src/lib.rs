//! What a process is told: its environment variables, and from them the connection to AWS.

pub mod aws;
mod env;

pub use env::{Missing, optional, required};
