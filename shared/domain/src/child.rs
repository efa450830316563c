//! Children, as their parents describe them. All of it is private.

use std::fmt;

use jiff::{Timestamp, ToSpan, civil::Date};
use serde::{Deserialize, Serialize};

use crate::{
    Violation,
    care::AgeGroup,
    id::{ChildId, UserId},
    text::text_type,
};

text_type! {
    /// What a child is called: one line of 1 to 80 characters.
    Name = line(80)
}

text_type! {
    /// What a child must not eat or touch: 1 to 500 characters.
    Allergies = paragraphs(500)
}

text_type! {
    /// What else a sitter must know of a child: 1 to 1000 characters.
    Needs = paragraphs(1000)
}

/// How many children a parent can describe.
pub const MAX_CHILDREN: usize = 20;

/// Who is older is no child any more.
const MAX_YEARS: i32 = 18;

/// The month that a child was born in, e.g. `2022-03`. The day is nobody's concern.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BirthMonth(Date);

impl BirthMonth {
    /// Reads a month that is neither to come nor more than 18 years ago on that day.
    pub fn parse(raw: &str, today: Date) -> Result<Self, Violation> {
        let month = Self::try_from(raw.to_owned())?;
        if month.0 > today {
            return Err(Violation::new("in_the_future", "must not be in the future"));
        }
        if month.0 < today.first_of_month().saturating_sub(MAX_YEARS.years()) {
            let message = format!("must be at most {MAX_YEARS} years ago");
            return Err(Violation::new("too_long_ago", message));
        }
        Ok(month)
    }

    /// How old the child is on that day, as if it was born on the first of the month; `None` when it
    /// has grown up.
    pub fn age_group(self, today: Date) -> Option<AgeGroup> {
        AgeGroup::of(self.0, today)
    }
}

/// It is a child's: a log line shows only that there was one.
impl fmt::Debug for BirthMonth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BirthMonth(…)")
    }
}

impl fmt::Display for BirthMonth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.strftime("%Y-%m"))
    }
}

impl TryFrom<String> for BirthMonth {
    type Error = Violation;
    fn try_from(raw: String) -> Result<Self, Violation> {
        let invalid = || Violation::new("invalid_month", "must be a month such as 2022-03");
        // Year and month alone: the parser of dates knows other forms, too.
        let is_month = raw.bytes().enumerate().all(|(at, byte)| match at {
            4 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
        if raw.len() != 7 || !is_month {
            return Err(invalid());
        }
        format!("{raw}-01").parse().map(Self).map_err(|_| invalid())
    }
}

impl From<BirthMonth> for String {
    fn from(month: BirthMonth) -> Self {
        month.to_string()
    }
}

/// What a parent tells of a child.
#[derive(Debug, Clone, PartialEq)]
pub struct Details {
    /// What it is called.
    pub name: Name,
    /// See [`BirthMonth`].
    pub birth_month: BirthMonth,
    /// See [`Allergies`].
    pub allergies: Option<Allergies>,
    /// See [`Needs`].
    pub needs: Option<Needs>,
}

/// A child, whom nobody but its parent sees.
#[derive(Debug, Clone, PartialEq)]
pub struct Child {
    /// Never reused.
    pub id: ChildId,
    /// Whose child it is.
    pub parent: UserId,
    /// What is told of it.
    pub details: Details,
    /// Rises by one with each change; what an `If-Match` names.
    pub version: u64,
}

impl Child {
    /// One that is described for the first time.
    pub fn new(parent: UserId, details: Details, now: Timestamp) -> Self {
        Self { id: crate::id::new(now), parent, details, version: 1 }
    }

    /// The child, described anew.
    #[must_use]
    pub fn with(self, details: Details) -> Self {
        Self { details, version: self.version + 1, ..self }
    }
}

/// What a list shows of a child: never what it suffers from.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// See [`Child::id`].
    pub id: ChildId,
    /// See [`Details::name`].
    pub name: Name,
    /// See [`Details::birth_month`].
    pub birth_month: BirthMonth,
}

/// Which children a parent has described. Its version makes their number exact, however many are added
/// at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roll {
    /// Whose.
    pub parent: UserId,
    /// In the order in which they were added.
    pub children: Vec<ChildId>,
    /// Rises by one with each change.
    pub version: u64,
}

impl Roll {
    /// Of somebody who has described none.
    pub fn new(parent: UserId) -> Self {
        Self { parent, children: Vec::new(), version: 0 }
    }

    /// With one more; `None` if there are [`MAX_CHILDREN`].
    pub fn with(mut self, child: ChildId) -> Option<Self> {
        if self.children.len() >= MAX_CHILDREN {
            return None;
        }
        self.children.push(child);
        self.version += 1;
        Some(self)
    }

    /// Without that one; `None` if it is not there.
    pub fn without(mut self, child: ChildId) -> Option<Self> {
        let at = self.children.iter().position(|listed| *listed == child)?;
        self.children.remove(at);
        self.version += 1;
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn day(raw: &str) -> Date {
        raw.parse().unwrap()
    }

    #[test]
    fn reads_months_of_childhood() {
        let parse = |raw: &str| BirthMonth::parse(raw, day("2026-11-25"));
        for raw in ["2026-11", "2008-11", "2020-02"] {
            assert_eq!(parse(raw).unwrap().to_string(), raw);
        }
        assert_eq!(parse("2026-12").unwrap_err().code, "in_the_future");
        assert_eq!(parse("2008-10").unwrap_err().code, "too_long_ago");
        for raw in ["", "2020", "2020-13", "2020-00", "2020-1", "2020-02-01", "+020-02", "2020W02", "20-2020"]
        {
            assert_eq!(parse(raw).unwrap_err().code, "invalid_month", "{raw}");
        }
    }

    #[test]
    fn a_child_grows_up() {
        let born = BirthMonth::parse("2008-11", day("2026-11-25")).unwrap();
        assert_eq!(born.age_group(day("2026-10-31")), Some(AgeGroup::Teen));
        assert_eq!(born.age_group(day("2026-11-01")), None);
        assert_eq!(format!("{born:?}"), "BirthMonth(…)");
    }

    #[test]
    fn the_roll_is_full_at_some_point() {
        let ids: Vec<ChildId> = (0..=MAX_CHILDREN).map(|_| crate::id::new(Timestamp::UNIX_EPOCH)).collect();
        let parent = crate::id::new(Timestamp::UNIX_EPOCH);
        let full = ids[1..].iter().try_fold(Roll::new(parent), |roll, id| roll.with(*id)).unwrap();
        assert_eq!((full.version, full.clone().with(ids[0])), (20, None));
        assert_eq!(full.clone().without(ids[0]), None);
        let fewer = full.without(ids[7]).unwrap();
        assert!(!fewer.children.contains(&ids[7]));
        assert_eq!(fewer.with(ids[0]).unwrap().version, 22);
    }

    proptest! {
        #[test]
        fn a_month_is_kept_as_it_is(raw in "[0-9]{4}-[0-9]{2}") {
            if let Ok(month) = BirthMonth::try_from(raw.clone()) {
                prop_assert_eq!(String::from(month), raw);
            }
        }
    }
}
