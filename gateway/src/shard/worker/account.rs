//! The account of a shard's turn: what it did, for the figures that all shards keep together.

use super::Worker;
use crate::event::Event;
use crate::protocol::CloseCode;
use crate::shard::Batch;
use crate::shard::kinds::Handled;
use std::sync::atomic::Ordering;
use tokio::time::Instant;

impl Worker {
    /// Adds what this turn did to the figures that all shards keep together.
    pub(super) fn account(&mut self, arrived: &mut Vec<Batch>) {
        let population = &self.population;
        if self.turn.written.bytes > 0 {
            let now = population.millis(Instant::now());
            population.last_sent.store(now, Ordering::Relaxed);
        }
        let faults = self.turn.faults + self.turn.written.broken;
        if faults > 0 {
            population.faults.fetch_add(faults, Ordering::Relaxed);
        }
        if self.reached.is_empty() {
            return arrived.clear();
        }
        let mut reached = self.reached.drain(..);
        let handled = arrived.iter().flat_map(|batch| {
            let (events, encoded) = match batch {
                Batch::Events(events, _) => (&events[..], &[][..]),
                Batch::Encoded(_, encoded) => (&[][..], &encoded[..]),
                Batch::Notice(..) | Batch::Farewell(_) => (&[][..], &[][..]),
            };
            let counts = self.number == 0;
            let native = events.iter().map(move |event| (event, counts));
            native.chain(encoded.iter().map(|encoded| (&encoded.event, false)))
        });
        let handled = handled.zip(&mut reached);
        let handled = handled.map(|((event, counts), reached)| Handled {
            event,
            counts,
            reached,
        });
        population.kinds[self.number].add(handled, std::time::Instant::now());
        drop(reached);
        arrived.clear();
    }

    /// How many connections of plugins' dialects an event is for. They get it when the plugin has written it, so this is
    /// what can be told of them now.
    pub(super) fn count_others(&mut self, event: &Event) -> u32 {
        let mut slots = Vec::new();
        for lane in self.lanes.iter_mut().skip(1) {
            slots.extend(lane.index.matching(event).map(|found| found.connection));
        }
        slots.sort_unstable();
        slots.dedup();
        let sees = |slot: &&u32| self.members[**slot as usize].takes(event);
        u32::try_from(slots.iter().filter(sees).count()).unwrap_or(u32::MAX)
    }
}

/// Whether a client was closed for what it did or did not do.
pub(super) fn is_fault(code: u16) -> bool {
    use CloseCode::{NotUtf8, ProtocolError, RateLimited, SlowConsumer, TooLarge, Unresponsive};
    [
        ProtocolError,
        NotUtf8,
        TooLarge,
        SlowConsumer,
        Unresponsive,
        RateLimited,
    ]
    .into_iter()
    .any(|fault| fault.number() == code)
}

/// Counts a closing by its code.
pub(super) fn count_close(code: u16) {
    metrics::counter!("hearthgate_connections_closed_total", "code" => CloseCode::label(code))
        .increment(1);
}
