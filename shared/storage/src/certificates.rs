//! What sitters have handed in.
//!
//! | question                        | table | pk               | sk               |
//! |---------------------------------|-------|------------------|------------------|
//! | what is this certificate        | main  | CERTIFICATE#‹id› | CERTIFICATE      |
//! | which has this sitter           | main  | USER#‹id›        | CERTIFICATE#…    |
//! | how many has this sitter, and which is their background check | main | USER#‹id› | CERTIFICATES |
//!
//! An admin knows a certificate's identifier only, and its sitter lists theirs. So each is stored twice,
//! always in one transaction; the first decides, by its version. One that will expire also lies in the
//! index `due`. The number is sealed with the sitter's key. `CERTIFICATES`, the folder, is written with
//! every certificate that comes.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    due::Kind as Due,
    event::Event,
    id::{CertificateId, UserId},
    sitter::Record,
    vetting::{Certificate, Details, Folder, Issuer, Kind, Reference, State, Title},
};
use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};

use crate::{
    Error, Tables, audit,
    data_keys::DataKey,
    due::DueKeys,
    tables::{Condition, Transaction},
    users,
};

pub(crate) const SK: &str = "CERTIFICATE";
const PREFIX: &str = "CERTIFICATE#";
const FOLDER: &str = "CERTIFICATES";

/// Whether that is the sort key of a certificate's copy, and so the partition key of the certificate.
pub(crate) fn is_copy(sk: &str) -> bool {
    sk.starts_with(PREFIX)
}

/// The partition key of a certificate, and the sort key of its copy.
fn name(id: CertificateId) -> String {
    format!("{PREFIX}{id}")
}

#[derive(Debug, Serialize, Deserialize)]
struct Item {
    pk: String,
    sk: String,
    schema_version: u8,
    id: CertificateId,
    user_id: UserId,
    kind: Kind,
    title: Title,
    issuer: Issuer,
    issued_on: Date,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_on: Option<Date>,
    sealed_reference: String,
    state: State,
    submitted_at: Timestamp,
    #[serde(flatten)]
    due: DueKeys,
    version: u64,
}

impl From<&Certificate> for Item {
    fn from(certificate: &Certificate) -> Self {
        let Details { kind, title, issuer, issued_on, expires_on } = certificate.details.clone();
        Self {
            pk: name(certificate.id),
            sk: SK.into(),
            schema_version: 1,
            id: certificate.id,
            user_id: certificate.user_id,
            kind,
            title,
            issuer,
            issued_on,
            expires_on,
            sealed_reference: certificate.sealed_reference.clone(),
            state: certificate.state,
            submitted_at: certificate.submitted_at,
            due: DueKeys::new(Due::Certificate, certificate.due(), &certificate.id),
            version: certificate.version,
        }
    }
}

impl Item {
    /// For the sitter's list. It does not fall due a second time.
    fn copy(certificate: &Certificate) -> Self {
        Self {
            pk: users::pk(certificate.user_id),
            sk: name(certificate.id),
            due: DueKeys::default(),
            ..Self::from(certificate)
        }
    }
}

impl From<Item> for Certificate {
    fn from(item: Item) -> Self {
        Self {
            id: item.id,
            user_id: item.user_id,
            details: Details {
                kind: item.kind,
                title: item.title,
                issuer: item.issuer,
                issued_on: item.issued_on,
                expires_on: item.expires_on,
            },
            sealed_reference: item.sealed_reference,
            state: item.state,
            submitted_at: item.submitted_at,
            version: item.version,
        }
    }
}

/// The form in which a [`Folder`] is stored.
#[derive(Debug, Serialize, Deserialize)]
struct FolderItem {
    pk: String,
    sk: String,
    schema_version: u8,
    certificates: Vec<CertificateId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    background_check: Option<CertificateId>,
    version: u64,
}

/// The number of a certificate, sealed with its sitter's key.
pub fn seal_reference(key: &DataKey, id: CertificateId, reference: &Reference) -> Result<String, Error> {
    key.seal(&name(id), "reference", reference)
}

/// The number of a certificate of the sitter whose key it is.
pub fn open_reference(key: &DataKey, certificate: &Certificate) -> Result<Reference, Error> {
    key.open(&name(certificate.id), "reference", &certificate.sealed_reference)
}

impl Transaction<'_> {
    fn put_certificate(self, certificate: &Certificate) -> Result<Self, Error> {
        let table = &self.tables.main;
        self.put(table, &Item::from(certificate), Condition::after(certificate.version))?.put(
            table,
            &Item::copy(certificate),
            Condition::None,
        )
    }

    /// Announces what follows from the state that it is in now.
    fn announce_facts(self, certificate: &Certificate, now: Timestamp) -> Result<Self, Error> {
        let mut facts = certificate.facts().into_iter();
        facts.try_fold(self, |transaction, fact| transaction.announce(&Event::new(fact, now)))
    }

    fn put_folder(self, folder: &Folder) -> Result<Self, Error> {
        let item = FolderItem {
            pk: users::pk(folder.user_id),
            sk: FOLDER.into(),
            schema_version: 1,
            certificates: folder.certificates.clone(),
            background_check: folder.background_check,
            version: folder.version,
        };
        let table = &self.tables.main;
        self.put(table, &item, Condition::after(folder.version))
    }

    /// Removes a certificate and its copy, on the condition that it is as it was read.
    fn delete_certificate(self, certificate: &Certificate) -> Result<Self, Error> {
        let (table, name) = (&self.tables.main, name(certificate.id));
        self.delete(table, name.clone(), SK, Condition::version(certificate.version))?.delete(
            table,
            users::pk(certificate.user_id),
            &name,
            Condition::None,
        )
    }
}

impl Tables {
    /// How many certificates a sitter has handed in, and which.
    pub async fn folder(&self, user_id: UserId) -> Result<Folder, Error> {
        let item = self.get::<FolderItem>(&self.main, &users::pk(user_id), FOLDER).await?;
        Ok(item.map_or_else(
            || Folder::new(user_id),
            |item| Folder {
                user_id,
                certificates: item.certificates,
                background_check: item.background_check,
                version: item.version,
            },
        ))
    }

    /// The certificate of that identifier.
    pub async fn certificate(&self, id: CertificateId) -> Result<Option<Certificate>, Error> {
        Ok(self.get::<Item>(&self.main, &name(id), SK).await?.map(Certificate::from))
    }

    /// What a sitter has handed in, in that order.
    pub async fn certificates(&self, user_id: UserId) -> Result<Vec<Certificate>, Error> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.main)
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":pk", AttributeValue::S(users::pk(user_id)))
            .expression_attribute_values(":prefix", AttributeValue::S(PREFIX.into()))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let mut certificates = Vec::new();
        while let Some(item) = pages.next().await {
            certificates.push(serde_dynamo::from_item::<_, Item>(item?)?.into());
        }
        Ok(certificates)
    }

    /// Stores what a sitter hands in, and the folder that names it; removes the closed one that has left the folder.
    /// Fails with [`Error::Conflict`] if something else was handed in since the folder was read, or the one that
    /// leaves has changed.
    pub async fn submit_certificate(
        &self,
        certificate: &Certificate,
        folder: &Folder,
        leaves: Option<&Certificate>,
    ) -> Result<(), Error> {
        let mut transaction = self.transaction().put_certificate(certificate)?.put_folder(folder)?;
        if let Some(leaves) = leaves {
            transaction = transaction.delete_certificate(leaves)?;
        }
        transaction.commit().await
    }

    /// Stores what an admin has decided, with what the sitter's record becomes by it; tells the trail and
    /// announces it. Fails with [`Error::Conflict`] if the certificate or the record has changed since.
    pub async fn decide_certificate(
        &self,
        decided: &Certificate,
        record: Option<&Record>,
        trail: &audit::Entry,
    ) -> Result<(), Error> {
        let mut transaction =
            self.transaction().put_certificate(decided)?.record(trail)?.announce_facts(decided, trail.at)?;
        if let Some(record) = record {
            transaction = transaction.put_sitter_record(record)?;
        }
        transaction.commit().await
    }

    /// Stores that a certificate has expired, and announces it. Fails with [`Error::Conflict`] if it has
    /// changed since.
    pub async fn expire_certificate(&self, expired: &Certificate, now: Timestamp) -> Result<(), Error> {
        self.transaction().put_certificate(expired)?.announce_facts(expired, now)?.commit().await
    }
}
