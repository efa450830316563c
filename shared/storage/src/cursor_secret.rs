//! The key that cursors of lists are authenticated with, in Secrets Manager.
//!
//! The template has AWS make it up, so that no value passes through a file.

use aws_sdk_secretsmanager::Client;
use aws_types::SdkConfig;
use secrecy::SecretString;

use crate::Error;

/// The key, as the environment names it.
pub async fn read(aws: &SdkConfig) -> Result<SecretString, Error> {
    let id = config::required("CURSOR_SECRET_ARN")?;
    let secret = Client::new(aws).get_secret_value().secret_id(id).send().await?;
    match secret.secret_string {
        Some(text) if text.len() >= 32 => Ok(text.into()),
        _ => Err(Error::Unreadable("the cursor secret has less than 32 characters".into())),
    }
}
