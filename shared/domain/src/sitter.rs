//! What a sitter tells about themselves, and what is known of them besides.

use enumset::EnumSet;
use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use strum::{AsRefStr, EnumIter, IntoEnumIterator};

use crate::{
    availability::Availability,
    care::{AgeGroup, Skill},
    geo::{Point, Radius},
    id::UserId,
    language::Languages,
    listing::{self, State},
    money::HourlyRate,
    rating::Rating,
    text::text_type,
    user::{Standing, User},
};

text_type! {
    /// What stands beneath a sitter's name: one line of 1 to 100 characters.
    Headline = line(100)
}

text_type! {
    /// What a sitter tells about themselves: paragraphs of 1 to 2000 characters together.
    Bio = paragraphs(2000)
}

text_type! {
    /// A town or a part of one, in words: one line of 1 to 80 characters.
    Town = line(80)
}

/// Where a sitter lives. Others are told the town and [`Point::public`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Home {
    /// Private.
    pub point: Point,
    /// In words.
    pub town: Town,
}

/// What a sitter tells about themselves. Of a draft anything may be missing.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// Whose.
    pub user_id: UserId,
    /// See [`Headline`].
    pub headline: Option<Headline>,
    /// See [`Bio`].
    pub bio: Option<Bio>,
    /// That they speak with children.
    pub languages: Languages,
    /// Whom they look after.
    pub ages: EnumSet<AgeGroup>,
    /// What else they can do.
    pub skills: EnumSet<Skill>,
    /// What they ask for.
    pub rate: Option<HourlyRate>,
    /// Where they start from.
    pub home: Option<Home>,
    /// How far they go.
    pub travels: Radius,
    /// Whether parents find them.
    pub state: State,
    /// When they were listed for the first time.
    pub listed_at: Option<Timestamp>,
    /// Rises by one with each change.
    pub version: u64,
}

/// What a sitter writes of their profile.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "see the fields of the profile")]
pub struct Draft {
    pub headline: Option<Headline>,
    pub bio: Option<Bio>,
    pub languages: Languages,
    pub ages: EnumSet<AgeGroup>,
    pub skills: EnumSet<Skill>,
    pub rate: Option<HourlyRate>,
    pub home: Option<Home>,
    pub travels: Radius,
}

/// What a profile must have before parents see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AsRefStr, EnumIter)]
#[strum(serialize_all = "snake_case")]
#[expect(missing_docs, reason = "each is a field of the profile, or of what lies around it")]
pub enum Part {
    Headline,
    Bio,
    Languages,
    Ages,
    Rate,
    Home,
    Availability,
    Picture,
}

/// How much of a profile there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completeness {
    /// What is missing still.
    pub missing: Vec<Part>,
}

impl Completeness {
    /// From 0 to 100.
    pub fn percent(&self) -> usize {
        let all = Part::iter().count();
        (all - self.missing.len()) * 100 / all
    }
}

/// Why a profile cannot become what was wished.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotYet {
    /// Something is missing.
    #[error("the profile is not complete")]
    Incomplete(Vec<Part>),
    /// The address is not proved.
    #[error("the e-mail address is not verified")]
    Unverified,
    /// There is no background check, or it has expired.
    #[error("there is no valid background check")]
    Unchecked,
    /// See [`listing::Refused`].
    #[error(transparent)]
    Refused(#[from] listing::Refused),
}

/// Everything that there is of a sitter.
#[derive(Debug, Clone, PartialEq)]
pub struct Sitter {
    /// The person.
    pub user: User,
    /// What they tell about themselves.
    pub profile: Profile,
    /// When they work.
    pub availability: Availability,
    /// What others have made of them.
    pub record: Record,
}

/// What others have made of a sitter: kept apart from what they write themselves, so that neither
/// change gets into the other's way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Whose.
    pub user_id: UserId,
    /// By families.
    pub rating: Rating,
    /// Bookings that they were asked for.
    pub requests: u32,
    /// Those of them that they answered, either way.
    pub answered: u32,
    /// Until when the background check is good, that day included.
    pub checked_until: Option<Date>,
    /// Rises by one with each change.
    pub version: u64,
}

impl Record {
    /// Of somebody of whom nothing is known yet.
    pub fn new(user_id: UserId) -> Self {
        Self { user_id, rating: Rating::default(), requests: 0, answered: 0, checked_until: None, version: 0 }
    }

    /// Whether the background check is good on that day.
    pub fn is_checked(&self, today: Date) -> bool {
        self.checked_until.is_some_and(|until| today <= until)
    }
}

impl Profile {
    /// Of somebody who has not begun to write.
    pub fn new(user_id: UserId) -> Self {
        Self {
            user_id,
            headline: None,
            bio: None,
            languages: Languages::new(),
            ages: EnumSet::empty(),
            skills: EnumSet::empty(),
            rate: None,
            home: None,
            travels: Radius::default(),
            state: State::default(),
            listed_at: None,
            version: 0,
        }
    }
}

impl Sitter {
    /// How much of the profile there is.
    pub fn completeness(&self) -> Completeness {
        let profile = &self.profile;
        let is_missing = |part: &Part| match part {
            Part::Headline => profile.headline.is_none(),
            Part::Bio => profile.bio.is_none(),
            Part::Languages => profile.languages.is_empty(),
            Part::Ages => profile.ages.is_empty(),
            Part::Rate => profile.rate.is_none(),
            Part::Home => profile.home.is_none(),
            Part::Availability => self.availability.weekly.is_empty(),
            Part::Picture => self.user.avatar.is_none(),
        };
        Completeness { missing: Part::iter().filter(is_missing).collect() }
    }

    /// The profile after an event, with its guards.
    pub fn after(&self, event: listing::Event, now: Timestamp) -> Result<Profile, NotYet> {
        let state = self.profile.state.after(event)?;
        let listed_at = match state {
            State::Listed => self.profile.listed_at.or(Some(now)),
            _ => self.profile.listed_at,
        };
        let version = self.profile.version + 1;
        let profile = self.complete(Profile { state, listed_at, version, ..self.profile.clone() })?;
        if matches!(state, State::InReview | State::Listed) && !self.user.email_verified {
            return Err(NotYet::Unverified);
        }
        if state == State::Listed && !self.record.is_checked(today(now)) {
            return Err(NotYet::Unchecked);
        }
        Ok(profile)
    }

    /// The profile as its sitter has written it anew, and wants it to be shown or not.
    pub fn written(&self, draft: Draft, shown: bool, now: Timestamp) -> Result<Profile, NotYet> {
        let Draft { headline, bio, languages, ages, skills, rate, home, travels } = draft;
        let profile = self.profile.clone();
        let profile = Profile { headline, bio, languages, ages, skills, rate, home, travels, ..profile };
        let written = Self { profile, ..self.clone() };
        match written.profile.state.on_wish(shown) {
            Some(event) => written.after(event, now),
            None => {
                let version = written.profile.version + 1;
                written.complete(Profile { version, ..written.profile.clone() })
            }
        }
    }

    /// Whether nothing is missing that somebody who is shown, or wants to be, must have.
    pub fn must_be_complete(&self) -> Result<(), NotYet> {
        let missing = self.completeness().missing;
        let may_miss = !matches!(self.profile.state, State::InReview | State::Listed);
        if may_miss || missing.is_empty() { Ok(()) } else { Err(NotYet::Incomplete(missing)) }
    }

    fn complete(&self, profile: Profile) -> Result<Profile, NotYet> {
        let after = Self { profile, ..self.clone() };
        after.must_be_complete()?;
        Ok(after.profile)
    }

    /// Whether parents find them: not while the background check is out of date, and again when there is a new
    /// one; nor if something is missing after all, because two changes at the same moment have not seen each other.
    pub fn is_shown(&self, now: Timestamp) -> bool {
        self.profile.state == State::Listed
            && self.user.standing == Standing::Active
            && self.record.is_checked(today(now))
            && self.completeness().missing.is_empty()
    }

    /// Rises with each change of any part.
    pub fn version(&self) -> u64 {
        self.user.version + self.profile.version + self.availability.version + self.record.version
    }
}

/// The day by which checks expire: that of Greenwich, wherever the sitter is.
pub fn today(now: Timestamp) -> Date {
    now.to_zoned(jiff::tz::TimeZone::UTC).date()
}
