//! The queues, and what lies on them.

use aws_sdk_sqs::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
};
use aws_types::SdkConfig;
use domain::{
    credentials::Method,
    event::{Event, Fact},
    id::{ChallengeId, EventId, UserId},
};
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

/// A message and its queue.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// See [`EmailMessage`].
    Email(EmailMessage),
    /// See [`SmsMessage`].
    Sms(SmsMessage),
}

/// The messages that follow from an event.
pub fn messages_for(event: &Event) -> Vec<Message> {
    let event_id = event.id;
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
        Fact::AccountSuspended { user_id } => vec![email(user_id, Template::AccountSuspended)],
        Fact::AccountReinstated { user_id } => vec![email(user_id, Template::AccountReinstated)],
        Fact::CodeRequested { user_id, challenge } => {
            vec![Message::Sms(SmsMessage { event_id, user_id, challenge })]
        }
        Fact::CredentialVerified { user_id, .. } => vec![email(user_id, Template::CredentialVerified)],
        Fact::CredentialRejected { user_id, .. } => vec![email(user_id, Template::CredentialRejected)],
        Fact::CredentialRevoked { user_id, .. } => vec![email(user_id, Template::CredentialRevoked)],
        Fact::CredentialExpired { user_id, .. } => vec![email(user_id, Template::CredentialExpired)],
        Fact::BackgroundCheckExpired { .. } | Fact::NobodyAsked | Fact::SitterChanged { .. } => vec![],
    }
}

/// A queue did not take a message, or did not answer.
#[derive(Debug, thiserror::Error)]
#[error("the queue did not answer as expected: {0}")]
pub struct QueueError(String);

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
    async fn send(&self, message: &impl Serialize) -> Result<(), QueueError> {
        let body = serde_json::to_string(message).map_err(|error| QueueError(error.to_string()))?;
        let sent = self.client.send_message().queue_url(&self.url).message_body(body).send().await;
        sent.map(|_| ()).map_err(|error| QueueError(describe(&error)))
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
}

impl Queues {
    /// The queues that the environment names.
    pub fn from_env(aws: &SdkConfig) -> Result<Self, config::Missing> {
        Ok(Self {
            emails: Queue::from_env(aws, "EMAIL_QUEUE_URL")?,
            texts: Queue::from_env(aws, "SMS_QUEUE_URL")?,
        })
    }

    /// Puts a message on its queue.
    pub async fn send(&self, message: &Message) -> Result<(), QueueError> {
        match message {
            Message::Email(message) => self.emails.send(message).await,
            Message::Sms(message) => self.texts.send(message).await,
        }
    }
}

fn describe<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> String {
    error.code().unwrap_or("no answer").to_owned()
}
