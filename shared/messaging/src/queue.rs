//! The queues, and what lies on them.

use std::time::Duration;

use aws_sdk_sqs::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
};
use aws_types::SdkConfig;
use domain::{
    analytics::{Hour, Searched},
    booking::{News, Who},
    epoch::Epoch,
    id::{self, BookingId, ChallengeId, EventId, UserId},
    stripe::ObjectId,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::template::{EmailQueue, Template};

/// A mail to be written. It names the person and not the address: an erased person is not found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EmailMessage {
    /// The event that it comes from; with the person and the template it names the mail, so that it goes once.
    pub event_id: EventId,
    /// To whom.
    pub user_id: UserId,
    /// What.
    pub template: Template,
    /// The booking that it is about, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub booking: Option<BookingId>,
    /// The user's epoch when the link in the email was requested. In another one the email is not sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<Epoch>,
}

impl EmailMessage {
    /// What makes this mail the same as another. Of one event both sides of a booking may be told alike.
    pub fn key(&self) -> String {
        format!("{}#{}#{}", self.event_id, self.user_id, self.template.as_ref())
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

/// Something about money that is to be looked at. It tells nothing of what is owed, or of what became of it:
/// whoever gets it reads what is so now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum PaymentMessage {
    /// A booking whose money may have to move.
    Booking {
        /// The event that it comes from.
        event_id: EventId,
        /// Which.
        booking_id: BookingId,
    },
    /// Something of Stripe's that is to be deleted there, because its user is gone.
    Abandoned {
        /// The event that it comes from.
        event_id: EventId,
        /// Which, by Stripe's identifier.
        object: String,
    },
    /// Something of Stripe's that has changed there.
    Stripe {
        /// The event that it comes from.
        event_id: EventId,
        /// Which, by Stripe's identifier.
        object: ObjectId,
    },
}

/// Something has happened to a booking from which more follows than mails and payments.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BookingMessage {
    /// The event that it comes from.
    pub event_id: EventId,
    /// To which.
    pub booking_id: BookingId,
    /// What.
    pub news: News,
}

/// Somebody may not take part any more in what was agreed. It tells nothing of why: whoever gets it reads what is
/// so now.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct StandingMessage {
    /// The event that it comes from.
    pub event_id: EventId,
    /// Who.
    pub user_id: UserId,
}

/// What lies on the queue of bookings.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum FollowUp {
    /// See [`BookingMessage`].
    Booking(BookingMessage),
    /// See [`StandingMessage`].
    Standing(StandingMessage),
}

/// Somebody who takes part in a booking calls for help.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AlertMessage {
    /// The event that it comes from.
    pub event_id: EventId,
    /// In which.
    pub booking_id: BookingId,
    /// Who.
    pub by: Who,
}

/// Admins are to hear of somebody at once.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ConcernMessage {
    /// The event that it comes from.
    pub event_id: EventId,
    /// Whom: a sitter against whom something is known, or, with a booking, somebody who may not take part in it.
    pub user_id: UserId,
    /// A booking of theirs that is going on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub booking_id: Option<BookingId>,
}

/// What lies on the queue of alerts.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Alert {
    /// See [`AlertMessage`].
    Help(AlertMessage),
    /// See [`ConcernMessage`].
    Concern(ConcernMessage),
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
    /// See [`PaymentMessage`].
    Payment(PaymentMessage),
    /// See [`BookingMessage`].
    Booking(BookingMessage),
    /// See [`StandingMessage`].
    Standing(StandingMessage),
    /// See [`AlertMessage`].
    Alert(AlertMessage),
    /// See [`ConcernMessage`].
    Concern(ConcernMessage),
}

/// A queue did not take a message, or did not answer. It names the code of the failure and nothing of the message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueueError {
    /// The queue never takes this message, e.g. because of a character that XML cannot carry.
    #[error("the queue does not accept the message: {0}")]
    Rejected(String),
    /// Another try may succeed.
    #[error("the queue did not answer as expected: {0}")]
    Unavailable(String),
}

impl QueueError {
    fn of<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> Self {
        Self::with_code(error.code().unwrap_or("no answer"))
    }

    fn with_code(code: &str) -> Self {
        match code {
            // The second one is also that of a message which is too long.
            "InvalidMessageContents" | "InvalidParameterValue" => Self::Rejected(code.to_owned()),
            _ => Self::Unavailable(code.to_owned()),
        }
    }
}

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
        Ok(Self::new(aws, config::required(variable)?))
    }

    /// The queue at that URL.
    pub fn new(aws: &SdkConfig, url: String) -> Self {
        Self { client: Client::new(aws), url }
    }

    /// Puts a message on the queue.
    pub async fn send(&self, message: &impl Serialize) -> Result<(), QueueError> {
        let body = serde_json::to_string(message).map_err(|_| QueueError::Rejected("no JSON".to_owned()))?;
        let sent = self.client.send_message().queue_url(&self.url).message_body(body).send().await;
        sent.map(|_| ()).map_err(|error| QueueError::of(&error))
    }

    /// Puts messages on the queue, several at once. After a failure some of them may lie there.
    ///
    /// Not as batches: AWS allows those to whoever may send, and the emulator asks for a permission that AWS
    /// does not know.
    pub async fn send_all(&self, messages: &[impl Serialize]) -> Result<(), QueueError> {
        let sent = stream::iter(messages).map(|message| self.send(message)).buffer_unordered(AT_ONCE);
        sent.try_collect().await
    }

    /// Brings a message again after that time and not before, counted from now; to the second, twelve hours at most. The
    /// receipt is that of its last delivery.
    pub async fn postpone(&self, receipt: &str, pause: Duration) -> Result<(), QueueError> {
        let seconds =
            i32::try_from(pause.as_secs()).map_err(|_| QueueError::Rejected("pause too long".to_owned()))?;
        let call = self.client.change_message_visibility().queue_url(&self.url).receipt_handle(receipt);
        let postponed = call.visibility_timeout(seconds).send().await;
        postponed.map(|_| ()).map_err(|error| QueueError::of(&error))
    }

    /// Asks the queue whether it is there.
    pub async fn ping(&self) -> Result<(), QueueError> {
        let asked = self.client.get_queue_attributes().queue_url(&self.url).send().await;
        asked.map(|_| ()).map_err(|error| QueueError::of(&error))
    }
}

/// All queues that messages go to.
#[derive(Debug, Clone)]
pub struct Queues {
    identity_emails: Queue,
    emails: Queue,
    texts: Queue,
    search: Queue,
    payments: Queue,
    bookings: Queue,
    alerts: Queue,
}

impl Queues {
    /// The queues that the environment names.
    pub fn from_env(aws: &SdkConfig) -> Result<Self, config::Missing> {
        Self::at(aws, config::required)
    }

    /// The queues at the URLs that `url` finds by the names of their environment variables.
    pub fn at<E>(aws: &SdkConfig, url: impl Fn(&'static str) -> Result<String, E>) -> Result<Self, E> {
        let queue = |variable| Ok(Queue::new(aws, url(variable)?));
        Ok(Self {
            identity_emails: queue("IDENTITY_EMAIL_QUEUE_URL")?,
            emails: queue("EMAIL_QUEUE_URL")?,
            texts: queue("SMS_QUEUE_URL")?,
            search: queue("SEARCH_QUEUE_URL")?,
            payments: queue("PAYMENTS_QUEUE_URL")?,
            bookings: queue("BOOKINGS_QUEUE_URL")?,
            alerts: queue("ALERTS_QUEUE_URL")?,
        })
    }

    /// Puts a message on its queue.
    pub async fn send(&self, message: &Message) -> Result<(), QueueError> {
        match message {
            Message::Email(message) => match message.template.queue() {
                EmailQueue::Identity => self.identity_emails.send(message).await,
                EmailQueue::Notices => self.emails.send(message).await,
            },
            Message::Sms(message) => self.texts.send(message).await,
            Message::Search(message) => self.search.send(message).await,
            Message::Payment(message) => self.payments.send(message).await,
            Message::Booking(message) => self.bookings.send(message).await,
            Message::Standing(message) => self.bookings.send(message).await,
            Message::Alert(message) => self.alerts.send(message).await,
            Message::Concern(message) => self.alerts.send(message).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_never_goes_from_what_may_go_another_time() {
        for code in ["InvalidMessageContents", "InvalidParameterValue"] {
            assert_eq!(QueueError::with_code(code), QueueError::Rejected(code.to_owned()));
        }
        // That a queue is not there, or may not be used, is for an operator to mend, and the message waits.
        for code in
            ["RequestThrottled", "AWS.SimpleQueueService.NonExistentQueue", "AccessDenied", "no answer"]
        {
            assert_eq!(QueueError::with_code(code), QueueError::Unavailable(code.to_owned()));
        }
    }
}
