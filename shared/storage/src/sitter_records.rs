//! What others have made of a sitter.
//!
//! | question                              | table | pk        | sk            |
//! |---------------------------------------|-------|-----------|---------------|
//! | what is known of a sitter             | main  | USER#‹id› | SITTER_RECORD |

use domain::{
    booking::Booking,
    event::{Event, Fact},
    id::UserId,
    sitter::Record,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Tables,
    bookings::Count,
    tables::{Condition, Transaction},
    users::pk,
};

pub(crate) const SK: &str = "SITTER_RECORD";

/// The form in which a [`Record`] is stored.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Item {
    pk: String,
    sk: String,
    schema_version: u8,
    #[serde(flatten)]
    pub(crate) record: Record,
}

impl Tables {
    /// What is known of a sitter; `None` where nothing is.
    pub async fn sitter_record(&self, id: UserId) -> Result<Option<Record>, Error> {
        Ok(self.get::<Item>(&self.main, &pk(id), SK).await?.map(|item| item.record))
    }

    /// Stores a record that was changed by one version. Fails with [`Error::Conflict`] if the stored one is
    /// of another.
    pub async fn put_record(&self, record: &Record) -> Result<(), Error> {
        self.transaction().put_sitter_record(record)?.commit().await
    }

    /// Counts that a sitter was asked for a booking, once, and announces it. Fails with [`Error::Conflict`] if
    /// others keep changing the record.
    pub async fn count_request(&self, booking: &Booking, now: Timestamp) -> Result<(), Error> {
        self.count_in_record(booking, Count::Request, Record::with_request, now).await
    }

    /// Counts that a sitter has answered a request, in the same way.
    pub async fn count_answer(&self, booking: &Booking, now: Timestamp) -> Result<(), Error> {
        self.count_in_record(booking, Count::Answer, Record::with_answer, now).await
    }

    async fn count_in_record(
        &self,
        booking: &Booking,
        count: Count,
        change: fn(Record) -> Record,
        now: Timestamp,
    ) -> Result<(), Error> {
        let user_id = booking.sitter;
        let changed = Event::new(Fact::SitterChanged { user_id }, now);
        self.count_once(booking.id, count, async || {
            let record = self.sitter_record(user_id).await?.unwrap_or_else(|| Record::new(user_id));
            self.transaction().put_sitter_record(&change(record))?.announce(&changed)
        })
        .await
    }
}

impl Transaction<'_> {
    /// Stores a record that was changed by one version.
    pub(crate) fn put_sitter_record(self, record: &Record) -> Result<Self, Error> {
        let table = &self.tables.main;
        let item = Item { pk: pk(record.user_id), sk: SK.into(), schema_version: 1, record: record.clone() };
        self.put(table, &item, Condition::after(record.version))
    }
}
