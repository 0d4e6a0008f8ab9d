//! How much a guest is given in one call.
//!
//! All that waits could be copied into a guest at once, but a megabyte of lines can take longer to read than a call may:
//! the guest would be thrown away in the middle of good work, and the lines given up at last. So portions start small and
//! follow what the guest makes of them.

use crate::event::Event;
use std::sync::Arc;
use std::time::Duration;

/// The first portion, in bytes. What reads a byte in a microsecond, which is slow, needs 64 ms for it.
const FIRST: usize = 64 * 1024;
/// The smallest one, in bytes: a single piece of a file.
const LEAST: usize = 16 * 1024;

/// The size of portions for one instance.
#[derive(Debug)]
pub(super) struct Pace {
    portion: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self { portion: FIRST }
    }
}

impl Pace {
    /// Bytes after which nothing more is added to a portion, where `most` is the most that the operator allows.
    pub(super) fn portion(&self, most: usize) -> usize {
        self.portion.min(most)
    }

    /// A call with so many bytes took so long, of `allowed`. One that took more than a quarter is followed by smaller
    /// ones in proportion, and only a full portion that took less than an eighth by larger ones: a machine that is
    /// suddenly busy must not bring a guest to its end.
    pub(super) fn ended(&mut self, bytes: usize, took: Duration, allowed: Duration, most: usize) {
        let target = allowed / 4;
        if took > target {
            let fair = bytes as u128 * target.as_nanos() / took.as_nanos();
            let fair = usize::try_from(fair).unwrap_or(usize::MAX);
            self.portion = self.portion.min(fair).max(LEAST);
        } else if bytes >= self.portion && took < target / 2 {
            self.portion = self.portion.saturating_mul(2).min(most.max(LEAST));
        }
    }

    /// A call ran over its time.
    pub(super) fn late(&mut self) {
        self.portion = LEAST;
    }
}

/// Events in portions that a guest's memory can take: another plugin's large events must not crash this one.
pub(crate) fn portions(
    events: &[Arc<Event>],
    most_events: usize,
    most_bytes: usize,
) -> Vec<&[Arc<Event>]> {
    let (mut portions, mut begin, mut bytes) = (Vec::new(), 0, 0);
    for (at, event) in events.iter().enumerate() {
        let weight = event.draft.data.get().len() + event.draft.topic.as_str().len() + 256;
        if at > begin && (at - begin >= most_events || bytes + weight > most_bytes) {
            portions.push(&events[begin..at]);
            (begin, bytes) = (at, 0);
        }
        bytes += weight;
    }
    if begin < events.len() {
        portions.push(&events[begin..]);
    }
    portions
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Draft, InstanceName, Kind, Labels, Timestamp, Topic};

    const MOST: usize = 1 << 20;
    const ALLOWED: Duration = Duration::from_millis(100);

    /// The portions given to a guest that needs so many nanoseconds for a byte.
    fn given(nanos: u64, calls: usize) -> Vec<usize> {
        let mut pace = Pace::default();
        let next = |_| {
            let portion = pace.portion(MOST);
            let took = Duration::from_nanos(nanos * portion as u64);
            pace.ended(portion, took, ALLOWED, MOST);
            portion
        };
        (0..calls).map(next).collect()
    }

    #[test]
    fn a_quick_guest_gets_all_that_is_allowed_and_a_slow_one_never_too_much() {
        const K: usize = 1024;
        assert_eq!(given(5, 6), [64 * K, 128 * K, 256 * K, 512 * K, MOST, MOST]);
        for nanos in [20, 100, 300, 1000, 1500] {
            for portion in given(nanos, 50) {
                let took = Duration::from_nanos(nanos * portion as u64);
                assert!(
                    took < ALLOWED,
                    "{nanos} ns for a byte, {portion} bytes: {took:?}"
                );
            }
        }
        assert_eq!(given(20_000, 3)[1..], [LEAST; 2], "the least is what it is");
    }

    #[test]
    fn it_recovers_from_a_slow_call_and_small_calls_say_nothing() {
        let mut pace = Pace::default();
        pace.late();
        assert_eq!(pace.portion(MOST), LEAST);
        pace.ended(100, Duration::from_micros(1), ALLOWED, MOST);
        assert_eq!(pace.portion(MOST), LEAST, "a few bytes were no portion");
        for _ in 0..10 {
            pace.ended(pace.portion(MOST), Duration::from_millis(1), ALLOWED, MOST);
        }
        assert_eq!(pace.portion(MOST), MOST);
        assert_eq!(
            pace.portion(100),
            100,
            "an operator who allows less is heard"
        );
        pace.ended(1, Duration::ZERO, ALLOWED, 100);
        assert_eq!(pace.portion(MOST), MOST);
    }

    fn event(bytes: usize) -> Arc<Event> {
        let data = format!("{:?}", "x".repeat(bytes));
        Arc::new(Event {
            seq: 1,
            source: InstanceName::gateway(),
            received_at: Timestamp::now(),
            accepted: std::time::Instant::now(),
            draft: Draft {
                kind: Kind::parse("test.a").expect("a kind"),
                topic: Topic::parse("a").expect("a topic"),
                labels: Labels::default(),
                data: serde_json::value::RawValue::from_string(data).expect("JSON"),
                occurred_at: None,
                retain: false,
                audience: Vec::new(),
            },
            native: std::sync::OnceLock::new(),
        })
    }

    #[test]
    fn portions_are_bounded_in_number_and_bytes_and_leave_nothing_out() {
        let sizes = |sizes: &[usize], most: usize, bytes: usize| -> Vec<usize> {
            let events: Vec<_> = sizes.iter().map(|size| event(*size)).collect();
            let portions = portions(&events, most, bytes);
            portions.iter().map(|portion| portion.len()).collect()
        };
        assert_eq!(sizes(&[], 64, 1000), [0; 0]);
        assert_eq!(sizes(&[10; 5], 2, 10_000), [2, 2, 1]);
        assert_eq!(sizes(&[10_000; 3], 64, 1000), [1, 1, 1], "each alone");
        assert_eq!(sizes(&[100, 100, 900, 100], 64, 1000), [2, 1, 1]);
    }
}
