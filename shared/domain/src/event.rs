//! What has happened, in the words in which it is announced.
//!
//! An event names identifiers and nothing personal: whoever acts on it reads the rest when it acts,
//! so that an erased person is not written to from a queue.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    booking::{News, Who},
    credentials::Method,
    epoch::Epoch,
    id::{BookingId, CertificateId, ChallengeId, EventId, SessionId, UserId},
    listing,
    stripe::ObjectId,
};

/// An event with its identity, by which a consumer knows that it has seen it before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The same at every delivery.
    pub id: EventId,
    /// When it happened, not when it was delivered.
    pub occurred_at: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub fact: Fact,
}

impl Event {
    /// Something that happens at `now`.
    pub fn new(fact: Fact, now: Timestamp) -> Self {
        Self { id: crate::id::new(now), occurred_at: now, fact }
    }
}

/// What can happen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Fact {
    /// Somebody opened an account.
    UserRegistered {
        /// The new account.
        user_id: UserId,
        /// Under which its link is issued.
        epoch: Epoch,
    },
    /// Somebody tried to open an account with an address that has one; its owner should know.
    RegistrationRepeated {
        /// The account that the address belongs to.
        user_id: UserId,
    },
    /// Somebody asked for another mail to prove their address with.
    EmailVerificationRequested {
        /// Whose address it is.
        user_id: UserId,
        /// Under which its link is issued.
        epoch: Epoch,
    },
    /// Somebody wants another address, and has to prove it.
    EmailChangeRequested {
        /// Who.
        user_id: UserId,
        /// Under which its link is issued.
        epoch: Epoch,
    },
    /// A verified address was replaced by another one; the change can be reverted from the address before.
    EmailChanged {
        /// Whose.
        user_id: UserId,
    },
    /// The change of an address was reverted. The password is void, so a link to choose another one follows.
    EmailReverted {
        /// Whose.
        user_id: UserId,
        /// Under which its link is issued.
        epoch: Epoch,
    },
    /// Somebody has forgotten the password of an account.
    PasswordResetRequested {
        /// Whose password it is.
        user_id: UserId,
        /// Under which its link is issued.
        epoch: Epoch,
    },
    /// Somebody was made an admin, and has to choose a password.
    AdminInvited {
        /// Who.
        user_id: UserId,
        /// Under which its link is issued.
        epoch: Epoch,
    },
    /// A password was changed or reset.
    PasswordChanged {
        /// Whose.
        user_id: UserId,
    },
    /// Somebody changed what is asked for after the password.
    SecondStepChanged {
        /// Who.
        user_id: UserId,
        /// To what.
        method: Method,
    },
    /// An admin has removed what is asked for after the password, because its owner has lost it.
    SecondStepReset {
        /// Whose.
        user_id: UserId,
    },
    /// Somebody waits for a code by text.
    CodeRequested {
        /// Who.
        user_id: UserId,
        /// The sign-in that waits for it; without, it is to prove a number.
        challenge: Option<ChallengeId>,
    },
    /// An account was suspended.
    AccountSuspended {
        /// Whose.
        user_id: UserId,
    },
    /// An account may be used again.
    AccountReinstated {
        /// Whose.
        user_id: UserId,
    },
    /// An account is gone, and everything of it.
    AccountRemoved {
        /// Whose it was.
        user_id: UserId,
    },
    /// Something that search shows of a sitter has changed.
    SitterChanged {
        /// Who.
        user_id: UserId,
    },
    /// An admin has decided on a sitter's profile.
    SitterDecided {
        /// Whose.
        user_id: UserId,
        /// How.
        decision: listing::Event,
    },
    /// Something was asked for an address that nobody has. It is written so that the answer takes as
    /// long as for a known one, and nothing follows from it.
    NobodyAsked,
    /// A refresh token was used a second time, so that the whole sign-in was ended.
    SessionReused {
        /// Whose sign-in it was.
        user_id: UserId,
        /// The sign-in.
        session_id: SessionId,
    },
    /// An admin has found a certificate to be true.
    CredentialVerified {
        /// Whose.
        user_id: UserId,
        /// Which.
        certificate_id: CertificateId,
    },
    /// An admin has not found a certificate to be true.
    CredentialRejected {
        /// Whose.
        user_id: UserId,
        /// Which.
        certificate_id: CertificateId,
    },
    /// A certificate is good no more, as an admin or whoever checks sitters for us has found.
    CredentialRevoked {
        /// Whose.
        user_id: UserId,
        /// Which.
        certificate_id: CertificateId,
    },
    /// A certificate's last day is past.
    CredentialExpired {
        /// Whose.
        user_id: UserId,
        /// Which.
        certificate_id: CertificateId,
    },
    /// A sitter's background check is good no more: its last day is past, an admin has revoked it, or something has
    /// become known. Parents must not find the sitter any longer.
    BackgroundCheckExpired {
        /// Whose.
        user_id: UserId,
    },
    /// Whoever checks sitters for us knows something against one of them.
    SitterDiscredited {
        /// Against whom.
        user_id: UserId,
    },
    /// Something happened to a booking, or fell due for it.
    Booking {
        /// To which.
        booking_id: BookingId,
        /// Whose it is.
        parent: UserId,
        /// Who is booked.
        sitter: UserId,
        /// What.
        news: News,
    },
    /// Somebody who takes part in a booking calls for help.
    HelpCalled {
        /// In which.
        booking_id: BookingId,
        /// Who.
        by: Who,
    },
    /// The user of something at Stripe is gone, so that it is to be deleted there.
    StripeObjectAbandoned {
        /// What, by the name that Stripe gives it: `cus_…` or `acct_…`.
        object: String,
    },
    /// Stripe has told of something that it has. What has become of it is asked there.
    StripeEventReceived {
        /// What, by the name that Stripe gives it, e.g. `pi_…` or `acct_…`.
        object: ObjectId,
    },
}

impl Fact {
    /// Whether it must not wait for anything that was announced before it.
    pub fn is_urgent(&self) -> bool {
        matches!(self, Self::HelpCalled { .. } | Self::SitterDiscredited { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_a_stable_form() {
        let json = r#"{"id":"evt_01h455vb4pex5vsknk084sn02q","occurred_at":"2026-03-01T12:00:00Z","type":"user_registered","user_id":"usr_01h455vb4pex5vsknk084sn02q","epoch":1}"#;
        let event: Event = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&event).unwrap(), json);
    }
}
