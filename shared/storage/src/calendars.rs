//! When sitters are taken.
//!
//! | question                              | table | pk                | sk      |
//! |---------------------------------------|-------|-------------------|---------|
//! | when is a sitter taken on a day       | main  | CALENDAR#‹sitter› | ‹date›  |
//! | when is a sitter taken within a range | main  | CALENDAR#‹sitter› | ‹date›… |
//!
//! A day is one of Greenwich, with all that is claimed of it and a version. It is written in the transaction that
//! changes a booking, on the condition of that version, so that of two bookings that overlap one fails.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    availability::Span,
    booking::claims::{Claim, Day, days_of},
    id::{BookingId, UserId},
};
use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};
use serde::{Deserialize, Serialize};

use crate::{
    Error, Tables,
    tables::{Condition, Transaction},
};

/// Past days serve those who look back at what happened.
const KEPT_FOR_DAYS: i64 = 90;

/// The form in which a [`Day`] is stored.
#[derive(Debug, Serialize, Deserialize)]
struct Item {
    pk: String,
    sk: String,
    schema_version: u8,
    claims: Vec<Claim>,
    version: u64,
    ttl: i64,
}

fn pk(sitter: UserId) -> String {
    format!("CALENDAR#{sitter}")
}

impl From<&Day> for Item {
    fn from(day: &Day) -> Self {
        let end = day.date.saturating_add(KEPT_FOR_DAYS.days()).to_zoned(TimeZone::UTC);
        Self {
            pk: pk(day.sitter),
            sk: day.date.to_string(),
            schema_version: 1,
            claims: day.claims.clone(),
            version: day.version,
            ttl: end.map_or(i64::MAX, |end| end.timestamp().as_second()),
        }
    }
}

impl Tables {
    /// What is claimed of a day.
    pub(crate) async fn calendar_day(&self, sitter: UserId, date: Date) -> Result<Day, Error> {
        let item = self.get::<Item>(&self.main, &pk(sitter), &date.to_string()).await?;
        Ok(match item {
            Some(Item { claims, version, .. }) => Day { sitter, date, claims, version },
            None => Day::new(sitter, date),
        })
    }

    /// When a sitter is taken on the days of a span, in order, as it was written last.
    pub async fn taken(&self, sitter: UserId, within: Span) -> Result<Vec<Span>, Error> {
        let date = |at: Timestamp| at.to_zoned(TimeZone::UTC).date().to_string();
        let mut pages = self
            .client
            .query()
            .table_name(&self.main)
            .key_condition_expression("pk = :pk AND sk BETWEEN :first AND :last")
            .expression_attribute_values(":pk", AttributeValue::S(pk(sitter)))
            .expression_attribute_values(":first", AttributeValue::S(date(within.start)))
            .expression_attribute_values(":last", AttributeValue::S(date(within.end)))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let mut taken = Vec::new();
        while let Some(item) = pages.next().await {
            let day: Item = serde_dynamo::from_item(item?)?;
            taken.extend(day.claims.into_iter().map(|claim| claim.span));
        }
        // A booking over midnight stands on both days.
        taken.sort();
        taken.dedup();
        Ok(taken)
    }

    /// Whether a sitter has that time for themselves, or for that booking only; a moment later it may be
    /// otherwise.
    pub async fn is_free(&self, sitter: UserId, span: Span, but: Option<BookingId>) -> Result<bool, Error> {
        for date in days_of(span) {
            if !self.calendar_day(sitter, date).await?.is_free(span, but) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Transaction<'_> {
    /// Days as they become by a change of one version each.
    pub(crate) fn put_days(self, days: &[Day]) -> Result<Self, Error> {
        let table = &self.tables.main;
        days.iter().try_fold(self, |transaction, day| {
            transaction.put(table, &Item::from(day), Condition::after(day.version))
        })
    }
}
