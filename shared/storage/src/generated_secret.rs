//! Keys in Secrets Manager that the deployment generates.
//!
//! CloudFormation generates each value, so no key passes through a file.

use aws_sdk_secretsmanager::Client;
use aws_types::SdkConfig;
use secrecy::SecretString;

use crate::Error;

/// Authenticates the cursors of lists.
pub const CURSORS: &str = "CURSOR_SECRET_ARN";
/// Hashes personal data, which is otherwise easy to guess from its hash.
pub const HASHES: &str = "HASH_SECRET_ARN";

/// The key whose ARN is in the environment variable `variable`. Fails with [`Error::Unreadable`] if the key has
/// less than 32 characters.
pub async fn read(aws: &SdkConfig, variable: &'static str) -> Result<SecretString, Error> {
    let id = config::required(variable)?;
    let secret = Client::new(aws).get_secret_value().secret_id(id).send().await?;
    match secret.secret_string {
        Some(text) if text.len() >= 32 => Ok(text.into()),
        _ => Err(Error::Unreadable(format!("the secret of {variable} has less than 32 characters"))),
    }
}
