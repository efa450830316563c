//! Asks the index of sitters, on an embedded DynamoDB, and PostgreSQL the same questions about the
//! same country. `scripts/bench search` runs it:
//!
//! - `search store COUNT FOLDER` fills a store in that folder, prints its endpoint, and serves it until
//!   its input ends,
//! - `search load COUNT URL` fills an empty database,
//! - `search ask COUNT ENDPOINT URL` asks both in turns, and prints what it took as one JSON object,
//! - `search towns ENDPOINT URL` does so around the towns alone, which are the same in every country.

mod ask;
mod postgres;
mod store;

use std::{env, error::Error, path::Path, process::ExitCode};

use tokio::runtime::Builder;

/// Whatever went wrong: a benchmark stops at the first thing.
pub type Failure = Box<dyn Error + Send + Sync>;

/// Of the country that all are filled with.
pub const SEED: u64 = 1;

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
        ["store", count, folder] => {
            let runtime = Builder::new_multi_thread().enable_all().build()?;
            runtime.block_on(store::serve(count.parse()?, Path::new(folder)))
        }
        ["load", count, url] => {
            let runtime = Builder::new_multi_thread().enable_all().build()?;
            runtime.block_on(postgres::load(count.parse()?, url))
        }
        ["ask", count, endpoint, url] => {
            // As a function has.
            let runtime = Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(ask::ask(count.parse()?, endpoint, url))
        }
        ["towns", endpoint, url] => {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(ask::towns(endpoint, url))
        }
        _ => Err("usage: search store COUNT FOLDER | load COUNT URL | ask COUNT ENDPOINT URL | \
            towns ENDPOINT URL"
            .into()),
    }
}
