//! People with an account.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use strum::{AsRefStr, Display, EnumString};

use crate::{
    Violation,
    display_name::DisplayName,
    email::EmailAddress,
    id::{UploadId, UserId},
    locale::Locale,
    time_zone::TimeZoneName,
    upload::Variant,
};

/// What a person may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, AsRefStr, Display, EnumString)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Role {
    /// Books sitters.
    Parent,
    /// Is booked.
    Sitter,
    /// Operates the marketplace. Nobody can register as one.
    Admin,
}

impl Role {
    /// Reads a role that a stranger may choose.
    pub fn parse_registrable(raw: &str) -> Result<Self, Violation> {
        match raw.parse() {
            Ok(role @ (Self::Parent | Self::Sitter)) => Ok(role),
            Ok(Self::Admin) | Err(_) => Err(Violation::new("invalid_role", "must be parent or sitter")),
        }
    }
}

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
    fn nobody_registers_as_admin() {
        assert_eq!(Role::parse_registrable("sitter").unwrap(), Role::Sitter);
        for raw in ["admin", "Parent", "", "root"] {
            assert_eq!(Role::parse_registrable(raw).unwrap_err().code, "invalid_role", "{raw}");
        }
    }

    #[test]
    fn expires_after_a_while() {
        assert_eq!(ada().due, Some("2026-03-08T12:00:00Z".parse().unwrap()));
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
