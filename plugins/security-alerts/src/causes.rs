//! What was wrong with input from the other side: each cause is logged once, and then with its count.

use crate::finding::{Bad, Feed, clip};
use crate::instant::Instant;
use hearthgate_plugin::{log::Level, log_with, metrics};
use std::collections::BTreeMap;

/// How often a cause that goes on is logged, in milliseconds.
const AGAIN: i64 = 600_000;

/// Counts by cause. Causes are constant sentences, so there are few.
#[derive(Debug, Clone, Default)]
pub struct Causes(BTreeMap<(Feed, Bad), Cause>);

#[derive(Debug, Clone, Default)]
struct Cause {
    count: u64,
    told: u64,
    told_at: Instant,
}

impl Causes {
    /// Counts one, and logs the first with what it was.
    pub fn count(&mut self, feed: Feed, bad: Bad, example: &str, now: Instant) {
        metrics::add("bad_input_total", 1, &[("feed", feed.name())]);
        let cause = self.0.entry((feed, bad)).or_default();
        cause.count += 1;
        if cause.count == 1 {
            (cause.told, cause.told_at) = (1, now);
            let example = clip(example, 200);
            log_with(
                Level::Warn,
                "input that can't be used is skipped",
                &[
                    ("feed", &feed.name()),
                    ("cause", &bad.0),
                    ("example", &example),
                ],
            );
        }
    }

    /// Logs what has gone on.
    pub fn tell(&mut self, now: Instant) {
        for ((feed, bad), cause) in &mut self.0 {
            let due = now.abs_diff(cause.told_at) >= AGAIN.unsigned_abs();
            if due && cause.count > cause.told {
                (cause.told, cause.told_at) = (cause.count, now);
                log_with(
                    Level::Warn,
                    "input that can't be used is still skipped",
                    &[
                        ("feed", &feed.name()),
                        ("cause", &bad.0),
                        ("count", &cause.count),
                    ],
                );
            }
        }
    }

    /// How often it was so.
    #[must_use]
    pub fn of(&self, feed: Feed) -> u64 {
        let of_feed = self.0.iter().filter(|((other, _), _)| *other == feed);
        of_feed.map(|(_, cause)| cause.count).sum()
    }
}
