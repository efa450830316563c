//! When a sitter is taken: one item per day, with a version.
//!
//! A booking claims its time on each day of UTC that it touches, in the transaction that accepts it and on the
//! condition of each day's version. So of two that overlap one comes first, and the other sees it.

use jiff::{SignedDuration, Timestamp, ToSpan, civil::Date, tz::TimeZone};
use serde::{Deserialize, Serialize};

use crate::{
    availability::Span,
    id::{BookingId, UserId},
};

/// Time that a booking takes of its sitter. It is stored whole on each day that it touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Whose it is.
    pub booking: BookingId,
    /// From when to when.
    pub span: Span,
}

/// What is taken of a sitter on a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Day {
    /// Of whom.
    pub sitter: UserId,
    /// Of UTC.
    pub date: Date,
    /// In the order in which they begin. None overlaps another.
    pub claims: Vec<Claim>,
    /// Rises by one with each change.
    pub version: u64,
}

/// Why time cannot be claimed: another booking has taken some of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sitter is taken at that time by {by}")]
pub struct Taken {
    /// Which one; the first, if there are several.
    pub by: BookingId,
}

impl Day {
    /// One on which nothing is taken yet.
    pub fn new(sitter: UserId, date: Date) -> Self {
        Self { sitter, date, claims: Vec::new(), version: 0 }
    }

    /// The day with the claim of a booking, in place of the one that it may have had: times can be changed.
    pub fn claim(&self, booking: BookingId, span: Span) -> Result<Self, Taken> {
        if let Some(claim) = self.taken(span, Some(booking)) {
            return Err(Taken { by: claim.booking });
        }
        let mut day = self.release(booking);
        day.claims.push(Claim { booking, span });
        day.claims.sort_by_key(|claim| claim.span);
        Ok(day)
    }

    /// The day without the claim of a booking.
    #[must_use]
    pub fn release(&self, booking: BookingId) -> Self {
        let claims = self.claims.iter().filter(|claim| claim.booking != booking).copied().collect();
        Self { sitter: self.sitter, date: self.date, claims, version: self.version + 1 }
    }

    /// Whether nothing of a span is taken, but by that booking.
    pub fn is_free(&self, span: Span, but: Option<BookingId>) -> bool {
        self.taken(span, but).is_none()
    }

    fn taken(&self, span: Span, but: Option<BookingId>) -> Option<&Claim> {
        self.claims.iter().find(|claim| Some(claim.booking) != but && claim.span.overlaps(span))
    }
}

/// The days of UTC that a span touches. One that ends at midnight does not touch the day that begins there.
pub fn days_of(span: Span) -> Vec<Date> {
    let day = |moment: Timestamp| TimeZone::UTC.to_datetime(moment).date();
    let last = span.end.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(span.end).max(span.start);
    day(span.start).series(1.day()).take_while(|date| *date <= day(last)).collect()
}

/// What is left of times at which somebody works without what is taken of them, in whatever order that is given.
pub fn free(slots: Vec<Span>, claims: &[Span]) -> Vec<Span> {
    let mut claims = claims.to_vec();
    claims.sort();
    let mut free = Vec::new();
    for slot in slots {
        let mut start = slot.start;
        for claim in claims.iter().filter(|claim| claim.overlaps(slot)) {
            free.push(Span { start, end: claim.start });
            start = start.max(claim.end);
        }
        free.push(Span { start, end: slot.end });
    }
    free.retain(|span| span.start < span.end);
    free
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn span(start: &str, end: &str) -> Span {
        Span { start: start.parse().unwrap(), end: end.parse().unwrap() }
    }

    /// Minutes from some midnight on.
    fn minutes(start: i64, length: i64) -> Span {
        let at = |minutes| Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes);
        Span { start: at(start), end: at(start + length) }
    }

    fn booking() -> BookingId {
        crate::id::new(Timestamp::UNIX_EPOCH)
    }

    fn day() -> Day {
        Day::new(crate::id::new(Timestamp::UNIX_EPOCH), "2026-03-01".parse().unwrap())
    }

    #[test]
    fn touches_one_day_or_two() {
        let days = |start, end| -> Vec<String> {
            days_of(span(start, end)).iter().map(ToString::to_string).collect()
        };
        assert_eq!(days("2026-03-01T18:00:00Z", "2026-03-01T23:00:00Z"), ["2026-03-01"]);
        assert_eq!(days("2026-03-01T18:00:00Z", "2026-03-02T00:00:00Z"), ["2026-03-01"]);
        assert_eq!(days("2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z"), ["2026-03-01"]);
        assert_eq!(days("2026-03-01T18:00:00Z", "2026-03-02T00:00:01Z"), ["2026-03-01", "2026-03-02"]);
        assert_eq!(days("2026-12-31T18:00:00Z", "2027-01-01T18:00:00Z"), ["2026-12-31", "2027-01-01"]);
    }

    #[test]
    fn the_first_to_come_has_the_time() {
        let [first, second] = [booking(), booking()];
        let day = day().claim(first, minutes(600, 120)).unwrap();
        assert_eq!(day.claim(second, minutes(719, 60)), Err(Taken { by: first }));
        let day = day.claim(second, minutes(720, 60)).unwrap();
        assert_eq!(day.version, 2);
        assert!(day.is_free(minutes(540, 60), None) && !day.is_free(minutes(540, 61), None));
        assert!(day.is_free(minutes(600, 120), Some(first)));
        assert!(!day.is_free(minutes(600, 121), Some(first)));
    }

    #[test]
    fn a_booking_moves_over_its_own_time_but_not_over_others() {
        let [first, second] = [booking(), booking()];
        let day = day().claim(first, minutes(600, 120)).unwrap().claim(second, minutes(780, 60)).unwrap();
        assert_eq!(day.claim(first, minutes(630, 151)), Err(Taken { by: second }));
        let moved = day.claim(first, minutes(630, 150)).unwrap();
        let claim = |booking, span| Claim { booking, span };
        assert_eq!(moved.claims, [claim(first, minutes(630, 150)), claim(second, minutes(780, 60))]);
        let released = moved.release(first);
        assert_eq!((released.claims.len(), released.version), (1, 4));
        assert!(released.is_free(minutes(0, 780), None));
    }

    #[test]
    fn a_claim_keeps_its_form() {
        let json = concat!(
            r#"{"booking":"bkg_01h455vb4pex5vsknk084sn02q","#,
            r#""span":{"start":"2026-03-01T18:00:00Z","end":"2026-03-02T01:00:00Z"}}"#
        );
        let claim: Claim = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&claim).unwrap(), json);
        assert_eq!(days_of(claim.span).len(), 2);
    }

    fn any_spans(count: usize) -> impl Strategy<Value = Vec<Span>> {
        let any_span = (0i64..1440, 1i64..300).prop_map(|(start, length)| minutes(start, length));
        prop::collection::vec(any_span, 0..count)
    }

    proptest! {
        #[test]
        fn no_two_bookings_ever_overlap(steps in prop::collection::vec((0usize..8, any::<bool>(), 0i64..1440, 1i64..400), 0..60)) {
            let bookings: Vec<BookingId> = (0..8).map(|_| booking()).collect();
            let mut day = day();
            for (index, releases, start, length) in steps {
                let (booking, span) = (bookings[index], minutes(start, length));
                let free = day.is_free(span, Some(booking));
                let next = if releases { Ok(day.release(booking)) } else { day.claim(booking, span) };
                match next {
                    Ok(next) => {
                        prop_assert!(releases || free);
                        prop_assert_eq!(next.version, day.version + 1);
                        prop_assert_eq!(next.claims.contains(&Claim { booking, span }), !releases);
                        let others = |day: &Day| -> Vec<Claim> {
                            day.claims.iter().filter(|claim| claim.booking != booking).copied().collect()
                        };
                        prop_assert_eq!(others(&next), others(&day));
                        day = next;
                    }
                    Err(Taken { by }) => {
                        prop_assert!(!free && by != booking);
                        let taken = day.claims.iter().find(|claim| claim.booking == by);
                        prop_assert!(taken.unwrap().span.overlaps(span));
                    }
                }
                for (index, claim) in day.claims.iter().enumerate() {
                    let others = &day.claims[index + 1..];
                    let after = |other: &Claim| other.booking != claim.booking && claim.span.end <= other.span.start;
                    prop_assert!(others.iter().all(after));
                }
            }
        }

        #[test]
        fn what_is_free_is_so_minute_by_minute(slots in any_spans(6), claims in any_spans(8)) {
            let mut apart: Vec<Span> = Vec::new();
            let mut sorted = slots;
            sorted.sort();
            for slot in sorted {
                if apart.last().is_none_or(|before| before.end < slot.start) {
                    apart.push(slot);
                }
            }
            let free = free(apart.clone(), &claims);
            prop_assert!(free.iter().all(|span| span.start < span.end));
            prop_assert!(free.windows(2).all(|pair| pair[0].end <= pair[1].start));
            let within = |spans: &[Span], minute| spans.iter().any(|span| span.overlaps(minutes(minute, 1)));
            for minute in 0..1800 {
                let expected = within(&apart, minute) && !within(&claims, minute);
                prop_assert_eq!(within(&free, minute), expected, "{}", minute);
            }
        }
    }
}
