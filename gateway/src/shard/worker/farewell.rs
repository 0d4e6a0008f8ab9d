//! The end of every connection.

use super::{Worker, slot};
use crate::shard::{Closing, Lane};
use std::sync::Arc;

impl Worker {
    /// Closes every connection, and each that is opened from now on.
    pub(super) fn bid_farewell(&mut self, closings: &Arc<(Closing, Closing)>) {
        self.farewell = Some(closings.clone());
        let all: Vec<_> = self.members.iter().map(|(key, _)| slot(key)).collect();
        for slot in all {
            self.turn_away(slot);
        }
    }

    /// Closes a connection if all are to end: one that was let in before may be opened after.
    pub(super) fn turn_away(&mut self, slot: u32) {
        let Some(closings) = self.farewell.clone() else {
            return;
        };
        let (native, other) = &*closings;
        let closing = match self.members[slot as usize].lane {
            Lane::NATIVE => native,
            _ => other,
        };
        self.close(slot, closing.clone());
    }
}
