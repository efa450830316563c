//! Sends requests about bookings through the service, on an embedded DynamoDB. `scripts/bench bookings` runs it:
//!
//! - `baseline-bookings measure ROUNDS` takes the time of each operation in turns, counts what it asks of the
//!   store, has many accepted at once, and prints what it found as one JSON object,
//! - `baseline-bookings store COUNT FOLDER` fills a store in that folder with bookings whose next step is due,
//!   prints its endpoint, and serves it until its input ends,
//! - `baseline-bookings drain ENDPOINT SECONDS` takes those steps, in runs of so many seconds, and prints what
//!   it took as one JSON object.

mod backlog;
mod contention;
mod measure;
mod recorder;
mod world;

use std::{env, error::Error, path::Path, process::ExitCode};

use tokio::runtime::Builder;

/// Whatever went wrong: a benchmark stops at the first thing.
pub type Failure = Box<dyn Error + Send + Sync>;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:?}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Failure> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        // The store is in the same process.
        ["measure", rounds] => {
            let runtime = Builder::new_multi_thread().enable_all().build()?;
            runtime.block_on(measure::run(rounds.parse()?))
        }
        ["store", count, folder] => {
            let runtime = Builder::new_multi_thread().enable_all().build()?;
            runtime.block_on(backlog::serve(count.parse()?, Path::new(folder)))
        }
        ["drain", endpoint, seconds] => {
            // As a function has.
            let runtime = Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(backlog::drain(endpoint, seconds.parse()?))
        }
        _ => {
            Err("usage: baseline-bookings measure ROUNDS | store COUNT FOLDER | drain ENDPOINT SECONDS"
                .into())
        }
    }
}
