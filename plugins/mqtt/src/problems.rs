//! What was wrong with what came: logged once per cause, and then when the count has ten times as many digits.

use hearthgate_plugin::log::Level;
use hearthgate_plugin::{log_with, metrics};
use std::collections::BTreeMap;

/// Counts by cause.
#[derive(Debug, Default)]
pub struct Problems {
    counts: BTreeMap<&'static str, u64>,
}

/// Longest detail in a log line, in bytes.
const LONGEST: usize = 300;

impl Problems {
    /// One more of a cause. The detail is of this one.
    pub fn tell(&mut self, cause: &'static str, detail: &str) {
        let count = self.counts.entry(cause).or_default();
        *count += 1;
        metrics::add("skipped_total", 1, &[("cause", cause)]);
        if is_power_of_ten(*count) {
            let detail = &detail[..detail.floor_char_boundary(LONGEST)];
            log_with(
                Level::Warn,
                "skipped what can't be used",
                &[("cause", &cause), ("count", &*count), ("detail", &detail)],
            );
        }
    }

    /// How many there were.
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// How many there were of each cause.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.counts.iter().map(|(cause, count)| (*cause, *count))
    }
}

fn is_power_of_ten(mut count: u64) -> bool {
    while count >= 10 && count.is_multiple_of(10) {
        count /= 10;
    }
    count == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use hearthgate_plugin::testing;

    #[test]
    fn a_cause_is_logged_once_and_counted() {
        let _start = testing::start("fresh", None, vec![], vec![]);
        let mut problems = Problems::default();
        for i in 0..1_000 {
            problems.tell("no number", &format!("message {i}"));
        }
        problems.tell("no JSON", "x");
        let logged = testing::logged();
        let details: Vec<&str> = logged
            .iter()
            .filter_map(|line| Some(line.split_once("cause=")?.1))
            .collect();
        let expected = [
            "no number count=1 detail=message 0",
            "no number count=10 detail=message 9",
            "no number count=100 detail=message 99",
            "no number count=1000 detail=message 999",
            "no JSON count=1 detail=x",
        ];
        assert_eq!(details, expected);
        assert_eq!(problems.total(), 1_001);
    }
}
