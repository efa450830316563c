//! Fields that nobody should read in the table: encrypted by KMS before they are stored. What is read in
//! numbers is sealed with a key of its person instead; see [`crate::data_keys`].
//!
//! KMS takes at most 4 KiB, which is plenty for a secret. The context names whose field it is and
//! which, so that a ciphertext that is copied into another item does not open there; it also
//! appears in CloudTrail, where identifiers may stand and nothing personal.

use aws_sdk_kms::{
    Client, error::SdkError, operation::decrypt::DecryptError, primitives::Blob, types::DataKeySpec,
};
use aws_types::SdkConfig;
use base64::{Engine, prelude::BASE64_STANDARD};
use domain::id::UserId;

use crate::Error;

/// The longest ciphertext that KMS takes.
const MAX_BYTES: usize = 6144;

/// Encrypts and decrypts single fields.
#[derive(Debug, Clone)]
pub struct FieldCipher {
    client: Client,
    key_id: String,
}

/// Which field of whom.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Of whom.
    pub user_id: UserId,
    /// Which.
    pub name: &'static str,
}

impl FieldCipher {
    /// With the key that the environment names.
    pub fn from_env(aws: &SdkConfig) -> Result<Self, Error> {
        Ok(Self::new(aws, config::required("FIELD_KEY_ID")?))
    }

    /// With that key.
    pub fn new(aws: &SdkConfig, key_id: String) -> Self {
        Self { client: Client::new(aws), key_id }
    }

    /// The ciphertext, in base64.
    pub async fn seal(&self, field: Field, plain: &[u8]) -> Result<String, Error> {
        let sealed = self
            .client
            .encrypt()
            .key_id(&self.key_id)
            .encryption_context("user_id", field.user_id.to_string())
            .encryption_context("field", field.name)
            .plaintext(Blob::new(plain))
            .send()
            .await?;
        let blob = sealed.ciphertext_blob.ok_or_else(|| Error::Unreadable("KMS's answer".into()))?;
        Ok(BASE64_STANDARD.encode(blob))
    }

    /// A new key of 256 bits, as it is and encrypted as that field.
    pub(crate) async fn generate_key(&self, field: Field) -> Result<(Vec<u8>, String), Error> {
        let made = self
            .client
            .generate_data_key()
            .key_id(&self.key_id)
            .encryption_context("user_id", field.user_id.to_string())
            .encryption_context("field", field.name)
            .key_spec(DataKeySpec::Aes256)
            .send()
            .await?;
        let (Some(plain), Some(sealed)) = (made.plaintext, made.ciphertext_blob) else {
            return Err(Error::Unreadable("KMS's answer".into()));
        };
        Ok((plain.into_inner(), BASE64_STANDARD.encode(sealed)))
    }

    /// The plain text of a ciphertext that was made for the same field. Fails with
    /// [`Error::Unreadable`] if it was not.
    pub async fn open(&self, field: Field, sealed: &str) -> Result<Vec<u8>, Error> {
        let unreadable = || Error::Unreadable(format!("the encrypted field {}", field.name));
        let blob = BASE64_STANDARD.decode(sealed).ok().filter(|blob| (1..=MAX_BYTES).contains(&blob.len()));
        let opened = self
            .client
            .decrypt()
            .key_id(&self.key_id)
            .encryption_context("user_id", field.user_id.to_string())
            .encryption_context("field", field.name)
            // Not another key, which the ciphertext might name.
            .key_id(&self.key_id)
            .ciphertext_blob(Blob::new(blob.ok_or_else(unreadable)?))
            .send()
            .await;
        let opened = match opened {
            Err(SdkError::ServiceError(error))
                if matches!(
                    error.err(),
                    DecryptError::InvalidCiphertextException(_) | DecryptError::IncorrectKeyException(_)
                ) =>
            {
                return Err(unreadable());
            }
            other => other?,
        };
        Ok(opened.plaintext.ok_or_else(unreadable)?.into_inner())
    }
}
