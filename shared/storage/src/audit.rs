//! What happened to whom, and who did it.
//!
//! | question                          | table | pk              | sk      |
//! |-----------------------------------|-------|-----------------|---------|
//! | what happened to this person      | audit | SUBJECT#‹user›  | ‹entry› |
//!
//! Entries are only ever added: no function may update or delete here. What must be audited is
//! written in the transaction of what it describes.

use domain::id::{AuditId, UserId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Error, Tables, tables::Condition};

/// What can be told of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// An account was opened.
    Registered,
    /// Somebody signed in.
    SignedIn,
    /// Somebody failed to sign in.
    SignInFailed,
    /// A refresh token came a second time.
    SessionReused,
}

/// Where a request came from, as far as the trail needs to know.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Origin {
    /// The network that the request came from, not the address: /24 or /48.
    pub ip_prefix: Option<String>,
    /// What the client says it is, cut to 256 characters.
    pub user_agent: Option<String>,
    /// By which the logs can be searched.
    pub request_id: Option<String>,
}

/// One thing that happened.
#[derive(Debug, Clone)]
pub struct Entry {
    /// To whom.
    pub subject: UserId,
    /// What.
    pub action: Action,
    /// When.
    pub at: Timestamp,
    /// From where.
    pub origin: Origin,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Item {
    pk: String,
    sk: AuditId,
    schema_version: u8,
    action: Action,
    at: Timestamp,
    origin: Origin,
}

impl From<&Entry> for Item {
    fn from(entry: &Entry) -> Self {
        Self {
            pk: format!("SUBJECT#{}", entry.subject),
            sk: domain::id::new(entry.at),
            schema_version: 1,
            action: entry.action,
            at: entry.at,
            origin: entry.origin.clone(),
        }
    }
}

impl Tables {
    /// Adds an entry that goes with no other change.
    pub async fn record(&self, entry: &Entry) -> Result<(), Error> {
        self.put(&self.audit, &Item::from(entry), Condition::Absent).await
    }
}
