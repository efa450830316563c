//! `media-process`: called by S3 when a file has arrived in the uploads bucket.
//!
//! An image becomes its variants, and its owner's picture; anything else is refused with a reason.
//! Either way the file as it was sent, with all that its metadata tells, is deleted. The same event
//! twice changes nothing; a crash in between is made good by Lambda's next try.

use std::time::Instant;

use aws_lambda_events::s3::{S3Event, S3EventRecord};
use domain::{
    id::UploadId,
    upload::{MAX_BYTES, Refusal, State, Upload, Variant},
};
use imaging::{Format, Limits, Rejection};
use jiff::Timestamp;
use runtime::Error;
use storage::{
    Tables,
    files::{Files, Received, upload_of},
};

/// Older readers of mail and pages know JPEG; all others get WebP, which is a third smaller.
const FORMATS: [Format; 2] = [Format::Jpeg, Format::Webp];
/// How often a picture is published that its owner's other changes are quicker than.
const ATTEMPTS: usize = 5;

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
        Ok(Self { tables: Tables::from_env(&aws)?, files: Files::from_env(&aws)? })
    }

    /// Works off one event.
    pub async fn handle(&self, event: S3Event) -> Result<(), Error> {
        for record in event.records {
            self.object(record).await?;
        }
        Ok(())
    }

    async fn object(&self, record: S3EventRecord) -> Result<(), Error> {
        let key = record.s3.object.url_decoded_key.or(record.s3.object.key).unwrap_or_default();
        let version = record.s3.object.version_id;
        let Some(id) = upload_of(&key) else {
            // The event's filter lets nothing else through, so nobody waits for an answer.
            tracing::warn!("an object whose key names no upload");
            return Ok(());
        };
        let outcome = self.upload(id, version.as_deref()).await?;
        self.files.discard_received(id, version.as_deref()).await?;
        tracing::info!(upload = %id, outcome, "file processed");
        Ok(())
    }

    /// Decides on a file and stores the decision; tells it in one word.
    async fn upload(&self, id: UploadId, version: Option<&str>) -> Result<&'static str, Error> {
        let Some(upload) = self.tables.upload(id).await? else { return Ok("unknown") };
        if upload.state != State::Awaiting {
            return Ok("already decided");
        }
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

    async fn publish(&self, upload: Upload, variants: Vec<Variant>) -> Result<&'static str, Error> {
        for _ in 0..ATTEMPTS {
            let Some(owner) = self.tables.user(upload.owner).await? else {
                // Erased in between: nothing of the picture may stay.
                self.files.delete_variants(upload.id).await?;
                return Ok("owner gone");
            };
            let published = upload.clone().published(variants.clone())?;
            match self.tables.publish_avatar(&published, owner, Timestamp::now()).await {
                Ok(()) => return Ok("ready"),
                Err(storage::Error::Conflict) => {
                    let current = self.tables.upload(upload.id).await?.map(|upload| upload.state);
                    match current {
                        // The owner's record has changed; read it again.
                        Some(State::Awaiting) => {}
                        // By another delivery of the same event: what lies there is published.
                        Some(State::Ready { .. }) => return Ok("already decided"),
                        // By another file under the same form, or removed.
                        _ => {
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
        match self.tables.refuse_upload(&upload.refused(reason, Timestamp::now())?).await {
            // Decided by another delivery of the same event.
            Ok(()) | Err(storage::Error::Conflict) => Ok("rejected"),
            Err(error) => Err(error.into()),
        }
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
