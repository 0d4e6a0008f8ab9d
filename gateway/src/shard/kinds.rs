//! What each kind of event comes to: how many there were, to how many clients they went, and how long that took. Every
//! shard keeps its own, and adds to it once a turn.

use crate::event::{Event, Kind};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::time::Instant;

/// Most kinds that are told apart; those that come later are counted together, as `other`.
const MAX_KINDS: usize = 256;

/// The figures of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KindFigures {
    /// Events accepted.
    pub count: u64,
    /// Deliveries to clients.
    pub deliveries: u64,
    /// Events that a shard delivered to somebody: each shard counts for itself.
    timed: u64,
    /// Microseconds that those took, from their acceptance until the shard had written them.
    micros: u64,
}

impl KindFigures {
    /// The mean time from an event's acceptance until a shard had written it, in microseconds.
    #[must_use]
    pub fn mean_latency_us(&self) -> u64 {
        self.micros.checked_div(self.timed).unwrap_or(0)
    }

    fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.deliveries += other.deliveries;
        self.timed += other.timed;
        self.micros += other.micros;
    }
}

/// One shard's figures.
#[derive(Default)]
pub(super) struct Kinds(Mutex<Table>);

#[derive(Default)]
struct Table {
    by_kind: FxHashMap<Kind, KindFigures>,
    other: KindFigures,
}

/// An event that a shard has handled.
pub(super) struct Handled<'a> {
    pub(super) event: &'a Event,
    /// Whether it counts as accepted here: of all shards one counts, and of all lanes the native one.
    pub(super) counts: bool,
    /// To how many clients it went.
    pub(super) reached: u32,
}

impl Kinds {
    /// Adds what a turn handled and has written by now.
    pub(super) fn add<'a>(&self, handled: impl Iterator<Item = Handled<'a>>, now: Instant) {
        let mut table = self.0.lock();
        for Handled {
            event,
            counts,
            reached,
        } in handled
        {
            if reached == 0 && !counts {
                continue;
            }
            let mut figures = KindFigures {
                count: u64::from(counts),
                deliveries: u64::from(reached),
                ..KindFigures::default()
            };
            if reached > 0 {
                let took = now.saturating_duration_since(event.accepted);
                figures.timed = 1;
                figures.micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            }
            table.figures(&event.draft.kind).add(&figures);
        }
    }

    /// Adds these figures to a sum, by kind.
    pub(super) fn sum_into(&self, sum: &mut BTreeMap<String, KindFigures>) {
        let table = self.0.lock();
        for (kind, figures) in &table.by_kind {
            sum.entry(kind.as_str().to_owned())
                .or_default()
                .add(figures);
        }
        if table.other != KindFigures::default() {
            sum.entry("other".to_owned()).or_default().add(&table.other);
        }
    }
}

impl Table {
    fn figures(&mut self, kind: &Kind) -> &mut KindFigures {
        if !self.by_kind.contains_key(kind) {
            if self.by_kind.len() >= MAX_KINDS {
                return &mut self.other;
            }
            self.by_kind.insert(kind.clone(), KindFigures::default());
        }
        self.by_kind.get_mut(kind).unwrap_or(&mut self.other)
    }
}
