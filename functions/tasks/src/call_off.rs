//! What is ahead of somebody who may not take part any more, because an account or a profile was suspended or a background
//! check is good no more: it is called off, and where the sitter is there already admins hear of it.
//!
//! What counts is what is so when it is looked at. So a message that comes again, or late, finds nothing left to do, and one
//! that was half done goes on where it ended: a series is ended before its bookings are called off.

use std::{collections::BTreeSet, ops::Range};

use domain::{
    booking::{Booking, Event, News, Refusal, State, Who},
    id::{BookingId, SeriesId, UserId},
    series::State as SeriesState,
    sitter::{Sitter, Unfit},
    user::Standing,
};
use futures_util::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use messaging::queue::{BookingMessage, ConcernMessage, Queue, StandingMessage};
use runtime::Error;
use storage::{
    Tables,
    bookings::{Actor, ChangeError, Changed},
};

/// So many bookings are read at once.
const PAGE: i32 = 50;
/// So many of them are worked on at once: what takes the time is waiting for the store.
const AT_ONCE: usize = 8;
/// What began earlier is over: the longest booking takes a day, and ends by itself before half of the next is over.
const SINCE: SignedDuration = SignedDuration::from_hours(48);
/// What begins later is not going on yet: sitters check in half an hour before the start at the earliest.
const SOON: SignedDuration = SignedDuration::from_hours(1);
/// So often a series is ended while others change it.
const TRIES: u32 = 5;

/// Calls off what must not be.
#[derive(Debug)]
pub struct CallOff {
    tables: Tables,
    alerts: Queue,
}

impl CallOff {
    /// As the environment says.
    pub fn from_env() -> Result<Self, Error> {
        let aws = config::aws::from_env()?;
        Ok(Self::new(Tables::from_env(&aws)?, Queue::from_env(&aws, "ALERTS_QUEUE_URL")?))
    }

    /// With these.
    pub fn new(tables: Tables, alerts: Queue) -> Self {
        Self { tables, alerts }
    }

    /// Looks at all that is ahead of somebody.
    pub async fn all(&self, message: StandingMessage) -> Result<(), Error> {
        let (StandingMessage { event_id, user_id }, now) = (message, Timestamp::now());
        for begin in ranges(now) {
            let mut going_on = Vec::new();
            let looked = look_ahead(&self.tables, user_id, begin, now, &mut going_on).await;
            for booking_id in going_on {
                let concern = ConcernMessage { event_id, user_id, booking_id: Some(booking_id) };
                self.alerts.send(&concern).await?;
            }
            looked?;
        }
        Ok(())
    }

    /// Looks at a booking that was asked for or agreed on: somebody may have been suspended at the same moment.
    pub async fn one(&self, message: BookingMessage) -> Result<(), Error> {
        look_again(&self.tables, message, Timestamp::now()).await
    }
}

/// When bookings begin that are looked at. Those that may be going on come first, for nobody is to wait for the others
/// to be called off.
fn ranges(now: Timestamp) -> [Range<Timestamp>; 2] {
    let soon = now + SOON;
    [now - SINCE..soon, soon..Timestamp::MAX]
}

/// Calls off what is ahead of somebody and must not be; what is going on is named.
async fn look_ahead(
    tables: &Tables,
    user_id: UserId,
    begin: Range<Timestamp>,
    now: Timestamp,
    going_on: &mut Vec<BookingId>,
) -> Result<(), Error> {
    // Gone in between, with all that was theirs.
    let Some(person) = tables.sitter(user_id).await? else { return Ok(()) };
    let (mut after, mut all, mut ended) = (None, Ok(()), BTreeSet::new());
    loop {
        let page = tables.bookings_of(user_id, begin.clone(), after.as_deref(), false, PAGE).await?;
        let wrong = page.bookings.iter().filter_map(|booking| Some((booking, unfit(&person, booking)?)));
        for series in wrong.clone().filter_map(|(booking, _)| Some(booking.occurrence?.series)) {
            if ended.insert(series) {
                end(tables, series).await?;
            }
        }
        let looks = wrong.map(|(booking, why)| call_off(tables, &person, booking.id, why, now));
        let mut looked = std::pin::pin!(stream::iter(looks).buffer_unordered(AT_ONCE));
        while let Some(found) = looked.next().await {
            match found {
                Ok(found) => going_on.extend(found),
                // The others are called off all the same.
                Err(error) => all = Err(error),
            }
        }
        after = page.next;
        if after.is_none() {
            return all;
        }
    }
}

/// Calls off one booking, if either side may not take part in it.
async fn look_again(tables: &Tables, message: BookingMessage, now: Timestamp) -> Result<(), Error> {
    if !matches!(message.news, News::Requested | News::Event(Event::Accept | Event::AcceptChange)) {
        return Ok(());
    }
    let Some(booking) = tables.booking(message.booking_id).await? else { return Ok(()) };
    for side in [booking.sitter, booking.parent] {
        let Some(person) = tables.sitter(side).await? else { continue };
        let Some(why) = unfit(&person, &booking) else { continue };
        if let Some(occurrence) = booking.occurrence {
            end(tables, occurrence.series).await?;
        }
        call_off(tables, &person, booking.id, why, now).await?;
    }
    Ok(())
}

/// Why that person may not take part in a booking of theirs that is going on, or is to come still.
fn unfit(person: &Sitter, booking: &Booking) -> Option<Unfit> {
    let matters = booking.state == State::InProgress || booking.state.on(Event::CallOff).is_some();
    let unfit = if booking.sitter == person.user.id {
        person.may_care(booking.span).err()
    } else {
        (person.user.standing != Standing::Active).then_some(Unfit::AccountSuspended)
    };
    unfit.filter(|_| matters)
}

/// Calls off a booking in which that person may not take part; names it if it is going on.
async fn call_off(
    tables: &Tables,
    person: &Sitter,
    id: BookingId,
    why: Unfit,
    now: Timestamp,
) -> Result<Option<BookingId>, Error> {
    let actor = Actor { reason: Some(why.to_string()), ..Actor::default() };
    let rule = |before: &Booking| {
        if before.state == State::InProgress || unfit(person, before).is_none() {
            return Ok::<_, Refusal>(None);
        }
        let after = before.after(Event::CallOff, Who::System, now)?;
        Ok(Some(Changed::told(after, News::Event(Event::CallOff))))
    };
    match tables.change_booking(id, &actor, now, rule).await {
        Ok(after) => {
            let (state, why) = (after.state.as_ref(), <&str>::from(why));
            tracing::info!(booking = %id, state, why, "looked at a booking that must not be");
            Ok(unfit(person, &after).map(|_| id))
        }
        Err(ChangeError::NotFound) => Ok(None),
        Err(ChangeError::Store(error)) => Err(error.into()),
        Err(ChangeError::Refused(refusal)) => Err(refusal.into()),
        Err(ChangeError::Taken(taken)) => Err(taken.into()),
    }
}

/// Ends a series, if it has not ended.
async fn end(tables: &Tables, id: SeriesId) -> Result<(), Error> {
    for _ in 0..TRIES {
        let series = tables.series(id).await?.filter(|series| series.state == SeriesState::Active);
        let Some(series) = series else { return Ok(()) };
        match tables.save_series(&series.ended()).await {
            // Its next bookings are being made.
            Err(storage::Error::Conflict) => {}
            saved => return Ok(saved?),
        }
    }
    Err(storage::Error::Conflict.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{
        booking::{Card, Occurrence, Presence, series::Rule},
        event::{Event as Told, Fact},
        listing,
        series::Series,
        sitter::{Profile, Record, today},
    };
    use jiff::ToSpan;
    use storage::audit::{Action, By, Entry, Origin};
    use testing::{Dynamo, TABLES, acting_as, asked_for, listed_sitter, window};

    struct Store {
        dynamo: Dynamo,
        tables: Tables,
        now: Timestamp,
    }

    impl Store {
        async fn start() -> Self {
            let dynamo = Dynamo::start().await;
            let tables = Tables::new(dynamo.client.clone(), TABLES.map(String::from));
            Self { dynamo, tables, now: Timestamp::now() }
        }

        /// A sitter whom parents find, whose check is good for a year.
        async fn sitter(&self) -> Sitter {
            let sitter = listed_sitter(self.now);
            let id = sitter.user.id;
            let event = Told::new(Fact::SitterChanged { user_id: id }, self.now);
            let trail = Entry::by_self(id, Action::Registered, self.now, Origin::default());
            self.tables.register(sitter.user.clone(), "hash".into(), &event, &trail).await.unwrap();
            self.tables.save_sitter_profile(sitter.profile.clone(), None, &[]).await.unwrap();
            self.tables.put_record(&Record { version: 1, ..sitter.record.clone() }).await.unwrap();
            sitter
        }

        async fn suspend(&self, person: &Sitter) {
            let suspended = Standing::Suspended { since: self.now };
            let user = person.user.clone().with_standing(suspended);
            let event = Told::new(Fact::AccountSuspended { user_id: user.id }, self.now);
            let trail = Entry::by_nobody(user.id, Action::Suspended, self.now, Origin::default());
            self.tables.save_standing(user, person.user.version, &trail, &event).await.unwrap();
        }

        async fn suspend_profile(&self, sitter: &Sitter) {
            let profile = Profile { state: listing::State::Suspended, version: 2, ..sitter.profile.clone() };
            self.tables.save_sitter_profile(profile, None, &[]).await.unwrap();
        }

        async fn check_until(&self, sitter: &Sitter, days: i64) {
            let checked_until = Some(today(self.now).saturating_add(days.days()));
            let record = Record { checked_until, version: 2, ..sitter.record.clone() };
            self.tables.put_record(&record).await.unwrap();
        }

        /// So many days ahead, asked for and no more.
        async fn requested(&self, sitter: &Sitter, days: i64) -> Booking {
            let evening = window(today(self.now).saturating_add(days.days()), "18:00", "22:00");
            let asked = evening.span().unwrap().start - SINCE;
            let booking = Booking { sitter: sitter.user.id, ..asked_for(evening, asked) };
            self.tables.request_booking(&booking, &Actor::default()).await.unwrap();
            booking
        }

        async fn change(&self, booking: &Booking, rule: impl Fn(&Booking) -> Result<Booking, Refusal>) {
            let rule = |before: &Booking| Ok::<_, Refusal>(Some(Changed::new(rule(before)?, None)));
            self.tables.change_booking(booking.id, &Actor::default(), self.now, rule).await.unwrap();
        }

        async fn confirmed(&self, sitter: &Sitter, days: i64) -> Booking {
            let booking = self.requested(sitter, days).await;
            self.change(&booking, |before| before.after(Event::Accept, Who::Sitter, booking.created_at))
                .await;
            self.change(&booking, |before| Ok(before.with_card(Card::Held, self.now)?.0)).await;
            booking
        }

        async fn going_on(&self, sitter: &Sitter) -> Booking {
            let booking = self.confirmed(sitter, 0).await;
            let there = Presence { at: booking.span.start, distance_metres: None };
            self.change(&booking, |before| before.checked_in(there)).await;
            booking
        }

        async fn state(&self, booking: &Booking) -> State {
            self.tables.booking(booking.id).await.unwrap().unwrap().state
        }

        async fn look(&self, user_id: UserId) -> Vec<BookingId> {
            let mut going_on = Vec::new();
            for begin in ranges(self.now) {
                let look = look_ahead(&self.tables, user_id, begin, self.now, &mut going_on);
                acting_as("BookingFollowUp", look).await.unwrap();
            }
            going_on
        }

        /// How often it was told that a booking was called off.
        async fn told(&self) -> usize {
            let mut pages = self.dynamo.client.scan().table_name("main").into_paginator().items().send();
            let mut count = 0;
            while let Some(item) = pages.next().await {
                let item = item.unwrap();
                let Some(event) = item.get("event").and_then(|event| event.as_s().ok()) else { continue };
                let told: Told = serde_json::from_str(event).unwrap();
                let news = News::Event(Event::CallOff);
                count += usize::from(matches!(told.fact, Fact::Booking { news: told, .. } if told == news));
            }
            count
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn all_that_is_ahead_is_called_off_once_however_often_and_at_once_it_is_told() {
        let store = Store::start().await;
        let (sitter, other) = (store.sitter().await, store.sitter().await);
        let mut ahead = Vec::new();
        for days in 1..=40 {
            ahead.push(store.requested(&sitter, days).await);
            ahead.push(store.confirmed(&sitter, days).await);
        }
        let going_on = store.going_on(&sitter).await;
        let (over, others) = (store.confirmed(&sitter, -9).await, store.confirmed(&other, 3).await);
        assert_eq!(store.look(sitter.user.id).await, [], "all is well");
        assert_eq!(store.told().await, 0);

        store.suspend(&sitter).await;
        store.dynamo.calls.take();
        let (one, two) = tokio::join!(store.look(sitter.user.id), store.look(sitter.user.id));
        assert_eq!((one, two), (vec![going_on.id], vec![going_on.id]));
        let calls = store.dynamo.calls.take();
        assert!(!calls.iter().any(|call| call.ends_with(".Scan")));
        assert_eq!(store.look(sitter.user.id).await, [going_on.id]);
        assert_eq!(store.told().await, ahead.len());
        for pair in ahead.chunks(2) {
            assert_eq!(store.state(&pair[0]).await, State::Declined);
            let cancelled = store.tables.booking(pair[1].id).await.unwrap().unwrap();
            let cancellation = cancelled.cancellation.unwrap();
            assert_eq!((cancelled.state, cancellation.by), (State::Cancelled, Who::System));
            assert!(cancellation.kept.is_zero());
            let free = store.tables.is_free(sitter.user.id, cancelled.span, None).await.unwrap();
            assert!(free, "the time is the sitter's again");
        }
        assert_eq!(store.state(&going_on).await, State::InProgress);
        assert_eq!(store.state(&over).await, State::Confirmed);
        assert_eq!(store.state(&others).await, State::Confirmed);
        let trail = store.tables.trail(By::Subject(ahead[0].parent), None, 1).await.unwrap();
        assert_eq!(trail[0].entry.reason.as_deref(), Some("the account is suspended"));
    }

    #[tokio::test]
    async fn what_is_wrong_goes_by_each_booking_and_both_sides() {
        let store = Store::start().await;
        // The check was revoked, or ended, and another is good until the fifth day.
        let sitter = store.sitter().await;
        let (before, after) = (store.confirmed(&sitter, 5).await, store.confirmed(&sitter, 6).await);
        store.check_until(&sitter, 5).await;
        assert_eq!(store.look(sitter.user.id).await, []);
        assert_eq!(
            (store.state(&before).await, store.state(&after).await),
            (State::Confirmed, State::Cancelled)
        );

        let sitter = store.sitter().await;
        let booking = store.confirmed(&sitter, 5).await;
        store.suspend_profile(&sitter).await;
        store.look(sitter.user.id).await;
        assert_eq!(store.state(&booking).await, State::Cancelled);

        // A parent, who has nothing of a sitter.
        let (sitter, parent) = (store.sitter().await, store.sitter().await);
        let booking = store.requested(&sitter, 5).await;
        let theirs = Booking { id: domain::id::new(store.now), parent: parent.user.id, ..booking.clone() };
        store.tables.request_booking(&theirs, &Actor::default()).await.unwrap();
        store.look(parent.user.id).await;
        assert_eq!(store.state(&theirs).await, State::Requested);
        store.suspend(&parent).await;
        store.look(parent.user.id).await;
        assert_eq!(
            (store.state(&theirs).await, store.state(&booking).await),
            (State::Declined, State::Requested)
        );
        assert_eq!(store.look(domain::id::new(store.now)).await, [], "somebody who is gone");
    }

    #[tokio::test]
    async fn the_series_ends_before_its_bookings_do() {
        let store = Store::start().await;
        let sitter = store.sitter().await;
        let first = store.requested(&sitter, 5).await;
        let series = Series {
            id: domain::id::new(store.now),
            parent: first.parent,
            sitter: sitter.user.id,
            rule: Rule::parse("FREQ=DAILY;COUNT=60").unwrap(),
            first: first.window.clone(),
            children: first.children.clone(),
            terms: None,
            method: first.method.clone(),
            sealed_note: None,
            state: SeriesState::Active,
            made_until: None,
            created_at: store.now,
            version: 1,
        };
        store.tables.save_series(&series).await.unwrap();
        let date = first.window.date;
        let occurrence = Some(Occurrence { series: series.id, date });
        let made = Booking { id: domain::id::new(store.now), occurrence, ..first };
        store.tables.book_date(&series, date, &made, &Actor::default()).await.unwrap();
        store.suspend(&sitter).await;
        for _ in 0..2 {
            store.look(sitter.user.id).await;
            assert_eq!(store.state(&made).await, State::Declined);
            let ended = store.tables.series(series.id).await.unwrap().unwrap();
            assert_eq!((ended.state, ended.version), (SeriesState::Ended, 2));
        }
    }

    #[tokio::test]
    async fn what_was_agreed_on_at_the_same_moment_is_looked_at_again() {
        let store = Store::start().await;
        let sitter = store.sitter().await;
        let told = async |booking: &Booking, news| {
            let message =
                BookingMessage { event_id: domain::id::new(store.now), booking_id: booking.id, news };
            acting_as("BookingFollowUp", look_again(&store.tables, message, store.now)).await.unwrap();
            store.state(booking).await
        };
        let (asked, agreed) = (store.requested(&sitter, 5).await, store.confirmed(&sitter, 6).await);
        assert_eq!(told(&asked, News::Requested).await, State::Requested, "all is well");
        store.suspend(&sitter).await;
        assert_eq!(
            told(&agreed, News::Event(Event::Confirm)).await,
            State::Confirmed,
            "nothing that is agreed on"
        );
        assert_eq!(told(&asked, News::Requested).await, State::Declined);
        assert_eq!(told(&agreed, News::Event(Event::AcceptChange)).await, State::Cancelled);
        let now = store.now;
        let gone = BookingMessage {
            event_id: domain::id::new(now),
            booking_id: domain::id::new(now),
            news: News::Requested,
        };
        look_again(&store.tables, gone, now).await.unwrap();
    }
}
