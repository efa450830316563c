//! The queues, and what lies on them.

use aws_sdk_sqs::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
};
use aws_types::SdkConfig;
use domain::{
    analytics::{Hour, Searched},
    credentials::Method,
    event::{Event, Fact},
    id::{self, ChallengeId, EventId, UserId},
    listing,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::template::Template;

/// A mail to be written. It names the person and not the address: an erased person is not found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EmailMessage {
    /// The event that it comes from; with the template it names the mail, so that it goes once.
    pub event_id: EventId,
    /// To whom.
    pub user_id: UserId,
    /// What.
    pub template: Template,
}

impl EmailMessage {
    /// What makes this mail the same as another.
    pub fn key(&self) -> String {
        format!("{}#{}", self.event_id, self.template.as_ref())
    }
}

/// A code to be sent by text. The number and what waits for the code are in the store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SmsMessage {
    /// The event that it comes from, which names the text.
    pub event_id: EventId,
    /// To whom.
    pub user_id: UserId,
    /// The sign-in that waits for the code; without, it is to prove a number.
    pub challenge: Option<ChallengeId>,
}

/// Somebody whose place in search is to be looked at again. It tells nothing of what has changed: whoever
/// gets it reads what is so now.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SearchMessage {
    /// Who.
    pub user_id: UserId,
}

/// Something to be counted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnalyticsMessage {
    /// By which it is counted once.
    pub id: EventId,
    /// The hour that it belongs to.
    pub hour: Hour,
    /// A search; without, somebody was chosen from one.
    pub searched: Option<Searched>,
}

impl AnalyticsMessage {
    /// A search, at `now`.
    pub fn searched(searched: Searched, now: Timestamp) -> Self {
        Self { id: id::new(now), hour: Hour::of(now), searched: Some(searched) }
    }

    /// Somebody is chosen from a search of an hour, at `now`.
    pub fn clicked(hour: Hour, now: Timestamp) -> Self {
        Self { id: id::new(now), hour, searched: None }
    }
}

/// A message and its queue.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// See [`SearchMessage`].
    Search(SearchMessage),
    /// See [`EmailMessage`].
    Email(EmailMessage),
    /// See [`SmsMessage`].
    Sms(SmsMessage),
}

/// The messages that follow from an event.
pub fn messages_for(event: &Event) -> Vec<Message> {
    let event_id = event.id;
    let search = |user_id| Message::Search(SearchMessage { user_id });
    let email = |user_id, template| Message::Email(EmailMessage { event_id, user_id, template });
    match event.fact {
        Fact::UserRegistered { user_id } => vec![email(user_id, Template::Welcome)],
        Fact::RegistrationRepeated { user_id } => vec![email(user_id, Template::RegistrationRepeated)],
        Fact::EmailVerificationRequested { user_id } => vec![email(user_id, Template::VerifyEmail)],
        Fact::EmailChangeRequested { user_id } => {
            vec![email(user_id, Template::ConfirmNewEmail), email(user_id, Template::EmailChangeNotice)]
        }
        Fact::PasswordResetRequested { user_id } => vec![email(user_id, Template::ResetPassword)],
        Fact::AdminInvited { user_id } => vec![email(user_id, Template::AdminInvited)],
        Fact::PasswordChanged { user_id } => vec![email(user_id, Template::PasswordChanged)],
        Fact::SecondStepChanged { user_id, method: Method::None } => {
            vec![email(user_id, Template::SecondStepOff)]
        }
        Fact::SecondStepChanged { user_id, .. } => vec![email(user_id, Template::SecondStepOn)],
        Fact::SessionReused { user_id, .. } => vec![email(user_id, Template::SessionEnded)],
        Fact::AccountSuspended { user_id } => {
            vec![search(user_id), email(user_id, Template::AccountSuspended)]
        }
        Fact::AccountReinstated { user_id } => {
            vec![search(user_id), email(user_id, Template::AccountReinstated)]
        }
        Fact::SitterChanged { user_id }
        | Fact::AccountRemoved { user_id }
        | Fact::BackgroundCheckExpired { user_id } => vec![search(user_id)],
        Fact::CodeRequested { user_id, challenge } => {
            vec![Message::Sms(SmsMessage { event_id, user_id, challenge })]
        }
        Fact::SitterDecided { user_id, decision } => match decision {
            listing::Event::Approve => vec![email(user_id, Template::ProfileApproved)],
            listing::Event::Reject => vec![email(user_id, Template::ProfileRejected)],
            listing::Event::Suspend => vec![email(user_id, Template::ProfileSuspended)],
            listing::Event::Reinstate => vec![email(user_id, Template::ProfileReinstated)],
            // The sitter's own, who knows.
            _ => vec![],
        },
        Fact::CredentialVerified { user_id, .. } => vec![email(user_id, Template::CredentialVerified)],
        Fact::CredentialRejected { user_id, .. } => vec![email(user_id, Template::CredentialRejected)],
        Fact::CredentialRevoked { user_id, .. } => vec![email(user_id, Template::CredentialRevoked)],
        Fact::CredentialExpired { user_id, .. } => vec![email(user_id, Template::CredentialExpired)],
        Fact::NobodyAsked => vec![],
    }
}

/// A queue did not take a message, or did not answer.
#[derive(Debug, thiserror::Error)]
#[error("the queue did not answer as expected: {0}")]
pub struct QueueError(String);

/// How many messages are on their way to a queue at once.
const AT_ONCE: usize = 10;

/// One queue.
#[derive(Debug, Clone)]
pub struct Queue {
    client: Client,
    url: String,
}

impl Queue {
    /// The queue that the environment names by that variable.
    pub fn from_env(aws: &SdkConfig, variable: &'static str) -> Result<Self, config::Missing> {
        Ok(Self { client: Client::new(aws), url: config::required(variable)? })
    }

    /// Puts a message on the queue.
    pub async fn send(&self, message: &impl Serialize) -> Result<(), QueueError> {
        let body = serde_json::to_string(message).map_err(|error| QueueError(error.to_string()))?;
        let sent = self.client.send_message().queue_url(&self.url).message_body(body).send().await;
        sent.map(|_| ()).map_err(|error| QueueError(describe(&error)))
    }

    /// Puts messages on the queue, several at once. After a failure some of them may lie there.
    ///
    /// Not as batches: AWS allows those to whoever may send, and the emulator asks for a permission that AWS
    /// does not know.
    pub async fn send_all(&self, messages: &[impl Serialize]) -> Result<(), QueueError> {
        let sent = stream::iter(messages).map(|message| self.send(message)).buffer_unordered(AT_ONCE);
        sent.try_collect().await
    }

    /// Asks the queue whether it is there.
    pub async fn ping(&self) -> Result<(), QueueError> {
        let asked = self.client.get_queue_attributes().queue_url(&self.url).send().await;
        asked.map(|_| ()).map_err(|error| QueueError(describe(&error)))
    }
}

/// All queues that messages go to.
#[derive(Debug, Clone)]
pub struct Queues {
    emails: Queue,
    texts: Queue,
    search: Queue,
}

impl Queues {
    /// The queues that the environment names.
    pub fn from_env(aws: &SdkConfig) -> Result<Self, config::Missing> {
        Ok(Self {
            emails: Queue::from_env(aws, "EMAIL_QUEUE_URL")?,
            texts: Queue::from_env(aws, "SMS_QUEUE_URL")?,
            search: Queue::from_env(aws, "SEARCH_QUEUE_URL")?,
        })
    }

    /// Puts a message on its queue.
    pub async fn send(&self, message: &Message) -> Result<(), QueueError> {
        match message {
            Message::Email(message) => self.emails.send(message).await,
            Message::Sms(message) => self.texts.send(message).await,
            Message::Search(message) => self.search.send(message).await,
        }
    }
}

fn describe<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> String {
    error.code().unwrap_or("no answer").to_owned()
}
