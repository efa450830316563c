//! Many bookings whose next step is due, and the schedule that takes it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{self, Write, stdin, stdout},
    path::Path,
    time::Instant,
};

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::{Client, types::AttributeValue};
use bookings::due::Steps;
use domain::{
    booking::{News, Step},
    event::{Event, Fact},
    id::BookingId,
};
use dynoxide::{Database, ImportOptions};
use jiff::{SignedDuration, Timestamp};
use runtime::Invocation;
use serde::Serialize;
use storage::{Tables, bookings::Actor, field_cipher::FieldCipher};
use testing::{Dynamo, TABLES};

use crate::{Failure, recorder::Recorder, world::due_for_hold};

/// So many bookings are written at once.
const CHUNK: usize = 2_000;
/// So many bookings are one family's, of one sitter.
const OF_ONE_FAMILY: usize = 10;

/// Fills one in that folder, prints where it listens, and stays until its input ends.
pub async fn serve(count: usize, folder: &Path) -> Result<(), Failure> {
    let path = folder.join("store.sqlite");
    let database = Database::new(path.to_str().ok_or("the folder's name is no text")?)?;
    let dynamo = Dynamo::over(database.clone()).await;
    // What the product would write goes into the database at once, instead of one by one.
    let recorder = Recorder::default();
    let client = Client::new(&recorder.before(&dynamo.config)?);
    let tables = Tables::new(client, TABLES.map(String::from));
    database.enable_bulk_loading()?;
    let now = Timestamp::now();
    let (mut parent, mut sitter) = (domain::id::new(now), domain::id::new(now));
    for first in (0..count).step_by(CHUNK) {
        recorder.divert();
        for number in first..count.min(first + CHUNK) {
            if number % OF_ONE_FAMILY == 0 {
                (parent, sitter) = (domain::id::new(now), domain::id::new(now));
            }
            tables.request_booking(&due_for_hold(parent, sitter, now)?, &Actor::default()).await?;
        }
        let mut items = Vec::new();
        for call in recorder.take() {
            // Without the events, so that those of the steps are the only ones.
            let kept = call.puts().filter(|(table, item)| *table == TABLES[0] && item.get("event").is_none());
            for (_, item) in kept {
                items.push(serde_json::from_value(item.clone())?);
            }
        }
        database.import_items(TABLES[0], items, ImportOptions::default())?;
    }
    database.disable_bulk_loading()?;
    writeln!(stdout(), "{}", dynamo.endpoint)?;
    // What waits for the end must not keep the server from its work.
    tokio::task::spawn_blocking(|| io::copy(&mut stdin(), &mut io::sink())).await??;
    Ok(())
}

/// What was measured.
#[derive(Debug, Serialize)]
struct Drained {
    runs: Vec<Run>,
    /// How often the store was asked, by name.
    calls: BTreeMap<String, u64>,
    /// Of this process in bytes, before the first run and at most.
    memory: [u64; 2],
    /// Events of that step that were announced, ...
    announced: usize,
    /// ... and of how many bookings.
    bookings: usize,
}

/// One call of the function.
#[derive(Debug, Serialize)]
struct Run {
    micros: u64,
    done: u64,
    skipped: u64,
    failed: u64,
    complete: bool,
}

/// Runs until nothing is due, each time for so long at most, and prints a [`Drained`].
pub async fn drain(endpoint: &str, seconds: i64) -> Result<(), Failure> {
    let credentials = Credentials::new("test", "test", None, None, "test");
    let config = config::aws::connect("eu-west-1".into(), credentials, Some(endpoint.into()));
    let recorder = Recorder::default();
    let config = recorder.before(&config)?;
    let client = Client::new(&config);
    let tables = Tables::new(client.clone(), TABLES.map(String::from));
    let steps = Steps::new(tables, FieldCipher::new(&config, "key".into()));
    let before = memory("VmRSS")?;
    let mut runs: Vec<Run> = Vec::new();
    while runs.last().is_none_or(|run| !run.complete) {
        let began = Instant::now();
        let deadline = Timestamp::now() + SignedDuration::from_secs(seconds);
        let report = steps.run(Invocation { request_id: "bench".into(), deadline }).await?;
        runs.push(Run {
            micros: crate::measure::micros(began),
            done: report.done.values().sum(),
            skipped: report.skipped,
            failed: report.failed,
            complete: report.complete,
        });
        if runs.last().is_some_and(|run| run.done == 0 && !run.complete) {
            return Err("a run has done nothing, and there is more to do".into());
        }
    }
    let (calls, memory) = (recorder.take_counts(), [before, memory("VmHWM")?]);
    let (announced, bookings) = announced(&client).await?;
    let drained = Drained { runs, calls, memory, announced, bookings };
    writeln!(stdout(), "{}", serde_json::to_string(&drained)?)?;
    Ok(())
}

/// How many events say that a card is to be asked, and of how many bookings they are.
async fn announced(client: &Client) -> Result<(usize, usize), Failure> {
    let scan = client
        .scan()
        .table_name(TABLES[0])
        .filter_expression("attribute_exists(event)")
        .projection_expression("event");
    let mut items = scan.into_paginator().items().send();
    let (mut events, mut bookings) = (0, BTreeSet::<BookingId>::new());
    while let Some(item) = items.next().await {
        let item = item?;
        let text = item.get("event").and_then(|event: &AttributeValue| event.as_s().ok());
        let event: Event = serde_json::from_str(text.ok_or("an event is no text")?)?;
        if let Fact::Booking { booking_id, news: News::Step(Step::Hold), .. } = event.fact {
            events += 1;
            bookings.insert(booking_id);
        }
    }
    Ok((events, bookings.len()))
}

/// A line of what the system tells of this process, which it tells in kilobytes.
fn memory(line: &str) -> Result<u64, Failure> {
    let status = fs::read_to_string("/proc/self/status")?;
    let found = status.lines().find_map(|each| each.strip_prefix(line)?.strip_prefix(':'));
    let kilobytes: u64 =
        found.and_then(|rest| rest.split_whitespace().next()).ok_or("no memory is told")?.parse()?;
    Ok(kilobytes * 1024)
}
