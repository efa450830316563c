//! What whoever checks sitters for us signs with, in Secrets Manager: `{"webhook_secret": …}`, in base64 as they
//! show it.

use aws_sdk_secretsmanager::Client;
use aws_types::SdkConfig;
use secrecy::SecretString;
use serde::Deserialize;

use crate::Error;

#[derive(Deserialize)]
struct Document {
    webhook_secret: String,
}

/// The secret, as the environment names it.
pub async fn read(aws: &SdkConfig) -> Result<SecretString, Error> {
    let id = config::required("BACKGROUND_CHECK_SECRET_ARN")?;
    let secret = Client::new(aws).get_secret_value().secret_id(id).send().await?;
    match serde_json::from_str(secret.secret_string().unwrap_or_default()) {
        Ok(Document { webhook_secret }) if !webhook_secret.is_empty() => Ok(webhook_secret.into()),
        // What was found instead may be a secret as well.
        _ => Err(Error::Unreadable(
            "the background check secret is not of the form {\"webhook_secret\": …}".into(),
        )),
    }
}
