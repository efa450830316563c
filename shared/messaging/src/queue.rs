//! The queues, and what lies on them.

use aws_sdk_sqs::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
};
use aws_types::SdkConfig;
use domain::event::{Event, Fact};
use domain::id::{EventId, UserId};
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

/// The mail that an event is told by.
pub fn email_for(event: &Event) -> EmailMessage {
    let (user_id, template) = match event.fact {
        Fact::UserRegistered { user_id } => (user_id, Template::Welcome),
        Fact::RegistrationRepeated { user_id } => (user_id, Template::RegistrationRepeated),
        Fact::SessionReused { user_id, .. } => (user_id, Template::SessionEnded),
    };
    EmailMessage { event_id: event.id, user_id, template }
}

/// A queue did not take a message, or did not answer.
#[derive(Debug, thiserror::Error)]
#[error("the queue did not answer as expected: {0}")]
pub struct QueueError(String);

/// The queue of mails to be written.
#[derive(Debug, Clone)]
pub struct EmailQueue {
    client: Client,
    url: String,
}

impl EmailQueue {
    /// The queue that the environment names.
    pub fn from_env(aws: &SdkConfig) -> Result<Self, config::Missing> {
        Ok(Self { client: Client::new(aws), url: config::required("EMAIL_QUEUE_URL")? })
    }

    /// Puts a message on the queue.
    pub async fn send(&self, message: &EmailMessage) -> Result<(), QueueError> {
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

fn describe<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> String {
    error.code().unwrap_or("no answer").to_owned()
}
