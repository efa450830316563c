//! `bookings-due`: called by a schedule every minute, it takes the steps that fall due for bookings, and makes the next
//! bookings of series.
//!
//! What is due follows from the booking alone, so a run that is late, or comes twice, does nothing twice: a
//! step changes the booking, on the condition that nobody else has, and is not due after that.

use domain::{
    booking::Refusal,
    due::Kind,
    id::{BookingId, SeriesId},
};
use jiff::Timestamp;
use runtime::{
    Error, Invocation,
    due::{Outcome, Report, Run, parse},
};
use storage::{
    Tables,
    bookings::{Actor, ChangeError, Changed},
    field_cipher::FieldCipher,
};

use crate::materialise::materialise;

/// More bookings of one series than a run makes at once.
const AT_ONCE: usize = 40;

/// Takes steps.
#[derive(Debug)]
pub struct Steps {
    tables: Tables,
    cipher: FieldCipher,
}

impl Steps {
    /// As the environment says.
    pub fn from_env() -> Result<Self, Error> {
        let aws = config::aws::from_env()?;
        Ok(Self::new(Tables::from_env(&aws)?, FieldCipher::from_env(&aws)?))
    }

    /// With these.
    pub fn new(tables: Tables, cipher: FieldCipher) -> Self {
        Self { tables, cipher }
    }

    /// Runs until everything due is looked at or the time is up.
    pub async fn run(&self, invocation: Invocation) -> Result<Report, Error> {
        let mut run = Run::new(&self.tables, &invocation);
        run.each(Kind::Booking, async |id, now| self.step(parse(id)?, now).await).await?;
        run.each(Kind::Series, async |id, now| self.extend(parse(id)?, now).await).await?;
        Ok(run.finish())
    }

    /// Takes all steps of a booking that are due: after an outage several may be.
    pub async fn step(&self, id: BookingId, now: Timestamp) -> Result<Outcome, storage::Error> {
        let (actor, mut outcome) = (Actor::default(), Outcome::Skipped);
        loop {
            let version = std::cell::Cell::new(0);
            let changed = self.tables.change_booking(id, &actor, now, |before| {
                version.set(before.version);
                let step = before.after_step(now)?;
                Ok::<_, Refusal>(step.map(|(after, news)| Changed::new(after, news)))
            });
            match changed.await {
                Ok(booking) if booking.version == version.get() => return Ok(outcome),
                Ok(_) => outcome = Outcome::Done,
                Err(ChangeError::NotFound) => return Ok(Outcome::Skipped),
                Err(ChangeError::Store(error)) => return Err(error),
                Err(ChangeError::Refused(refusal)) => {
                    return Err(storage::Error::Unreadable(refusal.to_string()));
                }
                Err(ChangeError::Taken(taken)) => return Err(storage::Error::Unreadable(taken.to_string())),
            }
        }
    }

    async fn extend(&self, id: SeriesId, now: Timestamp) -> Result<Outcome, storage::Error> {
        let Some(series) = self.tables.series(id).await? else { return Ok(Outcome::Skipped) };
        let actor = Actor { user: Some(series.parent), ..Actor::default() };
        let made = materialise(&self.tables, &self.cipher, &series, &actor, now, AT_ONCE).await?;
        Ok(if made.version == series.version { Outcome::Skipped } else { Outcome::Done })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{
        address::{Address, Country, Lines, Postcode},
        availability::Availability,
        booking::{
            Booking, Card, Event, News, State, Step, Who, policy::Policy, series::Rule, window::Window,
        },
        child::{Child, Details, Name},
        event::{Event as Told, Fact},
        geo::{Point, Radius},
        id::{ChildId, UserId},
        money::{Currency, HourlyRate},
        parent::Profile,
        series::{Series, State as SeriesState, Terms},
        sitter::{Profile as SitterProfile, Record, Sitter, Town},
        stripe::PaymentMethodId,
    };
    use futures_util::{StreamExt, stream};
    use jiff::{SignedDuration, ToSpan};
    use runtime::due::RESERVE;
    use storage::audit::{Action, Entry, Origin};
    use testing::{Dynamo, TABLES, acting_as, asked_for, every_day, listed_sitter, window};

    const DAY: SignedDuration = SignedDuration::from_hours(24);

    struct Store {
        dynamo: Dynamo,
        tables: Tables,
        cipher: FieldCipher,
        steps: Steps,
    }

    impl Store {
        async fn start() -> Self {
            let dynamo = Dynamo::start().await;
            let tables = Tables::new(dynamo.client.clone(), TABLES.map(String::from));
            let cipher = FieldCipher::new(&dynamo.config, "key".into());
            let steps = Steps::new(tables.clone(), cipher.clone());
            Self { dynamo, tables, cipher, steps }
        }

        async fn run(&self, deadline: Timestamp) -> Report {
            let run = self.steps.run(Invocation { request_id: "test".into(), deadline });
            acting_as("BookingsDue", run).await.unwrap()
        }

        /// What was told of bookings, and of how many.
        async fn told(&self, news: News) -> usize {
            let mut pages = self.dynamo.client.scan().table_name("main").into_paginator().items().send();
            let mut count = 0;
            while let Some(item) = pages.next().await {
                let item = item.unwrap();
                let Some(event) = item.get("event").and_then(|event| event.as_s().ok()) else { continue };
                let told: Told = serde_json::from_str(event).unwrap();
                count += usize::from(matches!(told.fact, Fact::Booking { news: told, .. } if told == news));
            }
            count
        }
    }

    fn done(report: &Report, kind: &str) -> u64 {
        report.done.get(kind).copied().unwrap_or_default()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_backlog_is_drained_in_pages_and_by_two_at_once_each_step_is_taken_once() {
        const BACKLOG: usize = 2000;
        let store = Store::start().await;
        let now = Timestamp::now();
        let evening = window(now.to_zoned(jiff::tz::TimeZone::UTC).date(), "18:00", "22:00");
        // Nobody has answered for a day.
        let bookings: Vec<_> = (0..BACKLOG).map(|_| asked_for(evening.clone(), now - 3 * DAY)).collect();
        let young = asked_for(evening.on(evening.date.saturating_add(9.days())), now);
        let actor = Actor::default();
        let request = async |booking| store.tables.request_booking(booking, &actor).await.unwrap();
        stream::iter(bookings.iter().chain([&young])).for_each_concurrent(16, request).await;

        assert_eq!(store.run(now + RESERVE).await, Report::default(), "there is no time");
        store.dynamo.calls.take();
        let (one, other) = tokio::join!(store.run(Timestamp::MAX), store.run(Timestamp::MAX));
        let all = done(&one, "booking") + done(&other, "booking");
        assert_eq!((all, one.failed + other.failed), (2000, 0));
        assert!(one.complete && other.complete);
        // Pages of a hundred at most, of 16 partitions and of two kinds; nothing is scanned.
        let calls = store.dynamo.calls.take();
        let queries = calls.iter().filter(|call| call.ends_with(".Query")).count();
        assert!((2 * (BACKLOG / 100 + 16)..2 * (BACKLOG / 100 + 4 * 16)).contains(&queries), "{queries}");
        assert!(!calls.iter().any(|call| call.ends_with(".Scan")));
        assert_eq!(store.told(News::Event(Event::Expire)).await, BACKLOG);
        for booking in [&bookings[0], &bookings[BACKLOG - 1]] {
            let expired = store.tables.booking(booking.id).await.unwrap().unwrap();
            assert_eq!((expired.state, expired.version), (State::Expired, 2));
        }
        assert_eq!(store.tables.booking(young.id).await.unwrap(), Some(young));
        assert_eq!(store.run(Timestamp::MAX).await, Report { complete: true, ..Report::default() });
    }

    #[tokio::test]
    async fn after_an_outage_all_steps_are_taken_in_their_order_and_once() {
        let store = Store::start().await;
        let now = Timestamp::now();
        let past = now.to_zoned(jiff::tz::TimeZone::UTC).date().saturating_sub(3.days());
        let asked = now - 9 * DAY;
        let booking = asked_for(window(past, "18:00", "22:00"), asked);
        store.tables.request_booking(&booking, &Actor::default()).await.unwrap();
        let change = async |rule: &dyn Fn(&Booking) -> Result<Booking, Refusal>| {
            let rule = |before: &Booking| Ok::<_, Refusal>(Some(Changed::new(rule(before)?, None)));
            store.tables.change_booking(booking.id, &Actor::default(), asked, rule).await.unwrap();
        };
        change(&|before| before.after(Event::Accept, Who::Sitter, asked)).await;
        change(&|before| Ok(before.with_card(Card::Good, asked)?.0)).await;
        let (one, other) = tokio::join!(store.run(Timestamp::MAX), store.run(Timestamp::MAX));
        assert!(done(&one, "booking") + done(&other, "booking") >= 1);
        assert_eq!(one.failed + other.failed, 0);
        let missed = store.tables.booking(booking.id).await.unwrap().unwrap();
        assert_eq!((missed.state, missed.version), (State::NoShow, 8));
        for (step, times) in
            [(Step::Hold, 1), (Step::RemindDay, 0), (Step::RemindHours, 0), (Step::GiveUpCard, 1)]
        {
            assert_eq!(store.told(News::Step(step)).await, times, "{step:?}");
        }
        assert_eq!(store.told(News::Event(Event::MissStart)).await, 1);
        assert_eq!(store.run(Timestamp::MAX).await, Report { complete: true, ..Report::default() });
    }

    /// A sitter whom parents find and who works every evening.
    async fn sitter(store: &Store, now: Timestamp) -> Sitter {
        let mut sitter = listed_sitter(now);
        sitter.availability.weekly = every_day("18:00", "23:00");
        let (id, tables) = (sitter.user.id, &store.tables);
        let event = Told::new(Fact::SitterChanged { user_id: id }, now);
        let trail = Entry::by_self(id, Action::Registered, now, Origin::default());
        tables.register(sitter.user.clone(), "hash".into(), &event, &trail).await.unwrap();
        tables.save_sitter_profile(sitter.profile.clone(), None, &[]).await.unwrap();
        tables.put_record(&Record { version: 1, ..sitter.record.clone() }).await.unwrap();
        let hours = Availability { version: 1, ..sitter.availability.clone() };
        let event = Told::new(Fact::SitterChanged { user_id: id }, now);
        tables.save_availability(id, &hours, &event).await.unwrap();
        sitter
    }

    /// A parent with a home and a child.
    async fn family(store: &Store, now: Timestamp) -> (UserId, ChildId) {
        let parent = domain::id::new(now);
        let key = store.tables.data_key_or_new(&store.cipher, parent).await.unwrap();
        let profile = Profile {
            user_id: parent,
            address: Address {
                lines: Lines::parse("1 Mill Lane").unwrap(),
                town: Town::parse("Hebden Bridge").unwrap(),
                postcode: Postcode::parse("HX7 8AD").unwrap(),
                country: Country::parse("GB").unwrap(),
            },
            point: Point::parse(53.75, -2.0125).unwrap(),
            radius: Radius::default(),
            languages: [].into(),
            skills: Default::default(),
            max_rate: None,
            emergency_contact: None,
            version: 1,
        };
        store.tables.save_parent_profile(&key, &profile).await.unwrap();
        let details = Details {
            name: Name::parse("Byron").unwrap(),
            birth_month: "2024-03".to_owned().try_into().unwrap(),
            allergies: None,
            needs: None,
        };
        let child = Child { id: domain::id::new(now), parent, details, version: 1 };
        let roll = store.tables.roll(parent).await.unwrap().with(child.id).unwrap();
        store.tables.add_child(&key, &child, &roll).await.unwrap();
        (parent, child.id)
    }

    /// From tomorrow on, each evening.
    fn daily(sitter: UserId, parent: UserId, children: Vec<ChildId>, now: Timestamp) -> Series {
        let tomorrow = domain::sitter::today(now).saturating_add(1.day());
        Series {
            id: domain::id::new(now),
            parent,
            sitter,
            rule: Rule::parse("FREQ=DAILY;COUNT=60").unwrap(),
            first: Window { zone: Default::default(), ..window(tomorrow, "19:00", "22:00") },
            children,
            terms: None,
            method: PaymentMethodId::parse("pm_1").unwrap(),
            sealed_note: None,
            state: SeriesState::Active,
            made_until: None,
            created_at: now,
            version: 1,
        }
    }

    #[tokio::test]
    async fn a_series_is_booked_by_what_was_agreed_and_for_who_is_there() {
        let store = Store::start().await;
        let now = Timestamp::now();
        let sitter = sitter(&store, now).await;
        let (parent, child) = family(&store, now).await;
        let gone = domain::id::new(now);
        let terms =
            |amount, policy| Some(Terms { rate: HourlyRate::parse(amount, Currency::Gbp).unwrap(), policy });
        let of = |terms, children| Series { terms, ..daily(sitter.user.id, parent, children, now) };
        // What became of the next day.
        let make = async |series: &Series| {
            let (tables, actor) = (&store.tables, Actor::default());
            let series = materialise(tables, &store.cipher, series, &actor, now, 1).await.unwrap();
            let made = tables.dates_of(series.id).await.unwrap().pop().unwrap();
            let booking = match made.booking {
                Some(id) => tables.booking(id).await.unwrap(),
                None => None,
            };
            (series, made.obstacle, booking)
        };
        // The sitter asks for 14.50, and takes it lightly if somebody calls off.
        for agreed in [terms(1450, Policy::Flexible), terms(1600, Policy::Strict)] {
            let series = of(agreed, vec![child, gone]);
            store.tables.save_series(&series).await.unwrap();
            let (_, obstacle, booking) = make(&series).await;
            let booking = booking.unwrap();
            let made_with = Some(Terms { rate: booking.rate, policy: booking.policy });
            assert_eq!((obstacle, made_with), (None, terms(1450, Policy::Flexible)));
            assert_eq!(booking.children, [child], "nothing is paid for who is gone");
        }
        let before = of(None, vec![child]);
        store.tables.save_series(&before).await.unwrap();
        let (before, obstacle, _) = make(&before).await;
        assert_eq!(obstacle, None);
        // From now on it is a loss.
        let stricter = SitterProfile { policy: Policy::Strict, version: 2, ..sitter.profile.clone() };
        store.tables.save_sitter_profile(stricter, None, &[]).await.unwrap();
        let cheap = of(terms(1449, Policy::Strict), vec![child]);
        let lenient = of(terms(1450, Policy::Moderate), vec![child]);
        let childless = of(terms(1450, Policy::Strict), vec![gone]);
        for series in [&cheap, &lenient, &childless] {
            store.tables.save_series(series).await.unwrap();
        }
        for (series, expected) in [
            (&cheap, "price_changed"),
            (&lenient, "price_changed"),
            // By what its first booking was made with.
            (&before, "price_changed"),
            (&childless, "no_children"),
        ] {
            let (_, obstacle, booking) = make(series).await;
            assert_eq!((obstacle.as_deref(), booking), (Some(expected), None));
        }
    }

    #[tokio::test]
    async fn two_runs_at_once_make_each_day_of_a_series_once_and_tell_of_those_that_cannot_be() {
        let store = Store::start().await;
        let now = Timestamp::now();
        let sitter = sitter(&store, now).await.user.id;
        let (parent, child) = family(&store, now).await;
        let today = domain::sitter::today(now);
        let series = daily(sitter, parent, vec![child], now);
        let first = series.first.clone();
        store.tables.save_series(&series).await.unwrap();
        // Somebody else has the third evening.
        let other = Booking { sitter, ..asked_for(first.on(today.saturating_add(3.days())), now) };
        store.tables.request_booking(&other, &Actor::default()).await.unwrap();
        let accept = |before: &Booking| {
            let after = before.after(Event::Accept, Who::Sitter, now)?;
            Ok::<_, Refusal>(Some(Changed::told(after, News::Event(Event::Accept))))
        };
        store.tables.change_booking(other.id, &Actor::default(), now, accept).await.unwrap();

        // A run makes no more than forty.
        let (one, other) = tokio::join!(store.run(Timestamp::MAX), store.run(Timestamp::MAX));
        assert_eq!((one.failed + other.failed, done(&one, "series") + done(&other, "series")), (0, 1));
        store.run(Timestamp::MAX).await;
        let dates = store.tables.dates_of(series.id).await.unwrap();
        let days: Vec<_> = dates.iter().map(|made| made.date).collect();
        assert_eq!(days, series.to_make(now, 100), "each of the next eight weeks");
        assert!(days.len() >= 55, "{}", days.len());
        let obstacles: Vec<_> = dates.iter().filter_map(|made| made.obstacle.as_deref()).collect();
        assert_eq!((obstacles, dates[2].booking), (vec!["taken"], None));
        assert_eq!(store.told(News::Requested).await, days.len());
        let page = store.tables.bookings_of(parent, now..Timestamp::MAX, None, false, 100).await.unwrap();
        assert_eq!(page.bookings.len(), days.len() - 1);
        assert!(page.bookings.iter().all(|booking| {
            booking.occurrence.is_some_and(|occurrence| occurrence.date == booking.window.date)
        }));
        // The next one is made when its day is near enough.
        assert_eq!(store.run(Timestamp::MAX).await, Report { complete: true, ..Report::default() });
    }

    #[tokio::test]
    async fn a_series_whose_days_are_all_made_keeps_no_child_in_the_family() {
        let store = Store::start().await;
        let now = Timestamp::now();
        let sitter = sitter(&store, now).await.user.id;
        let (parent, child) = family(&store, now).await;
        let rule = Rule::parse("FREQ=DAILY;COUNT=3").unwrap();
        let series = Series { rule, ..daily(sitter, parent, vec![child], now) };
        store.tables.save_series(&series).await.unwrap();
        let naming = async || store.tables.active_series_naming(parent, child).await.unwrap();
        assert_eq!(naming().await, [series.id]);
        assert_eq!(done(&store.run(Timestamp::MAX).await, "series"), 1);
        let complete = store.tables.series(series.id).await.unwrap().unwrap();
        assert_eq!((complete.state, complete.due()), (SeriesState::Complete, None));
        assert_eq!(naming().await, []);
        assert_eq!(store.run(Timestamp::MAX).await, Report { complete: true, ..Report::default() });
    }
}
