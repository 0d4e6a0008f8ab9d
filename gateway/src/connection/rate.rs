//! How many messages a client may send.

use std::time::Duration;
use tokio::time::Instant;

/// Who is over the rate for so many seconds' worth of messages is closed.
const PATIENCE: u32 = 10;

/// A bucket of messages that fills up at a steady rate.
#[derive(Debug)]
pub(super) struct Rate {
    tokens: f32,
    refused: u32,
    since: Instant,
}

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is handled.
    Pass,
    /// It is refused; the next one passes after that time.
    Refuse(Duration),
    /// The client goes on and on: it is closed.
    Flood,
}

impl Rate {
    /// A full bucket.
    pub(super) fn new(per_second: u32) -> Self {
        Self {
            tokens: per_second as f32,
            refused: 0,
            since: Instant::now(),
        }
    }

    /// Takes one message.
    pub(super) fn take(&mut self, now: Instant, per_second: u32) -> Verdict {
        let rate = per_second.max(1) as f32;
        let filled = now.duration_since(self.since).as_secs_f32() * rate;
        self.since = now;
        self.tokens = (self.tokens + filled).min(rate);
        if self.tokens >= rate / 2.0 {
            self.refused = 0;
        }
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Verdict::Pass;
        }
        self.refused += 1;
        if self.refused > PATIENCE * per_second.max(1) {
            return Verdict::Flood;
        }
        Verdict::Refuse(Duration::from_secs_f32((1.0 - self.tokens) / rate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_then_the_rate_then_nothing() {
        let mut rate = Rate::new(10);
        let mut now = Instant::now();
        for _ in 0..10 {
            assert_eq!(rate.take(now, 10), Verdict::Pass);
        }
        let Verdict::Refuse(after) = rate.take(now, 10) else {
            panic!("the burst is used up");
        };
        now += after + Duration::from_millis(1);
        assert_eq!(rate.take(now, 10), Verdict::Pass);
        let flood = (0..200).position(|_| rate.take(now, 10) == Verdict::Flood);
        assert_eq!(flood, Some(99));
        now += Duration::from_secs(1);
        assert_eq!(rate.take(now, 10), Verdict::Pass);
    }
}
