//! `email-send`: called by the email queue, it writes one mail to one person.
//!
//! Each mail goes once, however often its message comes; after a crash between sending and noting
//! it, once more.

use jiff::{SignedDuration, Timestamp};
use messaging::{email::Mailer, queue::EmailMessage};
use runtime::Error;
use storage::{Tables, inbox::Claim};

/// Longer than the function may run, so that two never send the same mail at once.
const LEASE: SignedDuration = SignedDuration::from_mins(2);
const CONSUMER: &str = "email";

/// Sends one mail after the other.
#[derive(Debug)]
pub struct Sender {
    tables: Tables,
    mailer: Mailer,
    app_url: String,
}

impl Sender {
    /// As the environment says.
    pub fn from_env() -> Result<Self, Error> {
        let aws = config::aws::from_env()?;
        Ok(Self {
            tables: Tables::from_env(&aws)?,
            mailer: Mailer::from_env(&aws)?,
            app_url: config::required("APP_URL")?,
        })
    }

    /// Sends the mail that a message asks for.
    pub async fn handle(&self, message: EmailMessage) -> Result<(), Error> {
        let key = message.key();
        match self.tables.claim(CONSUMER, &key, LEASE, Timestamp::now()).await? {
            Claim::Yours => {}
            Claim::Done => return Ok(()),
            Claim::Busy => return Err("another delivery is being worked on".into()),
        }
        // Erased in between: there is nobody to write to.
        if let Some(user) = self.tables.user(message.user_id).await? {
            let mail = message.template.render(user.name.as_str(), &self.app_url)?;
            self.mailer.send(&user.email, message.template, &mail).await?;
        }
        self.tables.complete(CONSUMER, &key, Timestamp::now()).await?;
        tracing::info!(event = %message.event_id, template = message.template.as_ref(), "mail sent");
        Ok(())
    }
}
