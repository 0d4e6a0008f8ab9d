//! The wall clock, and whether it can be believed: one that just jumped must not clear every alert there is.

use crate::instant::Instant;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What differs by more is a jump, in milliseconds.
const JUMP: i64 = 300_000;
/// So long after a jump nothing is aged.
const SETTLES: Duration = Duration::from_secs(600);

/// The clock.
#[derive(Debug)]
pub struct Clock {
    last: Option<(Instant, std::time::Instant)>,
    jumped: Option<std::time::Instant>,
    /// How often it jumped.
    pub jumps: u64,
}

impl Clock {
    /// One that was not looked at yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            last: None,
            jumped: None,
            jumps: 0,
        }
    }

    /// Now.
    #[must_use]
    pub fn now() -> Instant {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    /// Compares the wall clock with the one that only runs. True: it just jumped.
    pub fn look(&mut self, wall: Instant, steady: std::time::Instant) -> bool {
        let last = self.last.replace((wall, steady));
        let Some((last_wall, last_steady)) = last else {
            return false;
        };
        let passed = steady.saturating_duration_since(last_steady);
        let passed = i64::try_from(passed.as_millis()).unwrap_or(i64::MAX);
        let jumped = (wall - last_wall).abs_diff(passed) > JUMP.unsigned_abs();
        if jumped {
            self.jumps += 1;
            self.jumped = Some(steady);
        }
        jumped
    }

    /// Whether what is old by it is old.
    #[must_use]
    pub fn is_settled(&self, steady: std::time::Instant) -> bool {
        self.jumped
            .is_none_or(|at| steady.saturating_duration_since(at) >= SETTLES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_is_noticed_and_settles() {
        let begin = std::time::Instant::now();
        let at = |seconds: u64| begin + Duration::from_secs(seconds);
        let mut clock = Clock::new();
        for (wall, seconds, jumped, settled) in [
            (0, 0, false, true),
            (2_000, 2, false, true),
            (280_000, 4, false, true),
            (31_536_000_000, 6, true, false),
            (31_536_002_000, 8, false, false),
            (31_536_700_000, 605, false, false),
            (31_536_701_000, 606, false, true),
            (10_000, 700, true, false),
        ] {
            assert_eq!(clock.look(wall, at(seconds)), jumped, "{wall}");
            assert_eq!(clock.is_settled(at(seconds)), settled, "{wall}");
        }
        assert_eq!(clock.jumps, 2);
    }
}
