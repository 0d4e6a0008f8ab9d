//! The shards' metrics, registered once; added to once per turn, not once per delivery.

use super::outbox::Written;
use metrics::{Counter, Histogram, counter, histogram};

/// Handles of the metrics.
pub(super) struct Figures {
    deliveries: Counter,
    frames: Counter,
    bytes: Counter,
    writes: Counter,
    dropped: Counter,
    slow: Counter,
    turn: Histogram,
}

/// What one turn adds.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Turn {
    /// Events put in outboxes.
    pub(super) deliveries: u64,
    /// Events dropped from outboxes.
    pub(super) dropped: u64,
    /// Connections closed as slow consumers.
    pub(super) slow: u64,
    /// What was written.
    pub(super) written: Written,
    /// Connections closed for a fault, those of slow consumers included, and sockets that broke.
    pub(super) faults: u64,
}

impl Figures {
    pub(super) fn new() -> Self {
        Self {
            deliveries: counter!("hearthgate_deliveries_total"),
            frames: counter!("hearthgate_frames_sent_total"),
            bytes: counter!("hearthgate_bytes_sent_total"),
            writes: counter!("hearthgate_socket_writes_total"),
            dropped: counter!("hearthgate_deliveries_dropped_total", "reason" => "slow"),
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
        if turn.dropped > 0 {
            self.dropped.increment(turn.dropped);
        }
        if turn.slow > 0 {
            self.slow.increment(turn.slow);
        }
        self.turn.record(seconds);
    }
}
