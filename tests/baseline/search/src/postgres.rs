//! PostgreSQL with PostGIS, as a team would use it that keeps its sitters in one table.

use std::{
    collections::{BTreeSet, HashMap},
    fmt::Write,
    io::Cursor,
};

use domain::{
    availability::Availability,
    care::names,
    id::UserId,
    search::{Busy, Query, Sort, View},
};
use futures_util::{SinkExt, pin_mut};
use jiff::{civil::Weekday, tz::TimeZone};
use testing::country::Country;
use tokio_postgres::{Client, Config, CopyInSink, NoTls, Row, Statement, types::ToSql};

use crate::{Failure, SEED};

/// So many bytes are sent at once.
const CHUNK: usize = 1 << 18;
/// So many rows a page has.
const PAGE: usize = 20;
/// So many words may stand for one that is misspelt.
const MEANT: i64 = 3;

const SCHEMA: &str = "
    CREATE EXTENSION postgis;
    CREATE EXTENSION pg_trgm;
    CREATE EXTENSION fuzzystrmatch;
    CREATE EXTENSION unaccent;
    CREATE TEXT SEARCH CONFIGURATION sitters (COPY = english);
    ALTER TEXT SEARCH CONFIGURATION sitters
        ALTER MAPPING FOR hword, hword_part, word WITH unaccent, english_stem;
    CREATE TABLE sitters (
        id uuid NOT NULL,
        name text NOT NULL,
        headline text NOT NULL,
        bio text NOT NULL,
        town text NOT NULL,
        place geography(Point, 4326) NOT NULL,
        travels integer NOT NULL,
        rate integer NOT NULL,
        currency text NOT NULL,
        languages text[] NOT NULL,
        ages text[] NOT NULL,
        skills text[] NOT NULL,
        reviews integer NOT NULL,
        stars integer NOT NULL,
        hundredths integer,
        expected integer NOT NULL,
        zone text NOT NULL,
        -- Minutes of the clock on the wall since Monday, and days off.
        week int4multirange NOT NULL,
        off datemultirange NOT NULL,
        -- Minutes since 1970.
        taken int4multirange NOT NULL,
        picture text NOT NULL,
        checked_until date,
        listed_at timestamptz NOT NULL,
        words tsvector NOT NULL GENERATED ALWAYS AS (
            setweight(to_tsvector('sitters', name), 'A')
            || setweight(to_tsvector('sitters', headline), 'B')
            || setweight(to_tsvector('sitters', replace(immutable_join(skills), '_', ' ')), 'C')
            || setweight(to_tsvector('sitters', bio), 'D')
        ) STORED
    );
    CREATE TABLE words (word text NOT NULL);
";
/// PostgreSQL does not know that joining texts is the same each time.
const JOIN: &str = "
    CREATE FUNCTION immutable_join(text[]) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
        AS $$ SELECT array_to_string($1, ' ') $$;
";
/// Made in two connections, because none of them uses a second core. What most sitters have (an age
/// group, a skill, a rate below the highest) has none: the planner would read hundreds of thousands of
/// its entries to save looking at a few hundred neighbours.
const INDEXES: [&str; 2] = [
    "CREATE INDEX ON sitters USING gin (words)",
    "CREATE INDEX ON sitters USING gist (place);
     CREATE UNIQUE INDEX ON sitters (id);
     CREATE INDEX ON words USING gin (word gin_trgm_ops)",
];

/// A connection, and what it has prepared.
pub struct Postgres {
    client: Client,
    prepared: HashMap<String, Statement>,
}

/// What is asked beside the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Nothing.
    Page,
    /// How many there are.
    Counted,
    /// All of them, in place of a page.
    Everybody,
}

/// Fills an empty database.
pub async fn load(count: usize, url: &str) -> Result<(), Failure> {
    let client = connect(url).await?;
    client.batch_execute(JOIN).await?;
    client.batch_execute(SCHEMA).await?;
    // Each copies every second sitter: to make a tsvector takes longer than to make a sitter.
    let (even, odd) = tokio::try_join!(
        tokio::spawn(copy(count, url.to_owned(), 0)),
        tokio::spawn(copy(count, url.to_owned(), 1))
    )?;
    let words = even?.union(&odd?).cloned().collect::<Vec<_>>();
    client.execute("INSERT INTO words SELECT DISTINCT unnest($1::text[])", &[&words]).await?;
    let indexes = INDEXES.map(|indexes| tokio::spawn(index(indexes, url.to_owned())));
    for each in indexes {
        each.await??;
    }
    for statement in ["VACUUM (ANALYZE) sitters", "VACUUM (ANALYZE) words", "CHECKPOINT"] {
        client.batch_execute(statement).await?;
    }
    Ok(())
}

async fn connect(url: &str) -> Result<Client, Failure> {
    let (client, connection) = url.parse::<Config>()?.connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

async fn index(indexes: &'static str, url: String) -> Result<(), Failure> {
    let client = connect(&url).await?;
    client.batch_execute("SET maintenance_work_mem = '1GB'").await?;
    client.batch_execute(indexes).await?;
    Ok(())
}

/// Copies those of which half it is, and tells the words that they use.
async fn copy(count: usize, url: String, half: usize) -> Result<BTreeSet<String>, Failure> {
    let client = connect(&url).await?;
    let columns = "id, name, headline, bio, town, place, travels, rate, currency, languages, ages, skills, \
        reviews, stars, hundredths, expected, zone, week, off, taken, picture, checked_until, listed_at";
    let sink: CopyInSink<Cursor<Vec<u8>>> =
        client.copy_in(&format!("COPY sitters ({columns}) FROM STDIN")).await?;
    pin_mut!(sink);
    let mut words = BTreeSet::new();
    let mut lines = String::new();
    for view in Country::new(SEED).part(half, 2, count) {
        line(&mut lines, &view)?;
        for word in &view.card.words {
            if !words.contains(&word.text) {
                words.insert(word.text.clone());
            }
        }
        if lines.len() > CHUNK {
            sink.send(Cursor::new(std::mem::take(&mut lines).into_bytes())).await?;
        }
    }
    sink.send(Cursor::new(lines.into_bytes())).await?;
    sink.finish().await?;
    Ok(words)
}

fn line(lines: &mut String, view: &View) -> Result<(), Failure> {
    let card = &view.card;
    let list = |words: Vec<String>| format!("{{{}}}", words.join(","));
    let optional = |value: Option<String>| value.unwrap_or_else(|| "\\N".into());
    let fields = [
        card.id.uuid().to_string(),
        card.name.clone(),
        card.headline.clone(),
        view.bio.clone(),
        card.town.clone(),
        format!("SRID=4326;POINT({} {})", card.place.longitude(), card.place.latitude()),
        card.travels.metres().to_string(),
        card.rate.money().amount_minor.to_string(),
        card.rate.money().currency.to_string(),
        list(card.languages.iter().map(ToString::to_string).collect()),
        list(names(card.ages)),
        list(names(card.skills)),
        card.rating.count.to_string(),
        card.rating.stars.to_string(),
        optional(card.rating.hundredths().map(|mean| mean.to_string())),
        card.rating.expected().to_string(),
        card.availability.zone.as_str().to_owned(),
        week(&card.availability),
        off(&card.availability),
        taken(&card.busy),
        serde_json::to_string(&card.picture)?,
        optional(card.checked_until.map(|day| day.to_string())),
        card.listed_at.to_string(),
    ];
    // Nobody here writes tabs or backslashes, which would have to be escaped.
    writeln!(lines, "{}", fields.join("\t"))?;
    Ok(())
}

const DAY: u16 = 24 * 60;
const WEEK: u16 = 7 * DAY;

fn week(availability: &Availability) -> String {
    let mut ranges = Vec::new();
    for (day, weekday) in (0..).zip(Weekday::Monday.cycle_forward().take(7)) {
        for hours in availability.weekly.on(weekday).hours() {
            let (start, end) = (u16::from(hours.start), u16::from(hours.end));
            let end = day * DAY + if end <= start { end + DAY } else { end };
            ranges.push(format!("[{},{})", day * DAY + start, end.min(WEEK)));
            if end > WEEK {
                ranges.push(format!("[0,{})", end - WEEK));
            }
        }
    }
    format!("{{{}}}", ranges.join(","))
}

fn off(availability: &Availability) -> String {
    let ranges = availability.holidays.iter().map(|holiday| format!("[{},{}]", holiday.first, holiday.last));
    format!("{{{}}}", ranges.collect::<Vec<_>>().join(","))
}

fn taken(busy: &Busy) -> String {
    let packed: Vec<(u32, u32)> = busy.clone().into();
    let ranges = packed.into_iter().scan(0, |at, (gap, length)| {
        let start = *at + gap;
        *at = start + length;
        Some(format!("[{start},{at})"))
    });
    format!("{{{}}}", ranges.collect::<Vec<_>>().join(","))
}

/// A question in SQL.
struct Question {
    sql: String,
    parameters: Vec<Box<dyn ToSql + Sync>>,
}

impl Question {
    /// The place of a parameter.
    fn with(&mut self, parameter: impl ToSql + Sync + 'static) -> String {
        self.parameters.push(Box::new(parameter));
        format!("${}", self.parameters.len())
    }

    fn new(query: &Query, meant: Option<&str>, extent: Extent) -> Result<Self, Failure> {
        let mut question = Self { sql: String::new(), parameters: Vec::new() };
        let (longitude, latitude) =
            (question.with(query.near.longitude()), question.with(query.near.latitude()));
        let near = format!("ST_SetSRID(ST_MakePoint({longitude}, {latitude}), 4326)::geography");
        // Distances are whole metres: half a metre beyond the radius is still within.
        let radius = question.with(f64::from(query.radius.metres()) + 0.5);
        let mut conditions = vec![
            format!("ST_DWithin(place, {near}, {radius}, false)"),
            format!("ST_Distance(place, {near}, false) < travels + 0.5"),
        ];
        let mut rank = String::from("0");
        if !query.words.terms().is_empty() {
            let typed: Vec<_> = query.words.terms().iter().map(|term| term.word()).collect();
            let words = match meant {
                Some(meant) => format!("to_tsquery('sitters', {})", question.with(meant.to_owned())),
                None => format!("plainto_tsquery('sitters', {})", question.with(typed.join(" "))),
            };
            conditions.push(format!("words @@ {words}"));
            rank = format!("ts_rank('{{0.125, 0.375, 0.5, 1}}', words, {words})");
        }
        for (column, words) in [
            ("languages", query.languages.iter().map(ToString::to_string).collect()),
            ("ages", names(query.ages)),
            ("skills", names(query.skills)),
        ] {
            if !words.is_empty() {
                conditions.push(format!("{column} @> {}::text[]", question.with(words)));
            }
        }
        if let Some(most) = query.rate {
            let currency = question.with(most.currency.to_string());
            let amount = question.with(i32::try_from(most.amount_minor)?);
            conditions.push(format!("currency = {currency} AND rate <= {amount}"));
        }
        if let Some(least) = query.min_rating {
            conditions.push(format!("hundredths >= {}", question.with(i32::try_from(least)?)));
        }
        if let Some(span) = query.when {
            // As a clock on the wall there shows it. With several zones there would be one such line for each.
            let zone = "Europe/London";
            let local = TimeZone::get(zone)?.to_datetime(span.start);
            let start = i32::from(local.weekday().to_monday_zero_offset()) * i32::from(DAY)
                + i32::from(local.hour()) * 60
                + i32::from(local.minute());
            let minutes = i32::try_from(span.end.duration_since(span.start).as_mins())?;
            let (from, until) = (question.with(start), question.with(start + minutes));
            let day = question.with(local.date().to_string());
            let begin = i32::try_from(span.start.as_second() / 60)?;
            let (begin, end) = (question.with(begin), question.with(begin + minutes));
            conditions.push(format!(
                "zone = '{zone}' AND week @> int4range({from}, {until}) AND NOT off @> {day}::text::date \
                 AND NOT taken && int4range({begin}, {end})"
            ));
        }
        let away = format!("place <-> {near}");
        let order = match query.sort {
            Sort::Relevance => format!("{rank} DESC, {away}, id"),
            Sort::Distance => format!("{away}, expected DESC, id"),
            Sort::Rating => format!("expected DESC, {away}, id"),
            Sort::Price => format!("currency DESC, rate, {away}, id"),
        };
        let (columns, limit) = match extent {
            Extent::Everybody => ("id".to_owned(), String::new()),
            Extent::Page | Extent::Counted => {
                let count = if extent == Extent::Counted { ", count(*) OVER ()" } else { "" };
                let columns = "id, name, headline, town, travels, rate, currency, languages, ages, skills, reviews, \
                    stars, picture, checked_until::text";
                (format!("{columns}, ST_Distance(place, {near}, false){count}"), format!(" LIMIT {PAGE}"))
            }
        };
        question.sql = format!(
            "SELECT {columns} FROM sitters WHERE {} ORDER BY {order}{limit}",
            conditions.join(" AND ")
        );
        Ok(question)
    }
}

impl Postgres {
    /// Connects.
    pub async fn new(url: &str) -> Result<Self, Failure> {
        let client = connect(url).await?;
        // Plans for these values, since how many live within ten kilometres differs so.
        client.batch_execute("SET plan_cache_mode = force_custom_plan").await?;
        Ok(Self { client, prepared: HashMap::new() })
    }

    /// Prepares whatever a query may need.
    pub async fn prepare(&mut self, query: &Query, extent: Extent) -> Result<(), Failure> {
        for meant in [None, Some("")] {
            let question = Question::new(query, meant, extent)?;
            if !self.prepared.contains_key(&question.sql) {
                let statement = self.client.prepare(&question.sql).await?;
                self.prepared.insert(question.sql, statement);
            }
        }
        if !self.prepared.contains_key(SIMILAR) {
            self.prepared.insert(SIMILAR.into(), self.client.prepare(SIMILAR).await?);
        }
        Ok(())
    }

    /// Who is found. Where the words as they were typed fill no page, those that look like them count,
    /// too.
    pub async fn search(&self, query: &Query, extent: Extent) -> Result<Vec<UserId>, Failure> {
        let mut rows = self.ask(&Question::new(query, None, extent)?).await?;
        if rows.len() < PAGE && !query.words.terms().is_empty() {
            let mut terms = Vec::new();
            for term in query.words.terms() {
                let similar = self.client.query(&self.prepared[SIMILAR], &[&term.word(), &MEANT]).await?;
                let mut words: Vec<String> = similar.iter().map(|row| row.get(0)).collect();
                words.push(term.word().to_owned());
                terms.push(format!("({})", words.join("|")));
            }
            rows = self.ask(&Question::new(query, Some(&terms.join("&")), extent)?).await?;
        }
        Ok(rows.iter().map(|row| UserId::from_uuid(row.get(0))).collect())
    }

    async fn ask(&self, question: &Question) -> Result<Vec<Row>, Failure> {
        let parameters: Vec<&(dyn ToSql + Sync)> =
            question.parameters.iter().map(|each| &**each as _).collect();
        Ok(self.client.query(&self.prepared[&question.sql], &parameters).await?)
    }
}

/// The words that look most like one.
const SIMILAR: &str = "SELECT word FROM words WHERE word % $1 ORDER BY levenshtein(word, $1), word LIMIT $2";
