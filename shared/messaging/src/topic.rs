//! Telling whoever is on call, by a topic of SNS.

use aws_sdk_sns::{Client, error::ProvideErrorMetadata};
use aws_types::SdkConfig;
use serde::Serialize;

/// SNS did not take a notice, or did not answer.
#[derive(Debug, thiserror::Error)]
#[error("the notice was not taken: {0}")]
pub struct PublishError(String);

/// One topic.
#[derive(Debug, Clone)]
pub struct Topic {
    client: Client,
    arn: String,
}

impl Topic {
    /// The topic that the environment names by that variable, if it names one.
    pub fn from_env(aws: &SdkConfig, variable: &'static str) -> Option<Self> {
        config::optional(variable).map(|arn| Self::new(aws, arn))
    }

    /// The topic of that ARN.
    pub fn new(aws: &SdkConfig, arn: String) -> Self {
        Self { client: Client::new(aws), arn }
    }

    /// Tells everybody who has subscribed. What goes out names identifiers and nothing personal: who reads it, and
    /// where it is kept, is not for us to know.
    pub async fn publish(&self, subject: &str, notice: &impl Serialize) -> Result<(), PublishError> {
        let notice = serde_json::to_string(notice).map_err(|error| PublishError(error.to_string()))?;
        let published =
            self.client.publish().topic_arn(&self.arn).subject(subject).message(notice).send().await;
        published.map(|_| ()).map_err(|error| PublishError(error.code().unwrap_or("no answer").to_owned()))
    }
}
