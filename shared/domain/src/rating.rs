//! What reviews say, summed up.

use serde::{Deserialize, Serialize};

/// All stars that somebody got: 1 to 5 each.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rating {
    /// How many reviews there are.
    pub count: u32,
    /// All their stars together.
    pub stars: u32,
}

/// What is expected of somebody whom nobody has reviewed: so many reviews ...
const PRIOR_COUNT: u32 = 5;
/// ... of 4.4 stars each, which together make these.
const PRIOR_STARS: u32 = 22;

impl Rating {
    /// The mean in hundredths of a star, rounded down; `None` without a review.
    pub fn hundredths(self) -> Option<u32> {
        (self.stars * 100).checked_div(self.count)
    }

    /// The mean in thousandths of a star with a prior, by which people are compared: one review of five
    /// stars does not outdo fifty of which one was four.
    pub fn expected(self) -> u32 {
        (self.stars + PRIOR_STARS) * 1000 / (self.count + PRIOR_COUNT)
    }

    /// With one review more.
    #[must_use]
    pub fn with(self, stars: u8) -> Self {
        Self { count: self.count + 1, stars: self.stars + u32::from(stars) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_good_reviews_outdo_one() {
        let one = Rating::default().with(5);
        let fifty = Rating { count: 50, stars: 249 };
        assert_eq!(
            (one.hundredths(), fifty.hundredths(), Rating::default().hundredths()),
            (Some(500), Some(498), None)
        );
        assert!(fifty.expected() > one.expected() && one.expected() > Rating::default().expected());
    }
}
