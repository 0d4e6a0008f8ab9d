//! Shards: each is one task that owns a part of the connections, with their subscriptions' index and their outboxes.
//!
//! Nothing in the hot path is shared between shards, so nothing is locked. Two bounded queues lead into a shard:
//! batches of events from the bus (full: publishers wait) and commands from its connections (full: the connection
//! waits, so its client's TCP window closes).

mod report;

pub use report::Report;

use crate::config;
use crate::event::Event;
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use tokio::sync::mpsc;

/// What reaches every shard, in the same order at each.
#[derive(Clone)]
pub enum Batch {
    /// Accepted events, for the native lane.
    Events(Arc<[Arc<Event>]>, Option<Report>),
    /// Events as a dialect's encoder wrote them, for that dialect's lane.
    Encoded(Lane, Arc<[Encoded]>),
    /// A control frame for every connection of a dialect: its heartbeat.
    Notice(Lane, Bytes),
}

/// An event as a dialect wrote it: all of its frames, one after the other.
#[derive(Clone)]
pub struct Encoded {
    /// The event.
    pub event: Arc<Event>,
    /// Its frames; empty when the dialect has no word for it.
    pub frames: Bytes,
}

/// Connections that get the same bytes: 0 are the native ones, the others those of one plugin's dialect each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lane(pub u16);

impl Lane {
    /// The native protocol's.
    pub const NATIVE: Self = Self(0);
}

/// What a subscription begins with.
pub struct Opened {
    /// Events to be sent first.
    pub retained: Vec<Arc<Event>>,
    /// Only events after this number follow.
    pub after: u64,
}

/// Called by the shard at the moment a subscription begins, with the number of the last event that it handled.
pub type Opening = Box<dyn FnOnce(u64) -> Opened + Send>;

/// All shards. Cheap to clone.
#[derive(Clone)]
pub struct Shards(Arc<Inner>);

struct Inner {
    shards: Box<[Entrance]>,
    next: AtomicUsize,
}

struct Entrance {
    batches: mpsc::Sender<Batch>,
}

/// Room for one batch at every shard.
pub struct Room<'a>(Vec<mpsc::Permit<'a, Batch>>);

impl Shards {
    /// Starts one shard task per core, or as many as the configuration says. Must be called inside a runtime.
    #[must_use]
    pub fn start(settings: &config::Connections) -> Self {
        let count = match settings.shards {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            count => count,
        };
        let shards = (0..count)
            .map(|_| {
                let (batches, mut receiver) = mpsc::channel(settings.shard_queue.max(1));
                tokio::spawn(async move { while receiver.recv().await.is_some() {} });
                Entrance { batches }
            })
            .collect();
        Self(Arc::new(Inner {
            shards,
            next: AtomicUsize::new(0),
        }))
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.shards.len()
    }

    /// Waits for room at every shard. All take it in the same order, so two that wait never wait for each other.
    /// `None`: the shards are gone.
    pub(crate) async fn reserve(&self) -> Option<Room<'_>> {
        let mut permits = Vec::with_capacity(self.count());
        for shard in &self.0.shards {
            permits.push(shard.batches.reserve().await.ok()?);
        }
        Some(Room(permits))
    }
}

impl Room<'_> {
    /// Hands a batch to every shard; never waits.
    pub(crate) fn send(self, batch: &Batch) {
        for permit in self.0 {
            permit.send(batch.clone());
        }
    }
}
