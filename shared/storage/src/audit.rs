//! What happened to whom, and who did it.
//!
//! | question                          | table | index | pk              | sk      |
//! |-----------------------------------|-------|-------|-----------------|---------|
//! | what happened to this person      | audit |       | SUBJECT#‹user›  | ‹entry› |
//! | what has this person done         | audit | actor | ACTOR#‹user›    | ‹entry› |
//!
//! Entries are only ever added: no function may update or delete here. What must be audited is
//! written in the transaction of what it describes.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    booking::News,
    id::{AuditId, BookingId, UserId},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use strum::AsRefStr;

use crate::{
    Error, Tables,
    tables::{Condition, Transaction},
};

/// What can be told of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, AsRefStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Action {
    /// An account was opened.
    Registered,
    /// Somebody tried to open an account with an address that has one.
    RegistrationRepeated,
    /// Somebody signed in.
    SignedIn,
    /// Somebody failed to sign in.
    SignInFailed,
    /// Somebody knew the password and was asked for the second step.
    SecondStepAsked,
    /// Somebody failed at the second step.
    SecondStepFailed,
    /// A refresh token came a second time.
    SessionReused,
    /// One sign-in was ended.
    SignedOut,
    /// All sign-ins were ended.
    SignedOutEverywhere,
    /// An address was proved.
    EmailVerified,
    /// Another address was asked for.
    EmailChangeRequested,
    /// Another address was proved, and took the place of the one before.
    EmailChanged,
    /// A change of the address was reverted from the one before.
    EmailReverted,
    /// The owner of an address has taken it from an account that somebody had opened with it.
    AddressReclaimed,
    /// A number was proved.
    PhoneVerified,
    /// A password was changed by somebody who knew it.
    PasswordChanged,
    /// A password was reset through a mail.
    PasswordReset,
    /// What is asked for after the password was changed.
    SecondStepChanged,
    /// An admin has removed what is asked for after the password.
    SecondStepReset,
    /// An account was made that may operate the marketplace.
    AdminCreated,
    /// An account was suspended.
    Suspended,
    /// An account may be used again.
    Reinstated,
    /// A sitter's profile was approved.
    SitterApproved,
    /// A sitter's profile was sent back.
    SitterRejected,
    /// A sitter's profile was taken out of search.
    SitterSuspended,
    /// A sitter's profile was given back.
    SitterReinstated,
    /// An admin read the audit trail.
    AuditRead,
    /// An admin found a certificate to be true.
    CredentialVerified,
    /// An admin did not find a certificate to be true.
    CredentialRejected,
    /// An admin found that a certificate is good no more.
    CredentialRevoked,
    /// Whoever checks sitters for us knows something against one.
    CredentialDiscredited,
    /// Something happened to a booking of theirs.
    BookingChanged,
    /// A payment of theirs was given back by an admin.
    PaymentRefunded,
    /// An admin read a complaint about a booking of theirs.
    DisputeRead,
}

/// Where a request came from, as far as the trail needs to know.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Who did it, if that is known: whoever fails to sign in is not.
    pub actor: Option<UserId>,
    /// What.
    pub action: Action,
    /// In which booking, and what became of it.
    pub booking: Option<(BookingId, News)>,
    /// Why, in the words of whoever did it.
    pub reason: Option<String>,
    /// When.
    pub at: Timestamp,
    /// From where.
    pub origin: Origin,
}

impl Entry {
    /// Something that a person does with their own account.
    pub fn by_self(user: UserId, action: Action, at: Timestamp, origin: Origin) -> Self {
        Self { subject: user, actor: Some(user), action, booking: None, reason: None, at, origin }
    }

    /// Something that somebody does who does not prove who they are.
    pub fn by_nobody(subject: UserId, action: Action, at: Timestamp, origin: Origin) -> Self {
        Self { subject, actor: None, action, booking: None, reason: None, at, origin }
    }
}

/// An entry as it is stored.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Its identity; later ones are greater.
    pub id: AuditId,
    /// What happened.
    pub entry: Entry,
}

/// Whose entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// What happened to a person.
    Subject(UserId),
    /// What a person has done.
    Actor(UserId),
}

impl By {
    fn partition(self) -> (&'static str, String) {
        match self {
            Self::Subject(id) => ("pk", subject_pk(id)),
            Self::Actor(id) => ("actor_pk", actor_pk(id)),
        }
    }
}

fn subject_pk(id: UserId) -> String {
    format!("SUBJECT#{id}")
}

fn actor_pk(id: UserId) -> String {
    format!("ACTOR#{id}")
}

#[derive(Debug, Serialize, Deserialize)]
struct Item {
    pk: String,
    sk: AuditId,
    schema_version: u8,
    subject: UserId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    actor: Option<UserId>,
    /// In the index `actor`, where somebody did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    actor_pk: Option<String>,
    action: Action,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    booking: Option<(BookingId, News)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    at: Timestamp,
    origin: Origin,
}

impl From<&Entry> for Item {
    fn from(entry: &Entry) -> Self {
        Self {
            pk: subject_pk(entry.subject),
            sk: domain::id::new(entry.at),
            schema_version: 1,
            subject: entry.subject,
            actor: entry.actor,
            actor_pk: entry.actor.map(actor_pk),
            action: entry.action,
            booking: entry.booking,
            reason: entry.reason.clone(),
            at: entry.at,
            origin: entry.origin.clone(),
        }
    }
}

impl From<Item> for Recorded {
    fn from(item: Item) -> Self {
        let entry = Entry {
            subject: item.subject,
            actor: item.actor,
            action: item.action,
            booking: item.booking,
            reason: item.reason,
            at: item.at,
            origin: item.origin,
        };
        Self { id: item.sk, entry }
    }
}

/// An item that is forgotten at once, written where an answer must not tell by its time that there is
/// less to write.
pub(crate) fn nothing(now: Timestamp) -> impl Serialize {
    serde_json::json!({
        "pk": format!("NOTHING#{}", uuid::Uuid::new_v4()), "sk": "NOTHING", "ttl": now.as_second(),
    })
}

impl Transaction<'_> {
    /// Tells the trail.
    pub(crate) fn record(self, entry: &Entry) -> Result<Self, Error> {
        let table = &self.tables.audit;
        self.put(table, &Item::from(entry), Condition::Absent)
    }
}

impl Tables {
    /// Adds an entry that goes with no other change.
    pub async fn record(&self, entry: &Entry) -> Result<(), Error> {
        self.put(&self.audit, &Item::from(entry), Condition::Absent).await
    }

    /// Entries of a person, the latest first, before the one of that name. With fewer than `limit`
    /// there are no more.
    pub async fn trail(&self, by: By, before: Option<AuditId>, limit: i32) -> Result<Vec<Recorded>, Error> {
        let (attribute, partition) = by.partition();
        let page = self
            .client
            .query()
            .table_name(&self.audit)
            .set_index_name(matches!(by, By::Actor(_)).then(|| "actor".into()))
            .key_condition_expression(format!("{attribute} = :partition AND sk < :before"))
            .expression_attribute_values(":partition", AttributeValue::S(partition))
            .expression_attribute_values(
                ":before",
                // Everything sorts before the letter that follows the prefix's last.
                AttributeValue::S(before.map_or("aud`".into(), |id| id.to_string())),
            )
            .scan_index_forward(false)
            .limit(limit)
            .send()
            .await?;
        let items = page.items.unwrap_or_default();
        items.into_iter().map(|item| Ok(serde_dynamo::from_item::<_, Item>(item)?.into())).collect()
    }

    /// Takes as long as an entry that goes with no other change, and tells nothing.
    pub async fn record_nothing(&self, now: Timestamp) -> Result<(), Error> {
        self.put(&self.ephemeral, &nothing(now), Condition::Absent).await
    }
}
