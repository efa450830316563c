//! How long a message waits until it is tried again.

use std::{ops::RangeInclusive, time::Duration};

/// Pauses that double with each try, up to the longest. Up to half of each is left out at random, so that what has
/// failed at once does not come again at once.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    /// The first pause, in seconds.
    pub first: u32,
    /// The longest, in seconds.
    pub most: u32,
}

impl Backoff {
    /// The pause after the try of that number, of which the first is 1.
    pub fn pause(&self, tries: u32) -> Duration {
        Duration::from_secs(rand::random_range(self.bounds(tries)).into())
    }

    /// The shortest and the longest pause after the try of that number, in seconds.
    pub fn bounds(&self, tries: u32) -> RangeInclusive<u32> {
        let doubled = 1u32.checked_shl(tries.saturating_sub(1)).unwrap_or(u32::MAX);
        let longest = self.first.saturating_mul(doubled).min(self.most);
        longest.div_ceil(2)..=longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff { first: 5, most: 900 };

    #[test]
    fn doubles_up_to_the_longest() {
        let bounds: Vec<_> = (1..=10).map(|tries| BACKOFF.bounds(tries).into_inner()).collect();
        let expected = [
            (3, 5),
            (5, 10),
            (10, 20),
            (20, 40),
            (40, 80),
            (80, 160),
            (160, 320),
            (320, 640),
            (450, 900),
            (450, 900),
        ];
        assert_eq!(bounds, expected);
        // What a queue tells is not to be relied on.
        assert_eq!((BACKOFF.bounds(0), BACKOFF.bounds(u32::MAX)), (3..=5, 450..=900));
    }

    #[test]
    fn differs_from_message_to_message() {
        let pauses: Vec<u64> = (0..100).map(|_| BACKOFF.pause(9).as_secs()).collect();
        assert!(pauses.iter().all(|pause| (450..=900).contains(pause)));
        assert!(pauses.iter().any(|pause| *pause != pauses[0]));
    }
}
