//! A sitter whom parents find: a profile, hours, a good check, a review, and a place in the index.

use std::error::Error;

use domain::{
    availability::{Availability, Day, Hours, Minute, Week},
    care::{AgeGroup, Skill},
    event::{Event, Fact},
    geo::Point,
    id::UserId,
    language::Language,
    listing::State,
    money::{Currency, HourlyRate},
    review::{Review, ReviewText, Stars},
    search::Index,
    sitter::{Bio, Headline, Home, Profile, Record, Town},
    time_zone::TimeZoneName,
    user::User,
};
use jiff::{Timestamp, civil::Date};
use storage::{Tables, search::SearchIndex};

/// Has parents around Hebden Bridge find a sitter at any hour.
pub async fn list(
    tables: &Tables,
    sitter: UserId,
    author: &User,
    now: Timestamp,
) -> Result<(), Box<dyn Error>> {
    let changed = Event::new(Fact::SitterChanged { user_id: sitter }, now);
    tables.save_sitter_profile(profile(sitter, now)?, None, std::slice::from_ref(&changed)).await?;
    tables.save_availability(sitter, &always()?, &changed).await?;
    let record = Record { checked_until: Some(Date::MAX), version: 1, ..Record::new(sitter) };
    tables.put_record(&record).await?;
    tables.publish_review(&review(sitter, author, now)?, &record).await?;
    let index = SearchIndex::new(tables.clone());
    index.refresh(sitter, async || tables.sitter_view(sitter, now).await).await?;
    index.view(sitter, now).await?.map(drop).ok_or("the sitter is not shown".into())
}

fn profile(sitter: UserId, now: Timestamp) -> Result<Profile, Box<dyn Error>> {
    let home = Home { point: Point::parse(53.7416, -2.0133)?, town: Town::parse("Hebden Bridge")? };
    Ok(Profile {
        headline: Some(Headline::parse("Patient and playful")?),
        bio: Some(Bio::parse("I have looked after children for ten years.")?),
        languages: [Language::parse("en")?].into(),
        ages: AgeGroup::Infant | AgeGroup::Toddler,
        skills: Skill::FirstAid | Skill::Cooking,
        rate: Some(HourlyRate::parse(1450, Currency::Gbp)?),
        home: Some(home),
        state: State::Listed,
        listed_at: Some(now),
        version: 1,
        ..Profile::new(sitter)
    })
}

fn always() -> Result<Availability, Box<dyn Error>> {
    let midnight = Minute::parse("00:00")?;
    let day = Day::parse(vec![Hours { start: midnight, end: midnight }])?;
    let weekly = Week(std::array::from_fn(|_| day.clone()));
    Ok(Availability { weekly, version: 1, ..Availability::new(TimeZoneName::default()) })
}

fn review(sitter: UserId, author: &User, now: Timestamp) -> Result<Review, Box<dyn Error>> {
    Ok(Review {
        id: domain::id::new(now),
        sitter,
        author: author.id,
        first_name: "Grace".into(),
        stars: Stars::parse(5)?,
        text: Some(ReviewText::parse("The twins ask for her every week.")?),
        published_at: now,
    })
}
