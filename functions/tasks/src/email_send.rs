//! `email-send`: called by the email queue, it writes one mail to one person.
//!
//! Each mail goes once, however often its message comes; after a crash between sending and noting
//! it, once more.

use api::secrets::{LinkToken, Secret};
use domain::{
    email::EmailAddress,
    mail_link::{MailLink, Purpose},
    user::User,
};
use jiff::{SignedDuration, Timestamp};
use messaging::{email::Mailer, queue::EmailMessage, template::Recipient};
use runtime::Error;
use storage::Tables;

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
        runtime::once(&self.tables, CONSUMER, &key, LEASE, async || self.send(&message).await).await
    }

    async fn send(&self, message: &EmailMessage) -> Result<(), Error> {
        // Erased in between, or not wanted any more: there is nobody to write to.
        let Some(user) = self.tables.user(message.user_id).await? else { return Ok(()) };
        let to = match message.template.recipient() {
            Recipient::Current => Some(&user.email),
            Recipient::Pending => user.pending_email.as_ref(),
        };
        let Some(to) = to else { return Ok(()) };
        let token = match message.template.link() {
            Some(purpose) => Some(self.link(&user, purpose, to).await?),
            None => None,
        };
        let mail = message.template.render(user.name.as_str(), &self.app_url, token.as_deref())?;
        self.mailer.send(to, message.template, &mail).await?;
        tracing::info!(event = %message.event_id, template = message.template.as_ref(), "mail sent");
        Ok(())
    }

    /// The token of a link. It is made here, so that it is nowhere but in the mail: not in the outbox,
    /// not on the queue, and in the store as a hash.
    async fn link(&self, user: &User, purpose: Purpose, to: &EmailAddress) -> Result<String, Error> {
        let token = LinkToken { user_id: user.id, secret: Secret::generate() };
        let link = MailLink::new(user.id, purpose, to.clone(), token.secret.hash(), Timestamp::now());
        self.tables.save_link(&link).await?;
        Ok(token.encode())
    }
}
