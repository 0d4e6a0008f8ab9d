//! The shards' metrics, registered once; added to once per turn, not once per delivery.

use super::outbox::Written;
use metrics::{Counter, Histogram, counter, histogram};

/// Handles of the metrics.
pub(super) struct Figures {
    deliveries: Counter,
    frames: Counter,
    bytes: Counter,
    writes: Counter,
    slow: Counter,
    turn: Histogram,
}

/// What one turn adds.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Turn {
    /// Events put in outboxes.
    pub(super) deliveries: u64,
    /// Connections closed as slow consumers.
    pub(super) slow: u64,
    /// What was written.
    pub(super) written: Written,
    /// Connections closed for a fault, those of slow consumers included, and sockets that broke.
    pub(super) faults: u64,
}

/// The events that were dropped from the outboxes of a dialect's clients.
pub(super) fn dropped(dialect: &str) -> Counter {
    counter!("hearthgate_deliveries_dropped_total", "reason" => "slow", "dialect" => dialect.to_owned())
}

impl Figures {
    pub(super) fn new() -> Self {
        Self {
            deliveries: counter!("hearthgate_deliveries_total"),
            frames: counter!("hearthgate_frames_sent_total"),
            bytes: counter!("hearthgate_bytes_sent_total"),
            writes: counter!("hearthgate_socket_writes_total"),
            slow: counter!("hearthgate_slow_consumers_closed_total"),
            turn: histogram!("hearthgate_shard_turn_seconds"),
        }
    }

    /// Adds a turn.
    pub(super) fn add(&self, turn: &Turn, seconds: f64) {
        self.deliveries.increment(turn.deliveries);
        self.frames.increment(turn.written.frames);
        self.bytes.increment(turn.written.bytes);
        self.writes.increment(turn.written.writes);
        if turn.slow > 0 {
            self.slow.increment(turn.slow);
        }
        self.turn.record(seconds);
    }
}
