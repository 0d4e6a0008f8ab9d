//! The queue of events: how many may wait, how many are kept over a reload, and what is told of those that are refused.

use hearthgate_plugin::log::Level;
use hearthgate_plugin::{Event, Outbox, PublishError, log_with, metrics};
use std::collections::BTreeSet;

/// Most events that wait.
pub const CAPACITY: usize = 4096;
/// Most events for the next instance, as its state has a limit.
const KEPT: usize = 500;

/// What waits, for the next instance: the newest.
pub fn kept(outbox: &Outbox) -> Vec<Event> {
    let older = outbox.len().saturating_sub(KEPT);
    outbox.iter().skip(older).cloned().collect()
}

/// Kinds of which a refusal has been logged: one line each is enough.
#[derive(Debug, Default)]
pub struct Refusals(BTreeSet<String>);

impl Refusals {
    /// Counts an event that the gateway will never take.
    pub fn tell(&mut self, event: &Event, reason: &PublishError) {
        metrics::add("events_refused_total", 1, &[]);
        if self.0.insert(event.kind().to_owned()) {
            log_with(
                Level::Warn,
                "event refused",
                &[("event", event), ("reason", reason)],
            );
        }
    }
}
