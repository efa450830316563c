//! Access tokens that ended before their time.
//!
//! | question                        | table     | pk      | sk                   |
//! |---------------------------------|-----------|---------|----------------------|
//! | what was revoked since a moment | ephemeral | REVOKED | ‹milliseconds›#‹id›  |
//!
//! Every function that verifies tokens asks every few seconds for what is new, so that a request is
//! answered without asking. An entry is kept for as long as a token lives. All lie under one key,
//! which bears a thousand sign-outs a second; a function that starts reads those of the last
//! quarter of an hour, some 100 bytes each.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::revocation::{Revocation, Subject};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    Error, Tables,
    tables::{Condition, Transaction},
};

const PK: &str = "REVOKED";
/// How long an access token can live, and then some for clocks that differ.
pub const REMEMBERED_FOR: SignedDuration = SignedDuration::from_mins(16);

/// The form in which a [`Revocation`] is stored.
#[derive(Debug, Serialize, Deserialize)]
struct Item {
    pk: String,
    sk: String,
    revocation: Revocation,
    ttl: i64,
}

impl From<&Revocation> for Item {
    fn from(revocation: &Revocation) -> Self {
        let id = match revocation.subject {
            Subject::Session(id) => id.to_string(),
            Subject::User { id, .. } => id.to_string(),
        };
        let kept_until = revocation.at.saturating_add(REMEMBERED_FOR).unwrap_or(Timestamp::MAX);
        Self {
            pk: PK.into(),
            sk: format!("{}#{id}", position(revocation.at)),
            revocation: *revocation,
            ttl: kept_until.as_second(),
        }
    }
}

/// Sorts as time does, until the year 2286.
fn position(at: Timestamp) -> String {
    format!("{:013}", at.as_millisecond().max(0))
}

impl Transaction<'_> {
    /// Ends access tokens.
    pub(crate) fn revoke(self, subject: Subject, at: Timestamp) -> Result<Self, Error> {
        let table = &self.tables.ephemeral;
        self.put(table, &Item::from(&Revocation { subject, at }), Condition::None)
    }
}

impl Tables {
    /// What was revoked from that moment on. Eventually consistent: whoever asks again goes back a
    /// little.
    pub async fn revocations(&self, since: Timestamp) -> Result<Vec<Revocation>, Error> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.ephemeral)
            .key_condition_expression("pk = :pk AND sk >= :since")
            .expression_attribute_values(":pk", AttributeValue::S(PK.into()))
            .expression_attribute_values(":since", AttributeValue::S(position(since)))
            .into_paginator()
            .items()
            .send();
        let mut found = Vec::new();
        while let Some(item) = pages.next().await {
            found.push(serde_dynamo::from_item::<_, Item>(item?)?.revocation);
        }
        Ok(found)
    }
}
