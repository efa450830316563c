//! `sms-send`: called by the text queue, it makes a code, notes its hash, and sends it to one number.
//!
//! The code is made here, so that it is nowhere but in the text: not in the outbox, not on the queue,
//! and in the store as a hash.

use api::{passwords, secrets};
use domain::one_time_code::Purpose;
use jiff::{SignedDuration, Timestamp};
use messaging::{
    queue::SmsMessage,
    sms::{Texter, code_text},
};
use runtime::Error;
use storage::Tables;

/// Longer than the function may run, so that two never send the same text at once.
const LEASE: SignedDuration = SignedDuration::from_mins(2);
const CONSUMER: &str = "sms";

/// Sends one text after the other.
#[derive(Debug)]
pub struct Sender {
    tables: Tables,
    texter: Texter,
    app_host: String,
}

impl Sender {
    /// As the environment says.
    pub fn from_env() -> Result<Self, Error> {
        let aws = config::aws::from_env()?;
        let app_url: http::Uri = config::required("APP_URL")?.parse()?;
        let app_host = app_url.host().ok_or("APP_URL has no host")?.to_owned();
        Ok(Self::new(Tables::from_env(&aws)?, Texter::from_env(&aws)?, app_host))
    }

    /// With these.
    pub fn new(tables: Tables, texter: Texter, app_host: String) -> Self {
        Self { tables, texter, app_host }
    }

    /// Sends the text that a message asks for.
    pub async fn handle(&self, message: SmsMessage) -> Result<(), Error> {
        let key = message.event_id.to_string();
        runtime::once(&self.tables, CONSUMER, &key, LEASE, async || self.send(&message).await).await
    }

    async fn send(&self, message: &SmsMessage) -> Result<(), Error> {
        let pending = self.tables.pending(message.user_id, message.challenge).await?;
        let user = self.tables.user(message.user_id).await?;
        let (Some(pending), Some(user)) = (pending, user) else { return Ok(()) };
        // Late: nobody waits for the code any more.
        if !pending.is_open(&user, Timestamp::now()) {
            return Ok(());
        }
        let phone = match &pending.purpose {
            Purpose::ProvePhone { phone } => Some(phone.clone()),
            Purpose::SignIn { .. } => user.phone,
        };
        let Some(phone) = phone else { return Ok(()) };
        let code = secrets::generate_code().map_err(|_| "no code could be made")?;
        let hash = passwords::hash_code(&code).map_err(|_| "the code could not be hashed")?;
        match self.tables.set_code(&pending, hash).await {
            Err(storage::Error::Conflict) => return Ok(()),
            other => other?,
        }
        self.texter.send(&phone, &code_text(&code, &self.app_host)).await?;
        tracing::info!(event = %message.event_id, "text sent");
        Ok(())
    }
}
