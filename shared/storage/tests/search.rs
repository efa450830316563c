//! The index of sitters and one that asks everybody: the same contract, and the same answers.

#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::{
    cell::{Cell, RefCell},
    time::Duration,
};

use domain::{
    availability::Span,
    care::{AgeGroup, Skill},
    geo::{Point, Radius},
    id::{self, UserId},
    language::Language,
    listing::State,
    money::{Currency, HourlyRate, Money},
    page::Limit,
    rating::Rating,
    search::{Busy, Card, Index, Query, Sort, View, Words},
    sitter::{Bio, Headline, Sitter, today},
};
use jiff::{SignedDuration, Timestamp};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use storage::{Tables, search::SearchIndex};
use testing::{BruteForce, Dynamo, TABLES, every_day, listed_sitter};

const HEBDEN_BRIDGE: (f64, f64) = (53.7416, -2.0133);

fn now() -> Timestamp {
    "2026-11-25T12:00:00Z".parse().unwrap()
}

fn later(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}

fn point((latitude, longitude): (f64, f64)) -> Point {
    Point::parse(latitude, longitude).unwrap()
}

async fn index() -> (Dynamo, SearchIndex) {
    let dynamo = Dynamo::start().await;
    let index = SearchIndex::new(Tables::new(dynamo.client.clone(), TABLES.map(String::from)));
    (dynamo, index)
}

/// Everybody within 10 km.
fn everybody(near: (f64, f64)) -> Query {
    Query {
        words: Words::default(),
        near: point(near),
        radius: Radius::default(),
        when: None,
        rate: None,
        languages: [].into(),
        ages: AgeGroup::empty(),
        skills: Skill::empty(),
        min_rating: None,
        sort: Sort::Distance,
        today: today(now()),
    }
}

trait Empty {
    fn empty() -> enumset::EnumSet<Self>
    where
        Self: enumset::EnumSetType + Sized,
    {
        enumset::EnumSet::empty()
    }
}
impl Empty for AgeGroup {}
impl Empty for Skill {}

fn limit(size: usize) -> Limit {
    Limit::parse(Some(&size.to_string())).unwrap()
}

async fn ids(index: &impl Index, query: &Query, at: Timestamp) -> Vec<UserId> {
    let page = index.search(query, None, limit(100), at).await.unwrap();
    page.hits.into_iter().map(|hit| hit.card.id).collect()
}

fn view(sitter: &Sitter) -> View {
    View::of(sitter, &[], now()).unwrap()
}

/// Somebody is as that view says, and nothing else happens.
async fn show(index: &impl Index, view: &View) {
    index.refresh(view.card.id, async || Ok(Some(view.clone()))).await.unwrap();
}

/// The same, by somebody who has read how it was before `times` others were quicker.
async fn is_overtaken(index: &impl Index, id: UserId, before: &View, after: Option<&View>, times: usize) {
    let reads = Cell::new(0);
    let truth = async || {
        reads.set(reads.get() + 1);
        if reads.get() > times {
            return Ok(after.cloned());
        }
        index.refresh(id, async || Ok(after.cloned())).await?;
        Ok(Some(before.clone()))
    };
    index.refresh(id, truth).await.unwrap();
    assert!(reads.get() >= 2);
}

/// What every index promises. `at` is turned on between the steps, as far as anything may be
/// remembered for.
async fn keeps_the_contract(index: &impl Index) {
    let (near, there) = (everybody(HEBDEN_BRIDGE), everybody((51.5, 0.0)));
    let sitter = listed_sitter(now());
    let id = sitter.user.id;
    let here = view(&sitter);
    assert_eq!(ids(index, &near, later(0)).await, []);
    // Twice, since messages may come so.
    for second in 1..=2 {
        show(index, &here).await;
        assert_eq!(ids(index, &near, later(second)).await, [id]);
        assert_eq!(index.view(id, now()).await.unwrap().as_ref(), Some(&here));
    }

    // Who moves is found there, and no longer here.
    let mut moved = sitter.clone();
    moved.profile.home.as_mut().unwrap().point = point((51.5, 0.0));
    let moved = view(&moved);
    show(index, &moved).await;
    assert_eq!(ids(index, &near, later(3)).await, []);
    assert_eq!(ids(index, &there, later(3)).await, [id]);
    assert_eq!(index.newest(None, limit(10), now()).await.unwrap().hits.len(), 1);

    // What was read before somebody else has written is not what stays.
    for (second, times) in [(4, 1), (6, 2)] {
        is_overtaken(index, id, &moved, Some(&here), times).await;
        assert_eq!(ids(index, &near, later(second)).await, [id]);
        assert_eq!(ids(index, &there, later(second)).await, []);
        is_overtaken(index, id, &here, None, times).await;
        assert_eq!(ids(index, &near, later(second + 1)).await, []);
    }
    // Nor of somebody of whom nothing was known.
    let other = view(&listed_sitter(now()));
    is_overtaken(index, other.card.id, &other, None, 1).await;

    // Who is hidden is nowhere.
    assert_eq!(ids(index, &near, later(8)).await, []);
    assert_eq!(ids(index, &there, later(8)).await, []);
    assert_eq!(index.newest(None, limit(10), now()).await.unwrap().hits, []);
    assert_eq!(index.view(id, now()).await.unwrap(), None);
    assert_eq!(index.view(id::new(now()), now()).await.unwrap(), None);

    // Who is taken is found for other hours only, however close, until the time is given back.
    let span = |start: &str, end: &str| Span { start: start.parse().unwrap(), end: end.parse().unwrap() };
    let taken = [span("2026-11-27T12:00:00Z", "2026-11-27T15:00:00Z")];
    let found = async |start: &str, end: &str, second| {
        ids(index, &Query { when: Some(span(start, end)), ..near.clone() }, later(second)).await == [id]
    };
    show(index, &View::of(&sitter, &taken, now()).unwrap()).await;
    for (start, end, is_found) in [
        ("2026-11-27T09:00:00Z", "2026-11-27T12:00:00Z", true),
        ("2026-11-27T09:00:00Z", "2026-11-27T12:00:01Z", false),
        ("2026-11-27T13:00:00Z", "2026-11-27T14:00:00Z", false),
        ("2026-11-27T14:59:59Z", "2026-11-27T18:00:00Z", false),
        ("2026-11-27T15:00:00Z", "2026-11-27T18:00:00Z", true),
        ("2026-11-28T12:00:00Z", "2026-11-28T15:00:00Z", true),
    ] {
        assert_eq!(found(start, end, 9).await, is_found, "{start} {end}");
    }
    assert_eq!(ids(index, &near, later(9)).await, [id]);
    show(index, &here).await;
    assert!(found("2026-11-27T12:00:00Z", "2026-11-27T15:00:00Z", 10).await);

    // Whose background check has expired is found no more, whether or not anybody has told.
    let mut unchecked = sitter.clone();
    unchecked.record.checked_until = Some(today(now()));
    show(index, &view(&unchecked)).await;
    let tomorrow = later(24 * 60 * 60);
    let near_tomorrow = Query { today: today(tomorrow), ..near.clone() };
    assert_eq!(ids(index, &near, later(11)).await, [id]);
    assert_eq!(ids(index, &near_tomorrow, tomorrow).await, []);
    assert_eq!(index.newest(None, limit(10), tomorrow).await.unwrap().hits, []);
    assert_eq!(index.view(id, tomorrow).await.unwrap(), None);

    // And comes back.
    show(index, &here).await;
    assert_eq!(ids(index, &near_tomorrow, tomorrow + SignedDuration::from_secs(1)).await, [id]);
}

#[tokio::test]
async fn both_keep_the_contract() {
    keeps_the_contract(&BruteForce::default()).await;
    let (_dynamo, index) = index().await;
    keeps_the_contract(&index).await;
}

#[tokio::test]
async fn the_newest_come_in_pages() {
    let (_dynamo, index) = index().await;
    let brute = BruteForce::default();
    for day in 0..40 {
        // Two a day, over the turn of a month, of which one is listed at the same moment as another's.
        for _ in 0..2 {
            let sitter = listed_sitter(now() + SignedDuration::from_hours(24 * day));
            show(&index, &view(&sitter)).await;
            show(&brute, &view(&sitter)).await;
        }
    }
    let (mut after, mut pages) = (None, Vec::new());
    loop {
        let page = index.newest(after, limit(7), now()).await.unwrap();
        assert_eq!(page, brute.newest(after, limit(7), now()).await.unwrap());
        after = page.hits.last().map(|hit| hit.position);
        pages.push(page.hits.len());
        if !page.has_more {
            break;
        }
    }
    assert_eq!(pages, [7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 3]);
}

#[tokio::test]
async fn changes_in_any_order_leave_the_same_index() {
    // Somebody moves about and pauses, and each time two are told, who look while it goes on.
    for round in 0..8_u64 {
        let (dynamo, index) = index().await;
        let sitter = listed_sitter(now());
        let id = sitter.user.id;
        let truth = RefCell::new(None);
        let change = async |step: u32| {
            tokio::time::sleep(Duration::from_micros(u64::from(step) * round * 700)).await;
            let mut sitter = sitter.clone();
            sitter.profile.home.as_mut().unwrap().point = point((50.0 + f64::from(step), 0.0));
            *truth.borrow_mut() = (step != 2).then(|| view(&sitter));
            let looks = async |place: u64| {
                let truth = async || {
                    let seen = truth.borrow().clone();
                    tokio::time::sleep(Duration::from_millis((round + place * 7 + u64::from(step) * 3) % 5))
                        .await;
                    Ok(seen)
                };
                // The table may be busy with others; then the message comes again.
                while let Err(error) = index.refresh(id, &truth).await {
                    assert!(matches!(error, storage::Error::Unavailable(_)), "{error:?}");
                }
            };
            tokio::join!(looks(0), looks(1));
        };
        futures_util::future::join_all((0..5).map(change)).await;
        let items = dynamo.client.scan().table_name("search").send().await.unwrap();
        let kinds = |prefix: &str| {
            items.items().iter().filter(|item| item["pk"].as_s().unwrap().starts_with(prefix)).count()
        };
        assert_eq!((kinds("CELL#"), kinds("NEWEST#"), kinds("SITTER#")), (1, 1, 1));
        assert_eq!(ids(&index, &everybody((54.0, 0.0)), now()).await, [id], "{round}");
    }
}

#[tokio::test]
async fn what_is_warm_costs_next_to_nothing() {
    let (_dynamo, index) = index().await;
    for _ in 0..100 {
        show(&index, &view(&listed_sitter(now()))).await;
    }
    let query = everybody(HEBDEN_BRIDGE);
    let cost = async |at| {
        let before = index.consumed();
        assert_eq!(index.search(&query, None, limit(20), at).await.unwrap().total, Some(100));
        index.consumed() - before
    };
    let (cold, same_moment, warm) = (cost(later(0)).await, cost(later(0)).await, cost(later(1)).await);
    assert!(cold <= 30.0 && warm <= 2.0 && same_moment == 0.0, "{cold} {same_moment} {warm}");
}

#[tokio::test]
async fn what_no_region_tells_of_is_found_out_after_ten_seconds() {
    let (dynamo, index) = index().await;
    let sitter = listed_sitter(now());
    show(&index, &view(&sitter)).await;
    let near = everybody(HEBDEN_BRIDGE);
    assert_eq!(ids(&index, &near, later(0)).await, [sitter.user.id]);
    // As after a crash before the region was told.
    let items = dynamo.client.scan().table_name("search").send().await.unwrap().items.unwrap();
    let card = items.into_iter().find(|item| item["pk"].as_s().unwrap().starts_with("CELL#")).unwrap();
    let key = card.into_iter().filter(|(name, _)| ["pk", "sk"].contains(&name.as_str())).collect();
    dynamo.client.delete_item().table_name("search").set_key(Some(key)).send().await.unwrap();
    assert_eq!(ids(&index, &near, later(1)).await, [sitter.user.id]);
    assert_eq!(ids(&index, &near, later(9)).await, [sitter.user.id]);
    assert_eq!(ids(&index, &near, later(11)).await, []);
}

/// Where grids are at their worst: cities, poles, the antimeridian, the middle of one of the twelve
/// pentagons of the grid, and nowhere.
const PLACES: [(f64, f64); 8] = [
    HEBDEN_BRIDGE,
    (0.0, 0.0),
    (89.99, 10.0),
    (-90.0, 0.0),
    (-16.8, 179.99),
    (-16.8, -179.99),
    (64.7, 10.5362),
    (58.39714, 36.3985),
];

const TEXTS: [&str; 8] = [
    "Patient and playful",
    "French and music",
    "Twins welcome, Zoë says",
    "Nights and weekends",
    "Newborn care for ten years",
    "I cook, drive and swim",
    "Montessori trained teacher",
    "Cycling babysitter",
];

fn some_spans() -> impl Strategy<Value = Vec<Span>> {
    // In quarters of an hour, on the days that are asked for.
    prop::collection::vec((96i64..210, 4i64..40), 0..4).prop_map(|quarters| {
        let at = |quarter: i64| now() + SignedDuration::from_mins(15 * quarter);
        quarters
            .into_iter()
            .map(|(start, length)| Span { start: at(start), end: at(start + length) })
            .collect()
    })
}

fn some_view(around: (f64, f64)) -> impl Strategy<Value = View> {
    let place = (-0.4f64..0.4, -0.4f64..0.4);
    let text = prop::sample::select(&TEXTS);
    let sets = (any::<u8>(), any::<u32>(), 0usize..4, 0u32..4);
    let numbers = (100u32..3000, 1_000u32..50_000, 0u32..20, 0i64..1_000_000);
    (place, (text.clone(), text), sets, numbers, 0u8..5, some_spans()).prop_map(
        move |(
            (north, east),
            (headline, bio),
            (ages, skills, languages, euros),
            (rate, travels, reviews, age),
            shift,
            taken,
        )| {
            let mut sitter = listed_sitter(now() - SignedDuration::from_secs(age));
            let latitude = (around.0 + north).clamp(-90.0, 90.0);
            let longitude = (around.1 + east + 540.0).rem_euclid(360.0) - 180.0;
            let profile = &mut sitter.profile;
            profile.home.as_mut().unwrap().point = point((latitude, longitude));
            profile.headline = Some(Headline::parse(headline).unwrap());
            profile.bio = Some(Bio::parse(bio).unwrap());
            profile.ages = enumset::EnumSet::from_repr_truncated(ages | 1);
            profile.skills = enumset::EnumSet::from_repr_truncated(skills);
            profile.languages = ["en", "fr", "pl", "ur"][..=languages]
                .iter()
                .map(|code| Language::parse(code).unwrap())
                .collect();
            let currency = if euros == 0 { Currency::Eur } else { Currency::Gbp };
            profile.rate = Some(HourlyRate::parse(rate, currency).unwrap());
            profile.travels = Radius::parse(travels).unwrap();
            sitter.record.rating = Rating { count: reviews, stars: reviews * 4 + reviews % 3 };
            sitter.availability.weekly =
                every_day("08:00", ["12:00", "16:00", "20:00", "02:00", "08:00"][usize::from(shift)]);
            View::of(&sitter, &taken, now()).unwrap()
        },
    )
}

fn some_query(around: (f64, f64)) -> impl Strategy<Value = Query> {
    let words = prop::sample::select(
        &[
            "",
            "",
            "",
            "french",
            "frnech",
            "the music",
            "patient",
            "cycle",
            "newborn nights",
            "zoe",
            "beth",
            "cooking",
        ][..],
    );
    let sort = prop::sample::select(&[Sort::Relevance, Sort::Distance, Sort::Rating, Sort::Price][..]);
    let place = (-0.2f64..0.2, -0.2f64..0.2, 1_000u32..=50_000);
    let filters = (
        prop::option::weighted(0.3, 100u32..3000),
        0u8..4,
        0u32..4,
        prop::option::weighted(0.2, 100u32..500),
    );
    (words, sort, place, filters, prop::option::weighted(0.2, 0i64..24), prop::bool::weighted(0.2)).prop_map(
        move |(words, sort, (north, east, radius), (rate, ages, skills, min_rating), hour, french)| {
            let start = |hour| now() + SignedDuration::from_hours(24 + hour);
            Query {
                words: Words::parse(words).unwrap(),
                near: point((
                    (around.0 + north).clamp(-90.0, 90.0),
                    (around.1 + east + 540.0).rem_euclid(360.0) - 180.0,
                )),
                radius: Radius::parse(radius).unwrap(),
                when: hour.map(|hour| Span { start: start(hour), end: start(hour + 3) }),
                rate: rate.map(|amount_minor| Money { amount_minor, currency: Currency::Gbp }),
                languages: french.then(|| Language::parse("fr").unwrap()).into_iter().collect(),
                ages: enumset::EnumSet::from_repr_truncated(ages),
                skills: enumset::EnumSet::from_repr_truncated(skills),
                min_rating,
                sort,
                today: today(now()),
            }
        },
    )
}

/// For random towns and random queries, page by page: the same sitters in the same order.
#[tokio::test]
async fn both_find_the_same_in_the_same_order() {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let mut draw = |place| {
        let town = prop::collection::vec(some_view(place), 100..150).new_tree(&mut runner).unwrap().current();
        let queries = prop::collection::vec(some_query(place), 60).new_tree(&mut runner).unwrap().current();
        (town, queries)
    };
    let (mut found, mut taken) = (0, 0);
    for place in PLACES {
        let (_dynamo, index) = index().await;
        let brute = BruteForce::default();
        let (town, queries) = draw(place);
        for view in &town {
            show(&index, view).await;
            show(&brute, view).await;
        }
        for query in &queries {
            // Who would be found if nobody had booked them.
            let is_taken = |view: &&View| {
                let free = Card { busy: Busy::default(), ..view.card.clone() };
                query.judge(&free).is_some() && query.judge(&view.card).is_none()
            };
            taken += town.iter().filter(is_taken).count();
            let mut after = None;
            loop {
                let page = index.search(query, after, limit(9), now()).await.unwrap();
                assert_eq!(
                    page,
                    brute.search(query, after, limit(9), now()).await.unwrap(),
                    "{place:?} {query:?}"
                );
                found += page.hits.len();
                after = page.hits.last().map(|hit| hit.position);
                if !page.has_more {
                    break;
                }
            }
        }
    }
    assert!(found > 2000 && taken > 50, "the queries are too narrow to tell: {found} {taken}");
}

#[tokio::test]
async fn paused_and_suspended_sitters_have_no_view() {
    let mut sitter = listed_sitter(now());
    for state in [State::Draft, State::InReview, State::Paused, State::Suspended] {
        sitter.profile.state = state;
        assert_eq!(View::of(&sitter, &[], now()), None);
    }
    sitter.profile.state = State::Listed;
    sitter.user = sitter.user.with_standing(domain::user::Standing::Suspended { since: now() });
    assert_eq!(View::of(&sitter, &[], now()), None);
}
