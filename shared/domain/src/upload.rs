//! Files: announced, sent, checked, and in the end published or refused.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use strum::{AsRefStr, Display, EnumString};

use crate::{
    Violation,
    id::{UploadId, UserId},
};

/// A photo from a good phone has 5 to 12 MB.
pub const MAX_BYTES: u64 = 15 * 1024 * 1024;
/// How long the form that a client sends its file with is good for: a slow line needs minutes.
pub const FORM_LIFETIME: SignedDuration = SignedDuration::from_mins(15);
/// A file that has not come by then never comes.
pub const ABANDONED_AFTER: SignedDuration = SignedDuration::from_hours(24);
/// The lease of a worker on an upload. Longer than `media-process` may run (30 s), so that two workers never
/// render the same object at once, and shorter than its queue's visibility timeout (180 s), so that the
/// redelivery after a crash finds the lease expired.
pub const PROCESSING_LEASE: SignedDuration = SignedDuration::from_secs(60);
/// A refusal can be looked up for as long as somebody may ask why.
pub const REFUSAL_KEPT_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Links to a replaced picture live for at most two hours; after that nothing shows it.
pub const REPLACED_KEPT_FOR: SignedDuration = SignedDuration::from_hours(3);

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, AsRefStr, Display, EnumString)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Purpose {
    /// The person's picture.
    Avatar,
}

impl Purpose {
    /// Reads a purpose.
    pub fn parse(raw: &str) -> Result<Self, Violation> {
        raw.parse().map_err(|_| Violation::new("invalid_purpose", "must be avatar"))
    }
}

/// The types that are announced. What a file really is, is found out from its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, AsRefStr, Display, EnumString)]
pub enum ImageType {
    /// JPEG.
    #[serde(rename = "image/jpeg")]
    #[strum(serialize = "image/jpeg")]
    Jpeg,
    /// PNG.
    #[serde(rename = "image/png")]
    #[strum(serialize = "image/png")]
    Png,
    /// WebP.
    #[serde(rename = "image/webp")]
    #[strum(serialize = "image/webp")]
    Webp,
}

impl ImageType {
    /// Reads a media type.
    pub fn parse(raw: &str) -> Result<Self, Violation> {
        raw.parse()
            .map_err(|_| Violation::new("unsupported_type", "must be image/jpeg, image/png or image/webp"))
    }
}

/// A file's announced size in bytes: at least one, at most [`MAX_BYTES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSize(u64);

impl FileSize {
    /// Reads a size.
    pub fn parse(raw: u64) -> Result<Self, Violation> {
        match raw {
            0 => Err(Violation::new("too_small", "must be at least 1 byte")),
            1..=MAX_BYTES => Ok(Self(raw)),
            _ => Err(Violation::new("too_large", format!("must be at most {MAX_BYTES} bytes"))),
        }
    }

    /// The size in bytes.
    pub fn bytes(self) -> u64 {
        self.0
    }
}

/// Why a file was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, AsRefStr, Display, EnumString)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Refusal {
    /// It has no bytes.
    Empty,
    /// It has more bytes than are allowed.
    TooManyBytes,
    /// It has more pixels than are allowed, whatever its size in bytes.
    TooManyPixels,
    /// Its content is not that of an image.
    NotAnImage,
    /// It is an image of a type that is not taken.
    UnsupportedType,
    /// It is damaged or ends early.
    Corrupt,
}

/// The sizes in which an image is rendered.
pub const SIZES: [&str; 3] = ["thumbnail", "card", "full"];

/// The formats in which each of them is.
pub const FORMATS: [&str; 2] = ["jpeg", "webp"];

/// One published rendering of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variant {
    /// One of [`SIZES`].
    pub size: String,
    /// One of [`FORMATS`].
    pub format: String,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
}

/// Where an upload stands.
///
/// | from       | event     | guard                                    | to         |
/// |------------|-----------|------------------------------------------|------------|
/// | awaiting   | claimed   |                                          | processing |
/// | processing | claimed   | for the same object, the lease has ended | processing |
/// | processing | published |                                          | ready      |
/// | processing | refused   |                                          | rejected   |
/// | ready      | replaced  |                                          | replaced   |
///
/// A form can be used more than once while it is valid. The first object that is claimed decides the upload; no
/// other object is ever rendered or published for it.
///
/// Every state but `ready` is left behind by the retention cleanup in the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// Announced; the file has not arrived.
    Awaiting,
    /// A worker has claimed one object and renders it.
    Processing {
        /// The version of the object in the bucket: what was sent by one use of the form.
        object: String,
        /// The end of the worker's lease. Then a redelivery of the same object may claim it again.
        leased_until: Timestamp,
    },
    /// Its variants are published.
    Ready {
        /// In no particular order.
        variants: Vec<Variant>,
    },
    /// It was refused and deleted.
    Rejected {
        /// Why.
        reason: Refusal,
    },
    /// It was published and something newer has taken its place.
    Replaced {
        /// What is still to be deleted.
        variants: Vec<Variant>,
    },
}

impl State {
    /// The state's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Awaiting => "awaiting",
            Self::Processing { .. } => "processing",
            Self::Ready { .. } => "ready",
            Self::Rejected { .. } => "rejected",
            Self::Replaced { .. } => "replaced",
        }
    }

    /// What is published of it.
    pub fn variants(&self) -> &[Variant] {
        match self {
            Self::Ready { variants } | Self::Replaced { variants } => variants,
            Self::Awaiting | Self::Processing { .. } | Self::Rejected { .. } => &[],
        }
    }
}

/// A file that somebody announced.
#[derive(Debug, Clone, PartialEq)]
pub struct Upload {
    /// Its identity, and the name of its object.
    pub id: UploadId,
    /// Who announced it; nobody else sees it before it is published.
    pub owner: UserId,
    /// What it is for.
    pub purpose: Purpose,
    /// Announced.
    pub content_type: ImageType,
    /// Announced.
    pub size: FileSize,
    /// Where it stands.
    pub state: State,
    /// When it was announced.
    pub created_at: Timestamp,
    /// From when on it is removed.
    pub due: Option<Timestamp>,
}

/// An upload was asked to do what its state does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an upload that is {from} cannot be {event}")]
pub struct WrongState {
    /// The state it is in.
    pub from: &'static str,
    /// What was asked.
    pub event: &'static str,
}

/// Why an object is not to be processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unclaimable {
    /// A worker holds an unexpired lease on the same object. Retry after the lease.
    #[error("another worker processes this object")]
    Leased,
    /// The upload is decided, or another object has claimed it. The object is of no use.
    #[error("the upload is decided or claimed by another object")]
    Superseded,
}

impl Upload {
    /// A new upload.
    pub fn announce(
        owner: UserId,
        purpose: Purpose,
        content_type: ImageType,
        size: FileSize,
        now: Timestamp,
    ) -> Self {
        Self {
            id: crate::id::new(now),
            owner,
            purpose,
            content_type,
            size,
            state: State::Awaiting,
            created_at: now,
            due: later(now, ABANDONED_AFTER),
        }
    }

    /// A worker begins to process the object, for [`PROCESSING_LEASE`].
    pub fn claimed(self, object: &str, now: Timestamp) -> Result<Self, Unclaimable> {
        match &self.state {
            State::Awaiting => {}
            State::Processing { object: first, leased_until } if first == object => {
                if now < *leased_until {
                    return Err(Unclaimable::Leased);
                }
            }
            _ => return Err(Unclaimable::Superseded),
        }
        let leased_until = later(now, PROCESSING_LEASE).unwrap_or(Timestamp::MAX);
        Ok(Self { state: State::Processing { object: object.into(), leased_until }, ..self })
    }

    /// Its variants are written.
    pub fn published(self, variants: Vec<Variant>) -> Result<Self, WrongState> {
        match self.state {
            State::Processing { .. } => Ok(Self { state: State::Ready { variants }, due: None, ..self }),
            other => Err(WrongState { from: other.name(), event: "published" }),
        }
    }

    /// It is not an image that can be taken.
    pub fn refused(self, reason: Refusal, now: Timestamp) -> Result<Self, WrongState> {
        match self.state {
            State::Processing { .. } => {
                Ok(Self { state: State::Rejected { reason }, due: later(now, REFUSAL_KEPT_FOR), ..self })
            }
            other => Err(WrongState { from: other.name(), event: "refused" }),
        }
    }

    /// Something newer has taken its place.
    pub fn replaced(self, now: Timestamp) -> Result<Self, WrongState> {
        match self.state {
            State::Ready { variants } => {
                Ok(Self { state: State::Replaced { variants }, due: later(now, REPLACED_KEPT_FOR), ..self })
            }
            other => Err(WrongState { from: other.name(), event: "replaced" }),
        }
    }
}

/// A time beyond the calendar never comes.
fn later(now: Timestamp, after: SignedDuration) -> Option<Timestamp> {
    now.checked_add(after).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upload() -> Upload {
        let now = "2026-03-01T12:00:00Z".parse().unwrap();
        Upload::announce(
            crate::id::new(now),
            Purpose::Avatar,
            ImageType::Jpeg,
            FileSize::parse(1).unwrap(),
            now,
        )
    }

    #[test]
    fn bounds_sizes() {
        assert_eq!(FileSize::parse(0).unwrap_err().code, "too_small");
        assert_eq!(FileSize::parse(MAX_BYTES).unwrap().bytes(), MAX_BYTES);
        assert_eq!(FileSize::parse(MAX_BYTES + 1).unwrap_err().code, "too_large");
    }

    #[test]
    fn names_what_it_takes() {
        assert_eq!(ImageType::parse("image/png").unwrap(), ImageType::Png);
        for raw in ["image/gif", "IMAGE/PNG", "text/html", "image/jpeg; charset=x", ""] {
            assert_eq!(ImageType::parse(raw).unwrap_err().code, "unsupported_type", "{raw}");
        }
        assert_eq!(Purpose::parse("passport").unwrap_err().code, "invalid_purpose");
    }

    fn claimed() -> Upload {
        let now = upload().created_at;
        upload().claimed("v1", now).unwrap()
    }

    #[test]
    fn one_object_is_processed_by_one_worker_at_a_time() {
        let now = upload().created_at;
        let first = claimed();
        assert_eq!((first.state.name(), first.due), ("processing", upload().due));
        let (during, after) =
            (now + PROCESSING_LEASE - SignedDuration::from_nanos(1), now + PROCESSING_LEASE);
        assert_eq!(first.clone().claimed("v1", during).unwrap_err(), Unclaimable::Leased);
        let second = first.clone().claimed("v1", after).unwrap();
        assert_ne!(second.state, first.state, "leases differ");
        for at in [now, during, after, Timestamp::MAX] {
            assert_eq!(first.clone().claimed("v2", at).unwrap_err(), Unclaimable::Superseded);
        }
        for decided in [first.clone().published(vec![]).unwrap(), first.refused(Refusal::Empty, now).unwrap()]
        {
            for object in ["v1", "v2"] {
                assert_eq!(decided.clone().claimed(object, after).unwrap_err(), Unclaimable::Superseded);
            }
        }
    }

    #[test]
    fn moves_only_as_the_table_says() {
        let now = upload().created_at;
        let ready = claimed().published(vec![]).unwrap();
        assert_eq!((ready.state.name(), ready.due), ("ready", None));
        let rejected = claimed().refused(Refusal::Corrupt, now).unwrap();
        assert!(rejected.due.is_some());
        assert_eq!(ready.clone().replaced(now).unwrap().state.name(), "replaced");

        assert!(upload().published(vec![]).is_err());
        assert!(upload().refused(Refusal::Empty, now).is_err());
        assert!(upload().replaced(now).is_err());
        assert!(claimed().replaced(now).is_err());
        assert!(ready.clone().published(vec![]).is_err());
        assert!(ready.clone().refused(Refusal::Empty, now).is_err());
        assert!(rejected.clone().published(vec![]).is_err());
        assert_eq!(rejected.replaced(now).unwrap_err(), WrongState { from: "rejected", event: "replaced" });
        assert!(ready.replaced(now).unwrap().replaced(now).is_err());
    }

    #[test]
    fn states_have_a_stable_form() {
        let json = r#"{"state":"rejected","reason":"too_many_pixels"}"#;
        assert_eq!(
            serde_json::from_str::<State>(json).unwrap(),
            State::Rejected { reason: Refusal::TooManyPixels }
        );
        assert_eq!(serde_json::to_string(&State::Awaiting).unwrap(), r#"{"state":"awaiting"}"#);
        let json = r#"{"state":"processing","object":"v1","leased_until":"2026-03-01T12:01:00Z"}"#;
        assert_eq!(serde_json::to_string(&claimed().state).unwrap(), json);
    }
}
