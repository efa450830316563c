//! What families write about sitters.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Violation,
    id::{ReviewId, UserId},
    text::text_type,
};

text_type! {
    /// What somebody writes: paragraphs of 1 to 2000 characters together.
    ReviewText = paragraphs(2000)
}

/// One to five.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Stars(u8);

impl Stars {
    /// Reads a number.
    pub fn parse(number: u8) -> Result<Self, Violation> {
        if (1..=5).contains(&number) {
            Ok(Self(number))
        } else {
            Err(Violation::new("out_of_range", "must be from 1 to 5"))
        }
    }
}

impl TryFrom<u8> for Stars {
    type Error = Violation;
    fn try_from(number: u8) -> Result<Self, Violation> {
        Self::parse(number)
    }
}

impl From<Stars> for u8 {
    fn from(stars: Stars) -> Self {
        stars.0
    }
}

/// What a family has written about a sitter, as everybody may read it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Review {
    /// Sorts by when it was published.
    pub id: ReviewId,
    /// About whom.
    pub sitter: UserId,
    /// By whom. Not shown.
    pub author: UserId,
    /// The author's first name, as it was then.
    pub first_name: String,
    /// How it was.
    pub stars: Stars,
    /// In words.
    pub text: Option<ReviewText>,
    /// When everybody could read it for the first time.
    pub published_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_are_one_to_five() {
        assert_eq!([0, 1, 5, 6].map(|number| Stars::parse(number).is_ok()), [false, true, true, false]);
    }
}
