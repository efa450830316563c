//! What a sitter tells about themselves, and what is known of them besides.

use enumset::EnumSet;
use jiff::{SignedDuration, Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use strum::{AsRefStr, EnumIter, IntoEnumIterator, IntoStaticStr};

use crate::{
    availability::{Availability, Span},
    booking::policy::Policy,
    care::{AgeGroup, Skill},
    geo::{Point, Radius},
    id::UserId,
    language::Languages,
    listing::{self, State},
    money::HourlyRate,
    rating::Rating,
    role::Role,
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
    /// What they keep when a family calls off.
    pub policy: Policy,
    /// Whether parents find them.
    pub state: State,
    /// When they were listed for the first time.
    pub listed_at: Option<Timestamp>,
    /// Rises by one with each change.
    pub version: u64,
}

impl Profile {
    /// Whether it differs from another one in its version at most.
    pub fn same_as(&self, other: &Self) -> bool {
        Self { version: other.version, ..self.clone() } == *other
    }
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
    pub policy: Policy,
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

/// Why somebody may not take part in what was agreed. As a word, the code of a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, thiserror::Error)]
#[strum(serialize_all = "snake_case")]
pub enum Unfit {
    /// An admin has suspended the account.
    #[error("the account is suspended")]
    AccountSuspended,
    /// An admin has suspended the profile.
    #[error("the sitter's profile is suspended")]
    ProfileSuspended,
    /// There is no background check, or it ends before that.
    #[error("the sitter's background check is not good until the end of that time")]
    NotChecked,
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

    /// With one more booking that they were asked for.
    #[must_use]
    pub fn with_request(self) -> Self {
        Self { requests: self.requests.saturating_add(1), version: self.version + 1, ..self }
    }

    /// With one more request that they have answered.
    #[must_use]
    pub fn with_answer(self) -> Self {
        Self { answered: self.answered.saturating_add(1), version: self.version + 1, ..self }
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
            policy: Policy::default(),
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
        let Draft { headline, bio, languages, ages, skills, rate, home, travels, policy } = draft;
        let profile = Profile {
            headline,
            bio,
            languages,
            ages,
            skills,
            rate,
            home,
            travels,
            policy,
            ..self.profile.clone()
        };
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
        self.user.role == Role::Sitter
            && self.profile.state == State::Listed
            && self.user.standing == Standing::Active
            && self.record.is_checked(today(now))
            && self.completeness().missing.is_empty()
    }

    /// Whether they may look after children all through that time, if that is agreed. Somebody who has paused may.
    pub fn may_care(&self, span: Span) -> Result<(), Unfit> {
        if self.user.standing != Standing::Active {
            return Err(Unfit::AccountSuspended);
        }
        if self.profile.state == State::Suspended {
            return Err(Unfit::ProfileSuspended);
        }
        if self.record.is_checked(last_day(span)) { Ok(()) } else { Err(Unfit::NotChecked) }
    }
}

/// The day by which checks expire: that of Greenwich, wherever the sitter is.
pub fn today(now: Timestamp) -> Date {
    now.to_zoned(jiff::tz::TimeZone::UTC).date()
}

/// The last of these days that a time touches: a check that is good then is good all through it.
pub fn last_day(span: Span) -> Date {
    today(span.end.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(span.end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        availability::{Day, Hours, Minute, Week},
        id,
        language::Language,
        listing::{Event, Refused},
        money::Currency,
        time_zone::TimeZoneName,
        user::Avatar,
    };

    fn now() -> Timestamp {
        "2026-11-25T12:00:00Z".parse().unwrap()
    }

    /// Somebody with a complete profile, a verified address, and a check that is good today and no longer.
    fn sitter(state: State) -> Sitter {
        let name = crate::display_name::DisplayName::parse("Beth Ackroyd").unwrap();
        let week = SignedDuration::from_hours(7 * 24);
        let user = User::register(Role::Sitter, "beth@example.org".parse().unwrap(), name, week, now());
        let avatar = Some(Avatar { upload: id::new(now()), variants: Vec::new() });
        let user = User { email_verified: true, avatar, ..user };
        let profile = Profile {
            headline: Some(Headline::parse("Patient and playful").unwrap()),
            bio: Some(Bio::parse("Ten years.").unwrap()),
            languages: [Language::parse("en").unwrap()].into(),
            ages: AgeGroup::Toddler.into(),
            rate: Some(HourlyRate::parse(1450, Currency::Gbp).unwrap()),
            home: Some(Home {
                point: Point::parse(53.7416, -2.0133).unwrap(),
                town: Town::parse("Hebden Bridge").unwrap(),
            }),
            state,
            version: 3,
            ..Profile::new(user.id)
        };
        let hours = Hours { start: Minute::parse("08:00").unwrap(), end: Minute::parse("20:00").unwrap() };
        let weekly = Week(std::array::from_fn(|_| Day::parse(vec![hours]).unwrap()));
        let availability = Availability { weekly, ..Availability::new(TimeZoneName::default()) };
        let record = Record { checked_until: Some(today(now())), ..Record::new(user.id) };
        Sitter { user, profile, availability, record }
    }

    fn draft(profile: &Profile) -> Draft {
        let Profile { headline, bio, languages, ages, skills, rate, home, travels, policy, .. } =
            profile.clone();
        Draft { headline, bio, languages, ages, skills, rate, home, travels, policy }
    }

    #[test]
    fn every_part_counts_alike() {
        let all = sitter(State::Draft);
        assert_eq!((all.completeness().percent(), all.completeness().missing), (100, vec![]));
        let profile = Profile::new(all.user.id);
        let user = User { avatar: None, ..all.user.clone() };
        let none =
            Sitter { profile, user, availability: Availability::new(TimeZoneName::default()), ..all.clone() };
        assert_eq!(none.completeness().percent(), 0);
        assert_eq!(none.completeness().missing, Part::iter().collect::<Vec<_>>());
        let bare = Sitter { user: User { avatar: None, ..all.user.clone() }, ..all };
        assert_eq!((bare.completeness().percent(), bare.completeness().missing), (87, vec![Part::Picture]));
    }

    #[test]
    fn nobody_is_submitted_or_listed_without_what_that_takes() {
        let tomorrow = now() + SignedDuration::from_hours(24);
        for (from, event, to) in [
            (State::Draft, Event::Submit, State::InReview),
            (State::InReview, Event::Approve, State::Listed),
            (State::Paused, Event::Resume, State::Listed),
        ] {
            let sitter = sitter(from);
            let after = sitter.after(event, now()).unwrap();
            assert_eq!((after.state, after.version), (to, 4));
            assert_eq!(after.listed_at, (to == State::Listed).then_some(now()));
            let bare = Sitter { user: User { avatar: None, ..sitter.user.clone() }, ..sitter.clone() };
            assert_eq!(bare.after(event, now()), Err(NotYet::Incomplete(vec![Part::Picture])));
            let unproved = User { email_verified: false, ..sitter.user.clone() };
            assert_eq!(
                Sitter { user: unproved, ..sitter.clone() }.after(event, now()),
                Err(NotYet::Unverified)
            );
            // An admin looks at those too who have yet to hand in a check.
            let unchecked = sitter.after(event, tomorrow);
            assert_eq!(unchecked.is_err(), to == State::Listed);
            assert!(unchecked.is_ok() || unchecked == Err(NotYet::Unchecked));
        }
        let refused = Refused { from: State::Draft, event: Event::Approve };
        assert_eq!(sitter(State::Draft).after(Event::Approve, now()), Err(NotYet::Refused(refused)));
    }

    #[test]
    fn whoever_steps_back_needs_nothing() {
        for (from, event, to) in [
            (State::InReview, Event::Withdraw, State::Draft),
            (State::InReview, Event::Reject, State::Draft),
            (State::Listed, Event::Pause, State::Paused),
            (State::Listed, Event::Suspend, State::Suspended),
            (State::Suspended, Event::Reinstate, State::Paused),
        ] {
            let mut sitter = sitter(from);
            sitter.profile.bio = None;
            sitter.user.email_verified = false;
            sitter.record.checked_until = None;
            assert_eq!(sitter.after(event, now()).unwrap().state, to);
        }
    }

    #[test]
    fn the_first_listing_counts() {
        let mut sitter = sitter(State::Paused);
        let first = now() - SignedDuration::from_hours(1000);
        sitter.profile.listed_at = Some(first);
        assert_eq!(sitter.after(Event::Resume, now()).unwrap().listed_at, Some(first));
    }

    #[test]
    fn what_is_written_must_leave_a_listed_profile_complete() {
        let listed = sitter(State::Listed);
        let without_bio = Draft { bio: None, ..draft(&listed.profile) };
        let incomplete = Err(NotYet::Incomplete(vec![Part::Bio]));
        assert_eq!(listed.written(without_bio.clone(), true, now()), incomplete);
        // Not shown any more, it may be anything.
        let paused = listed.written(without_bio.clone(), false, now()).unwrap();
        assert_eq!((paused.state, paused.bio, paused.version), (State::Paused, None, 4));
        // What is written counts in the same step, for both.
        let mut bare = sitter(State::Draft);
        let whole = draft(&bare.profile);
        bare.profile.bio = None;
        assert_eq!(bare.written(whole.clone(), true, now()).unwrap().state, State::InReview);
        assert_eq!(bare.written(without_bio.clone(), true, now()), incomplete);
        // Whom an admin has suspended may write, and stays where they are.
        let suspended = sitter(State::Suspended).written(without_bio, true, now()).unwrap();
        assert_eq!((suspended.state, suspended.version), (State::Suspended, 4));
        // Writing lists nobody whose check has expired, and hides nobody for that.
        let tomorrow = now() + SignedDuration::from_hours(24);
        assert_eq!(sitter(State::Paused).written(whole.clone(), true, tomorrow), Err(NotYet::Unchecked));
        assert_eq!(listed.written(whole, true, tomorrow).unwrap().state, State::Listed);
    }

    #[test]
    fn who_is_shown_is_listed_complete_checked_and_active() {
        let midnight = "2026-11-26T00:00:00Z".parse::<Timestamp>().unwrap();
        let listed = sitter(State::Listed);
        assert!(listed.is_shown(midnight - SignedDuration::from_nanos(1)));
        assert!(!listed.is_shown(midnight));
        for state in [State::Draft, State::InReview, State::Paused, State::Suspended] {
            assert!(!sitter(state).is_shown(now()), "{state:?}");
        }
        let suspended = listed.user.clone().with_standing(Standing::Suspended { since: now() });
        assert!(!Sitter { user: suspended, ..listed.clone() }.is_shown(now()));
        let without_hours = Availability::new(TimeZoneName::default());
        assert!(!Sitter { availability: without_hours, ..listed }.is_shown(now()));
    }

    #[test]
    fn who_may_care_is_not_suspended_and_checked_until_the_end() {
        let midnight = "2026-11-26T00:00:00Z".parse::<Timestamp>().unwrap();
        let span = |end| Span { start: now(), end };
        for state in State::iter().filter(|state| *state != State::Suspended) {
            assert_eq!(sitter(state).may_care(span(midnight)), Ok(()), "{state:?}");
        }
        let late = midnight + SignedDuration::from_nanos(1);
        let listed = sitter(State::Listed);
        assert_eq!(listed.may_care(span(late)), Err(Unfit::NotChecked));
        let record = Record { checked_until: None, ..listed.record.clone() };
        assert_eq!(Sitter { record, ..listed.clone() }.may_care(span(midnight)), Err(Unfit::NotChecked));
        assert_eq!(sitter(State::Suspended).may_care(span(midnight)), Err(Unfit::ProfileSuspended));
        let user = listed.user.clone().with_standing(Standing::Suspended { since: now() });
        assert_eq!(Sitter { user, ..listed }.may_care(span(midnight)), Err(Unfit::AccountSuspended));
        let code: &'static str = Unfit::NotChecked.into();
        assert_eq!(code, "not_checked");
    }
}
