//! Identifiers: typed, prefixed, sortable by creation and never reused.
//!
//! They follow the [TypeID](https://github.com/jetify-com/typeid) specification: a prefix and a
//! UUIDv7 in 26 characters of Crockford base 32. A booking's identifier where a user's is expected
//! does not compile, and does not parse.

use jiff::Timestamp;
pub use type_safe_id::{StaticType as Tag, TypeSafeId as Id};
use uuid::{NoContext, Uuid};

use crate::Violation;

macro_rules! ids {
    ($($(#[$doc:meta])* $alias:ident = $tag:ident($prefix:literal);)*) => {$(
        #[doc = concat!("The tag behind [`", stringify!($alias), "`].")]
        #[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $tag;
        impl Tag for $tag {
            const TYPE: &'static str = $prefix;
        }
        $(#[$doc])*
        pub type $alias = Id<$tag>;
    )*};
}

ids! {
    /// A person with an account, e.g. `usr_01h455vb4pex5vsknk084sn02q`.
    UserId = UserTag("usr");
    /// One sign-in and all the refresh tokens that follow from it.
    SessionId = SessionTag("ses");
    /// A sign-in that waits for its second step.
    ChallengeId = ChallengeTag("chl");
    /// A file that somebody announced, sent, and has had checked.
    UploadId = UploadTag("upl");
    /// What a family has written about a sitter.
    ReviewId = ReviewTag("rev");
    /// Something that happened and that others act on.
    EventId = EventTag("evt");
    /// An entry of the audit trail.
    AuditId = AuditTag("aud");
    /// A child whom a parent has described.
    ChildId = ChildTag("kid");
    /// A certificate that a sitter has handed in.
    CertificateId = CertificateTag("crd");
    /// A sitter asked for at a time, from the request to the last penny.
    BookingId = BookingTag("bkg");
    /// Bookings that follow one rule.
    SeriesId = SeriesTag("ser");
    /// Money that a family owes for a booking, and what became of it.
    PaymentId = PaymentTag("pay");
    /// A request that its client may repeat.
    RequestId = RequestTag("req");
    /// A transaction of the ledger.
    TransactionId = TransactionTag("txn");
}

/// A new identifier, created at `now`.
pub fn new<T: Tag>(now: Timestamp) -> Id<T> {
    // A moment before 1970 can't come from a clock; it would only cost the order.
    let seconds = u64::try_from(now.as_second()).unwrap_or(0);
    let nanoseconds = u32::try_from(now.subsec_nanosecond()).unwrap_or(0);
    Id::from_uuid(Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, seconds, nanoseconds)))
}

/// When what an identifier names was created, to the millisecond: identifiers carry it.
pub fn created_at<T: Tag>(id: &Id<T>) -> Timestamp {
    // One that somebody made up may carry none; then it is older than everything.
    let (seconds, nanoseconds) = id.uuid().get_timestamp().map_or((0, 0), |at| at.to_unix());
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    Timestamp::new(seconds, nanoseconds.try_into().unwrap_or(0)).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Reads an identifier of the expected kind.
pub fn parse<T: Tag>(raw: &str) -> Result<Id<T>, Violation> {
    raw.parse().map_err(|_| {
        Violation::new("invalid_id", format!("must be an identifier that starts with {}_", T::TYPE))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_by_creation() {
        let early: UserId = new("2026-01-01T00:00:00Z".parse().unwrap());
        let late: UserId = new("2026-01-01T00:00:01Z".parse().unwrap());
        assert!(early.to_string() < late.to_string());
        assert_eq!(parse::<UserTag>(&early.to_string()).unwrap(), early);
    }

    #[test]
    fn tells_when_it_was_created() {
        let at: Timestamp = "2026-01-01T00:00:00.123Z".parse().unwrap();
        assert_eq!(created_at(&new::<UserTag>(at)), at);
        assert_eq!(created_at(&UserId::from_uuid(Uuid::nil())), Timestamp::UNIX_EPOCH);
    }

    #[test]
    fn refuses_another_kind() {
        let session: SessionId = new(Timestamp::UNIX_EPOCH);
        assert_eq!(parse::<UserTag>(&session.to_string()).unwrap_err().code, "invalid_id");
        for raw in ["", "usr_", "usr_zzzzzzzzzzzzzzzzzzzzzzzzzz", "USR_01h455vb4pex5vsknk084sn02q"] {
            assert!(parse::<UserTag>(raw).is_err(), "{raw}");
        }
    }
}
