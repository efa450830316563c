//! Sending mail with SES.

use aws_sdk_sesv2::{
    Client,
    error::{BuildError, ProvideErrorMetadata},
    types::{Body, Content, Destination, EmailContent, Message, MessageTag},
};
use aws_types::SdkConfig;
use domain::email::EmailAddress;

use crate::template::{Rendered, Template};

/// SES did not take a mail, or did not answer.
#[derive(Debug, thiserror::Error)]
#[error("the mail was not taken: {0}")]
pub struct SendError(String);

impl From<BuildError> for SendError {
    fn from(error: BuildError) -> Self {
        Self(error.to_string())
    }
}

/// Sends mail.
#[derive(Debug, Clone)]
pub struct Mailer {
    client: Client,
    from: String,
    configuration_set: Option<String>,
}

impl Mailer {
    /// Sends as the environment says.
    pub fn from_env(aws: &SdkConfig) -> Result<Self, config::Missing> {
        Ok(Self::new(aws, config::required("EMAIL_FROM")?, config::optional("EMAIL_CONFIGURATION_SET")))
    }

    /// Sends from that address, with that configuration set.
    pub fn new(aws: &SdkConfig, from: String, configuration_set: Option<String>) -> Self {
        Self { client: Client::new(aws), from, configuration_set }
    }

    /// Sends one mail to one person.
    pub async fn send(
        &self,
        to: &EmailAddress,
        template: Template,
        mail: &Rendered,
    ) -> Result<(), SendError> {
        let content = |data: &str| Content::builder().data(data).charset("UTF-8").build();
        let body = Body::builder().html(content(&mail.html)?).text(content(&mail.text)?).build();
        let message = Message::builder().subject(content(&mail.subject)?).body(body).build();
        // The tag tells bounces and complaints apart by the kind of mail.
        let tag = MessageTag::builder().name("template").value(template.as_ref()).build()?;
        self.client
            .send_email()
            .from_email_address(&self.from)
            .destination(Destination::builder().to_addresses(to.as_str()).build())
            .content(EmailContent::builder().simple(message).build())
            .set_configuration_set_name(self.configuration_set.clone())
            .email_tags(tag)
            .send()
            .await
            .map_err(|error| SendError(error.code().unwrap_or("no answer").to_owned()))?;
        Ok(())
    }

    /// Asks SES whether it is there. A function that only asks needs no sender.
    pub async fn ping(aws: &SdkConfig) -> Result<(), SendError> {
        let asked = Client::new(aws).get_account().send().await;
        asked.map(|_| ()).map_err(|error| SendError(error.code().unwrap_or("no answer").to_owned()))
    }
}
