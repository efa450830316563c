//! Files that were announced, and what became of them.
//!
//! | question          | table | pk           | sk     |
//! |-------------------|-------|--------------|--------|
//! | what is this one  | main  | UPLOAD#‹id›  | UPLOAD |
//!
//! Everything but a published file also lies in the index `due`, and is removed in the end.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    due::Kind,
    id::{UploadId, UserId},
    upload::{FileSize, ImageType, Purpose, State, Upload},
    user::{Avatar, User},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Tables,
    due::DueKeys,
    tables::{Condition, Transaction},
    users,
};

const SK: &str = "UPLOAD";

fn pk(id: UploadId) -> String {
    format!("UPLOAD#{id}")
}

#[derive(Debug, Serialize, Deserialize)]
struct Item {
    pk: String,
    sk: String,
    schema_version: u8,
    id: UploadId,
    owner: UserId,
    purpose: Purpose,
    content_type: ImageType,
    size: FileSize,
    /// The state's name, for conditions.
    phase: String,
    state: State,
    created_at: Timestamp,
    #[serde(flatten)]
    due: DueKeys,
}

impl From<&Upload> for Item {
    fn from(upload: &Upload) -> Self {
        Self {
            pk: pk(upload.id),
            sk: SK.into(),
            schema_version: 1,
            id: upload.id,
            owner: upload.owner,
            purpose: upload.purpose,
            content_type: upload.content_type,
            size: upload.size,
            phase: upload.state.name().into(),
            state: upload.state.clone(),
            created_at: upload.created_at,
            due: DueKeys::new(Kind::Upload, upload.due, &upload.id),
        }
    }
}

impl From<Item> for Upload {
    fn from(item: Item) -> Self {
        Self {
            id: item.id,
            owner: item.owner,
            purpose: item.purpose,
            content_type: item.content_type,
            size: item.size,
            state: item.state,
            created_at: item.created_at,
            due: item.due.at(),
        }
    }
}

fn still(phase: &'static str) -> Condition {
    Condition::Equals("phase", AttributeValue::S(phase.into()))
}

/// Lets an upload fall due because something newer takes its place, as part of `transaction`.
pub(crate) async fn replace<'a>(
    tables: &Tables,
    transaction: Transaction<'a>,
    id: UploadId,
    now: Timestamp,
) -> Result<Transaction<'a>, Error> {
    // One that is not ready is on its way out already.
    let Some(old) = tables.upload(id).await?.and_then(|upload| upload.replaced(now).ok()) else {
        return Ok(transaction);
    };
    transaction.put(&tables.main, &Item::from(&old), still("ready"))
}

impl Tables {
    /// Stores a new upload.
    pub async fn announce_upload(&self, upload: &Upload) -> Result<(), Error> {
        self.put(&self.main, &Item::from(upload), Condition::Absent).await
    }

    /// The upload of that identifier.
    pub async fn upload(&self, id: UploadId) -> Result<Option<Upload>, Error> {
        Ok(self.get::<Item>(&self.main, &pk(id), SK).await?.map(Upload::from))
    }

    /// Stores that an upload was refused. Fails with [`Error::Conflict`] if it no longer waits.
    pub async fn refuse_upload(&self, refused: &Upload) -> Result<(), Error> {
        self.put(&self.main, &Item::from(refused), still("awaiting")).await
    }

    /// Stores a published upload as its owner's picture; the one before falls due. Fails with
    /// [`Error::Conflict`] if the upload no longer waits or the owner has changed since: read both
    /// again and decide anew.
    pub async fn publish_avatar(
        &self,
        published: &Upload,
        mut owner: User,
        now: Timestamp,
    ) -> Result<(), Error> {
        let before = owner.version;
        let picture = Avatar { upload: published.id, variants: published.state.variants().to_vec() };
        let old = owner.avatar.replace(picture);
        owner.version += 1;
        let mut transaction = self
            .transaction()
            .put(&self.main, &Item::from(published), still("awaiting"))?
            .announce_sitter(&owner, now)?
            .put(&self.main, &users::Item::from(owner), Condition::version(before))?;
        if let Some(old) = old {
            transaction = replace(self, transaction, old.upload, now).await?;
        }
        transaction.commit().await
    }

    /// Removes an upload whose time has come. Fails with [`Error::Conflict`] if it has moved on.
    pub async fn remove_upload(&self, upload: &Upload) -> Result<(), Error> {
        self.transaction().delete(&self.main, pk(upload.id), SK, still(upload.state.name()))?.commit().await
    }
}
