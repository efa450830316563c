//! Sitters: what they tell about themselves, and when they work.
//!
//! | question                         | table | index     | pk                | sk           |
//! |----------------------------------|-------|-----------|-------------------|--------------|
//! | what does a sitter tell          | main  |           | USER#‹id›         | SITTER       |
//! | when does a sitter work          | main  |           | USER#‹id›         | AVAILABILITY |
//! | who has written a profile        | main  | directory | SITTERS#‹shard›   | ‹id›         |
//!
//! A sitter as a whole is these, the person and the record, read together. Each has a version of its
//! own; every change announces [`domain::event::Fact::SitterChanged`], by which search learns of it.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    availability::{Availability, Day, Holiday, Span, Week},
    booking::policy::Policy,
    care::{AgeGroup, Skill},
    due::{SHARDS, shard_of},
    event::Event,
    geo::Radius,
    id::UserId,
    language::Languages,
    listing::State,
    money::HourlyRate,
    search::View,
    sitter::{Bio, Headline, Home, Profile, Record, Sitter},
    time_zone::TimeZoneName,
};
use enumset::EnumSet;
use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};

use crate::{
    Error, Tables, audit, sitter_records,
    tables::{Condition, key},
    users::{self, pk},
};

const PROFILE: &str = "SITTER";
const AVAILABILITY: &str = "AVAILABILITY";

/// The form in which a [`Profile`] is stored.
#[derive(Debug, Serialize, Deserialize)]
struct ProfileItem {
    pk: String,
    sk: String,
    schema_version: u8,
    directory_pk: String,
    directory_sk: String,
    user_id: UserId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    headline: Option<Headline>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bio: Option<Bio>,
    languages: Languages,
    ages: EnumSet<AgeGroup>,
    skills: EnumSet<Skill>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rate: Option<HourlyRate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    home: Option<Home>,
    travels: Radius,
    #[serde(default)]
    policy: Policy,
    state: State,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    listed_at: Option<Timestamp>,
    version: u64,
}

impl From<Profile> for ProfileItem {
    fn from(profile: Profile) -> Self {
        let id = profile.user_id;
        Self {
            pk: pk(id),
            sk: PROFILE.into(),
            schema_version: 1,
            directory_pk: directory_pk(shard_of(id.uuid())),
            directory_sk: id.to_string(),
            user_id: id,
            headline: profile.headline,
            bio: profile.bio,
            languages: profile.languages,
            ages: profile.ages,
            skills: profile.skills,
            rate: profile.rate,
            home: profile.home,
            travels: profile.travels,
            policy: profile.policy,
            state: profile.state,
            listed_at: profile.listed_at,
            version: profile.version,
        }
    }
}

impl From<ProfileItem> for Profile {
    fn from(item: ProfileItem) -> Self {
        Self {
            user_id: item.user_id,
            headline: item.headline,
            bio: item.bio,
            languages: item.languages,
            ages: item.ages,
            skills: item.skills,
            rate: item.rate,
            home: item.home,
            travels: item.travels,
            policy: item.policy,
            state: item.state,
            listed_at: item.listed_at,
            version: item.version,
        }
    }
}

/// The form in which an [`Availability`] is stored.
#[derive(Debug, Serialize, Deserialize)]
struct AvailabilityItem {
    pk: String,
    sk: String,
    schema_version: u8,
    zone: TimeZoneName,
    weekly: Week,
    exceptions: BTreeMap<Date, Day>,
    holidays: Vec<Holiday>,
    version: u64,
}

fn directory_pk(shard: u8) -> String {
    format!("SITTERS#{shard:02}")
}

/// Some of those who have written a profile.
#[derive(Debug)]
pub struct DirectoryPage {
    /// In the order of their accounts' opening.
    pub ids: Vec<UserId>,
    /// After whom the next page begins, if there is one.
    pub next: Option<UserId>,
}

impl Tables {
    /// A sitter as a whole; what has not been written yet is empty. `None` if there is no such account.
    pub async fn sitter(&self, id: UserId) -> Result<Option<Sitter>, Error> {
        let keys = [users::PROFILE, PROFILE, AVAILABILITY, sitter_records::SK].map(|sk| key(pk(id), sk));
        let (items, _) = self.get_all(&self.main, keys.into(), true).await?;
        let mut items: BTreeMap<String, _> =
            items.into_iter().filter_map(|item| Some((item.get("sk")?.as_s().ok()?.clone(), item))).collect();
        let Some(user) = items.remove(users::PROFILE) else { return Ok(None) };
        let user = serde_dynamo::from_item::<_, users::Item>(user)?.into();
        let profile = match items.remove(PROFILE) {
            Some(item) => serde_dynamo::from_item::<_, ProfileItem>(item)?.into(),
            None => Profile::new(id),
        };
        let availability = match items.remove(AVAILABILITY) {
            Some(item) => serde_dynamo::from_item::<_, AvailabilityItem>(item)?.into(),
            None => Availability::new(TimeZoneName::default()),
        };
        let record = match items.remove(sitter_records::SK) {
            Some(item) => serde_dynamo::from_item::<_, sitter_records::Item>(item)?.record,
            None => Record::new(id),
        };
        Ok(Some(Sitter { user, profile, availability, record }))
    }

    /// What everybody may see of a sitter now, with all that is taken of their time to come; `None` of one who is not
    /// shown.
    pub async fn sitter_view(&self, id: UserId, now: Timestamp) -> Result<Option<View>, Error> {
        let Some(sitter) = self.sitter(id).await? else { return Ok(None) };
        let taken = self.taken(id, Span { start: now, end: Timestamp::MAX }).await?;
        Ok(View::of(&sitter, &taken, now))
    }

    /// Stores a profile that was changed by one version, and announces it; what an admin does to it goes
    /// into the trail. Fails with [`Error::Conflict`] if the stored one is of another version.
    pub async fn save_sitter_profile(
        &self,
        profile: Profile,
        trail: Option<&audit::Entry>,
        events: &[Event],
    ) -> Result<(), Error> {
        let before = Condition::after(profile.version);
        let mut transaction = self.transaction().put(&self.main, &ProfileItem::from(profile), before)?;
        if let Some(trail) = trail {
            transaction = transaction.record(trail)?;
        }
        for event in events {
            transaction = transaction.announce(event)?;
        }
        transaction.commit().await
    }

    /// Stores hours that were changed by one version, and announces it. Fails with [`Error::Conflict`] as
    /// [`Self::save_sitter_profile`] does.
    pub async fn save_availability(
        &self,
        id: UserId,
        availability: &Availability,
        event: &Event,
    ) -> Result<(), Error> {
        let Availability { zone, weekly, exceptions, holidays, version } = availability.clone();
        let before = Condition::after(version);
        let item = AvailabilityItem {
            pk: pk(id),
            sk: AVAILABILITY.into(),
            schema_version: 1,
            zone,
            weekly,
            exceptions,
            holidays,
            version,
        };
        self.transaction().put(&self.main, &item, before)?.announce(event)?.commit().await
    }

    /// One page of those who have written a profile, out of one of [`SHARDS`] parts.
    pub async fn sitter_directory(
        &self,
        shard: u8,
        after: Option<UserId>,
        limit: i32,
    ) -> Result<DirectoryPage, Error> {
        debug_assert!(shard < SHARDS, "there are {SHARDS} parts");
        let page = self
            .client
            .query()
            .table_name(&self.main)
            .index_name("directory")
            .key_condition_expression("directory_pk = :pk AND directory_sk > :after")
            .expression_attribute_values(":pk", AttributeValue::S(directory_pk(shard)))
            .expression_attribute_values(
                ":after",
                AttributeValue::S(after.map_or(" ".to_owned(), |id| id.to_string())),
            )
            .limit(limit)
            .send()
            .await?;
        let id = |item: &std::collections::HashMap<String, AttributeValue>| {
            domain::id::parse(item.get("directory_sk")?.as_s().ok()?).ok()
        };
        let ids: Vec<UserId> = page.items().iter().filter_map(id).collect();
        let next = page.last_evaluated_key.and_then(|key| id(&key));
        Ok(DirectoryPage { ids, next })
    }
}

impl From<AvailabilityItem> for Availability {
    fn from(item: AvailabilityItem) -> Self {
        Self {
            zone: item.zone,
            weekly: item.weekly,
            exceptions: item.exceptions,
            holidays: item.holidays,
            version: item.version,
        }
    }
}
