//! What sitters do, and for whom.

use enumset::{EnumSet, EnumSetType};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use strum::{AsRefStr, EnumIter, EnumString, IntoEnumIterator};

use crate::Violation;

/// How old a child is, in the steps in which looking after one differs.
#[derive(Debug, EnumSetType, PartialOrd, Ord, Serialize, Deserialize, AsRefStr, EnumString, EnumIter)]
#[enumset(repr = "u8", serialize_repr = "u8")]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum AgeGroup {
    /// Up to the first birthday.
    Infant,
    /// One and two years.
    Toddler,
    /// Three and four years.
    Preschool,
    /// Five to ten years.
    School,
    /// Eleven to seventeen years.
    Teen,
}

impl AgeGroup {
    /// That of a child who was born on `born`; `None` for one who is not born yet, or grown up.
    pub fn of(born: Date, today: Date) -> Option<Self> {
        let had_birthday = (today.month(), today.day()) >= (born.month(), born.day());
        match i32::from(today.year() - born.year()) - i32::from(!had_birthday) {
            0 => Some(Self::Infant),
            1..=2 => Some(Self::Toddler),
            3..=4 => Some(Self::Preschool),
            5..=10 => Some(Self::School),
            11..=17 => Some(Self::Teen),
            _ => None,
        }
    }
}

/// Something that a sitter can do, and that parents look for.
#[derive(Debug, EnumSetType, PartialOrd, Ord, Serialize, Deserialize, AsRefStr, EnumString, EnumIter)]
#[enumset(repr = "u32", serialize_repr = "u32")]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[expect(missing_docs, reason = "each says what it is")]
pub enum Skill {
    FirstAid,
    SpecialNeeds,
    Newborns,
    Twins,
    NightCare,
    SchoolRun,
    Homework,
    Cooking,
    Housework,
    Driving,
    Swimming,
    Music,
    Crafts,
    Sports,
    Pets,
    SignLanguage,
    Montessori,
    SleepTraining,
}

/// A word of one of these lists.
pub trait Word: EnumSetType + AsRef<str> + std::str::FromStr + IntoEnumIterator {
    /// Reads it.
    fn parse(raw: &str) -> Result<Self, Violation> {
        raw.parse().map_err(|_| {
            let all: Vec<_> = Self::iter().map(|word| word.as_ref().to_owned()).collect();
            Violation::new("unknown_word", format!("must be one of {}", all.join(", ")))
        })
    }
}

impl Word for AgeGroup {}
impl Word for Skill {}

/// The words of a set, in their order.
pub fn names<T: Word>(set: EnumSet<T>) -> Vec<String> {
    set.iter().map(|word| word.as_ref().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_by_birthdays() {
        let age = |born: &str, today: &str| AgeGroup::of(born.parse().unwrap(), today.parse().unwrap());
        assert_eq!(age("2026-03-01", "2026-03-01"), Some(AgeGroup::Infant));
        assert_eq!(age("2025-03-02", "2026-03-01"), Some(AgeGroup::Infant));
        assert_eq!(age("2025-03-01", "2026-03-01"), Some(AgeGroup::Toddler));
        assert_eq!(age("2021-03-01", "2026-03-01"), Some(AgeGroup::School));
        assert_eq!(age("2024-02-29", "2025-02-28"), Some(AgeGroup::Infant));
        assert_eq!(age("2026-04-01", "2026-03-01"), None);
        assert_eq!(age("2008-03-01", "2026-03-01"), None);
    }

    #[test]
    fn reads_words() {
        assert_eq!(Skill::parse("first_aid").unwrap(), Skill::FirstAid);
        assert_eq!(Skill::parse("First aid").unwrap_err().code, "unknown_word");
        assert_eq!(names(Skill::Pets | Skill::FirstAid), ["first_aid", "pets"]);
    }
}
