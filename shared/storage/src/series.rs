//! Bookings that follow one rule.
//!
//! | question                        | table | index | pk                 | sk            |
//! |---------------------------------|-------|-------|--------------------|---------------|
//! | what is this series             | main  |       | SERIES#‹id›        | SERIES        |
//! | what became of each of its days | main  |       | SERIES#‹id›        | DATE#‹date›   |
//! | which has bookings to be made   | main  | due   | DUE#series#‹shard› | ‹time›#‹id›   |
//! | which are active of a parent    | main  |       | USER#‹parent›      | SERIES#‹id›   |
//!
//! A day is noted once, in the transaction that makes its booking, so that however often it is tried there is
//! one booking for it; and on the condition that the series is as it was read, so that there is none after its end.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    booking::{Booking, News, Note},
    due::Kind,
    id::{ChildId, SeriesId, UserId},
    series::{Made, Series, State},
};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Tables,
    bookings::{Actor, Changed},
    data_keys::DataKey,
    due::DueKeys,
    tables::Condition,
    users,
};

const SK: &str = "SERIES";
const PREFIX: &str = "DATE#";
const ACTIVE_PREFIX: &str = "SERIES#";

fn pk(id: SeriesId) -> String {
    format!("{ACTIVE_PREFIX}{id}")
}

/// The form in which a [`Series`] is stored.
#[derive(Debug, Serialize, Deserialize)]
struct Item {
    pk: String,
    sk: String,
    schema_version: u8,
    #[serde(flatten)]
    due: DueKeys,
    version: u64,
    series: Series,
}

/// By which a parent's active series are found, with what is asked of them.
#[derive(Debug, Serialize, Deserialize)]
struct ActiveItem {
    pk: String,
    sk: String,
    schema_version: u8,
    id: SeriesId,
    children: Vec<ChildId>,
}

/// The form in which a day is stored.
#[derive(Debug, Serialize, Deserialize)]
struct DateItem {
    pk: String,
    sk: String,
    schema_version: u8,
    #[serde(flatten)]
    made: Made,
}

impl DateItem {
    fn new(id: SeriesId, made: Made) -> Self {
        Self { pk: pk(id), sk: format!("{PREFIX}{}", made.date), schema_version: 1, made }
    }
}

/// What a parent tells the sitter of all bookings of a series, sealed with the parent's key.
pub fn seal_note(key: &DataKey, id: SeriesId, note: &Note) -> Result<String, Error> {
    key.seal(&pk(id), "note", note)
}

/// What was sealed with the parent's key.
pub fn open_note(key: &DataKey, series: &Series) -> Result<Option<Note>, Error> {
    let sealed = series.sealed_note.as_deref();
    sealed.map(|sealed| key.open(&pk(series.id), "note", sealed)).transpose()
}

impl Tables {
    /// The series of that identifier.
    pub async fn series(&self, id: SeriesId) -> Result<Option<Series>, Error> {
        Ok(self.get::<Item>(&self.main, &pk(id), SK).await?.map(|item| item.series))
    }

    /// Stores a new series, or one that was changed by one version. Fails with [`Error::Conflict`] if the stored one
    /// is of another.
    pub async fn save_series(&self, series: &Series) -> Result<(), Error> {
        let item = Item {
            pk: pk(series.id),
            sk: SK.into(),
            schema_version: 1,
            due: DueKeys::new(Kind::Series, series.due(), &series.id),
            version: series.version,
            series: series.clone(),
        };
        let mut transaction = self.transaction().put(&self.main, &item, Condition::after(series.version))?;
        if series.version == 1 {
            if self.caller.is_some() {
                transaction = transaction.name_children(series.parent, &series.children)?;
            }
            let active = ActiveItem {
                pk: users::pk(series.parent),
                sk: pk(series.id),
                schema_version: 1,
                id: series.id,
                children: series.children.clone(),
            };
            transaction = transaction.put(&self.main, &active, Condition::Absent)?;
        } else if series.state != State::Active {
            let (parent, sk) = (users::pk(series.parent), pk(series.id));
            transaction = transaction.delete(&self.main, parent, &sk, Condition::None)?;
        }
        transaction.commit().await
    }

    /// The active series of a parent that name a child.
    pub async fn active_series_naming(&self, parent: UserId, child: ChildId) -> Result<Vec<SeriesId>, Error> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.main)
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":pk", AttributeValue::S(users::pk(parent)))
            .expression_attribute_values(":prefix", AttributeValue::S(ACTIVE_PREFIX.into()))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let mut series = Vec::new();
        while let Some(item) = pages.next().await {
            let active: ActiveItem = serde_dynamo::from_item(item?)?;
            series.extend(active.children.contains(&child).then_some(active.id));
        }
        Ok(series)
    }

    /// Stores the booking of one day of a series, and announces it. Fails with [`Error::Conflict`] if the day was
    /// looked at before, or the series has changed.
    pub async fn book_date(
        &self,
        series: &Series,
        date: Date,
        booking: &Booking,
        actor: &Actor,
    ) -> Result<(), Error> {
        let made = Made { date, booking: Some(booking.id), obstacle: None };
        let changed = Changed::told(booking.clone(), News::Requested);
        self.transaction()
            .check(&self.main, pk(series.id), SK, Condition::version(series.version))?
            .put(&self.main, &DateItem::new(series.id, made), Condition::Absent)?
            .put_change(None, &changed, actor, booking.created_at)?
            .commit()
            .await
    }

    /// Notes why there is no booking for one day of a series. Fails with [`Error::Conflict`] if the day was looked
    /// at before.
    pub async fn skip_date(&self, id: SeriesId, date: Date, obstacle: &str) -> Result<(), Error> {
        let made = Made { date, booking: None, obstacle: Some(obstacle.to_owned()) };
        self.put(&self.main, &DateItem::new(id, made), Condition::Absent).await
    }

    /// What became of each day of a series that was looked at, in order.
    pub async fn dates_of(&self, id: SeriesId) -> Result<Vec<Made>, Error> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.main)
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":pk", AttributeValue::S(pk(id)))
            .expression_attribute_values(":prefix", AttributeValue::S(PREFIX.into()))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let mut dates = Vec::new();
        while let Some(item) = pages.next().await {
            dates.push(serde_dynamo::from_item::<_, DateItem>(item?)?.made);
        }
        Ok(dates)
    }
}
