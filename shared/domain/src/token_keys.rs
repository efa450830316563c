//! The keys that access tokens are signed with, and when each of them serves.
//!
//! A key is published before it signs, so that everyone who verifies has read it by then, and stays
//! published after it, until the last token it signed has expired.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// A key signs for 30 days.
pub const ROTATE_AFTER: SignedDuration = SignedDuration::from_hours(30 * 24);
/// It is published a day before it signs: far longer than any function keeps the set it has read.
pub const PUBLISH_AHEAD: SignedDuration = SignedDuration::from_hours(24);
/// It stays for a day after its successor signs: far longer than an access token lives.
pub const KEEP_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// The public half of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicKey {
    /// Names it in a token's header.
    pub kid: String,
    /// The Ed25519 public key, base64url without padding (RFC 8037, the member `x`).
    pub x: String,
    /// From when on it signs.
    pub signs_from: Timestamp,
}

/// All published keys.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeySet {
    /// In order of their beginning.
    pub keys: Vec<PublicKey>,
    /// Rises with each change; 0 where nothing was ever published.
    pub version: u64,
}

/// What a rotation has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// Nothing yet.
    NotDue,
    /// Publish a new key that signs from that time on.
    Publish {
        /// See [`PublicKey::signs_from`].
        signs_from: Timestamp,
    },
}

impl KeySet {
    /// The key of that name, to verify with.
    pub fn get(&self, kid: &str) -> Option<&PublicKey> {
        self.keys.iter().find(|key| key.kid == kid)
    }

    /// The key to sign with: the youngest that has begun.
    pub fn signing(&self, now: Timestamp) -> Option<&PublicKey> {
        self.keys.iter().filter(|key| key.signs_from <= now).max_by_key(|key| key.signs_from)
    }

    /// What is to be done at `now`.
    pub fn rotation(&self, now: Timestamp) -> Rotation {
        let Some(youngest) = self.keys.iter().map(|key| key.signs_from).max() else {
            return Rotation::Publish { signs_from: now };
        };
        let ahead = now.saturating_add(PUBLISH_AHEAD).unwrap_or(Timestamp::MAX);
        if ahead.duration_since(youngest) < ROTATE_AFTER {
            return Rotation::NotDue;
        }
        Rotation::Publish { signs_from: ahead }
    }

    /// The set with a new key and without those that nobody needs any more.
    pub fn publish(mut self, key: PublicKey, now: Timestamp) -> Self {
        self.keys.push(key);
        self.keys.sort_by_key(|key| key.signs_from);
        let successors: Vec<_> =
            self.keys.iter().skip(1).map(|key| Some(key.signs_from)).chain([None]).collect();
        let mut successor = successors.into_iter();
        self.keys
            .retain(|_| successor.next().flatten().is_none_or(|from| now.duration_since(from) < KEEP_AFTER));
        self.version += 1;
        self
    }

    /// The set without the keys whose private half is lost: they can never sign.
    pub fn without(mut self, lost: impl Fn(&str) -> bool) -> Self {
        self.keys.retain(|key| !lost(&key.kid));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    fn at(day: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + day * DAY).unwrap()
    }

    fn run(mut set: KeySet, day: i64) -> KeySet {
        if let Rotation::Publish { signs_from } = set.rotation(at(day)) {
            set = set.publish(PublicKey { kid: format!("k{day}"), x: String::new(), signs_from }, at(day));
        }
        set
    }

    #[test]
    fn the_first_key_signs_at_once() {
        let set = run(KeySet::default(), 0);
        assert_eq!(set.signing(at(0)).unwrap().kid, "k0");
        assert_eq!(set.version, 1);
    }

    #[test]
    fn a_year_of_daily_runs() {
        let mut set = KeySet::default();
        let mut signed_by: Vec<(i64, String)> = Vec::new();
        for day in 0..365 {
            set = run(set, day);
            let kid = set.signing(at(day)).unwrap().kid.clone();
            for (signed_on, kid) in signed_by.iter().filter(|(on, _)| *on == day - 1) {
                assert!(set.get(kid).is_some(), "{kid} signed on day {signed_on} and was gone a day later");
            }
            assert!(set.keys.len() <= 3, "old keys go");
            signed_by.push((day, kid));
        }
        signed_by.dedup_by_key(|(_, kid)| kid.clone());
        assert_eq!(signed_by.len(), 13, "a new key every 30 days: {signed_by:?}");
    }

    #[test]
    fn a_new_key_waits_before_it_signs() {
        let set = run(run(KeySet::default(), 0), 29);
        assert!(set.get("k29").is_some());
        assert_eq!(set.signing(at(29)).unwrap().kid, "k0");
        assert_eq!(set.signing(at(30)).unwrap().kid, "k29");
    }

    #[test]
    fn a_second_run_on_the_same_day_does_nothing() {
        let set = run(KeySet::default(), 0);
        assert_eq!(run(set.clone(), 0), set);
    }
}
