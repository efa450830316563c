//! The questions, who answers them, and how long it takes.

use std::{
    fs,
    io::{Write, stdout},
    time::Instant,
};

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::Client;
use domain::{
    geo::{Point, Radius},
    id::UserId,
    page::Limit,
    search::{Index, Position, Query, Sort, Words},
};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use storage::{Tables, search::SearchIndex};
use testing::{TABLES, country::Country};

use crate::{
    Failure, SEED,
    postgres::{Extent, Postgres},
};

/// Those that are there, with all their neighbours, in every country of ten thousand or more.
const TOWNS: usize = 9;
const QUERIES_PER_TOWN: usize = 30;
const QUERIES_IN_CAPITAL: usize = 200;
/// The capital is in a country of a million.
const CAPITAL_FROM: usize = 1_000_000;
/// Cold, a query there reads twenty megabytes.
const COLD_IN_CAPITAL: usize = 40;
/// Of so many questions in the capital everybody is compared, and not the first page only.
const COMPARED_IN_CAPITAL: usize = 20;
/// What is asked again is asked so often, and the median counts: others may be using the machine, too.
const ROUNDS: usize = 3;
/// Within that time what a region has told is believed, and its cells are for longer.
const WARM_AFTER: SignedDuration = SignedDuration::from_millis(600);
/// Between two queries: nothing is believed for so long.
const PAUSE: SignedDuration = SignedDuration::from_mins(1);

/// What was measured.
#[derive(Debug, Serialize)]
struct Row {
    /// How many sitters there are.
    sitters: usize,
    towns: Area,
    capital: Option<Area>,
    /// Of a page within ten kilometres, by a query each: cold and warm.
    units_in_town: Vec<(f64, f64)>,
    units_in_capital: Vec<(f64, f64)>,
    memory: Memory,
}

/// What was measured around some places. Times in microseconds.
#[derive(Debug, Default, Serialize)]
struct Area {
    cold: Vec<u64>,
    warm: Vec<u64>,
    /// PostgreSQL, as a query comes for the first time, again, and again with a count.
    first: Vec<u64>,
    again: Vec<u64>,
    counted: Vec<u64>,
    agreement: Agreement,
}

/// How many answers are the same.
#[derive(Debug, Default, Serialize)]
struct Agreement {
    /// Questions without words: how many were asked, ...
    pages: usize,
    /// ... whose first page is the same, in the same order, ...
    same_pages: usize,
    /// ... of how many everybody was compared, and who were the same in how many.
    answers: usize,
    same_answers: usize,
    /// Questions in words: how many hits of our first pages there are, and how many PostgreSQL has, too.
    hits: usize,
    same_hits: usize,
}

/// Of this process, in bytes.
#[derive(Debug, Serialize)]
struct Memory {
    /// Before anything was asked.
    before: u64,
    /// The most while the index was asked about towns.
    towns: u64,
    /// The most, with as many cards in the cache as it holds, or as there are.
    full: u64,
}

/// Both, to be asked in turns.
struct Contenders {
    index: SearchIndex,
    postgres: Postgres,
    now: Timestamp,
}

/// Asks, and prints a [`Row`].
pub async fn ask(sitters: usize, endpoint: &str, url: &str) -> Result<(), Failure> {
    let country = Country::new(SEED);
    let mut contenders = Contenders::new(endpoint, url).await?;
    let before = memory("VmRSS")?;

    let mut towns = contenders.measure_towns(&country).await?;
    let town = contenders.units(country.town(0), 20).await?;
    let memory_of_towns = memory("VmHWM")?;
    for query in around_towns(&country) {
        contenders.compare(&query, true, &mut towns.agreement).await?;
    }

    let (mut capital, mut units_in_capital) = (None, Vec::new());
    if sitters >= CAPITAL_FROM {
        let mut area = Area::default();
        let queries: Vec<_> = country.queries(country.capital()).take(QUERIES_IN_CAPITAL).collect();
        for (number, query) in queries.iter().enumerate() {
            contenders.measure(query, number < COLD_IN_CAPITAL, &mut area).await?;
        }
        for (number, query) in queries.iter().enumerate() {
            contenders.compare(query, number < COMPARED_IN_CAPITAL, &mut area.agreement).await?;
        }
        units_in_capital = contenders.units(country.capital(), 3).await?;
        capital = Some(area);
    }
    // Wherever somebody asks, the cache fills up; of this function's own doing.
    for number in 0..300 {
        contenders
            .index
            .search(&plain(country.town(number), 50_000)?, None, page(20)?, contenders.now)
            .await?;
    }
    let memory = Memory { before, towns: memory_of_towns, full: memory("VmHWM")? };
    let row = Row { sitters, towns, capital, units_in_town: town, units_in_capital, memory };
    writeln!(stdout(), "{}", serde_json::to_string(&row)?)?;
    Ok(())
}

/// Asks around the towns only, and prints an [`Area`].
pub async fn towns(endpoint: &str, url: &str) -> Result<(), Failure> {
    let towns = Contenders::new(endpoint, url).await?.measure_towns(&Country::new(SEED)).await?;
    writeln!(stdout(), "{}", serde_json::to_string(&towns)?)?;
    Ok(())
}

/// The questions around the towns.
fn around_towns(country: &Country) -> impl Iterator<Item = Query> {
    (0..TOWNS).flat_map(|town| country.queries(country.town(town)).skip(town * 50).take(QUERIES_PER_TOWN))
}

impl Contenders {
    async fn new(endpoint: &str, url: &str) -> Result<Self, Failure> {
        let credentials = Credentials::new("test", "test", None, None, "test");
        let config = config::aws::connect("eu-west-1".into(), credentials, Some(endpoint.into()));
        let index = SearchIndex::new(Tables::new(Client::new(&config), TABLES.map(String::from)));
        // Connections, and whatever else is made once.
        index.newest(None, page(20)?, Country::now()).await?;
        Ok(Self { index, postgres: Postgres::new(url).await?, now: Country::now() })
    }

    async fn measure_towns(&mut self, country: &Country) -> Result<Area, Failure> {
        let mut towns = Area::default();
        for query in around_towns(country) {
            self.measure(&query, true, &mut towns).await?;
        }
        Ok(towns)
    }

    async fn measure(&mut self, query: &Query, cold: bool, area: &mut Area) -> Result<(), Failure> {
        self.now += PAUSE;
        if cold {
            self.index.cool();
            let began = Instant::now();
            self.index.search(query, None, page(20)?, self.now).await?;
            area.cold.push(micros(began));
        } else {
            self.index.search(query, None, page(20)?, self.now).await?;
        }
        let mut times = [0; ROUNDS];
        let mut ours = None;
        for (round, time) in (1..).zip(&mut times) {
            let later = self.now + WARM_AFTER * round;
            let began = Instant::now();
            ours = Some(self.index.search(query, None, page(20)?, later).await?);
            *time = micros(began);
        }
        area.warm.push(median(times));
        let ours = ours.ok_or("nothing was asked")?;

        self.postgres.prepare(query, Extent::Page).await?;
        self.postgres.prepare(query, Extent::Counted).await?;
        let began = Instant::now();
        let theirs = self.postgres.search(query, Extent::Page).await?;
        area.first.push(micros(began));
        for (extent, area) in [(Extent::Page, &mut area.again), (Extent::Counted, &mut area.counted)] {
            let mut times = [0; ROUNDS];
            for time in &mut times {
                let began = Instant::now();
                self.postgres.search(query, extent).await?;
                *time = micros(began);
            }
            area.push(median(times));
        }
        let ours: Vec<_> = ours.hits.iter().map(|hit| hit.card.id).collect();
        let agreement = &mut area.agreement;
        if query.words.terms().is_empty() {
            agreement.pages += 1;
            agreement.same_pages += usize::from(ours == theirs);
        } else {
            agreement.hits += ours.len();
            agreement.same_hits += ours.iter().filter(|id| theirs.contains(id)).count();
        }
        Ok(())
    }

    /// Whether both find the same people, whichever page they are on.
    async fn compare(&mut self, query: &Query, all: bool, agreement: &mut Agreement) -> Result<(), Failure> {
        if !all || !query.words.terms().is_empty() {
            return Ok(());
        }
        let (mut ours, mut after): (Vec<UserId>, Option<Position>) = (Vec::new(), None);
        loop {
            let found = self.index.search(query, after, page(100)?, self.now).await?;
            ours.extend(found.hits.iter().map(|hit| hit.card.id));
            after = found.hits.last().map(|hit| hit.position);
            if !found.has_more {
                break;
            }
        }
        self.postgres.prepare(query, Extent::Everybody).await?;
        let mut theirs = self.postgres.search(query, Extent::Everybody).await?;
        ours.sort_unstable();
        theirs.sort_unstable();
        agreement.answers += 1;
        agreement.same_answers += usize::from(ours == theirs);
        Ok(())
    }

    /// The read request units of a page of 20 of the nearest, cold and warm, around a place.
    async fn units(&mut self, middle: Point, queries: usize) -> Result<Vec<(f64, f64)>, Failure> {
        let mut units = Vec::new();
        for around in Country::new(SEED).queries(middle).take(queries) {
            self.now += PAUSE;
            self.index.cool();
            let query = plain(around.near, Radius::default().metres())?;
            let mut costs = [0.0; 2];
            for (cost, now) in costs.iter_mut().zip([self.now, self.now + WARM_AFTER]) {
                let before = self.index.consumed();
                self.index.search(&query, None, page(20)?, now).await?;
                *cost = self.index.consumed() - before;
            }
            units.push(costs.into());
        }
        Ok(units)
    }
}

/// The nearest, whoever they are.
fn plain(near: Point, radius: u32) -> Result<Query, Failure> {
    let parsed = |violation| format!("{violation:?}");
    Ok(Query {
        words: Words::default(),
        near,
        radius: Radius::parse(radius).map_err(parsed)?,
        when: None,
        rate: None,
        languages: [].into(),
        ages: Default::default(),
        skills: Default::default(),
        min_rating: None,
        sort: Sort::Distance,
        today: domain::sitter::today(Country::now()),
    })
}

fn page(size: u8) -> Result<Limit, Failure> {
    Ok(Limit::parse(Some(&size.to_string())).map_err(|violation| format!("{violation:?}"))?)
}

fn median(mut times: [u64; ROUNDS]) -> u64 {
    times.sort_unstable();
    times[ROUNDS / 2]
}

fn micros(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX)
}

/// A line of what the system tells of this process, which it tells in kilobytes.
fn memory(line: &str) -> Result<u64, Failure> {
    let status = fs::read_to_string("/proc/self/status")?;
    let found = status.lines().find_map(|each| each.strip_prefix(line)?.strip_prefix(':'));
    let kilobytes: u64 =
        found.and_then(|rest| rest.split_whitespace().next()).ok_or("no memory is told")?.parse()?;
    Ok(kilobytes * 1024)
}
