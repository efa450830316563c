//! Many bookings of one sitter, accepted at once. None overlaps another, so all can be.

use std::{collections::BTreeMap, time::Instant};

use domain::availability::Span;
use jiff::{SignedDuration, tz::TimeZone};
use serde::Serialize;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::{
    Failure,
    measure::micros,
    recorder::TRANSACTION,
    world::{World, ahead, hours},
};

/// How many at once, and how often.
const SIZES: [(usize, usize); 4] = [(1, 50), (10, 20), (100, 3), (1_000, 1)];
/// All are within two days.
const DAYS: usize = 2;
const MINUTES_PER_DAY: usize = 24 * 60;

/// What became of them.
#[derive(Debug, Serialize)]
pub struct Contention {
    /// So many at once.
    at_once: usize,
    /// How often, with another sitter each time.
    rounds: usize,
    /// Of the answers, by status and, where there is one, the problem's code.
    answers: BTreeMap<String, u64>,
    /// From the moment at which all of them set out.
    micros: Vec<u64>,
    /// How many transactions were tried.
    transactions: u64,
    /// How many claims the sitters' days have after that.
    claims: usize,
}

/// Each size.
pub async fn all(world: &World) -> Result<Vec<Contention>, Failure> {
    let mut found = Vec::new();
    for (at_once, rounds) in SIZES {
        let mut contention = Contention {
            at_once,
            rounds,
            answers: BTreeMap::new(),
            micros: Vec::new(),
            transactions: 0,
            claims: 0,
        };
        for _ in 0..rounds {
            contention.round(world).await?;
        }
        found.push(contention);
    }
    Ok(found)
}

impl Contention {
    async fn round(&mut self, world: &World) -> Result<(), Failure> {
        let (family, sitter) = world.pair().await?;
        let per_day = self.at_once.div_ceil(DAYS);
        let length = (MINUTES_PER_DAY / per_day).min(60);
        // In UTC, whatever the clocks in London show.
        let midnight = ahead(7, 12)?.to_zoned(TimeZone::UTC).start_of_day()?.timestamp();
        let mut requests = Vec::with_capacity(self.at_once);
        for place in 0..self.at_once {
            let minute = place / per_day * MINUTES_PER_DAY + place % per_day * length;
            let start = midnight + SignedDuration::from_mins(i64::try_from(minute)?);
            let booking = world.requested(&family, sitter.id, hours(start, i64::try_from(length)?)?).await?;
            requests.push(world.post(&booking, "accept", &sitter, None).await?);
        }
        world.recorder.take_counts();
        let began = Instant::now();
        let mut tasks = JoinSet::new();
        for request in requests {
            let answer = world.send(request);
            tasks.spawn(async move { (answer.await, micros(began)) });
        }
        while let Some(answered) = tasks.join_next().await {
            let (answer, micros) = answered?;
            let (status, body) = answer?;
            let body: Value = serde_json::from_slice(&body)?;
            let code = body["code"].as_str().map(|code| format!(" {code}")).unwrap_or_default();
            *self.answers.entry(format!("{}{code}", status.as_u16())).or_default() += 1;
            self.micros.push(micros);
        }
        self.transactions += world.recorder.take_counts().get(TRANSACTION).copied().unwrap_or_default();
        let end = midnight + SignedDuration::from_hours(24 * 3);
        let taken = world.tables.taken(sitter.id, Span { start: midnight, end }).await?;
        self.claims += taken.len();
        Ok(())
    }
}
