//! How long each operation takes, and what it asks of the store.

use std::{
    collections::HashMap,
    io::{Write, stdout},
    time::Instant,
};

use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use axum::{body::Body, http::Request};
use domain::{
    availability::Span,
    booking::{Booking, Event, Presence, Proposal, Refusal, Who, window::Window},
    id::{BookingId, UserId},
    user::User,
};
use jiff::{SignedDuration, Timestamp};
use runtime::Invocation;
use serde::Serialize;
use serde_json::{Value, json};
use storage::bookings::Actor;

use crate::{
    Failure,
    contention::{self, Contention},
    recorder::{Call, Cost, TRANSACTION},
    world::{Family, LENGTH, NOTE, World, ahead, day, due_for_hold, hours},
};

/// So many bookings are on a page, of one more.
const PAGE: usize = 20;
/// How many claims there are on a day on which one more is accepted; without any is the first row.
const CLAIMS: [usize; 2] = [10, 50];

/// What is measured, in this order in each round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Operation {
    Quote,
    /// One item of those that a quote reads, by the SDK alone.
    BareGetItem,
    Create,
    Accept,
    /// The items of an accept, by the SDK alone and without conditions.
    BareTransaction,
    AcceptOvernight,
    AcceptChange,
    /// On a day with so many claims.
    AcceptAmong(usize),
    Cancel,
    CheckIn,
    CheckOut,
    /// A run of the schedule that finds nothing.
    Idle,
    /// A run that finds one booking whose card is to be asked for its money.
    Hold,
    List,
    Get,
}

impl Operation {
    fn all() -> Vec<Self> {
        use Operation::*;
        let first = [Quote, BareGetItem, Create, Accept, BareTransaction, AcceptOvernight, AcceptChange];
        let last = [Cancel, CheckIn, CheckOut, Idle, Hold, List, Get];
        first.into_iter().chain(CLAIMS.map(AcceptAmong)).chain(last).collect()
    }
}

/// What was measured of one.
#[derive(Debug, Serialize)]
struct Row {
    operation: Operation,
    micros: Vec<u64>,
    cost: Cost,
}

/// Everything.
#[derive(Debug, Serialize)]
struct Report {
    rows: Vec<Row>,
    contention: Vec<Contention>,
}

/// What is to be done, when all that it needs is there.
enum Work {
    Request(Request<Body>),
    Run { due: u64 },
    GetItem { table: String, key: Item },
    Transaction(Vec<TransactWriteItem>),
}

type Item = HashMap<String, AttributeValue>;

/// A sitter with some claims on a day, and the booking that was accepted there last.
struct Busy {
    sitter: User,
    last: Option<BookingId>,
}

/// What the operations need that is made once.
struct Bench {
    world: World,
    busy: HashMap<usize, Busy>,
    /// A sitter with a page of bookings, and one more.
    listed: User,
    /// What the bare ones do, once a quote and an accept were recorded.
    read: Option<(String, Item)>,
    written: Vec<TransactWriteItem>,
}

/// Measures everything, and prints a [`Report`].
pub async fn run(rounds: usize) -> Result<(), Failure> {
    let mut bench = Bench::new(World::start().await?).await?;
    let mut rows: Vec<Row> = Operation::all()
        .into_iter()
        .map(|operation| Row { operation, micros: Vec::new(), cost: Cost::default() })
        .collect();
    for row in &mut rows {
        let work = bench.prepare(row.operation).await?;
        bench.warm().await?;
        bench.world.recorder.record();
        bench.perform(work).await.map_err(|error| format!("{:?}: {error}", row.operation))?;
        let calls = bench.world.recorder.take();
        row.cost = Cost::of(&calls)?;
        bench.learn(row.operation, &calls).await?;
    }
    for _ in 0..rounds {
        for row in &mut rows {
            let work = bench.prepare(row.operation).await?;
            let began = Instant::now();
            bench.perform(work).await?;
            row.micros.push(micros(began));
        }
    }
    let contention = contention::all(&bench.world).await?;
    writeln!(stdout(), "{}", serde_json::to_string(&Report { rows, contention })?)?;
    Ok(())
}

impl Bench {
    async fn new(world: World) -> Result<Self, Failure> {
        let mut busy = HashMap::new();
        for count in CLAIMS {
            let (family, sitter) = world.pair().await?;
            for place in 0..i64::try_from(count)? {
                let time = hours(ahead(7, 14)? + SignedDuration::from_mins(10 * place), 10)?;
                world.accepted(&family, sitter.id, time).await?;
            }
            busy.insert(count, Busy { sitter, last: None });
        }
        let listed = world.sitter().await?;
        for day in 0..=i32::try_from(PAGE)? {
            let time = hours(ahead(7 + day, 9)?, LENGTH)?;
            world.requested(&world.family().await?, listed.id, time).await?;
        }
        Ok(Self { world, busy, listed, read: None, written: Vec::new() })
    }

    /// The keys of tokens and the list of revoked ones are read, as in a function that has just served another.
    async fn warm(&self) -> Result<(), Failure> {
        let request = self.world.request("GET", "/bookings?limit=1", &self.listed, None).await?;
        self.perform(Work::Request(request)).await
    }

    async fn perform(&self, work: Work) -> Result<(), Failure> {
        match work {
            Work::Request(request) => {
                let (status, body) = self.world.send(request).await?;
                if !status.is_success() {
                    return Err(format!("{status}: {}", String::from_utf8_lossy(&body)).into());
                }
            }
            Work::Run { due } => {
                let deadline = Timestamp::now() + SignedDuration::from_mins(5);
                let invocation = Invocation { request_id: "bench".into(), deadline };
                let report = self.world.steps.run(invocation).await?;
                if report.done.values().sum::<u64>() != due || report.failed > 0 {
                    return Err(format!("{due} were due: {report:?}").into());
                }
            }
            Work::GetItem { table, key } => {
                let read = self.world.client.get_item().table_name(table).set_key(Some(key));
                read.consistent_read(true).send().await?.item.ok_or("there is no such item")?;
            }
            Work::Transaction(writes) => {
                self.world.client.transact_write_items().set_transact_items(Some(writes)).send().await?;
            }
        }
        Ok(())
    }

    /// What the bare ones are to do.
    async fn learn(&mut self, operation: Operation, calls: &[Call]) -> Result<(), Failure> {
        let client = &self.world.client;
        match operation {
            Operation::Quote => {
                let read = calls.iter().find(|call| call.name == "GetItem").ok_or("a quote reads an item")?;
                let table = read.request["TableName"].as_str().unwrap_or_default();
                self.read = Some((table.into(), key(&read.request["Key"])?));
            }
            Operation::Accept => {
                let call = calls.iter().find(|call| call.name == TRANSACTION).ok_or("an accept writes")?;
                for (table, item) in call.puts() {
                    let read = client.get_item().table_name(table).set_key(Some(key(item)?)).send().await?;
                    let put = Put::builder().table_name(table).set_item(read.item).build()?;
                    self.written.push(TransactWriteItem::builder().put(put).build());
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Everybody of it is new, but for those with claims and with lists, so that no round makes the next one
    /// longer.
    async fn prepare(&mut self, operation: Operation) -> Result<Work, Failure> {
        let world = &self.world;
        let (morning, next_morning) = (hours(ahead(7, 9)?, LENGTH)?, hours(ahead(8, 9)?, LENGTH)?);
        let request = match operation {
            Operation::BareGetItem => {
                let (table, key) = self.read.clone().ok_or("a quote comes first")?;
                return Ok(Work::GetItem { table, key });
            }
            Operation::BareTransaction => return Ok(Work::Transaction(self.written.clone())),
            Operation::Idle => return Ok(Work::Run { due: 0 }),
            Operation::Hold => {
                let (family, sitter) = world.pair().await?;
                let booking = due_for_hold(family.user.id, sitter.id, Timestamp::now())?;
                world.tables.request_booking(&booking, &Actor::default()).await?;
                return Ok(Work::Run { due: 1 });
            }
            Operation::Quote => {
                let (family, sitter) = world.pair().await?;
                let wish = wish(&family, sitter.id)?;
                world.request("POST", "/bookings/quote", &family.user, Some(wish)).await?
            }
            Operation::Create => {
                let (family, sitter) = world.pair().await?;
                let mut wish = wish(&family, sitter.id)?;
                wish["payment_method_id"] = json!("pm_1NQ3kX2eZvKYlo2C");
                wish["note"] = json!(NOTE);
                let mut request = world.request("POST", "/bookings", &family.user, Some(wish)).await?;
                request.headers_mut().insert("idempotency-key", family.user.id.to_string().parse()?);
                request
            }
            Operation::Accept => {
                let (family, sitter) = world.pair().await?;
                let booking = world.requested(&family, sitter.id, morning).await?;
                world.post(&booking, "accept", &sitter, None).await?
            }
            Operation::AcceptOvernight => {
                let (family, sitter) = world.pair().await?;
                let booking = world.requested(&family, sitter.id, hours(ahead(7, 22)?, LENGTH)?).await?;
                world.post(&booking, "accept", &sitter, None).await?
            }
            Operation::AcceptChange => {
                let (family, sitter) = world.pair().await?;
                let booking = world.confirmed(&family, sitter.id, morning).await?;
                let proposed = world.change(booking.id, |before, now| propose(before, &next_morning, now));
                world.post(&proposed.await?, "accept", &sitter, None).await?
            }
            Operation::AcceptAmong(claims) => {
                let busy = self.busy.get_mut(&claims).ok_or("there is no such sitter")?;
                if let Some(last) = busy.last {
                    world.change(last, |before, now| before.after(Event::Cancel, Who::Sitter, now)).await?;
                }
                let booking = world.requested(&world.family().await?, busy.sitter.id, morning).await?;
                busy.last = Some(booking.id);
                world.post(&booking, "accept", &busy.sitter, None).await?
            }
            Operation::Cancel => {
                let (family, sitter) = world.pair().await?;
                let booking = world.confirmed(&family, sitter.id, morning).await?;
                world.post(&booking, "cancel", &family.user, None).await?
            }
            Operation::CheckIn => {
                let (family, sitter) = world.pair().await?;
                let booking = world.at_the_door(&family, sitter.id).await?;
                world.post(&booking, "check-in", &sitter, Some(here())).await?
            }
            Operation::CheckOut => {
                let (family, sitter) = world.pair().await?;
                let booking = world.at_the_door(&family, sitter.id).await?;
                let checked_in = world.change(booking.id, |before, now| {
                    before.checked_in(Presence { at: now, distance_metres: Some(12) })
                });
                world.post(&checked_in.await?, "check-out", &sitter, Some(here())).await?
            }
            Operation::List => {
                world.request("GET", &format!("/bookings?limit={PAGE}"), &self.listed, None).await?
            }
            Operation::Get => {
                let (family, sitter) = world.pair().await?;
                let booking = world.confirmed(&family, sitter.id, morning).await?;
                world.request("GET", &format!("/bookings/{}", booking.id), &sitter, None).await?
            }
        };
        Ok(Work::Request(request))
    }
}

/// Four hours of a day that is a week ahead.
fn wish(family: &Family, sitter: UserId) -> Result<Value, Failure> {
    Ok(json!({
        "sitter_id": sitter.to_string(),
        "time": { "date": day(7)?.to_string(), "start": "09:00", "end": "13:00" },
        "child_ids": [family.child.to_string()],
    }))
}

/// Where the sitter is when they come and go.
fn here() -> Value {
    json!({ "location": { "latitude": 53.7417, "longitude": -2.0134 } })
}

/// The booking, with that time to be agreed on.
fn propose(before: &Booking, (window, span): &(Window, Span), now: Timestamp) -> Result<Booking, Refusal> {
    let quote = before.priced(window, *span)?;
    before.proposed(Proposal { window: window.clone(), span: *span, quote, made_at: now }, now)
}

/// The two attributes that an item is found by, out of what was sent.
fn key(sent: &Value) -> Result<Item, Failure> {
    let part = |name: &str| -> Result<_, Failure> {
        let text = sent[name]["S"].as_str().ok_or("an item has no key")?;
        Ok((name.to_owned(), AttributeValue::S(text.into())))
    };
    Ok(HashMap::from([part("pk")?, part("sk")?]))
}

pub fn micros(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX)
}
