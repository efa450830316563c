//! The private halves of the keys that access tokens are signed with, in Secrets Manager.
//!
//! Only the functions that sign may read them, and only the rotation may write them.

use std::collections::BTreeMap;

use aws_sdk_secretsmanager::{Client, error::SdkError, operation::get_secret_value::GetSecretValueError};
use aws_types::SdkConfig;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::Error;

/// The secret that holds the keys.
#[derive(Debug, Clone)]
pub struct SigningSecret {
    client: Client,
    id: String,
}

/// PKCS#8 in base64, by `kid`.
#[derive(Debug, Clone, Default)]
pub struct PrivateKeys(BTreeMap<String, SecretString>);

impl PrivateKeys {
    /// The key of that name.
    pub fn get(&self, kid: &str) -> Option<&SecretString> {
        self.0.get(kid)
    }

    /// Adds a key and forgets those that are not in `published`.
    pub fn replace(&mut self, kid: String, key: SecretString, published: impl Fn(&str) -> bool) {
        self.0.insert(kid, key);
        self.0.retain(|kid, _| published(kid));
    }
}

#[derive(Serialize, Deserialize)]
struct Document {
    keys: BTreeMap<String, String>,
}

impl SigningSecret {
    /// The secret that the environment names.
    pub fn from_env(aws: &SdkConfig) -> Result<Self, Error> {
        Ok(Self::new(aws, config::required("TOKEN_SIGNING_SECRET_ARN")?))
    }

    /// The secret of that ARN.
    pub fn new(aws: &SdkConfig, id: String) -> Self {
        Self { client: Client::new(aws), id }
    }

    /// All keys; none before the first rotation.
    pub async fn read(&self) -> Result<PrivateKeys, Error> {
        let found = self.client.get_secret_value().secret_id(&self.id).send().await;
        let secret = match found {
            // The template makes the secret without a value, so that none is ever written there.
            Err(SdkError::ServiceError(error))
                if matches!(error.err(), GetSecretValueError::ResourceNotFoundException(_)) =>
            {
                return Ok(PrivateKeys::default());
            }
            other => other?,
        };
        let document: Document = match secret.secret_string() {
            Some(text) if !text.is_empty() => serde_json::from_str(text).map_err(|_| {
                Error::Unreadable("the signing secret is not of the form {\"keys\": …}".into())
            })?,
            _ => return Ok(PrivateKeys::default()),
        };
        Ok(PrivateKeys(document.keys.into_iter().map(|(kid, key)| (kid, SecretString::from(key))).collect()))
    }

    /// Replaces all keys.
    pub async fn write(&self, keys: &PrivateKeys) -> Result<(), Error> {
        let keys = keys.0.iter().map(|(kid, key)| (kid.clone(), key.expose_secret().to_owned())).collect();
        let text = serde_json::to_string(&Document { keys })
            .map_err(|error| Error::Unreadable(error.to_string()))?;
        self.client.put_secret_value().secret_id(&self.id).secret_string(text).send().await?;
        Ok(())
    }
}
