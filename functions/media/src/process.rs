//! `media-process`: called through its queue when S3 announces an object in the uploads bucket.
//!
//! An image becomes its variants, and its owner's picture; anything else is refused with a reason. Either way the
//! object, with all its metadata, is deleted. A form can be used many times, and each use calls this function: the
//! first object claims the upload before anything is rendered, and all others are deleted unread. A redelivered
//! message changes nothing. After a crash the redelivery claims the upload again, once the lease has ended.

use std::time::Instant;

use aws_lambda_events::s3::{S3Event, S3EventRecord};
use domain::{
    id::UploadId,
    upload::{MAX_BYTES, Refusal, State, Unclaimable, Upload, Variant},
};
use imaging::{Format, Limits, Rejection};
use jiff::Timestamp;
use runtime::Error;
use serde::Deserialize;
use storage::{
    Tables,
    files::{Files, Received, upload_of},
};

/// Older readers of mail and pages know JPEG; all others get WebP, which is a third smaller.
const FORMATS: [Format; 2] = [Format::Jpeg, Format::Webp];
/// Attempts at a write that other changes conflict with.
const ATTEMPTS: usize = 5;
/// The version that S3 gives to the one object that a bucket without versions holds under a key.
const UNVERSIONED: &str = "null";

/// A message of S3.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Notification {
    /// Objects have arrived.
    Arrived(S3Event),
    /// S3 sends one when the notification is configured.
    Test {
        /// Which event it is.
        #[serde(rename = "Event")]
        event: TestEvent,
    },
}

/// The name of the test event.
#[derive(Debug, Deserialize)]
pub enum TestEvent {
    /// The only one.
    #[serde(rename = "s3:TestEvent")]
    TestEvent,
}

/// Works on one file at a time.
#[derive(Debug)]
pub struct Processor {
    tables: Tables,
    files: Files,
}

impl Processor {
    /// As the environment says.
    pub fn from_env() -> Result<Self, Error> {
        let aws = config::aws::from_env()?;
        Ok(Self::new(Tables::from_env(&aws)?, Files::from_env(&aws)?))
    }

    /// Reads and writes there.
    pub fn new(tables: Tables, files: Files) -> Self {
        Self { tables, files }
    }

    /// Processes the objects of one message. Fails if the message is to be redelivered.
    pub async fn handle(&self, message: Notification) -> Result<(), Error> {
        let Notification::Arrived(event) = message else { return Ok(()) };
        for record in event.records {
            self.object(record).await?;
        }
        Ok(())
    }

    async fn object(&self, record: S3EventRecord) -> Result<(), Error> {
        let key = record.s3.object.url_decoded_key.or(record.s3.object.key).unwrap_or_default();
        let version = record.s3.object.version_id;
        let Some(id) = upload_of(&key) else {
            // The notification's filter lets nothing else through, so nobody waits for an answer.
            tracing::warn!("an object whose key names no upload");
            return Ok(());
        };
        let outcome = self.upload(id, version.as_deref()).await?;
        self.files.discard_received(id, version.as_deref()).await?;
        tracing::info!(upload = %id, outcome, "file processed");
        Ok(())
    }

    /// Decides on a file and stores the decision; returns it in one word. The object can be deleted then.
    async fn upload(&self, id: UploadId, version: Option<&str>) -> Result<&'static str, Error> {
        let Some(upload) = self.claim(id, version.unwrap_or(UNVERSIONED)).await? else {
            return Ok("superseded");
        };
        let bytes = match self.files.received(id, version).await? {
            Received::Bytes(bytes) => bytes,
            Received::TooLarge => return self.refuse(upload, Refusal::TooManyBytes).await,
            Received::Gone => return Ok("gone"),
        };
        let started = Instant::now();
        let limits = Limits { max_bytes: usize::try_from(MAX_BYTES)?, ..Limits::default() };
        let rendered = match imaging::variants(&bytes, &limits, &FORMATS) {
            Ok(rendered) => rendered,
            Err(rejection) => return self.refuse(upload, reason(&rejection)).await,
        };
        drop(bytes);
        tracing::info!(upload = %id, milliseconds = u64::try_from(started.elapsed().as_millis())?, "image rendered");
        let mut variants = Vec::with_capacity(rendered.len());
        for image in rendered {
            let (size, format) = (image.size.name().to_owned(), image.format.name().to_owned());
            let variant = Variant { size, format, width: image.width, height: image.height };
            self.files.put_variant(id, &variant, image.bytes).await?;
            variants.push(variant);
        }
        self.publish(upload, variants).await
    }

    /// Claims the upload for an object, unless the object is of no use.
    async fn claim(&self, id: UploadId, object: &str) -> Result<Option<Upload>, Error> {
        for _ in 0..ATTEMPTS {
            let Some(upload) = self.tables.upload(id).await? else { return Ok(None) };
            let claimed = match upload.clone().claimed(object, Timestamp::now()) {
                Ok(claimed) => claimed,
                Err(Unclaimable::Superseded) => return Ok(None),
                Err(error @ Unclaimable::Leased) => return Err(error.into()),
            };
            match self.tables.claim_upload(&upload, &claimed).await {
                Ok(()) => return Ok(Some(claimed)),
                Err(storage::Error::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err("the upload kept changing".into())
    }

    async fn publish(&self, upload: Upload, variants: Vec<Variant>) -> Result<&'static str, Error> {
        for _ in 0..ATTEMPTS {
            let Some(owner) = self.tables.user(upload.owner).await? else {
                // Erased in between: nothing of the picture may stay.
                self.files.delete_variants(upload.id).await?;
                return Ok("owner gone");
            };
            let published = upload.clone().published(variants.clone())?;
            match self.tables.publish_avatar(&upload, &published, owner, Timestamp::now()).await {
                Ok(()) => return Ok("ready"),
                Err(storage::Error::Conflict) => {
                    let current = self.tables.upload(upload.id).await?.map(|upload| upload.state);
                    match current {
                        // The owner's record has changed; read it again.
                        Some(state) if state == upload.state => {}
                        // The lease has ended, and another worker renders the same object.
                        Some(State::Processing { .. }) => return Err(Unclaimable::Leased.into()),
                        // The other worker has published the same object: the variants are in use.
                        Some(State::Ready { .. } | State::Replaced { .. }) => return Ok("already decided"),
                        // Refused by the other worker, or removed.
                        Some(State::Rejected { .. } | State::Awaiting) | None => {
                            self.files.delete_variants(upload.id).await?;
                            return Ok("removed");
                        }
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err("the owner's record kept changing".into())
    }

    async fn refuse(&self, upload: Upload, reason: Refusal) -> Result<&'static str, Error> {
        let refused = upload.clone().refused(reason, Timestamp::now())?;
        self.tables.refuse_upload(&upload, &refused).await?;
        Ok("rejected")
    }
}

fn reason(rejection: &Rejection) -> Refusal {
    match rejection {
        Rejection::Empty => Refusal::Empty,
        Rejection::TooManyBytes => Refusal::TooManyBytes,
        Rejection::TooManyPixels => Refusal::TooManyPixels,
        Rejection::NotAnImage => Refusal::NotAnImage,
        Rejection::UnsupportedType => Refusal::UnsupportedType,
        Rejection::Corrupt => Refusal::Corrupt,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use imaging::Size;

    /// What is deleted is named there, and what is written is named here.
    #[test]
    fn the_names_of_variants_are_known_to_those_who_delete_them() {
        assert_eq!(FORMATS.map(Format::name), domain::upload::FORMATS);
        let sizes = [Size::Thumbnail, Size::Card, Size::Full];
        assert_eq!(sizes.map(Size::name), domain::upload::SIZES);
    }
}
