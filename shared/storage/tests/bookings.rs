//! The contract of bookings, sitters' calendars and series, on the embedded DynamoDB.
#![expect(clippy::unwrap_used, reason = "a test stops at the first thing that is wrong")]

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::{Client, config::timeout::TimeoutConfig};
use domain::{
    address::{Address, Country, Lines, Postcode},
    availability::Span,
    booking::{
        Booking, Card, Complaint, Event, News, Note, Occurrence, Proposal, Refusal, State, Who,
        claims::{Claim, days_of},
        series::Rule,
    },
    display_name::DisplayName,
    due::{Kind, SHARDS},
    geo::Point,
    id::{BookingId, UserId},
    parent::EmergencyContact,
    phone::PhoneNumber,
    series::{Made, Series, State as SeriesState},
    sitter::Town,
    stripe::PaymentMethodId,
};
use futures_util::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp, ToSpan, civil::Date};
use serde_json::Value;
use storage::{
    Error, Tables,
    audit::{Action, By},
    bookings::{Actor, ChangeError, Changed, Private, open_complaint, seal_complaint},
    data_keys::DataKey,
    field_cipher::FieldCipher,
    series::{open_note, seal_note},
};
use testing::{Dynamo, TABLES, asked_for, window};

struct Store {
    dynamo: Dynamo,
    tables: Tables,
}

type Outcome = Result<Booking, ChangeError<Refusal>>;

/// Everything of bookings that is stored.
#[derive(Debug, Default)]
struct Stored {
    bookings: BTreeMap<BookingId, Booking>,
    days: BTreeMap<(UserId, Date), Vec<Claim>>,
    pointers: BTreeSet<(String, String)>,
    due: BTreeMap<BookingId, String>,
    /// How many items of each kind there are, by how their key begins, in both tables.
    counts: BTreeMap<String, usize>,
}

impl Store {
    async fn start() -> Self {
        let dynamo = Dynamo::start().await;
        let tables = Tables::new(dynamo.client.clone(), TABLES.map(String::from));
        Self { dynamo, tables }
    }

    async fn key(&self, user: UserId) -> DataKey {
        let cipher = FieldCipher::new(&self.dynamo.config, "key".into());
        self.tables.data_key_or_new(&cipher, user).await.unwrap()
    }

    async fn items(&self, table: &str) -> Vec<Value> {
        let mut pages = self.dynamo.client.scan().table_name(table).into_paginator().items().send();
        let mut items = Vec::new();
        while let Some(item) = pages.next().await {
            items.push(serde_dynamo::from_item(item.unwrap()).unwrap());
        }
        items
    }

    async fn stored(&self) -> Stored {
        let mut stored = Stored::default();
        let text = |item: &Value, name: &str| item[name].as_str().unwrap_or_default().to_owned();
        for item in [self.items("main").await, self.items("audit").await].concat() {
            let (pk, sk) = (text(&item, "pk"), text(&item, "sk"));
            let (kind, name) = pk.split_once('#').unwrap();
            *stored.counts.entry(kind.to_owned()).or_default() += 1;
            match kind {
                "BOOKING" => {
                    let booking: Booking = serde_json::from_value(item["booking"].clone()).unwrap();
                    if let Some(due) = item["due_sk"].as_str() {
                        stored.due.insert(booking.id, due.to_owned());
                    }
                    stored.bookings.insert(booking.id, booking);
                }
                "CALENDAR" => {
                    let claims = serde_json::from_value(item["claims"].clone()).unwrap();
                    let day = (domain::id::parse(name).unwrap(), sk.parse().unwrap());
                    stored.days.insert(day, claims);
                }
                "BOOKINGS" => drop(stored.pointers.insert((name.to_owned(), sk))),
                _ => {}
            }
        }
        stored
    }

    async fn request(&self, booking: &Booking) {
        self.tables.request_booking(booking, &by(booking.parent)).await.unwrap();
    }

    /// Lets an event happen that needs to be told nothing else.
    async fn happen(&self, booking: &Booking, event: Event, who: Who, now: Timestamp) -> Outcome {
        happen(&self.tables, booking.id, event, who, now).await
    }

    /// Accepted, with a good card.
    async fn confirmed(&self, booking: &Booking) -> Outcome {
        self.happen(booking, Event::Accept, Who::Sitter, now()).await?;
        let rule = |before: &Booking| {
            let (after, news) = before.with_card(Card::Good, now())?;
            Ok(Some(Changed::new(after, news)))
        };
        self.tables.change_booking(booking.id, &Actor::default(), now(), rule).await
    }

    async fn proposed(&self, booking: &Booking, date: &str, start: &str, end: &str) -> Booking {
        let window = window(day(date), start, end);
        let span = window.span().unwrap();
        let quote = booking.priced(&window, span).unwrap();
        let proposal = Proposal { window, span, quote, made_at: now() };
        let rule = |before: &Booking| {
            let after = before.proposed(proposal.clone(), now())?;
            Ok::<_, Refusal>(Some(Changed::told(after, News::Event(Event::Propose))))
        };
        self.tables.change_booking(booking.id, &by(booking.parent), now(), rule).await.unwrap()
    }

    async fn page(
        &self,
        user: UserId,
        after: Option<&str>,
        latest_first: bool,
        limit: i32,
    ) -> (Vec<BookingId>, Option<String>) {
        let range = now()..Timestamp::MAX;
        let page = self.tables.bookings_of(user, range, after, latest_first, limit).await.unwrap();
        (page.bookings.iter().map(|booking| booking.id).collect(), page.next)
    }

    /// The days on which a sitter is taken, and by how many bookings.
    async fn days(&self, sitter: UserId) -> Vec<(String, usize)> {
        let stored = self.stored().await;
        let days = stored.days.iter().filter(|((whose, _), _)| *whose == sitter);
        days.map(|((_, date), claims)| (date.to_string(), claims.len())).collect()
    }
}

async fn happen(tables: &Tables, id: BookingId, event: Event, who: Who, now: Timestamp) -> Outcome {
    let rule = |before: &Booking| {
        let after = before.after(event, who, now)?;
        Ok(Some(Changed::told(after, News::Event(event))))
    };
    tables.change_booking(id, &Actor::default(), now, rule).await
}

impl Stored {
    /// The calendars hold what the states of the bookings say, and nothing else; no two claims of a day overlap;
    /// each booking is found by its two sides where it begins, and in the index at its next step.
    fn assert_consistent(&self) {
        let mut claims: BTreeMap<(UserId, Date), Vec<Claim>> = BTreeMap::new();
        let mut pointers = BTreeSet::new();
        let mut due = BTreeMap::new();
        for booking in self.bookings.values() {
            for date in days_of(booking.span).into_iter().filter(|_| booking.state.holds_time()) {
                let claim = Claim { booking: booking.id, span: booking.span };
                claims.entry((booking.sitter, date)).or_default().push(claim);
            }
            for user in [booking.parent, booking.sitter] {
                let start = booking.span.start.as_second();
                pointers.insert((user.to_string(), format!("{start:012}#{}", booking.id)));
            }
            if let Some((_, at)) = booking.next_step() {
                due.insert(booking.id, domain::due::sort_key(at, &booking.id.to_string()));
            }
        }
        claims.values_mut().for_each(|claims| claims.sort_by_key(|claim| claim.span));
        let taken = self.days.iter().filter(|(_, claims)| !claims.is_empty());
        let taken: BTreeMap<_, _> = taken.map(|(day, claims)| (*day, claims.clone())).collect();
        assert_eq!(taken, claims);
        for claims in claims.values() {
            assert!(claims.windows(2).all(|pair| pair[0].span.end <= pair[1].span.start), "{claims:?}");
        }
        assert_eq!(self.pointers, pointers);
        assert_eq!(self.due, due);
    }

    fn count(&self, kind: &str) -> usize {
        self.counts.get(kind).copied().unwrap_or_default()
    }

    /// How many events and entries of the trail there are.
    fn told(&self) -> (usize, usize) {
        (self.count("OUTBOX"), self.count("SUBJECT"))
    }
}

fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

fn day(raw: &str) -> Date {
    raw.parse().unwrap()
}

fn id() -> UserId {
    domain::id::new(now())
}

fn by(user: UserId) -> Actor {
    Actor { user: Some(user), ..Actor::default() }
}

fn booking(sitter: UserId, date: &str, start: &str, end: &str) -> Booking {
    Booking { sitter, ..asked_for(window(day(date), start, end), now()) }
}

fn taken(outcome: Outcome) -> BookingId {
    match outcome {
        Err(ChangeError::Taken(taken)) => taken.by,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_request_is_found_by_both_sides_and_told_once() {
    let store = Store::start().await;
    let asked = booking(id(), "2026-03-10", "18:00", "22:00");
    assert_eq!(store.tables.booking(asked.id).await.unwrap(), None);
    store.request(&asked).await;
    assert_eq!(store.tables.booking(asked.id).await.unwrap(), Some(asked.clone()));
    let again = store.tables.request_booking(&asked, &by(asked.parent)).await;
    assert!(matches!(again, Err(Error::Conflict)), "{again:?}");
    for user in [asked.parent, asked.sitter] {
        assert_eq!(store.page(user, None, false, 10).await, (vec![asked.id], None));
        let trail = store.tables.trail(By::Subject(user), None, 10).await.unwrap();
        let [entry] = &trail[..] else { panic!("{trail:?}") };
        assert_eq!((entry.entry.action, entry.entry.actor), (Action::BookingChanged, Some(asked.parent)));
        assert_eq!(entry.entry.booking, Some((asked.id, News::Requested)));
    }
    assert_eq!(store.page(id(), None, false, 10).await, (vec![], None));
    let stored = store.stored().await;
    stored.assert_consistent();
    let kinds = ["BOOKING", "BOOKINGS", "CALENDAR"].map(|kind| stored.count(kind));
    assert_eq!((kinds, stored.told()), ([1, 2, 0], (1, 2)));
}

#[tokio::test]
async fn an_acceptance_claims_both_days_of_a_booking_over_midnight_in_one_transaction() {
    let store = Store::start().await;
    let night = booking(id(), "2026-03-10", "19:00", "01:00");
    store.request(&night).await;
    store.dynamo.calls.take();
    let accepted = store.happen(&night, Event::Accept, Who::Sitter, now()).await.unwrap();
    let reads = ["DynamoDB_20120810.GetItem"; 3];
    assert_eq!(store.dynamo.calls.take(), [&reads[..], &["DynamoDB_20120810.TransactWriteItems"]].concat());
    assert_eq!((accepted.state, accepted.version), (State::Accepted, 2));
    let both = [("2026-03-10".to_owned(), 1), ("2026-03-11".to_owned(), 1)];
    assert_eq!(store.days(night.sitter).await, both);
    let stored = store.stored().await;
    stored.assert_consistent();
    assert_eq!(stored.told(), (2, 4));
    // The days before and after are others'.
    let within = |start: &str, end: &str| Span { start: start.parse().unwrap(), end: end.parse().unwrap() };
    for (span, expected) in [
        (within("2026-03-10T00:00:00Z", "2026-03-11T00:00:00Z"), vec![night.span]),
        (within("2026-03-11T00:00:00Z", "2026-03-12T00:00:00Z"), vec![night.span]),
        (within("2026-03-01T00:00:00Z", "2026-03-31T00:00:00Z"), vec![night.span]),
        (within("2026-03-12T00:00:00Z", "2026-03-31T00:00:00Z"), vec![]),
    ] {
        assert_eq!(store.tables.taken(night.sitter, span).await.unwrap(), expected);
    }
    let free = async |span, but| store.tables.is_free(night.sitter, span, but).await.unwrap();
    assert!(!free(within("2026-03-11T00:30:00Z", "2026-03-11T02:00:00Z"), None).await);
    assert!(free(within("2026-03-11T00:30:00Z", "2026-03-11T02:00:00Z"), Some(night.id)).await);
    assert!(free(within("2026-03-11T01:00:00Z", "2026-03-11T02:00:00Z"), None).await);
}

#[tokio::test]
async fn of_two_that_overlap_the_first_has_the_time_and_the_other_changes_nothing() {
    let store = Store::start().await;
    let sitter = id();
    let first = booking(sitter, "2026-03-10", "19:00", "01:00");
    // Over the first's second day only.
    let second = booking(sitter, "2026-03-11", "00:30", "03:00");
    let after = booking(sitter, "2026-03-11", "01:00", "03:00");
    let elsewhere = booking(id(), "2026-03-10", "19:00", "01:00");
    for booking in [&first, &second, &after, &elsewhere] {
        store.request(booking).await;
    }
    store.happen(&first, Event::Accept, Who::Sitter, now()).await.unwrap();
    let before = store.stored().await;
    assert_eq!(taken(store.happen(&second, Event::Accept, Who::Sitter, now()).await), first.id);
    let refused = store.stored().await;
    assert_eq!((refused.told(), refused.bookings), (before.told(), before.bookings));
    store.happen(&after, Event::Accept, Who::Sitter, now()).await.unwrap();
    store.happen(&elsewhere, Event::Accept, Who::Sitter, now()).await.unwrap();
    store.stored().await.assert_consistent();
}

#[tokio::test]
async fn what_is_called_off_gives_its_time_back() {
    let store = Store::start().await;
    let sitter = id();
    let [first, second] = ["19:00", "20:00"].map(|start| booking(sitter, "2026-03-10", start, "02:00"));
    for booking in [&first, &second] {
        store.request(booking).await;
    }
    store.confirmed(&first).await.unwrap();
    assert_eq!(taken(store.happen(&second, Event::Accept, Who::Sitter, now()).await), first.id);
    let cancelled = store.happen(&first, Event::Cancel, Who::Parent, now()).await.unwrap();
    assert_eq!(cancelled.state, State::Cancelled);
    assert_eq!(store.days(sitter).await, [("2026-03-10".to_owned(), 0), ("2026-03-11".to_owned(), 0)]);
    store.confirmed(&second).await.unwrap();
    let late = second.span.start + SignedDuration::from_mins(15);
    let missed = store.happen(&second, Event::MissStart, Who::System, late).await.unwrap();
    assert_eq!(missed.state, State::NoShow);
    let stored = store.stored().await;
    stored.assert_consistent();
    assert!(stored.days.values().all(Vec::is_empty));
    // What has happened keeps its time.
    let third = booking(sitter, "2026-03-12", "19:00", "22:00");
    store.request(&third).await;
    store.confirmed(&third).await.unwrap();
    let gone = third.span.end + third.tariff.longest_stay();
    for (event, who, at) in [
        (Event::CheckIn, Who::Sitter, third.span.start),
        (Event::Complete, Who::System, gone),
        (Event::Settle, Who::System, gone + SignedDuration::from_hours(48)),
    ] {
        store.happen(&third, event, who, at).await.unwrap();
        store.stored().await.assert_consistent();
    }
    assert_eq!(store.days(sitter).await[2], ("2026-03-12".to_owned(), 1));
}

#[tokio::test]
async fn a_moved_booking_moves_with_its_claims_and_where_it_is_found() {
    let store = Store::start().await;
    let sitter = id();
    let moving = booking(sitter, "2026-03-10", "19:00", "01:00");
    let other = booking(sitter, "2026-03-12", "19:00", "22:00");
    for booking in [&moving, &other] {
        store.request(booking).await;
    }
    // At once, before anybody has agreed to anything.
    let moved = store.proposed(&moving, "2026-03-11", "20:00", "02:00").await;
    assert_eq!((moved.span.start.to_string().as_str(), moved.version), ("2026-03-11T20:00:00Z", 2));
    let stored = store.stored().await;
    stored.assert_consistent();
    assert_eq!((stored.count("CALENDAR"), stored.told()), (0, (3, 6)));

    store.confirmed(&moving).await.unwrap();
    store.confirmed(&other).await.unwrap();
    // Over its own time.
    store.proposed(&moving, "2026-03-12", "01:00", "04:00").await;
    store.stored().await.assert_consistent();
    store.happen(&moving, Event::AcceptChange, Who::Sitter, now()).await.unwrap();
    store.stored().await.assert_consistent();
    let days = [("2026-03-11", 0), ("2026-03-12", 2)].map(|(date, claims)| (date.to_owned(), claims));
    assert_eq!(store.days(sitter).await, days);
    // Not over another's: nothing changes, and the sitter may decline still.
    store.proposed(&moving, "2026-03-12", "18:00", "20:00").await;
    let before = store.stored().await;
    assert_eq!(taken(store.happen(&moving, Event::AcceptChange, Who::Sitter, now()).await), other.id);
    let after = store.stored().await;
    assert_eq!((after.told(), &after.bookings), (before.told(), &before.bookings));
    store.happen(&moving, Event::DeclineChange, Who::Sitter, now()).await.unwrap();
    store.stored().await.assert_consistent();
}

#[tokio::test]
async fn pages_follow_the_beginning_and_go_on_while_the_clock_does() {
    let store = Store::start().await;
    let sitter = id();
    let mut bookings = Vec::new();
    for date in ["2026-03-04", "2026-03-02", "2026-03-05", "2026-03-03", "2026-03-06"] {
        let booking = booking(sitter, date, "19:00", "22:00");
        store.request(&booking).await;
        bookings.push(booking);
    }
    bookings.sort_by_key(|booking| booking.span.start);
    let ids: Vec<_> = bookings.iter().map(|booking| booking.id).collect();
    for latest_first in [false, true] {
        let mut expected = ids.clone();
        if latest_first {
            expected.reverse();
        }
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let (page, next) = store.page(sitter, after.as_deref(), latest_first, 2).await;
            assert!(page.len() <= 2);
            seen.extend(page);
            after = next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(seen, expected);
    }
    let range = async |range, after: Option<&str>, latest_first| {
        let page = store.tables.bookings_of(sitter, range, after, latest_first, 2).await.unwrap();
        let ids = page.bookings.iter().map(|booking| booking.id).collect::<Vec<_>>();
        (ids, page.next)
    };
    // From a beginning on, that one included, and until before another.
    let [first, second, last] = [0, 1, 3].map(|place| bookings[place].span.start);
    assert_eq!(range(second..last, None, false).await.0, ids[1..3]);
    // The last of a page may have left the range when the next is asked for.
    let (_, next) = range(first..Timestamp::MAX, None, false).await;
    assert_eq!(range(last..Timestamp::MAX, next.as_deref(), false).await.0, ids[2..4]);
    let (_, next) = range(Timestamp::UNIX_EPOCH..Timestamp::MAX, None, true).await;
    assert_eq!(range(Timestamp::UNIX_EPOCH..second, next.as_deref(), true).await.0, [ids[2], ids[1]]);
}

#[tokio::test]
async fn what_overlaps_and_may_still_happen_is_found() {
    let store = Store::start().await;
    let parent = id();
    let own = |date, start, end| Booking { parent, ..booking(id(), date, start, end) };
    let night = own("2026-03-09", "23:30", "23:30");
    let evening = own("2026-03-10", "18:00", "22:00");
    let withdrawn = own("2026-03-10", "18:00", "22:00");
    for booking in [&night, &evening, &withdrawn] {
        store.request(booking).await;
    }
    store.happen(&withdrawn, Event::Withdraw, Who::Parent, now()).await.unwrap();
    let overlapping = async |start: &str, end: &str| {
        let span = Span { start: start.parse().unwrap(), end: end.parse().unwrap() };
        let found = store.tables.overlapping(parent, span).await.unwrap();
        found.iter().map(|booking| booking.id).collect::<Vec<_>>()
    };
    assert_eq!(overlapping("2026-03-10T21:00:00Z", "2026-03-10T23:31:00Z").await, [night.id, evening.id]);
    assert_eq!(overlapping("2026-03-10T22:00:00Z", "2026-03-10T23:30:00Z").await, [night.id]);
    assert_eq!(overlapping("2026-03-10T23:30:00Z", "2026-03-11T23:00:00Z").await, []);
    // More than a page of them, in order.
    let nights: Vec<_> = (0..101).map(|_| own("2026-03-12", "23:30", "23:40")).collect();
    for booking in &nights {
        store.request(booking).await;
    }
    let found = overlapping("2026-03-12T23:00:00Z", "2026-03-13T00:00:00Z").await;
    assert_eq!(found.len(), nights.len());
    assert!(found.is_sorted());
}

#[tokio::test]
async fn what_is_private_opens_for_its_booking_only() {
    let store = Store::start().await;
    let mut asked = booking(id(), "2026-03-10", "18:00", "22:00");
    let key = store.key(asked.parent).await;
    let private = Private {
        address: Address {
            lines: Lines::parse("1 Mill Lane").unwrap(),
            town: Town::parse("Hebden Bridge").unwrap(),
            postcode: Postcode::parse("HX7 8AD").unwrap(),
            country: Country::parse("GB").unwrap(),
        },
        point: Point::parse(53.75, -2.0125).unwrap(),
        emergency_contact: Some(EmergencyContact {
            name: DisplayName::parse("Annabella").unwrap(),
            phone: PhoneNumber::parse("+447400123456").unwrap(),
        }),
        note: Some(Note::parse("The key is under the blue pot.").unwrap()),
    };
    asked.sealed = private.seal(&key, asked.id).unwrap();
    store.request(&asked).await;
    let read = store.tables.booking(asked.id).await.unwrap().unwrap();
    assert_eq!(Private::open(&key, &read).unwrap(), private);
    let copied = Booking { id: domain::id::new(now()), ..read.clone() };
    assert!(matches!(Private::open(&key, &copied), Err(Error::Unreadable(_))));
    let others = store.key(asked.sitter).await;
    assert!(matches!(Private::open(&others, &read), Err(Error::Unreadable(_))));
    let least = Private { emergency_contact: None, note: None, ..private };
    let sealed = least.seal(&key, asked.id).unwrap();
    assert_eq!(Private::open(&key, &Booking { sealed, ..read }).unwrap(), least);

    let complaint = Complaint::parse("She left two hours early.").unwrap();
    let sealed = seal_complaint(&key, asked.id, &complaint).unwrap();
    assert_eq!(open_complaint(&key, asked.id, &sealed).unwrap(), complaint);
    assert!(open_complaint(&key, copied.id, &sealed).is_err());
    let dump = Value::from([store.items("main").await, store.items("audit").await].concat()).to_string();
    for word in ["Mill", "Hebden", "HX7", "53.75", "Annabella", "7400", "blue pot"] {
        assert!(!dump.contains(word), "{word}");
    }
}

#[tokio::test]
async fn a_rule_may_leave_a_booking_as_it_is() {
    let store = Store::start().await;
    let asked = booking(id(), "2026-03-10", "18:00", "22:00");
    let nothing = |_: &Booking| Ok::<_, Refusal>(None);
    let missing = store.tables.change_booking(asked.id, &Actor::default(), now(), nothing).await;
    assert!(matches!(missing, Err(ChangeError::NotFound)), "{missing:?}");
    store.request(&asked).await;
    let left = store.tables.change_booking(asked.id, &Actor::default(), now(), nothing).await.unwrap();
    assert_eq!(left, asked);
    let refused = store.happen(&asked, Event::CheckIn, Who::Sitter, now()).await;
    assert!(matches!(refused, Err(ChangeError::Refused(Refusal::WrongState { .. }))), "{refused:?}");
    assert_eq!(store.stored().await.told(), (1, 2));
}

#[tokio::test]
async fn a_throttled_transaction_is_tried_again_and_happens_once() {
    let store = Store::start().await;
    let booking = booking(id(), "2026-03-10", "19:00", "22:00");
    store.request(&booking).await;
    // More often than one transaction is tried, less often than a change is.
    store.dynamo.calls.throttle(9);
    let accepted = store.happen(&booking, Event::Accept, Who::Sitter, now()).await.unwrap();
    assert_eq!((accepted.state, accepted.version), (State::Accepted, 2));
    store.stored().await.assert_consistent();

    // For as long as nobody waits: it is said so, and nothing is changed.
    let other = Booking { id: domain::id::new(now()), ..booking };
    store.request(&other).await;
    store.dynamo.calls.throttle(usize::MAX);
    let refused = store.happen(&other, Event::Decline, Who::Sitter, now()).await;
    assert!(matches!(refused, Err(ChangeError::Store(Error::Unavailable(_)))), "{refused:?}");
    store.dynamo.calls.throttle(0);
    assert_eq!(store.tables.booking(other.id).await.unwrap(), Some(other));
}

#[tokio::test]
async fn from_two_devices_at_once_it_happens_once() {
    let store = Store::start().await;
    let asked = booking(id(), "2026-03-10", "19:00", "01:00");
    store.request(&asked).await;
    let tries = (0..10).map(|_| {
        let (tables, id) = (store.tables.clone(), asked.id);
        tokio::spawn(async move { happen(&tables, id, Event::Accept, Who::Sitter, now()).await })
    });
    let mut accepted = 0;
    for attempt in tries.collect::<Vec<_>>() {
        match attempt.await.unwrap() {
            Ok(_) => accepted += 1,
            Err(ChangeError::Refused(Refusal::WrongState { from: State::Accepted, .. })) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    let stored = store.stored().await;
    stored.assert_consistent();
    assert_eq!((accepted, stored.told()), (1, (2, 4)));
}

/// Numbers that are as good as random, and the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    /// 1 to 8 hours that begin on one of four days.
    fn window(&mut self) -> (String, String, String) {
        let (date, start, length) = (10 + self.below(4), self.below(48) * 30, 60 + self.below(15) * 30);
        let time = |minutes: u64| format!("{:02}:{:02}", minutes / 60 % 24, minutes % 60);
        (format!("2026-03-{date}"), time(start), time(start + length))
    }
}

/// A thousand bookings of five sitters on four days are accepted, moved and called off, each by somebody of their
/// own.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_changes_at_once_end_without_an_overlap_and_no_acceptance_is_lost() {
    let mut store = Store::start().await;
    // Here the clients and the store share a processor or two, so nothing is given up for being slow.
    let config = aws_sdk_dynamodb::config::Builder::from(&store.dynamo.config);
    let client = Client::from_conf(config.timeout_config(TimeoutConfig::disabled()).build());
    store.tables = Tables::new(client, TABLES.map(String::from));
    let mut dice = Dice(7);
    let sitters: Vec<UserId> = (0..5).map(|_| id()).collect();
    let asked: Vec<Booking> = (0..1000)
        .map(|number| {
            let (date, start, end) = dice.window();
            booking(sitters[number % sitters.len()], &date, &start, &end)
        })
        .collect();
    stream::iter(&asked).for_each_concurrent(16, |asked| store.request(asked)).await;
    // What somebody wants of each: of a few that are confirmed by now another time, or nothing any more.
    let mut wishes: Vec<(BookingId, Event, Who)> = Vec::new();
    for (number, asked) in asked.iter().enumerate() {
        wishes.push(if number > 60 || store.confirmed(asked).await.is_err() {
            (asked.id, Event::Accept, Who::Sitter)
        } else if number % 3 == 0 {
            (asked.id, Event::Cancel, Who::Parent)
        } else {
            let (date, start, end) = dice.window();
            store.proposed(asked, &date, &start, &end).await;
            (asked.id, Event::AcceptChange, Who::Sitter)
        });
    }
    let before = store.stored().await;
    before.assert_consistent();
    store.dynamo.calls.take();
    let tries = wishes.into_iter().map(|(id, event, who)| {
        let tables = store.tables.clone();
        tokio::spawn(async move {
            // On a slow machine somebody may be told to try again, and does.
            loop {
                match happen(&tables, id, event, who, now()).await {
                    Err(ChangeError::Store(Error::Conflict)) => {}
                    outcome => return (id, event, outcome),
                }
            }
        })
    });
    let (mut done, mut refused) = (0, Vec::new());
    for attempt in tries.collect::<Vec<_>>() {
        let (id, event, outcome) = attempt.await.unwrap();
        match outcome {
            Ok(_) => done += 1,
            Err(ChangeError::Taken(taken)) => refused.push((id, event, taken.by)),
            Err(other) => panic!("{event:?}: {other:?}"),
        }
    }
    // A try fails only because another change was made, so there are few.
    let calls = store.dynamo.calls.take();
    assert!(calls.iter().filter(|call| call.ends_with("TransactWriteItems")).count() < 2000);

    let after = store.stored().await;
    after.assert_consistent();
    assert_eq!(after.told(), (before.told().0 + done, before.told().1 + 2 * done));
    // Nobody was refused but for a booking that had the time: when all began, or in the end.
    for (id, event, by) in refused {
        let wanted = &before.bookings[&id];
        let span = wanted.proposal.as_ref().map_or(wanted.span, |proposal| proposal.span);
        let held = [&before.bookings[&by], &after.bookings[&by]];
        let held = held.into_iter().filter(|held| held.sitter == wanted.sitter && held.state.holds_time());
        assert!(held.into_iter().any(|held| held.span.overlaps(span)), "{event:?}");
        assert_eq!(&after.bookings[&id], wanted);
    }
}

/// Every Tuesday and Thursday, four times.
fn series() -> Series {
    Series {
        id: domain::id::new(now()),
        parent: id(),
        sitter: id(),
        rule: Rule::parse("FREQ=WEEKLY;BYDAY=TU,TH;COUNT=4").unwrap(),
        first: window(day("2026-03-03"), "19:00", "22:00"),
        children: vec![domain::id::new(now())],
        terms: None,
        method: PaymentMethodId::parse("pm_1").unwrap(),
        sealed_note: None,
        state: SeriesState::Active,
        made_until: None,
        created_at: now(),
        version: 1,
    }
}

/// The booking of one of its days.
fn occurrence(series: &Series, date: Date) -> Booking {
    Booking {
        parent: series.parent,
        sitter: series.sitter,
        occurrence: Some(Occurrence { series: series.id, date }),
        ..asked_for(series.first.on(date), now())
    }
}

async fn due(tables: &Tables, kind: Kind, at: Timestamp) -> Vec<String> {
    let mut ids = Vec::new();
    for shard in 0..SHARDS {
        ids.extend(tables.due(kind, shard, at, None, 100).await.unwrap().ids);
    }
    ids
}

#[tokio::test]
async fn each_day_of_a_series_is_made_once_however_many_make_it_at_once() {
    let store = Store::start().await;
    let series = series();
    assert_eq!(store.tables.series(series.id).await.unwrap(), None);
    store.tables.save_series(&series).await.unwrap();
    assert!(matches!(store.tables.save_series(&series).await, Err(Error::Conflict)));
    assert_eq!(store.tables.series(series.id).await.unwrap(), Some(series.clone()));
    let dates = series.to_make(now(), 100);
    assert_eq!(dates.len(), 4);
    // The third cannot be.
    let make = |tables: Tables, series: Series, date: Date, number: usize| async move {
        let booking = occurrence(&series, date);
        match number {
            2 => tables.skip_date(series.id, date, "taken").await.map(|()| None),
            _ => {
                tables.book_date(&series, date, &booking, &by(series.parent)).await.map(|()| Some(booking.id))
            }
        }
    };
    let tries = (0..5).flat_map(|_| dates.iter().enumerate()).map(|(number, date)| {
        (*date, tokio::spawn(make(store.tables.clone(), series.clone(), *date, number)))
    });
    let mut made = BTreeMap::new();
    for (date, attempt) in tries.collect::<Vec<_>>() {
        match attempt.await.unwrap() {
            Ok(booking) => assert_eq!(made.insert(date, booking), None, "{date} twice"),
            Err(error) => assert!(matches!(error, Error::Conflict), "{error:?}"),
        }
    }
    let noted = store.tables.dates_of(series.id).await.unwrap();
    assert_eq!(noted.iter().map(|made| (made.date, made.booking)).collect::<BTreeMap<_, _>>(), made);
    assert!(noted.is_sorted_by_key(|made| made.date));
    assert_eq!(noted[2], Made { date: dates[2], booking: None, obstacle: Some("taken".into()) });
    let stored = store.stored().await;
    stored.assert_consistent();
    assert_eq!((stored.bookings.len(), stored.told()), (3, (3, 6)));
}

#[tokio::test]
async fn a_series_is_due_until_it_is_complete_or_ended_and_nothing_is_made_after_that() {
    let store = Store::start().await;
    let at = |raw: &str| raw.parse::<Timestamp>().unwrap();
    let long = Series { rule: Rule::parse("FREQ=WEEKLY;COUNT=20").unwrap(), ..series() };
    store.tables.save_series(&long).await.unwrap();
    assert_eq!(due(&store.tables, Kind::Series, now()).await, [long.id.to_string()]);
    let last = *long.to_make(now(), 100).last().unwrap();
    let made = long.made(last);
    store.tables.save_series(&made).await.unwrap();
    // Eight weeks before the next day.
    assert_eq!(made.due().unwrap(), at("2026-03-03T00:00:00Z"));
    assert!(due(&store.tables, Kind::Series, at("2026-03-02T23:59:59Z")).await.is_empty());
    assert_eq!(due(&store.tables, Kind::Series, at("2026-03-03T00:00:00Z")).await, [long.id.to_string()]);

    let ended = made.ended();
    store.tables.save_series(&ended).await.unwrap();
    assert!(due(&store.tables, Kind::Series, Timestamp::MAX).await.is_empty());
    // Somebody who had read it before goes on.
    let date = last.saturating_add(7.days());
    let late = store.tables.book_date(&made, date, &occurrence(&made, date), &Actor::default()).await;
    assert!(matches!(late, Err(Error::Conflict)), "{late:?}");
    assert!(matches!(store.tables.save_series(&made.made(date)).await, Err(Error::Conflict)));
    assert_eq!(store.stored().await.bookings.len(), 0);

    let short = series();
    store.tables.save_series(&short).await.unwrap();
    let complete = short.made(*short.to_make(now(), 100).last().unwrap());
    store.tables.save_series(&complete).await.unwrap();
    assert_eq!(store.tables.series(short.id).await.unwrap().unwrap().state, SeriesState::Complete);
    assert!(due(&store.tables, Kind::Series, Timestamp::MAX).await.is_empty());
}

#[tokio::test]
async fn a_note_of_a_series_is_private() {
    let store = Store::start().await;
    let mut series = series();
    let key = store.key(series.parent).await;
    assert_eq!(open_note(&key, &series).unwrap(), None);
    let note = Note::parse("The key is under the blue pot.").unwrap();
    series.sealed_note = Some(seal_note(&key, series.id, &note).unwrap());
    store.tables.save_series(&series).await.unwrap();
    let read = store.tables.series(series.id).await.unwrap().unwrap();
    assert_eq!(open_note(&key, &read).unwrap(), Some(note));
    assert!(open_note(&key, &Series { id: domain::id::new(now()), ..read }).is_err());
    assert!(!Value::from(store.items("main").await).to_string().contains("blue pot"));
}

#[tokio::test]
async fn a_booking_is_due_at_its_next_step_and_not_before() {
    let store = Store::start().await;
    let asked = booking(id(), "2026-03-10", "18:00", "22:00");
    store.request(&asked).await;
    let found = async |at: Timestamp| !due(&store.tables, Kind::Booking, at).await.is_empty();
    let second = SignedDuration::from_secs(1);
    let mut now = asked.next_step().unwrap().1;
    assert_eq!([found(now - second).await, found(now).await], [false, true]);
    store.confirmed(&asked).await.unwrap();
    let step = |before: &Booking| {
        let step = before.after_step(now)?;
        Ok::<_, Refusal>(step.map(|(after, news)| Changed::new(after, news)))
    };
    // Nothing is due yet: the booking stays, and is not found.
    let left = store.tables.change_booking(asked.id, &Actor::default(), now, step).await.unwrap();
    assert!(!found(now).await);
    now = left.next_step().unwrap().1;
    assert_eq!([found(now - second).await, found(now).await], [false, true]);
    store.happen(&asked, Event::Cancel, Who::Sitter, now).await.unwrap();
    assert!(!found(Timestamp::MAX).await);
    store.stored().await.assert_consistent();
}
