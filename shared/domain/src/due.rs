//! Work that falls due at a time, and the keys under which it is found then.
//!
//! Items that fall due are found by queries on keys that spread: one kind of work lies in
//! [`SHARDS`] partitions, so that a day with a million of them does not heat a single one.

use jiff::Timestamp;
use strum::{AsRefStr, EnumIter, IntoEnumIterator, IntoStaticStr};
use uuid::Uuid;

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, AsRefStr, EnumIter, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Kind {
    /// Remove an account whose address nobody has proved.
    UnverifiedAccount,
    /// Release an address that a user has left, because the change cannot be reverted any more.
    PreviousEmail,
    /// Compare the sitters whom a family has booked.
    Pairings,
    /// Remove an upload that was never sent, was refused, or has been replaced.
    Upload,
    /// Mark a certificate as expired.
    Certificate,
    /// Take a booking's next step.
    Booking,
    /// Make the next bookings of a series.
    Series,
    /// Compare a payment with what Stripe knows of it.
    Payment,
}

impl Kind {
    /// Every kind.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::iter()
    }
}

/// Each partition takes 1,000 writes a second; 16 carry the sign-ups of a very good day.
pub const SHARDS: u8 = 16;

/// The partition of one kind of work.
pub fn partition(kind: Kind, shard: u8) -> String {
    format!("DUE#{}#{shard:02}", kind.as_ref())
}

/// The partition that an item lies in. The last byte of a UUIDv7 is random.
pub fn shard_of(id: Uuid) -> u8 {
    id.as_bytes()[15] % SHARDS
}

/// Sorts by time, then by item. Seconds in 12 digits hold until the year 33658.
pub fn sort_key(at: Timestamp, id: &str) -> String {
    format!("{:012}#{id}", at.as_second().max(0))
}

/// Above every key that is due at `now`.
pub fn upper_bound(now: Timestamp) -> String {
    // The character after '#' is above every identifier of that second.
    format!("{:012}$", now.as_second().max(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn is_due_exactly_from_its_second_on(at in 0i64..4_000_000_000, now in 0i64..4_000_000_000) {
            let (at, now) = (Timestamp::from_second(at).unwrap(), Timestamp::from_second(now).unwrap());
            prop_assert_eq!(sort_key(at, "usr_x") < upper_bound(now), at <= now);
        }
    }

    #[test]
    fn partitions_are_distinct() {
        let mut all: Vec<_> =
            Kind::all().flat_map(|kind| (0..SHARDS).map(move |s| partition(kind, s))).collect();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), Kind::all().count() * usize::from(SHARDS));
    }
}
