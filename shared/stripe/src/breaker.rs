use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// So many calls in a row may come to nothing before no more are made.
const TRIES: u32 = 3;

/// For how long nobody is let through then, and after each further failure.
const PAUSE: Duration = Duration::from_secs(15);

/// Keeps callers from waiting, one after the other, for somebody who does not answer.
///
/// It is the process's own: what another function has seen would have to be asked for, and that call could
/// fail too. Once it is open, a single call is let through after each pause, and an answer closes it.
#[derive(Debug, Default)]
pub(crate) struct Breaker(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    shut_until: Option<Instant>,
}

impl Breaker {
    /// Whether a call may be made. Whoever is let through after a pause is the only one for the length of
    /// another: a call that is given up and never recorded must not bar the way for good.
    pub(crate) fn admits(&self, now: Instant) -> bool {
        let mut state = self.state();
        match state.shut_until {
            None => true,
            Some(until) if now < until => false,
            Some(_) => {
                state.shut_until = Some(now + PAUSE);
                true
            }
        }
    }

    /// Notes whether a call was answered by Stripe, whatever the answer was; an internal error (5xx) is none.
    pub(crate) fn record(&self, answered: bool, now: Instant) {
        let mut state = self.state();
        if answered {
            *state = State::default();
            return;
        }
        state.failures = state.failures.saturating_add(1);
        if state.failures >= TRIES {
            state.shut_until = Some(now + PAUSE);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here can panic half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INSTANT: Duration = Duration::from_millis(1);

    fn broken(now: Instant) -> Breaker {
        let breaker = Breaker::default();
        for _ in 0..TRIES {
            assert!(breaker.admits(now));
            breaker.record(false, now);
        }
        breaker
    }

    #[test]
    fn lets_nobody_through_after_failures_in_a_row() {
        let now = Instant::now();
        let breaker = broken(now);
        assert!(!breaker.admits(now));
        assert!(!breaker.admits(now + PAUSE - INSTANT));
    }

    #[test]
    fn an_answer_in_between_begins_the_count_anew() {
        let (now, breaker) = (Instant::now(), Breaker::default());
        for _ in 0..10 {
            breaker.record(false, now);
            breaker.record(false, now);
            breaker.record(true, now);
        }
        assert!(breaker.admits(now));
    }

    #[test]
    fn one_is_let_through_after_the_pause() {
        let now = Instant::now();
        let breaker = broken(now);
        let later = now + PAUSE;
        assert!(breaker.admits(later));
        assert!(!breaker.admits(later + INSTANT), "the others wait for what becomes of it");
        breaker.record(true, later + INSTANT);
        assert!(breaker.admits(later + INSTANT));
    }

    #[test]
    fn who_fails_after_the_pause_begins_another() {
        let now = Instant::now();
        let breaker = broken(now);
        let later = now + PAUSE;
        assert!(breaker.admits(later));
        breaker.record(false, later + INSTANT);
        assert!(!breaker.admits(later + PAUSE));
        assert!(breaker.admits(later + INSTANT + PAUSE));
    }

    #[test]
    fn a_call_that_nobody_recorded_does_not_bar_the_way() {
        let now = Instant::now();
        let breaker = broken(now);
        assert!(breaker.admits(now + PAUSE));
        assert!(breaker.admits(now + PAUSE + PAUSE));
    }
}
