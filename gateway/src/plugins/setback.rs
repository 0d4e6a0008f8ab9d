//! What comes after a failure: one decision, made here, from what the guest said and how often it failed before.

use super::bindings::host::types::Failure;
use super::guest::Trouble;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// The first wait after a crash; it doubles.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait after a crash.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// So many crashes ...
const MAX_CRASHES: usize = 5;
/// ... within this time are too many.
const CRASH_WINDOW: Duration = Duration::from_secs(600);
/// After so long without a crash the past is forgotten.
const HEALTHY: Duration = Duration::from_secs(300);
/// A guest may not ask to be tried again sooner, or later.
const RETRY: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(100)..=Duration::from_secs(3600);

/// A failure, as far as the next move depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Setback {
    /// The guest wants to be tried again after this time.
    NotReady(Duration),
    /// Only the operator can help.
    NeedsOperator,
    /// A trap, an overrun, or the guest's own word.
    Crash,
}

/// The next move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Start again after this time.
    Retry(Duration),
    /// Wait for another configuration or secret.
    Park,
    /// Give up until somebody does something.
    Fail,
}

/// The past of an instance.
#[derive(Debug, Default)]
pub(super) struct History {
    crashes: VecDeque<Instant>,
    /// Crashes in a row, for the backoff.
    row: u32,
    started: Option<Instant>,
}

impl History {
    /// A guest runs.
    pub(super) fn started(&mut self, now: Instant) {
        self.started = Some(now);
    }

    /// Forgets everything: the file or the configuration is another.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Decides. `jitter` between 0 and 1 spreads the waits of instances that crashed together.
    pub(super) fn next(&mut self, setback: &Setback, now: Instant, jitter: f64) -> Next {
        let started = self.started.take();
        if started.is_some_and(|s| now.duration_since(s) >= HEALTHY) {
            self.crashes.clear();
            self.row = 0;
        }
        match setback {
            Setback::NotReady(after) => Next::Retry((*after).clamp(*RETRY.start(), *RETRY.end())),
            Setback::NeedsOperator => Next::Park,
            Setback::Crash => self.crash(now, jitter),
        }
    }

    fn crash(&mut self, now: Instant, jitter: f64) -> Next {
        self.crashes.push_back(now);
        while self
            .crashes
            .front()
            .is_some_and(|c| now.duration_since(*c) > CRASH_WINDOW)
        {
            self.crashes.pop_front();
        }
        if self.crashes.len() >= MAX_CRASHES {
            return Next::Fail;
        }
        let wait = FIRST_WAIT
            .saturating_mul(1 << self.row.min(6))
            .min(LONGEST_WAIT);
        self.row += 1;
        Next::Retry(wait.mul_f64(1.0 - 0.25 * jitter.clamp(0.0, 1.0)))
    }
}

/// Sorts a trouble.
pub(super) fn setback(trouble: &Trouble) -> Setback {
    match trouble {
        Trouble::Failure(Failure::NotReady((_, millis))) => {
            Setback::NotReady(Duration::from_millis(*millis))
        }
        Trouble::Failure(Failure::Unauthorized(_) | Failure::Misconfigured(_)) => {
            Setback::NeedsOperator
        }
        Trouble::Failure(Failure::Fatal(_)) | Trouble::Fault(_) => Setback::Crash,
    }
}

/// A trouble in words, safe to be shown.
pub(super) fn reason(trouble: &Trouble) -> String {
    match trouble {
        Trouble::Failure(failure) => describe(failure),
        Trouble::Fault(fault) => super::lines::escape(&fault.to_string(), 1024),
    }
}

/// A failure in words, safe to be shown.
pub(super) fn describe(failure: &Failure) -> String {
    let text = match failure {
        Failure::NotReady((why, _)) => format!("not ready: {why}"),
        Failure::Unauthorized(why) => format!("unauthorized: {why}"),
        Failure::Misconfigured(problems) => {
            let problems: Vec<String> = problems
                .iter()
                .map(|(key, what)| format!("config.{key}: {what}"))
                .collect();
            format!("misconfigured: {}", problems.join("; "))
        }
        Failure::Fatal(why) => format!("fatal: {why}"),
    };
    super::lines::escape(&text, 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn crashes_back_off_and_five_in_ten_minutes_are_too_many() {
        let mut history = History::default();
        for seconds in [1, 2, 4, 8] {
            history.started(Instant::now());
            let next = history.next(&Setback::Crash, Instant::now(), 0.0);
            assert_eq!(next, Next::Retry(Duration::from_secs(seconds)));
            tokio::time::advance(Duration::from_secs(60)).await;
        }
        assert_eq!(
            history.next(&Setback::Crash, Instant::now(), 0.0),
            Next::Fail
        );
        history.forget();
        let next = history.next(&Setback::Crash, Instant::now(), 0.0);
        assert_eq!(next, Next::Retry(FIRST_WAIT), "another file begins anew");
    }

    #[tokio::test(start_paused = true)]
    async fn five_healthy_minutes_make_the_past_forgotten() {
        let mut history = History::default();
        for _ in 0..20 {
            history.started(Instant::now());
            tokio::time::advance(HEALTHY).await;
            let next = history.next(&Setback::Crash, Instant::now(), 0.0);
            assert_eq!(next, Next::Retry(FIRST_WAIT));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn old_crashes_do_not_count() {
        let mut history = History::default();
        for _ in 0..20 {
            history.started(Instant::now());
            let next = history.next(&Setback::Crash, Instant::now(), 0.0);
            assert!(matches!(next, Next::Retry(_)), "{next:?}");
            tokio::time::advance(Duration::from_secs(200)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_guests_word_decides() {
        let mut history = History::default();
        let now = Instant::now();
        let wait = |ms| Setback::NotReady(Duration::from_millis(ms));
        assert_eq!(
            history.next(&wait(1500), now, 0.5),
            Next::Retry(Duration::from_millis(1500))
        );
        assert_eq!(
            history.next(&wait(0), now, 0.5),
            Next::Retry(*RETRY.start())
        );
        assert_eq!(
            history.next(&wait(u64::MAX), now, 0.5),
            Next::Retry(*RETRY.end())
        );
        assert_eq!(history.next(&Setback::NeedsOperator, now, 0.5), Next::Park);
        let next = history.next(&Setback::Crash, now, 1.0);
        assert_eq!(
            next,
            Next::Retry(FIRST_WAIT.mul_f64(0.75)),
            "jitter shortens, and the wait is the first"
        );
    }
}
