//! Sitters whom a parent wants to find again.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::UserId;

/// The favourites of one parent, the latest first.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Favourites {
    sitters: Vec<Favourite>,
}

/// Somebody whom a parent wants to find again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Favourite {
    /// Who.
    pub sitter: UserId,
    /// Since when.
    pub since: Timestamp,
}

/// Nobody looks through more.
pub const MAX_FAVOURITES: usize = 50;

/// There are [`MAX_FAVOURITES`] already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there are {MAX_FAVOURITES} favourites already")]
pub struct Full;

impl Favourites {
    /// The latest first.
    pub fn all(&self) -> &[Favourite] {
        &self.sitters
    }

    /// Whether a sitter is one of them.
    pub fn contains(&self, sitter: UserId) -> bool {
        self.sitters.iter().any(|favourite| favourite.sitter == sitter)
    }

    /// With one more. One who is there already stays where they are.
    pub fn with(mut self, sitter: UserId, now: Timestamp) -> Result<Self, Full> {
        if self.contains(sitter) {
            return Ok(self);
        }
        if self.sitters.len() >= MAX_FAVOURITES {
            return Err(Full);
        }
        self.sitters.insert(0, Favourite { sitter, since: now });
        Ok(self)
    }

    /// Without one.
    #[must_use]
    pub fn without(mut self, sitter: UserId) -> Self {
        self.sitters.retain(|favourite| favourite.sitter != sitter);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_there_once_and_they_are_few() {
        let now = Timestamp::UNIX_EPOCH;
        let first: UserId = crate::id::new(now);
        let mut favourites = Favourites::default().with(first, now).unwrap();
        assert_eq!(favourites.clone().with(first, now).unwrap(), favourites);
        while favourites.all().len() < MAX_FAVOURITES {
            favourites = favourites.with(crate::id::new(now), now).unwrap();
        }
        assert_eq!(favourites.clone().with(crate::id::new(now), now), Err(Full));
        assert!(favourites.clone().with(first, now).is_ok());
        assert_eq!(favourites.all().last().unwrap().sitter, first);
        assert!(!favourites.without(first).contains(first));
    }
}
