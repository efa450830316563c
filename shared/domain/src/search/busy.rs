use serde::{Deserialize, Serialize};

use crate::availability::Span;

/// When a sitter is taken by bookings, as small as a card should have it: whole minutes since 1970, in order, with
/// time between one and the next. By how many bookings, it does not tell.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(u32, u32)>", into = "Vec<(u32, u32)>")]
pub struct Busy(Box<[(u32, u32)]>);

impl Busy {
    /// From what is taken, in whatever order.
    pub fn new(taken: impl IntoIterator<Item = Span>) -> Self {
        let mut minutes: Vec<_> = taken.into_iter().map(around).collect();
        minutes.sort_unstable();
        minutes.dedup_by(|next, before| {
            let goes_on = next.0 <= before.1;
            if goes_on {
                before.1 = before.1.max(next.1);
            }
            goes_on
        });
        Self(minutes.into())
    }

    /// Whether nothing of a span is taken.
    pub fn is_free(&self, span: Span) -> bool {
        let (start, end) = around(span);
        let next = self.0.partition_point(|(_, until)| *until <= start);
        self.0.get(next).is_none_or(|(from, _)| end <= *from)
    }
}

/// The minutes that a span touches. Of two spans of which one begins and ends with a minute, as bookings do, these
/// overlap just when the spans do.
fn around(span: Span) -> (u32, u32) {
    let minute = |seconds: i64| u32::try_from(seconds.max(0) / 60).unwrap_or(u32::MAX);
    let end = span.end.as_second() + i64::from(span.end.subsec_nanosecond() > 0);
    (minute(span.start.as_second()), minute(end.saturating_add(59)))
}

/// From how long each begins after the one before has ended, and how long it is: a byte or two each, where moments
/// would be four or more.
impl From<Vec<(u32, u32)>> for Busy {
    fn from(packed: Vec<(u32, u32)>) -> Self {
        let spans = packed.into_iter().scan(0_u32, |at, (gap, length)| {
            let start = at.saturating_add(gap);
            *at = start.saturating_add(length);
            Some((start, *at))
        });
        Self(spans.collect())
    }
}

impl From<Busy> for Vec<(u32, u32)> {
    fn from(busy: Busy) -> Self {
        let packed = busy.0.into_iter().scan(0, |at, (start, end)| {
            let gap = start - *at;
            *at = end;
            Some((gap, end - start))
        });
        packed.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::{SignedDuration, Timestamp};
    use proptest::prelude::*;

    fn at(second: i64) -> Timestamp {
        "2026-03-01T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(second)
    }

    /// Minutes of a day in March.
    fn minutes(start: i64, length: i64) -> Span {
        Span { start: at(start * 60), end: at((start + length) * 60) }
    }

    #[test]
    fn what_touches_is_free_and_what_overlaps_is_not() {
        let busy = Busy::new([minutes(600, 120)]);
        for (start, length, is_free) in [
            (540, 60, true),
            (540, 61, false),
            (630, 30, false),
            (719, 60, false),
            (720, 60, true),
            (0, 1440, false),
        ] {
            assert_eq!(busy.is_free(minutes(start, length)), is_free, "{start} {length}");
        }
        let until = |end| Span { start: at(0), end };
        assert!(busy.is_free(until(at(36_000))));
        assert!(!busy.is_free(until(at(36_000) + SignedDuration::from_nanos(1))));
        let from = |start| Span { start, end: at(86_400) };
        assert!(busy.is_free(from(at(43_200))));
        assert!(!busy.is_free(from(at(43_200) - SignedDuration::from_nanos(1))));
        assert!(busy.is_free(Span { start: Timestamp::MIN, end: Timestamp::UNIX_EPOCH }));
        assert!(!busy.is_free(Span { start: Timestamp::MIN, end: Timestamp::MAX }));
    }

    #[test]
    fn bookings_on_end_are_one() {
        let apart = Busy::new([minutes(720, 60), minutes(600, 120), minutes(900, 60)]);
        assert_eq!(apart, Busy::new([minutes(600, 180), minutes(900, 60)]));
    }

    proptest! {
        #[test]
        fn it_is_free_when_nothing_taken_overlaps(
            taken in prop::collection::vec((0i64..1440, 1i64..300), 0..12),
            (start, length) in (0i64..100_000, 1i64..20_000),
        ) {
            let taken: Vec<_> = taken.into_iter().map(|(start, length)| minutes(start, length)).collect();
            let busy = Busy::new(taken.iter().copied());
            let asked = Span { start: at(start), end: at(start + length) };
            prop_assert_eq!(busy.is_free(asked), !taken.iter().any(|taken| taken.overlaps(asked)));
            prop_assert!(busy.0.windows(2).all(|pair| pair[0].0 < pair[0].1 && pair[0].1 < pair[1].0));
            let packed: Vec<(u32, u32)> = busy.clone().into();
            prop_assert_eq!(Busy::from(packed), busy);
        }
    }
}
