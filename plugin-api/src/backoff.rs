//! How long to wait before trying again.

use std::time::Duration;

/// The first wait.
pub const FIRST: Duration = Duration::from_secs(1);
/// The longest wait.
pub const LONGEST: Duration = Duration::from_secs(60);

/// Waits that double from a second to a minute, each shortened by up to a half at random, so that many who lost
/// the same server don't come back in step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The wait after one more failure. `random` is any number.
    pub fn failed(&mut self, random: u64) -> Duration {
        let full = FIRST.saturating_mul(1 << self.failures.min(6)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        let half = crate::millis(full) / 2;
        Duration::from_millis(half + random % (half + 1))
    }

    /// It worked: the next wait is the first again.
    pub fn worked(&mut self) {
        self.failures = 0;
    }

    /// How often it failed in a row.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(random: u64) -> Vec<u128> {
        let mut backoff = Backoff::default();
        (0..9).map(|_| backoff.failed(random).as_millis()).collect()
    }

    #[test]
    fn waits_double_to_a_minute() {
        // The largest remainder for each of the halves 500, 1000, …, 30000 is asked for one by one.
        let mut backoff = Backoff::default();
        let full: Vec<_> = [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]
            .map(|half| backoff.failed(half).as_secs())
            .into();
        assert_eq!(full, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(
            waits(0),
            [
                500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000
            ]
        );
    }

    #[test]
    fn jitter_stays_between_half_and_full() {
        for random in [1, 499, 12_345, u64::MAX] {
            for (i, wait) in waits(random).into_iter().enumerate() {
                let full = (1_000u128 << i.min(6)).min(60_000);
                assert!(
                    (full / 2..=full).contains(&wait),
                    "{random}: wait {i} is {wait} ms"
                );
            }
        }
    }

    #[test]
    fn success_starts_over() {
        let mut backoff = Backoff::default();
        backoff.failed(0);
        backoff.failed(0);
        assert_eq!(backoff.failures(), 2);
        backoff.worked();
        assert_eq!(backoff.failed(0), FIRST / 2);
    }
}
