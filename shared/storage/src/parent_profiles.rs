//! What parents look for, and from where.
//!
//! | question                     | table | pk         | sk             |
//! |------------------------------|-------|------------|----------------|
//! | what does this parent look for | main  | USER#‹id›  | PARENT_PROFILE |
//!
//! The address, the place and the emergency contact are sealed with the parent's key.

use domain::{care::Skill, geo::Radius, language::Languages, money::HourlyRate, parent::Profile};
use enumset::EnumSet;
use serde::{Deserialize, Serialize};

use crate::{Error, Tables, data_keys::DataKey, tables::Condition, users};

pub(crate) const SK: &str = "PARENT_PROFILE";

#[derive(Debug, Serialize, Deserialize)]
struct Item {
    pk: String,
    sk: String,
    schema_version: u8,
    sealed_address: String,
    sealed_point: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sealed_emergency_contact: Option<String>,
    radius: Radius,
    languages: Languages,
    skills: EnumSet<Skill>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_rate: Option<HourlyRate>,
    version: u64,
}

impl Item {
    fn seal(key: &DataKey, profile: &Profile) -> Result<Self, Error> {
        let contact = profile.emergency_contact.as_ref();
        Ok(Self {
            pk: users::pk(key.user_id()),
            sk: SK.into(),
            schema_version: 1,
            sealed_address: key.seal(SK, "address", &profile.address)?,
            sealed_point: key.seal(SK, "point", &profile.point)?,
            sealed_emergency_contact: contact
                .map(|contact| key.seal(SK, "emergency_contact", contact))
                .transpose()?,
            radius: profile.radius,
            languages: profile.languages.clone(),
            skills: profile.skills,
            max_rate: profile.max_rate,
            version: profile.version,
        })
    }

    fn open(self, key: &DataKey) -> Result<Profile, Error> {
        let contact = self.sealed_emergency_contact.as_ref();
        Ok(Profile {
            user_id: key.user_id(),
            address: key.open(SK, "address", &self.sealed_address)?,
            point: key.open(SK, "point", &self.sealed_point)?,
            radius: self.radius,
            languages: self.languages,
            skills: self.skills,
            max_rate: self.max_rate,
            emergency_contact: contact.map(|sealed| key.open(SK, "emergency_contact", sealed)).transpose()?,
            version: self.version,
        })
    }
}

impl Tables {
    /// What the person looks for whose key it is.
    pub async fn parent_profile(&self, key: &DataKey) -> Result<Option<Profile>, Error> {
        let item = self.get::<Item>(&self.main, &users::pk(key.user_id()), SK).await?;
        item.map(|item| item.open(key)).transpose()
    }

    /// Stores a changed profile, or the first one, of the person whose key it is. Fails with
    /// [`Error::Conflict`] if the stored one is not of the version before.
    pub async fn save_parent_profile(&self, key: &DataKey, profile: &Profile) -> Result<(), Error> {
        self.put(&self.main, &Item::seal(key, profile)?, Condition::after(profile.version)).await
    }
}
