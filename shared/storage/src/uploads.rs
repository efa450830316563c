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
    /// The end of a worker's lease, for conditions: it also tells one claim from another.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    leased_until: Option<Timestamp>,
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
            leased_until: lease(&upload.state),
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

fn lease(state: &State) -> Option<Timestamp> {
    match state {
        State::Processing { leased_until, .. } => Some(*leased_until),
        _ => None,
    }
}

/// The stored upload is still in that state; if a worker has claimed it, by that claim.
fn still(state: &State) -> Condition {
    match lease(state) {
        Some(lease) => Condition::Equals("leased_until", AttributeValue::S(lease.to_string())),
        None => Condition::Equals("phase", AttributeValue::S(state.name().into())),
    }
}

/// Lets an upload fall due because something newer takes its place, as part of `transaction`.
pub(crate) async fn replace<'a>(
    tables: &Tables,
    transaction: Transaction<'a>,
    id: UploadId,
    now: Timestamp,
) -> Result<Transaction<'a>, Error> {
    // One that is not ready is on its way out already.
    let Some(current) = tables.upload(id).await? else { return Ok(transaction) };
    let before = still(&current.state);
    let Ok(old) = current.replaced(now) else { return Ok(transaction) };
    transaction.put(&tables.main, &Item::from(&old), before)
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

    /// Stores a worker's claim on the upload that it has read. Fails with [`Error::Conflict`] if the upload has
    /// changed since.
    pub async fn claim_upload(&self, read: &Upload, claimed: &Upload) -> Result<(), Error> {
        self.put(&self.main, &Item::from(claimed), still(&read.state)).await
    }

    /// Stores that an upload was refused. Fails with [`Error::Conflict`] if the claim no longer holds.
    pub async fn refuse_upload(&self, claimed: &Upload, refused: &Upload) -> Result<(), Error> {
        self.put(&self.main, &Item::from(refused), still(&claimed.state)).await
    }

    /// Stores a published upload as its owner's picture; the previous picture falls due. Fails with
    /// [`Error::Conflict`] if the claim no longer holds or the owner has changed: read both again.
    pub async fn publish_avatar(
        &self,
        claimed: &Upload,
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
            .put(&self.main, &Item::from(published), still(&claimed.state))?
            .announce_sitter(&owner, now)?
            .put(&self.main, &users::Item::from(owner), Condition::version(before))?;
        if let Some(old) = old {
            transaction = replace(self, transaction, old.upload, now).await?;
        }
        transaction.commit().await
    }

    /// Removes an upload whose time has come. Fails with [`Error::Conflict`] if it has moved on.
    pub async fn remove_upload(&self, upload: &Upload) -> Result<(), Error> {
        self.transaction().delete(&self.main, pk(upload.id), SK, still(&upload.state))?.commit().await
    }
}
