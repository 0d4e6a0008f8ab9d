//! What others send and nobody can read: told once per cause, then with a count at the 10th, 100th, … time, and counted in
//! `bad_input_total`. Causes are few and fixed.

use hearthgate_plugin::log::Level;
use hearthgate_plugin::{log_with, metrics};
use std::collections::BTreeMap;

/// The counts so far.
#[derive(Debug, Default)]
pub struct Complaints {
    counts: BTreeMap<&'static str, u64>,
}

impl Complaints {
    /// Something was skipped.
    pub fn note(&mut self, cause: &'static str, device: &str, detail: &str) {
        let count = self.counts.entry(cause).or_default();
        *count += 1;
        metrics::add("bad_input_total", 1, &[("cause", cause)]);
        if is_power_of_ten(*count) {
            let detail: String = detail.chars().take(200).collect();
            let fields: [(&str, &dyn std::fmt::Display); 4] = [
                ("cause", &cause),
                ("count", count),
                ("device", &device),
                ("detail", &detail),
            ];
            log_with(Level::Warn, "input skipped", &fields);
        }
    }
}

fn is_power_of_ten(mut n: u64) -> bool {
    while n.is_multiple_of(10) && n > 0 {
        n /= 10;
    }
    n == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use hearthgate_plugin::testing;

    #[test]
    fn a_cause_is_told_once_and_then_with_its_count() {
        let _host = testing::start("fresh", None, vec![], vec![]);
        let mut complaints = Complaints::default();
        (0..1234).for_each(|_| complaints.note("sample", "A", "cut off"));
        complaints.note("list", "", "x");
        let counts: Vec<_> = testing::logged()
            .iter()
            .filter_map(|line| Some(line.split("count=").nth(1)?.split(' ').next()?.to_owned()))
            .collect();
        assert_eq!(counts, ["1", "10", "100", "1000", "1"]);
        assert_eq!(testing::calls().len(), 1235, "each is counted");
    }
}
