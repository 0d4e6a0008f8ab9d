//! How many messages a client may send.

use std::time::Duration;
use tokio::time::Instant;

/// Who is over the rate for so many seconds' worth of messages is closed.
const PATIENCE: u32 = 10;

/// A bucket of messages that fills up at a steady rate.
#[derive(Debug)]
pub struct Rate {
    tokens: f32,
    refused: u32,
    since: Instant,
}

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is handled.
    Pass,
    /// It is refused; the next one passes after that time.
    Refuse(Duration),
    /// The client goes on and on: it is closed.
    Flood,
}

impl Rate {
    /// A full bucket.
    #[must_use]
    pub fn new(per_second: u32) -> Self {
        Self {
            tokens: per_second as f32,
            refused: 0,
            since: Instant::now(),
        }
    }

    /// Takes one message.
    pub fn take(&mut self, now: Instant, per_second: u32) -> Verdict {
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

/// How many bytes a client may send: what is over is not refused, but waited for.
#[derive(Debug, Default)]
pub struct Pace {
    /// What is left of the burst; below zero: what was read too early. `None`: nothing was read yet.
    bucket: Option<(f64, Instant)>,
}

impl Pace {
    /// Takes what was read. How long to wait before more is read; at 0 bytes per second there is no limit.
    pub fn take(&mut self, bytes: usize, now: Instant, per_second: u64) -> Option<Duration> {
        if per_second == 0 {
            return None;
        }
        let rate = per_second as f64;
        let (left, since) = self.bucket.unwrap_or((rate, now));
        let filled = now.duration_since(since).as_secs_f64() * rate;
        let left = (left + filled).min(rate) - bytes as f64;
        self.bucket = Some((left, now));
        (left < 0.0).then(|| Duration::from_secs_f64(-left / rate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_beyond_the_rate_are_waited_for() {
        let mut pace = Pace::default();
        let mut now = Instant::now();
        assert_eq!(pace.take(1 << 30, now, 0), None, "no limit");
        assert_eq!(pace.take(1000, now, 1000), None, "the burst");
        assert_eq!(pace.take(500, now, 1000), Some(Duration::from_millis(500)));
        now += Duration::from_millis(500);
        assert_eq!(pace.take(0, now, 1000), None);
        now += Duration::from_secs(60);
        assert_eq!(
            pace.take(1001, now, 1000),
            Some(Duration::from_millis(1)),
            "no more than a burst is saved up"
        );
    }

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
