//! What is told of limits that were reached: a figure each time, a line now and then.

use crate::config::{Limit, Terms};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

/// Milliseconds between two lines about the same limit.
const QUIET: u64 = 10_000;

/// When each limit was last written about, in milliseconds since `BEGUN`, and how often it was reached since.
static TOLD: [(AtomicU64, AtomicU64); Limit::ALL.len()] =
    [const { (AtomicU64::new(0), AtomicU64::new(0)) }; Limit::ALL.len()];
static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// A limit is reached. Whether it is passed all the same, because it is only tried out.
#[must_use]
pub fn verdict(limit: Limit, terms: &Terms) -> bool {
    let only_counts = terms.only_counts(limit);
    tell(limit, only_counts);
    only_counts
}

/// Counts that a limit is reached, and writes about it now and then.
pub fn tell(limit: Limit, only_counts: bool) {
    let dry_run = if only_counts { "true" } else { "false" };
    metrics::counter!("hearthgate_limits_reached_total", "limit" => limit.name(), "dry_run" => dry_run)
        .increment(1);
    let (told, since) = &TOLD[limit as usize];
    let times = since.fetch_add(1, Relaxed) + 1;
    let now = u64::try_from(BEGUN.elapsed().as_millis()).unwrap_or(u64::MAX) + QUIET;
    let last = told.load(Relaxed);
    if now.saturating_sub(last) < QUIET
        || told.compare_exchange(last, now, Relaxed, Relaxed).is_err()
    {
        return;
    }
    since.store(0, Relaxed);
    let limit = limit.name();
    tracing::warn!(
        limit,
        only_counts,
        times,
        "a limit of connections is reached"
    );
}
