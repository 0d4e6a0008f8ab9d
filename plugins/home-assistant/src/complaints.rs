//! What the other side sends and nobody can use: told once for each cause, then counted.

use hearthgate_plugin::log::Level;
use hearthgate_plugin::{log_with, metrics};
use std::collections::BTreeMap;

/// Longest piece of bad input in a log line, in bytes.
const LONGEST_SAMPLE: usize = 200;

/// The causes so far, with how often each came up. Causes are constants of this plugin, so there are only so many.
#[derive(Debug, Default)]
pub struct Complaints(BTreeMap<&'static str, u64>);

impl Complaints {
    /// Counts a cause. The first time, and then at every tenfold, it is logged with the count and what came.
    pub fn add(&mut self, cause: &'static str, sample: &str) {
        let count = self.0.entry(cause).or_default();
        *count += 1;
        metrics::add("bad_input_total", 1, &[("cause", cause)]);
        if is_power_of_ten(*count) {
            let sample = &sample[..sample.floor_char_boundary(LONGEST_SAMPLE)];
            log_with(
                Level::Warn,
                "input that can't be used is skipped",
                &[("cause", &cause), ("count", count), ("sample", &sample)],
            );
        }
    }

    /// The counts by cause.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.0.iter().map(|(cause, count)| (*cause, *count))
    }
}

fn is_power_of_ten(mut count: u64) -> bool {
    while count > 1 && count.is_multiple_of(10) {
        count /= 10;
    }
    count == 1
}

#[cfg(test)]
mod tests {
    use super::Complaints;
    use hearthgate_plugin::testing;

    #[test]
    fn a_cause_is_told_once_and_then_only_at_every_tenfold() {
        // A start sets the log up.
        let _start = testing::start("fresh", None, vec![], vec![]);
        testing::logged();
        let mut complaints = Complaints::default();
        for _ in 0..250 {
            complaints.add("a frame that is no JSON", "{\u{fc}");
        }
        complaints.add("another", &"é".repeat(1000));
        let counts: Vec<_> = complaints.iter().collect();
        assert_eq!(counts, [("a frame that is no JSON", 250), ("another", 1)]);
        let lines = testing::logged();
        // The test host logs whatever its level is; 1, 10 and 100 of the first, 1 of the second.
        assert_eq!(lines.len(), 4, "{lines:?}");
        assert!(lines[2].contains("count=100"), "{lines:?}");
        assert!(
            lines[3].len() < 400,
            "a sample is cut off: {}",
            lines[3].len()
        );
    }
}
