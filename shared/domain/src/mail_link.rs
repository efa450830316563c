//! Links in mails that prove who reads them.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use strum::AsRefStr;

use crate::{
    email::EmailAddress,
    epoch::Epoch,
    id::UserId,
    role::Role,
    session::TokenHash,
    user::{PreviousEmail, User},
};

/// What a link is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, AsRefStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Purpose {
    /// Proves that its reader reads mail sent to an address.
    VerifyEmail,
    /// Lets its reader choose a new password.
    ResetPassword,
    /// Lets the reader of mail at the previous address revert the change of the address.
    RevertEmail,
}

impl Purpose {
    /// How long a link lives: as long as people take to read mail, but an hour where it opens the
    /// account.
    pub fn lifetime(self) -> SignedDuration {
        match self {
            Self::VerifyEmail => SignedDuration::from_hours(48),
            Self::ResetPassword => SignedDuration::from_hours(1),
            Self::RevertEmail => PreviousEmail::REVERTIBLE_FOR,
        }
    }
}

/// A link that was sent. A person has at most one per purpose: a new one replaces it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailLink {
    /// Whose.
    pub user_id: UserId,
    /// For what.
    pub purpose: Purpose,
    /// Where it was sent to.
    pub email: EmailAddress,
    /// The user's epoch when the link was made.
    pub epoch: Epoch,
    /// Of its secret.
    pub hash: TokenHash,
    /// From then on it is void.
    pub expires_at: Timestamp,
}

impl MailLink {
    /// A link to a user that is made at `now`.
    pub fn new(user: &User, purpose: Purpose, email: EmailAddress, hash: TokenHash, now: Timestamp) -> Self {
        let expires_at = now.saturating_add(purpose.lifetime()).unwrap_or(Timestamp::MAX);
        Self { user_id: user.id, purpose, email, epoch: user.epoch, hash, expires_at }
    }

    /// Whether a link for that purpose that was requested under `epoch` may be sent and used. The reset of an
    /// account that nobody has verified does not end with the epoch: it replaces the account, and a stranger
    /// who uses the account could start epochs to keep the owner of the address out.
    pub fn admits(purpose: Purpose, user: &User, epoch: Epoch) -> bool {
        let replaces = purpose == Purpose::ResetPassword && !user.email_verified && user.role != Role::Admin;
        user.admits(if replaces { user.epoch } else { epoch })
    }

    /// Whether a secret with that hash opens the link for its user.
    ///
    /// A suspended account cannot be changed by a link, and a link of an earlier epoch is void. The revert
    /// of an address is exempt from both: it is what the owner has left after a thief has changed the
    /// password, and leaves a suspension as it is. See [`Self::admits`] for the other exemption.
    pub fn opens(&self, hash: &TokenHash, user: &User, now: Timestamp) -> bool {
        let usable = match self.purpose {
            Purpose::VerifyEmail => Self::admits(self.purpose, user, self.epoch),
            // Whoever was invited or has forgotten the password of this address, not of one before.
            Purpose::ResetPassword => {
                Self::admits(self.purpose, user, self.epoch) && user.email == self.email
            }
            Purpose::RevertEmail => {
                user.revertible_email(now).is_some_and(|previous| previous.address == self.email)
            }
        };
        usable && self.user_id == user.id && now < self.expires_at && self.hash == *hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{display_name::DisplayName, user::Standing};

    fn now() -> Timestamp {
        "2026-03-01T12:00:00Z".parse().unwrap()
    }

    fn ada() -> User {
        let (email, name) = ("ada@example.org".parse().unwrap(), DisplayName::parse("Ada").unwrap());
        User::register(Role::Parent, email, name, SignedDuration::from_hours(1), now())
    }

    fn link(user: &User, purpose: Purpose) -> MailLink {
        MailLink::new(user, purpose, user.email.clone(), TokenHash([1; 32]), now())
    }

    fn opens(link: &MailLink, user: &User) -> bool {
        link.opens(&TokenHash([1; 32]), user, now())
    }

    #[test]
    fn opens_for_its_secret_until_it_expires() {
        let (ada, after) = (ada(), |minutes| now() + SignedDuration::from_mins(minutes));
        let link = link(&ada, Purpose::ResetPassword);
        assert!(link.opens(&TokenHash([1; 32]), &ada, after(59)));
        assert!(!link.opens(&TokenHash([1; 32]), &ada, after(60)));
        assert!(!link.opens(&TokenHash([2; 32]), &ada, now()));
        assert!(!opens(&link, &User { id: crate::id::new(now()), ..ada }));
    }

    #[test]
    fn is_void_in_another_epoch_and_while_the_account_is_suspended() {
        let strangers = ada();
        let reset = link(&strangers, Purpose::ResetPassword);
        assert!(opens(&reset, &strangers.clone().next_epoch()), "a stranger keeps nobody out");
        let verified = strangers.prove_email(&ada().email, now()).unwrap();
        assert!(!opens(&reset, &verified));
        let ada = verified;
        for purpose in [Purpose::VerifyEmail, Purpose::ResetPassword] {
            let link = link(&ada, purpose);
            assert!(opens(&link, &ada));
            assert!(!opens(&link, &ada.clone().next_epoch()));
            let suspended = User { standing: Standing::Suspended { since: now() }, ..ada.clone() };
            assert!(!opens(&link, &suspended));
        }
        let moved = User { email: "ada@other.example".parse().unwrap(), ..ada.clone() };
        assert!(!opens(&link(&ada, Purpose::ResetPassword), &moved));
    }

    #[test]
    fn a_change_of_the_address_is_reverted_whatever_a_thief_has_done_since() {
        let ada = ada().prove_email(&ada().email, now()).unwrap();
        let other: EmailAddress = "thief@example.org".parse().unwrap();
        let moved = ada.clone().with_pending_email(other.clone()).prove_email(&other, now()).unwrap();
        let link = MailLink::new(&moved, Purpose::RevertEmail, ada.email.clone(), TokenHash([1; 32]), now());
        assert!(opens(&link, &moved));
        assert!(opens(&link, &moved.clone().next_epoch()));
        assert!(!opens(&link, &moved.revert_email(now()).unwrap()), "it serves once");
    }
}
