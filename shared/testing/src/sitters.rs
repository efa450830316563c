use domain::{
    availability::{Availability, Day, Hours, Minute, Week},
    care::{AgeGroup, Skill},
    display_name::DisplayName,
    geo::Point,
    language::Language,
    listing::State,
    money::{Currency, HourlyRate},
    role::Role,
    sitter::{Bio, Headline, Home, Profile, Record, Sitter, Town},
    time_zone::TimeZoneName,
    upload::Variant,
    user::{Avatar, User},
};
use jiff::{SignedDuration, Timestamp};

/// A sitter of Hebden Bridge whom parents find, listed at that moment, free every day from eight to
/// eight. What a test is about, it changes.
///
/// # Panics
/// Never: all of it is well-formed.
#[expect(clippy::unwrap_used, reason = "constants")]
pub fn listed_sitter(at: Timestamp) -> Sitter {
    let email = format!("{}@sitters.example", domain::id::new::<domain::id::UserTag>(at)).parse().unwrap();
    let name = DisplayName::parse("Beth Ackroyd").unwrap();
    let week = SignedDuration::from_hours(7 * 24);
    let user = User::register(Role::Sitter, email, name, week, at);
    let variant =
        |size: &str, width| Variant { size: size.into(), format: "webp".into(), width, height: width };
    let avatar = Avatar {
        upload: domain::id::new(at),
        variants: vec![variant("thumbnail", 128), variant("card", 300), variant("full", 1024)],
    };
    let home =
        Home { point: Point::parse(53.7416, -2.0133).unwrap(), town: Town::parse("Hebden Bridge").unwrap() };
    let profile = Profile {
        headline: Some(Headline::parse("Patient and playful").unwrap()),
        bio: Some(Bio::parse("I have looked after children for ten years.").unwrap()),
        languages: [Language::parse("en").unwrap()].into(),
        ages: AgeGroup::Toddler | AgeGroup::Preschool,
        skills: Skill::FirstAid | Skill::Cooking,
        rate: Some(HourlyRate::parse(1450, Currency::Gbp).unwrap()),
        home: Some(home),
        state: State::Listed,
        listed_at: Some(at),
        version: 1,
        ..Profile::new(user.id)
    };
    let record = Record {
        checked_until: Some(domain::sitter::today(at).checked_add(jiff::Span::new().days(365)).unwrap()),
        ..Record::new(user.id)
    };
    let mut availability = Availability::new(TimeZoneName::default());
    availability.weekly = every_day("08:00", "20:00");
    Sitter {
        user: User { email_verified: true, due: None, avatar: Some(avatar), ..user },
        profile,
        availability,
        record,
    }
}

/// The same hours on each day of the week.
///
/// # Panics
/// If they are no times of day.
#[expect(clippy::unwrap_used, reason = "a test cannot go on without them")]
pub fn every_day(start: &str, end: &str) -> Week {
    let hours = Hours { start: Minute::parse(start).unwrap(), end: Minute::parse(end).unwrap() };
    Week(std::array::from_fn(|_| Day::parse(vec![hours]).unwrap()))
}
