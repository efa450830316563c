//! The credential epoch of a user.

use serde::{Deserialize, Serialize};

/// Counts the events that invalidate what a user's credentials have led to: a changed or reset password, a
/// sign-out of all devices, a suspension, a reverted email address, a second factor that an admin has
/// reset.
///
/// Sessions, email links, one-time codes and sign-ins in progress record the epoch that they were issued
/// under, and are rejected under any other. A counter and not a time, so that whatever is in progress
/// while the epoch changes is rejected as well, whichever clock it has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(u64);

impl Epoch {
    /// Of a new account.
    pub const FIRST: Self = Self(1);

    /// The one after it.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// As it is stored.
    pub fn number(self) -> u64 {
        self.0
    }
}
