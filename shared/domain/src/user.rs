//! People with an account.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    display_name::DisplayName,
    email::EmailAddress,
    epoch::Epoch,
    id::{UploadId, UserId},
    locale::Locale,
    phone::PhoneNumber,
    role::Role,
    time_zone::TimeZoneName,
    upload::Variant,
};

/// A person with an account. The password's hash is not part of it, so that no reader carries it about.
#[derive(Debug, Clone, PartialEq)]
pub struct User {
    /// Never reused.
    pub id: UserId,
    /// Chosen once, at registration.
    pub role: Role,
    /// Unique among all accounts.
    pub email: EmailAddress,
    /// Whether the person has proved to read mail sent there.
    pub email_verified: bool,
    /// The address that the person wants instead, until they have proved to read mail sent there.
    pub pending_email: Option<EmailAddress>,
    /// The verified address before the last change, while the change can be reverted from there.
    pub previous_email: Option<PreviousEmail>,
    /// A number that the person has proved to read texts at. Unique among all accounts.
    pub phone: Option<PhoneNumber>,
    /// Whether the account may be used.
    pub standing: Standing,
    /// Whatever was issued under another epoch is rejected.
    pub epoch: Epoch,
    /// Shown to others.
    pub name: DisplayName,
    /// For mails and messages.
    pub locale: Locale,
    /// For times in mails and for quiet hours.
    pub time_zone: TimeZoneName,
    /// The person's picture.
    pub avatar: Option<Avatar>,
    /// Of the account.
    pub created_at: Timestamp,
    /// From when on the account is removed, while its address is unproved: one that somebody
    /// mistyped must become free again for its owner.
    pub due: Option<Timestamp>,
    /// Rises by one with each change; what an `If-Match` names.
    pub version: u64,
}

impl User {
    /// A new account, which is removed unless its address is proved within `unverified_for`.
    pub fn register(
        role: Role,
        email: EmailAddress,
        name: DisplayName,
        unverified_for: SignedDuration,
        now: Timestamp,
    ) -> Self {
        Self {
            id: crate::id::new(now),
            role,
            email,
            email_verified: false,
            pending_email: None,
            previous_email: None,
            phone: None,
            standing: Standing::Active,
            epoch: Epoch::FIRST,
            name,
            locale: Locale::default(),
            time_zone: TimeZoneName::default(),
            avatar: None,
            created_at: now,
            // An end beyond what the calendar holds is no end.
            due: now.checked_add(unverified_for).ok(),
            version: 1,
        }
    }

    /// The user after proving to read mail sent to `address`; `None` if it is neither the current nor the
    /// pending address.
    ///
    /// The first proof of an account starts a new epoch, because until then a stranger may have used the
    /// account. A change of a verified address can be reverted from the address before.
    pub fn prove_email(self, address: &EmailAddress, now: Timestamp) -> Option<Self> {
        let (first, moved) = (!self.email_verified, self.email != *address);
        if moved && self.pending_email.as_ref() != Some(address) {
            return None;
        }
        let previous = (moved && !first).then(|| PreviousEmail::of(self.email.clone(), now));
        Some(Self {
            email: address.clone(),
            pending_email: self.pending_email.filter(|_| !moved && !first),
            previous_email: previous.or(self.previous_email),
            email_verified: true,
            due: None,
            epoch: if first { self.epoch.next() } else { self.epoch },
            version: self.version + 1,
            ..self
        })
    }

    /// The user after the last change of the address was reverted; `None` if there is no change that can
    /// still be reverted at `now`.
    pub fn revert_email(self, now: Timestamp) -> Option<Self> {
        let previous = self.revertible_email(now)?.clone();
        Some(Self { email: previous.address, previous_email: None, ..self.next_epoch() })
    }

    /// The previous address, while it can be reverted to.
    pub fn revertible_email(&self, now: Timestamp) -> Option<&PreviousEmail> {
        self.previous_email.as_ref().filter(|previous| now < previous.until)
    }

    /// The person after they have proved to read texts sent to that number.
    #[must_use]
    pub fn with_phone(self, phone: PhoneNumber) -> Self {
        Self { phone: Some(phone), version: self.version + 1, ..self }
    }

    /// The person who wants another address, which they have yet to prove.
    #[must_use]
    pub fn with_pending_email(self, email: EmailAddress) -> Self {
        Self { pending_email: Some(email), version: self.version + 1, ..self }
    }

    /// The user in the next epoch: all sessions, links, codes and sign-ins in progress, and the pending
    /// address, end.
    #[must_use]
    pub fn next_epoch(self) -> Self {
        Self { epoch: self.epoch.next(), pending_email: None, version: self.version + 1, ..self }
    }

    /// The user in another standing. A suspension starts a new epoch. To suspend a suspended account, or
    /// open an open one, does not count as a change.
    #[must_use]
    pub fn with_standing(self, standing: Standing) -> Self {
        match (self.standing, standing) {
            (Standing::Active, Standing::Active)
            | (Standing::Suspended { .. }, Standing::Suspended { .. }) => self,
            (_, Standing::Active) => Self { standing, version: self.version + 1, ..self },
            (_, Standing::Suspended { .. }) => Self { standing, ..self.next_epoch() },
        }
    }

    /// Whether what was issued under `epoch` may still be used.
    pub fn admits(&self, epoch: Epoch) -> bool {
        self.standing == Standing::Active && self.epoch == epoch
    }
}

/// An address that a change has replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviousEmail {
    /// The address. Nobody else can claim it before `until`.
    pub address: EmailAddress,
    /// Until when the change can be reverted.
    pub until: Timestamp,
}

impl PreviousEmail {
    /// How long a change can be reverted: over a weekend.
    pub const REVERTIBLE_FOR: SignedDuration = SignedDuration::from_hours(72);

    fn of(address: EmailAddress, now: Timestamp) -> Self {
        let until = now.saturating_add(Self::REVERTIBLE_FOR).unwrap_or(Timestamp::MAX);
        Self { address, until }
    }
}

/// Whether an account may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Standing {
    /// It may.
    Active,
    /// An admin has stopped it: nobody can sign in, and no token of it is good.
    Suspended {
        /// Since when.
        since: Timestamp,
    },
}

/// A person's picture: the upload that it comes from, and what is published of it. It stands with the
/// person, so that whoever shows one reads nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Avatar {
    /// See [`crate::upload::Upload::id`].
    pub upload: UploadId,
    /// In no particular order.
    pub variants: Vec<Variant>,
}

/// What a person changes about themselves; `None` leaves it as it is.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Changes {
    /// See [`User::name`].
    pub name: Option<DisplayName>,
    /// See [`User::locale`].
    pub locale: Option<Locale>,
    /// See [`User::time_zone`].
    pub time_zone: Option<TimeZoneName>,
}

impl Changes {
    /// The person after the change. An empty change does not count as one.
    pub fn apply(self, mut user: User) -> User {
        let before = user.clone();
        if let Some(name) = self.name {
            user.name = name;
        }
        if let Some(locale) = self.locale {
            user.locale = locale;
        }
        if let Some(time_zone) = self.time_zone {
            user.time_zone = time_zone;
        }
        if user != before {
            user.version += 1;
        }
        user
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ada() -> User {
        User::register(
            Role::Parent,
            "ada@example.org".parse().unwrap(),
            DisplayName::parse("Ada").unwrap(),
            SignedDuration::from_hours(7 * 24),
            now(),
        )
    }

    fn now() -> Timestamp {
        "2026-03-01T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn expires_after_a_while() {
        assert_eq!(ada().due, Some("2026-03-08T12:00:00Z".parse().unwrap()));
    }

    #[test]
    fn proves_the_address_it_has_or_wants() {
        let other = EmailAddress::parse("ada@other.example").unwrap();
        assert_eq!(ada().prove_email(&other, now()), None);
        let proved = ada().prove_email(&ada().email, now()).unwrap();
        assert_eq!((proved.email_verified, proved.due, proved.version), (true, None, 2));
        let moved = ada().with_pending_email(other.clone()).prove_email(&other, now()).unwrap();
        assert_eq!((&moved.email, &moved.pending_email, moved.email_verified), (&other, &None, true));
        assert_eq!(moved.previous_email, None, "nobody has proved the address before");
    }

    #[test]
    fn the_first_proof_starts_a_new_epoch_and_a_later_one_does_not() {
        let other = EmailAddress::parse("ada@other.example").unwrap();
        let first = ada().with_pending_email(other.clone()).prove_email(&ada().email, now()).unwrap();
        assert_eq!((first.epoch, &first.pending_email), (Epoch::FIRST.next(), &None));
        let again = first.clone().prove_email(&first.email, now()).unwrap();
        let moved = first.clone().with_pending_email(other.clone()).prove_email(&other, now()).unwrap();
        assert_eq!([again.epoch, moved.epoch], [first.epoch; 2]);
    }

    #[test]
    fn a_change_of_the_address_can_be_reverted_for_72_hours() {
        let at = |hour: i64| now() + SignedDuration::from_hours(hour);
        let other = EmailAddress::parse("ada@other.example").unwrap();
        let ada = ada().prove_email(&ada().email, now()).unwrap();
        assert_eq!(ada.clone().revert_email(now()), None);
        let moved = ada.clone().with_pending_email(other.clone()).prove_email(&other, now()).unwrap();
        assert_eq!(moved.revertible_email(at(71)).map(|previous| &previous.address), Some(&ada.email));
        // The thief goes on: none of it keeps the owner from reverting.
        let later = moved.next_epoch().with_standing(Standing::Suspended { since: at(1) });
        let reverted = later.clone().revert_email(at(71)).unwrap();
        assert_eq!((&reverted.email, &reverted.previous_email), (&ada.email, &None));
        assert!(reverted.epoch > later.epoch);
        assert_eq!(later.revert_email(at(72)), None);
    }

    #[test]
    fn a_new_epoch_ends_what_was_issued_and_what_is_pending() {
        let since = now();
        let ada = ada().with_pending_email("ada@other.example".parse().unwrap());
        assert!(ada.admits(Epoch::FIRST));
        let next = ada.clone().next_epoch();
        assert_eq!((next.pending_email.as_ref(), next.version), (None, ada.version + 1));
        assert!(!next.admits(Epoch::FIRST) && next.admits(next.epoch));

        let suspended = ada.with_standing(Standing::Suspended { since });
        assert_eq!((suspended.pending_email.as_ref(), suspended.admits(suspended.epoch)), (None, false));
        assert_eq!(suspended.clone().with_standing(Standing::Suspended { since }), suspended);
        let back = suspended.with_standing(Standing::Active);
        assert!(back.admits(back.epoch) && !back.admits(Epoch::FIRST));
    }

    #[test]
    fn only_a_real_change_raises_the_version() {
        assert_eq!(Changes::default().apply(ada()).version, 1);
        let same = Changes { name: Some(DisplayName::parse("Ada").unwrap()), ..Changes::default() };
        assert_eq!(same.apply(ada()).version, 1);
        let other = Changes { name: Some(DisplayName::parse("Ada L").unwrap()), ..Changes::default() };
        let changed = other.apply(ada());
        assert_eq!((changed.version, changed.name.as_str()), (2, "Ada L"));
    }
}
