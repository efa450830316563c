use std::collections::BTreeMap;

use enumset::{EnumSet, EnumSetType};
use jiff::{Timestamp, ToSpan, civil::Date};
use serde::{Deserialize, Serialize};

use super::{
    Busy,
    words::{Match, fold, is_stop_word},
};
use crate::{
    availability::{Availability, Span},
    care::{AgeGroup, Skill},
    geo::{Point, Radius},
    id::{UploadId, UserId},
    language::Languages,
    money::HourlyRate,
    rating::Rating,
    sitter::{Sitter, today},
    upload::Variant,
};

/// What search knows of a sitter: all that it filters and sorts by, and all that a line of an answer
/// shows. Nothing of it is private.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// Who.
    #[serde(with = "bytes")]
    pub id: UserId,
    /// As others see it.
    pub name: String,
    /// See [`crate::sitter::Headline`].
    pub headline: String,
    /// In words.
    pub town: String,
    /// See [`Point::public`].
    pub place: Point,
    /// How far they go.
    pub travels: Radius,
    /// What they ask for.
    pub rate: HourlyRate,
    /// That they speak.
    pub languages: Languages,
    /// Whom they look after.
    pub ages: EnumSet<AgeGroup>,
    /// What else they can do.
    pub skills: EnumSet<Skill>,
    /// By families.
    pub rating: Rating,
    /// Bookings that they were asked for, and those of them that they answered.
    pub requests: (u32, u32),
    /// When they work. Days that are past are left out.
    pub availability: Availability,
    /// When families have booked them, of that. Past bookings are left out.
    pub busy: Busy,
    /// The picture, in the sizes of a list.
    pub picture: Option<Picture>,
    /// For the first time.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub listed_at: Timestamp,
    /// Until when the background check is good.
    pub checked_until: Option<Date>,
    /// By which they are found: each once.
    pub words: Vec<Word>,
}

/// A picture for a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    /// The upload that it comes from.
    #[serde(with = "bytes")]
    pub upload: UploadId,
    /// What is published of it.
    pub variants: Vec<Variant>,
}

/// An identifier as the 16 bytes that it is made of; its text has 30.
mod bytes {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use uuid::Uuid;

    use crate::id::{Id, Tag};

    pub(super) fn serialize<T: Tag, S: Serializer>(id: &Id<T>, serializer: S) -> Result<S::Ok, S::Error> {
        id.uuid().as_bytes().serialize(serializer)
    }

    pub(super) fn deserialize<'de, T: Tag, D: Deserializer<'de>>(deserializer: D) -> Result<Id<T>, D::Error> {
        Ok(Id::from_uuid(Uuid::from_bytes(<[u8; 16]>::deserialize(deserializer)?)))
    }
}

/// A word that somebody is found by, folded, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Word {
    /// See [`fold`].
    pub text: String,
    fields: EnumSet<Field>,
}

/// That a word of a card meets a term of a query: both by their index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// In [`super::Words::terms`].
    pub term: usize,
    /// In [`Card::words`].
    pub word: usize,
    /// How well.
    pub how: Match,
}

/// Where a word may stand, from the least telling on.
#[derive(Debug, EnumSetType, PartialOrd, Ord)]
#[enumset(serialize_repr = "u8")]
enum Field {
    Bio,
    Skills,
    Headline,
    Name,
}

impl Field {
    /// What a word counts there, in halves: a typo counts half.
    fn weight(self) -> u32 {
        match self {
            Self::Bio => 1,
            Self::Skills => 3,
            Self::Headline => 4,
            Self::Name => 8,
        }
    }
}

/// The longest texts are found by their first words only, so that no card grows beyond what a page
/// of others costs.
const MAX_WORDS: usize = 150;

/// Everything that everybody may see of a sitter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct View {
    /// What a list shows.
    pub card: Card,
    /// See [`crate::sitter::Bio`].
    pub bio: String,
    /// The picture in all sizes.
    pub picture: Option<Picture>,
}

impl View {
    /// What everybody may see of a sitter whose time is taken then; `None` of one who is not shown.
    pub fn of(sitter: &Sitter, taken: &[Span], now: Timestamp) -> Option<Self> {
        let Sitter { user, profile, availability, record } = sitter;
        let (Some(headline), Some(bio), Some(rate), Some(home), Some(listed_at)) =
            (&profile.headline, &profile.bio, profile.rate, &profile.home, profile.listed_at)
        else {
            return None;
        };
        if !sitter.is_shown(now) {
            return None;
        }
        let picture = |sizes: fn(&Variant) -> bool| {
            user.avatar.as_ref().map(|avatar| Picture {
                upload: avatar.upload,
                variants: avatar.variants.iter().filter(|variant| sizes(variant)).cloned().collect(),
            })
        };
        let skills: Vec<_> = profile.skills.iter().map(|skill| skill.as_ref().replace('_', " ")).collect();
        let texts = [
            (Field::Name, user.name.as_str()),
            (Field::Headline, headline.as_str()),
            (Field::Skills, &skills.join(" ")),
            (Field::Bio, bio.as_str()),
        ];
        let card = Card {
            id: user.id,
            name: user.name.as_str().to_owned(),
            headline: headline.as_str().to_owned(),
            town: home.town.as_str().to_owned(),
            place: home.point.public(),
            travels: profile.travels,
            rate,
            languages: profile.languages.clone(),
            ages: profile.ages,
            skills: profile.skills,
            rating: record.rating,
            requests: (record.requests, record.answered),
            availability: upcoming(availability, now),
            busy: Busy::new(taken.iter().copied().filter(|span| span.end > now)),
            picture: picture(|variant| variant.size == "card"),
            listed_at,
            checked_until: record.checked_until,
            words: words(&texts),
        };
        Some(Self { card, bio: bio.as_str().to_owned(), picture: picture(|_| true) })
    }
}

/// Without the days that are past everywhere on Earth.
fn upcoming(availability: &Availability, now: Timestamp) -> Availability {
    let from = today(now).saturating_sub(2.days());
    let mut upcoming = availability.clone();
    upcoming.exceptions.retain(|date, _| *date >= from);
    upcoming.holidays.retain(|holiday| holiday.last >= from);
    upcoming
}

fn words(texts: &[(Field, &str)]) -> Vec<Word> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut words: Vec<Word> = Vec::new();
    for (field, text) in texts {
        for word in fold(text) {
            // It distinguishes nobody, unless it is what they are called.
            if *field != Field::Name && is_stop_word(&word) {
                continue;
            }
            if let Some(&index) = seen.get(&word) {
                words[index].fields |= *field;
            } else if words.len() < MAX_WORDS {
                seen.insert(word.clone(), words.len());
                words.push(Word { text: word, fields: EnumSet::only(*field) });
            }
        }
    }
    words
}

impl Card {
    /// How well the terms of a query are met, each by its best word; `None` if one is not met at all.
    pub(super) fn relevance(&self, terms: usize, found: impl IntoIterator<Item = Found>) -> Option<u32> {
        let mut best = vec![0; terms];
        for Found { term, word, how } in found {
            let halves = match how {
                Match::Exact => 2,
                Match::Typo => 1,
            };
            let weight = self.words[word].fields.iter().map(Field::weight).max().unwrap_or_default();
            best[term] = best[term].max(weight * halves);
        }
        // Whatever is found counts something.
        best.iter().all(|score| *score > 0).then(|| best.iter().sum())
    }

    /// Whether the background check is good on that day: an index hides who has none by itself, since the
    /// word that it has expired may come late.
    pub fn is_checked(&self, today: Date) -> bool {
        self.checked_until.is_some_and(|until| today <= until)
    }

    /// The words of the name, as people write them.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.words.iter().filter(|word| word.fields.contains(Field::Name)).map(|word| word.text.as_str())
    }
}
