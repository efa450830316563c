//! Bookings.
//!
//! | question                              | table | index | pk                  | sk            |
//! |---------------------------------------|-------|-------|---------------------|---------------|
//! | what is this booking                  | main  |       | BOOKING#‹id›        | BOOKING       |
//! | which has somebody, by when they begin | main |       | BOOKINGS#‹user›     | ‹start›#‹id›  |
//! | which wait for a step now             | main  | due   | DUE#booking#‹shard› | ‹time›#‹id›   |
//! | has that been counted of a booking    | main  |       | BOOKING#‹id›        | COUNTED#‹what› |
//!
//! Every change goes through [`Tables::change_booking`]: one transaction with the booking on the condition of
//! its version, the days of the sitter's calendar that it takes or gives back, an entry of the trail for
//! each side, and the event that announces it. What is private is sealed with the parent's key.

use std::{
    collections::BTreeSet,
    ops::Range,
    time::{Duration, Instant},
};

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    address::Address,
    availability::Span,
    booking::{
        Booking, Complaint, News, Note, Sealed,
        claims::{Day, Taken, days_of},
    },
    due::Kind,
    event::{Event, Fact},
    geo::Point,
    id::{BookingId, UserId},
    parent::EmergencyContact,
    payment::Payment,
};
use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};

use crate::{
    Error, Tables, audit,
    audit::Origin,
    data_keys::DataKey,
    due::DueKeys,
    tables::{Condition, Transaction, key},
};

pub(crate) const SK: &str = "BOOKING";

pub(crate) fn pk(id: BookingId) -> String {
    format!("BOOKING#{id}")
}

fn list_pk(user: UserId) -> String {
    format!("BOOKINGS#{user}")
}

/// Sorts by when it begins. Seconds in 12 digits hold until the year 33658.
fn list_sk(booking: &Booking) -> String {
    format!("{}#{}", seconds(booking.span.start), booking.id)
}

fn seconds(at: Timestamp) -> String {
    format!("{:012}", at.as_second().max(0))
}

/// The form in which a [`Booking`] is stored.
#[derive(Debug, Serialize, Deserialize)]
struct Item {
    pk: String,
    sk: String,
    schema_version: u8,
    #[serde(flatten)]
    due: DueKeys,
    version: u64,
    booking: Booking,
}

impl From<&Booking> for Item {
    fn from(booking: &Booking) -> Self {
        let due = booking.next_step().map(|(_, at)| at);
        Self {
            pk: pk(booking.id),
            sk: SK.into(),
            schema_version: 1,
            due: DueKeys::new(Kind::Booking, due, &booking.id),
            version: booking.version,
            booking: booking.clone(),
        }
    }
}

/// What is counted of a booking.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Count {
    /// The sitter was asked.
    Request,
    /// The sitter has answered, either way.
    Answer,
    /// The sitter has come to the family.
    Visit,
}

impl Count {
    fn sk(self) -> &'static str {
        match self {
            Self::Request => "COUNTED#request",
            Self::Answer => "COUNTED#answer",
            Self::Visit => "COUNTED#visit",
        }
    }
}

/// How often a count is tried while others change what it counts in.
const COUNT_TRIES: u32 = 5;

/// Who changes a booking, and from where.
#[derive(Debug, Clone, Default)]
pub struct Actor {
    /// `None` for the clock and for Stripe.
    pub user: Option<UserId>,
    /// From where.
    pub origin: Origin,
    /// Why, in the words of an admin.
    pub reason: Option<String>,
}

/// A booking after a change, and what is told of it.
#[derive(Debug, Clone)]
pub struct Changed {
    /// As it is now.
    pub booking: Booking,
    /// What is announced, and stands in the trail.
    pub news: Option<News>,
    /// What else is announced.
    pub facts: Vec<Fact>,
    /// Payments of it that change with it, by one version each.
    pub payments: Vec<Payment>,
}

impl Changed {
    /// Something that is told, or, without news, not.
    pub fn new(booking: Booking, news: Option<News>) -> Self {
        Self { booking, news, facts: Vec::new(), payments: Vec::new() }
    }

    /// Something that is told.
    pub fn told(booking: Booking, news: News) -> Self {
        Self::new(booking, Some(news))
    }
}

/// Why a booking was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError<E> {
    /// There is no such booking.
    #[error("there is no such booking")]
    NotFound,
    /// The rules do not allow it.
    #[error("the change was refused")]
    Refused(E),
    /// The sitter's time is taken by another booking.
    #[error(transparent)]
    Taken(Taken),
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] Error),
}

/// So long a change is tried again while others are quicker: of one booking there are few, …
const PATIENCE: Duration = Duration::from_secs(6);
/// … but of a sitter's day there may be a thousand. A function that may wait so long may also take longer than others
/// (functions/bookings/template.yaml).
const PATIENCE_FOR_DAYS: Duration = Duration::from_secs(24);
/// What pauses between two tries grow from.
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// So many pages of a hundred bookings are looked through for those that overlap.
const OVERLAPPING_PAGES: usize = 5;

/// What is private of a booking, open.
#[derive(Debug, Clone, PartialEq)]
pub struct Private {
    /// Where the family lives.
    pub address: Address,
    /// The same place on the map.
    pub point: Point,
    /// Who is told when help is called for.
    pub emergency_contact: Option<EmergencyContact>,
    /// What the parent tells the sitter.
    pub note: Option<Note>,
}

impl Private {
    /// Sealed with the parent's key, for that booking.
    pub fn seal(&self, key: &DataKey, id: BookingId) -> Result<Sealed, Error> {
        let item = pk(id);
        let contact = self.emergency_contact.as_ref();
        Ok(Sealed {
            address: key.seal(&item, "address", &self.address)?,
            point: key.seal(&item, "point", &self.point)?,
            emergency_contact: contact
                .map(|contact| key.seal(&item, "emergency_contact", contact))
                .transpose()?,
            note: self.note.as_ref().map(|note| key.seal(&item, "note", note)).transpose()?,
        })
    }

    /// What was sealed with the parent's key.
    pub fn open(key: &DataKey, booking: &Booking) -> Result<Self, Error> {
        let (item, sealed) = (pk(booking.id), &booking.sealed);
        Ok(Self {
            address: key.open(&item, "address", &sealed.address)?,
            point: key.open(&item, "point", &sealed.point)?,
            emergency_contact: open_emergency_contact(key, booking)?,
            note: sealed.note.as_ref().map(|note| key.open(&item, "note", note)).transpose()?,
        })
    }
}

/// Whom the family wants to be told when help is called for, and nothing else of what is private.
pub fn open_emergency_contact(key: &DataKey, booking: &Booking) -> Result<Option<EmergencyContact>, Error> {
    let contact = booking.sealed.emergency_contact.as_ref();
    contact.map(|contact| key.open(&pk(booking.id), "emergency_contact", contact)).transpose()
}

/// A complaint about a booking, sealed with the parent's key.
pub fn seal_complaint(key: &DataKey, id: BookingId, complaint: &Complaint) -> Result<String, Error> {
    key.seal(&pk(id), "complaint", complaint)
}

/// A complaint that was sealed with the parent's key.
pub fn open_complaint(key: &DataKey, id: BookingId, sealed: &str) -> Result<Complaint, Error> {
    key.open(&pk(id), "complaint", sealed)
}

impl Tables {
    /// The booking of that identifier.
    pub async fn booking(&self, id: BookingId) -> Result<Option<Booking>, Error> {
        Ok(self.get::<Item>(&self.main, &pk(id), SK).await?.map(|item| item.booking))
    }

    /// Stores a new booking, and announces it. Fails with [`Error::Conflict`] if it is there already.
    pub async fn request_booking(&self, booking: &Booking, actor: &Actor) -> Result<(), Error> {
        let changed = Changed::told(booking.clone(), News::Requested);
        self.transaction().put_change(None, &changed, actor, booking.created_at)?.commit().await
    }

    /// Changes a booking by a rule, which is asked again as often as somebody else was quicker; `None` from
    /// it leaves the booking as it is. The sitter's calendar follows.
    pub async fn change_booking<E>(
        &self,
        id: BookingId,
        actor: &Actor,
        now: Timestamp,
        rule: impl Fn(&Booking) -> Result<Option<Changed>, E>,
    ) -> Result<Booking, ChangeError<E>> {
        let (since, mut pause) = (Instant::now(), FIRST_PAUSE);
        loop {
            let began = Instant::now();
            let before = self.booking(id).await?.ok_or(ChangeError::NotFound)?;
            let Some(changed) = rule(&before).map_err(ChangeError::Refused)? else { return Ok(before) };
            let days = self.moved_days(&before, &changed.booking).await?.map_err(ChangeError::Taken)?;
            let transaction = self.transaction().put_change(Some(&before), &changed, actor, now)?;
            let patience = if days.is_empty() { PATIENCE } else { PATIENCE_FOR_DAYS };
            match transaction.put_days(&days)?.commit().await {
                Ok(()) => return Ok(changed.booking),
                // Somebody was quicker, or is at it still. What is true now, the next try sees.
                Err(Error::Conflict | Error::Unavailable(_)) if since.elapsed() < patience => {}
                Err(error) => return Err(error.into()),
            }
            // The more try at once, the longer each try takes, and most of them are in vain. So a slow try makes for a
            // long pause, and each may be three times as long as the one before, until there is room for all.
            pause = (pause.max(began.elapsed()) * 3).min(patience.saturating_sub(since.elapsed()));
            tokio::time::sleep(rand::random_range(Duration::ZERO..=pause)).await;
        }
    }

    /// The days of the sitter's calendar that a change touches, as they become by it.
    async fn moved_days(&self, before: &Booking, after: &Booking) -> Result<Result<Vec<Day>, Taken>, Error> {
        let taken = |booking: &Booking| booking.state.holds_time().then_some(booking.span);
        let (had, has) = (taken(before), taken(after));
        if had == has {
            return Ok(Ok(Vec::new()));
        }
        let touched: BTreeSet<Date> = had.into_iter().chain(has).flat_map(days_of).collect();
        let mut days = Vec::with_capacity(touched.len());
        for date in touched {
            let day = self.calendar_day(after.sitter, date).await?;
            days.push(match has.filter(|span| days_of(*span).contains(&date)) {
                Some(span) => match day.claim(after.id, span) {
                    Ok(day) => day,
                    Err(taken) => return Ok(Err(taken)),
                },
                None => day.release(after.id),
            });
        }
        Ok(Ok(days))
    }

    /// One page of somebody's bookings that begin within a range, the latest first or last, from after one of
    /// them on.
    pub async fn bookings_of(
        &self,
        user: UserId,
        begin: Range<Timestamp>,
        after: Option<&str>,
        latest_first: bool,
        limit: i32,
    ) -> Result<BookingPage, Error> {
        let start = after.map(|sk| key(list_pk(user), sk));
        // The range moves with the clock, and DynamoDB refuses a page that begins outside of it.
        let (from, until) = match after {
            Some(after) if latest_first => (seconds(begin.start), after.to_owned()),
            Some(after) => (after.to_owned(), seconds(begin.end)),
            None => (seconds(begin.start), seconds(begin.end)),
        };
        let page = self
            .client
            .query()
            .table_name(&self.main)
            .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :until")
            .expression_attribute_values(":pk", AttributeValue::S(list_pk(user)))
            .expression_attribute_values(":from", AttributeValue::S(from))
            .expression_attribute_values(":until", AttributeValue::S(until))
            .set_exclusive_start_key(start)
            .scan_index_forward(!latest_first)
            .consistent_read(true)
            .limit(limit)
            .send()
            .await?;
        let sort_keys: Vec<String> =
            page.items().iter().filter_map(|item| item.get("sk")?.as_s().ok().cloned()).collect();
        let ids = sort_keys.iter().filter_map(|sk| domain::id::parse(sk.split_once('#')?.1).ok());
        let keys: Vec<_> = ids.map(|id: BookingId| key(pk(id), SK)).collect();
        let mut bookings = Vec::with_capacity(keys.len());
        for keys in keys.chunks(crate::tables::BATCH) {
            let (items, _) = self.get_all(&self.main, keys.to_vec(), true).await?;
            for item in items {
                bookings.push(serde_dynamo::from_item::<_, Item>(item)?.booking);
            }
        }
        bookings.sort_by_key(list_sk);
        if latest_first {
            bookings.reverse();
        }
        let next = page.last_evaluated_key.and(sort_keys.into_iter().next_back());
        Ok(BookingPage { bookings, next })
    }

    /// Those of somebody's bookings that overlap a span and may still happen, in the order in which they begin; of
    /// very many the first.
    pub async fn overlapping(&self, user: UserId, span: Span) -> Result<Vec<Booking>, Error> {
        let overlaps = |booking: &Booking| !booking.state.is_final() && booking.span.overlaps(span);
        let (mut found, mut after) = (Vec::new(), None);
        for _ in 0..OVERLAPPING_PAGES {
            // None is longer.
            let begin = span.start - domain::booking::window::LONGEST..span.end;
            let page = self.bookings_of(user, begin, after.as_deref(), false, 100).await?;
            found.extend(page.bookings.into_iter().filter(overlaps));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(found)
    }
}

impl Tables {
    /// Counts something of a booking, with what `write` writes: once, however often it is called, because the
    /// same transaction notes that it was. It is written anew while others change the same items; fails with
    /// [`Error::Conflict`] if they go on to.
    pub(crate) async fn count_once<'a>(
        &'a self,
        id: BookingId,
        count: Count,
        write: impl AsyncFn() -> Result<Transaction<'a>, Error>,
    ) -> Result<(), Error> {
        for _ in 0..COUNT_TRIES {
            if self.get::<serde_json::Value>(&self.main, &pk(id), count.sk()).await?.is_some() {
                return Ok(());
            }
            let note = key(pk(id), count.sk());
            match write().await?.put_item(&self.main, note, Condition::Absent)?.commit().await {
                Err(Error::Conflict) => {}
                other => return other,
            }
        }
        Err(Error::Conflict)
    }
}

/// Some of somebody's bookings.
#[derive(Debug)]
pub struct BookingPage {
    /// In order.
    pub bookings: Vec<Booking>,
    /// After what the next page begins, if there is one.
    pub next: Option<String>,
}

impl Transaction<'_> {
    /// A booking as it becomes, where both sides find it, what is told of it, and to whom.
    pub(crate) fn put_change(
        self,
        before: Option<&Booking>,
        changed: &Changed,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let table = &self.tables.main;
        let Changed { booking, news, facts, payments } = changed;
        let condition = Condition::after(booking.version);
        let mut transaction = self.put(table, &Item::from(booking), condition)?;
        // The schedule books for children whom a series names, and those are not removed.
        if before.is_none() && transaction.tables.caller.is_some() {
            transaction = transaction.name_children(booking.parent, &booking.children)?;
        }
        let moved = before.is_none_or(|before| list_sk(before) != list_sk(booking));
        for user in [booking.parent, booking.sitter].into_iter().filter(|_| moved) {
            if let Some(before) = before {
                transaction = transaction.delete(table, list_pk(user), &list_sk(before), Condition::None)?;
            }
            transaction =
                transaction.put_item(table, key(list_pk(user), list_sk(booking)), Condition::None)?;
        }
        if let Some(news) = news {
            transaction = transaction.announce(&Event::new(booking.fact(*news), now))?;
            for subject in [booking.parent, booking.sitter] {
                transaction = transaction.record(&audit::Entry {
                    subject,
                    actor: actor.user,
                    action: audit::Action::BookingChanged,
                    booking: Some((booking.id, *news)),
                    reason: actor.reason.clone(),
                    at: now,
                    origin: actor.origin.clone(),
                })?;
            }
        }
        for fact in facts {
            transaction = transaction.announce(&Event::new(fact.clone(), now))?;
        }
        payments.iter().try_fold(transaction, Transaction::put_payment)
    }
}
