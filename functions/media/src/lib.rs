//! What becomes of files that arrive.

pub mod process;
