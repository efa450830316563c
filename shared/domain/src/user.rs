//! People with an account.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    display_name::DisplayName,
    email::EmailAddress,
    id::{SessionId, UploadId, UserId},
    locale::Locale,
    phone::PhoneNumber,
    role::Role,
    session::Session,
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
    /// A number that the person has proved to read texts at. Unique among all accounts.
    pub phone: Option<PhoneNumber>,
    /// Whether the account may be used.
    pub standing: Standing,
    /// When all sign-ins were ended at once for the last time.
    pub signed_out: Option<SignOut>,
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
            phone: None,
            standing: Standing::Active,
            signed_out: None,
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

    /// The person after they have proved to read mail sent to `address`; `None` if it is neither
    /// theirs nor the one that they want.
    pub fn prove_email(mut self, address: &EmailAddress) -> Option<Self> {
        if self.pending_email.as_ref() == Some(address) {
            self.email = address.clone();
            self.pending_email = None;
        } else if self.email != *address {
            return None;
        }
        self.email_verified = true;
        self.due = None;
        self.version += 1;
        Some(self)
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

    /// The person whose sign-ins have all been ended at `now`, except one.
    #[must_use]
    pub fn signed_out(self, except: Option<SessionId>, now: Timestamp) -> Self {
        Self { signed_out: Some(SignOut { at: now, except }), version: self.version + 1, ..self }
    }

    /// The person in another standing. Whoever is suspended is signed out. To suspend who is suspended,
    /// or open an account that is open, does not count as a change.
    #[must_use]
    pub fn with_standing(self, standing: Standing, now: Timestamp) -> Self {
        match (self.standing, standing) {
            (Standing::Active, Standing::Active)
            | (Standing::Suspended { .. }, Standing::Suspended { .. }) => self,
            (_, Standing::Active) => Self { standing, version: self.version + 1, ..self },
            (_, Standing::Suspended { .. }) => Self { standing, ..self.signed_out(None, now) },
        }
    }

    /// Whether a sign-in is still good for this person.
    pub fn admits(&self, session: &Session) -> bool {
        let ended =
            self.signed_out.is_some_and(|all| session.created_at <= all.at && all.except != Some(session.id));
        self.standing == Standing::Active && !ended
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

/// The end of all sign-ins at once. It stands with the person, so that one write ends any number of
/// them, and none can outlive it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignOut {
    /// Those that were begun until then.
    pub at: Timestamp,
    /// But for this one.
    pub except: Option<SessionId>,
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
            "2026-03-01T12:00:00Z".parse().unwrap(),
        )
    }

    #[test]
    fn expires_after_a_while() {
        assert_eq!(ada().due, Some("2026-03-08T12:00:00Z".parse().unwrap()));
    }

    #[test]
    fn proves_the_address_it_has_or_wants() {
        let other = EmailAddress::parse("ada@other.example").unwrap();
        assert_eq!(ada().prove_email(&other), None);
        let proved = ada().prove_email(&ada().email).unwrap();
        assert_eq!((proved.email_verified, proved.due, proved.version), (true, None, 2));
        let moved = User { pending_email: Some(other.clone()), ..ada() }.prove_email(&other).unwrap();
        assert_eq!((&moved.email, &moved.pending_email, moved.email_verified), (&other, &None, true));
    }

    #[test]
    fn a_sign_out_ends_what_began_before_it() {
        let at = |minute: i64| ada().created_at + SignedDuration::from_mins(minute);
        let hash = crate::session::TokenHash([1; 32]);
        let token = crate::session::Token { family: hash.clone(), whole: hash };
        let begun =
            |minute| Session::start(ada().id, Role::Parent, token.clone(), Default::default(), at(minute));
        let (first, second, later) = (begun(1), begun(2), begun(4));
        assert!(ada().admits(&first));
        let out = ada().signed_out(Some(second.id), at(3));
        assert_eq!([&first, &second, &later].map(|session| out.admits(session)), [false, true, true]);

        let suspended = ada().with_standing(Standing::Suspended { since: at(3) }, at(3));
        assert_eq!([&first, &second, &later].map(|session| suspended.admits(session)), [false; 3]);
        let again = suspended.clone().with_standing(Standing::Suspended { since: at(9) }, at(9));
        assert_eq!(again, suspended);
        let back = suspended.with_standing(Standing::Active, at(5));
        assert_eq!([&first, &second, &later].map(|session| back.admits(session)), [false, false, true]);
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
