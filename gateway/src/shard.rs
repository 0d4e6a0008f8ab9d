//! Shards: each is one task that owns a part of the connections, with their subscriptions' index and their outboxes.
//!
//! Nothing in the hot path is shared between shards, so nothing is locked. Two bounded queues lead into a shard:
//! batches of events from the bus (full: publishers wait) and commands from its connections (full: the connection
//! waits, so its client's TCP window closes).

pub mod command;
mod figures;
pub mod index;
mod kinds;
mod lane;
mod member;
mod outbox;
mod report;
mod schedule;
mod status;
mod wake;
mod wire;
mod worker;

pub use command::{Begun, Closing, LiveTerms, Number, Registration, Subscription};
pub use kinds::KindFigures;
pub use report::Report;
pub use status::Status;
pub use wire::Wire;

use crate::auth::{Access, Auth, Verified};
use crate::config;
use crate::event::Event;
use bytes::Bytes;
use command::Command;
use kinds::Kinds;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use tokio::sync::mpsc;
use tokio::time::Instant;
use worker::Worker;

/// Commands that wait for one shard before its connections wait.
const COMMAND_QUEUE: usize = 1024;

/// What reaches every shard, in the same order at each.
#[derive(Clone)]
pub enum Batch {
    /// Accepted events, for the native lane.
    Events(Arc<[Arc<Event>]>, Option<Report>),
    /// Events as a dialect's encoder wrote them, for that dialect's lane.
    Encoded(Lane, Arc<[Encoded]>),
    /// A control frame for every connection of a dialect: its heartbeat.
    Notice(Lane, Bytes),
    /// The end of every connection: of the native ones with the first, of the others with the second. It comes in the
    /// order of events, so that all that was accepted before goes out before the last words.
    Farewell(Arc<(Closing, Closing)>),
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
    next: AtomicU64,
    population: Arc<Population>,
}

struct Entrance {
    batches: mpsc::Sender<Batch>,
    commands: mpsc::Sender<Command>,
}

/// What all shards and connections know together.
pub struct Population {
    started: Instant,
    connections: AtomicUsize,
    faults: AtomicU64,
    last_sent: AtomicU64,
    /// One for each shard.
    kinds: Box<[Kinds]>,
}

/// Room for one batch at every shard.
pub struct Room<'a>(Vec<mpsc::Permit<'a, Batch>>);

/// A connection's way to its shard. Everything that goes this way keeps its order.
#[derive(Clone)]
pub struct Link {
    number: Number,
    commands: mpsc::Sender<Command>,
}

impl Shards {
    /// Starts one shard task per core, or as many as the configuration says. Must be called inside a runtime.
    #[must_use]
    pub fn start(settings: &config::Connections) -> Self {
        let count = match settings.shards {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            count => count,
        };
        let population = Arc::new(Population {
            started: Instant::now(),
            connections: AtomicUsize::new(0),
            faults: AtomicU64::new(0),
            last_sent: AtomicU64::new(0),
            kinds: (0..count).map(|_| Kinds::default()).collect(),
        });
        let shards = (0..count)
            .map(|number| {
                let (batches, arriving) = mpsc::channel(settings.shard_queue.max(1));
                let (commands, asking) = mpsc::channel(COMMAND_QUEUE);
                let worker = Worker::new(number, population.clone());
                tokio::spawn(worker.run(arriving, asking));
                Entrance { batches, commands }
            })
            .collect();
        Self(Arc::new(Inner {
            shards,
            next: AtomicU64::new(0),
            population,
        }))
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.shards.len()
    }

    /// What all shards and connections know together.
    #[must_use]
    pub fn population(&self) -> &Arc<Population> {
        &self.0.population
    }

    /// A way to a shard for a new connection; shards are taken in turn.
    #[must_use]
    pub fn link(&self) -> Link {
        let number = self.0.next.fetch_add(1, Ordering::Relaxed);
        let shard = usize::try_from(number).unwrap_or(0) % self.count();
        Link {
            number: Number(number),
            commands: self.0.shards[shard].commands.clone(),
        }
    }

    /// Waits for room at every shard. All take it in the same order, so two that wait never wait for each other.
    /// `None`: the shards are gone.
    pub async fn reserve(&self) -> Option<Room<'_>> {
        let mut permits = Vec::with_capacity(self.count());
        for shard in &self.0.shards {
            permits.push(shard.batches.reserve().await.ok()?);
        }
        Some(Room(permits))
    }

    /// Has every shard look at its connections by the rules, and by what was revoked, as they are now.
    pub async fn review(&self, auth: &Auth) {
        self.tell(|| Command::Review(auth.clone())).await;
    }

    /// Has every shard look at its connections' terms anew.
    pub async fn refresh(&self) {
        self.tell(|| Command::Refresh).await;
    }

    /// Closes every connection: the native ones with the first, the others with the second.
    pub async fn close_all(&self, native: Closing, other: Closing) {
        if let Some(room) = self.reserve().await {
            room.send(&Batch::Farewell(Arc::new((native, other))));
        }
    }

    /// Cuts every connection off.
    pub async fn abort_all(&self) {
        self.tell(|| Command::Abort).await;
    }

    async fn tell(&self, command: impl Fn() -> Command) {
        for shard in &self.0.shards {
            let _stopping = shard.commands.send(command()).await;
        }
    }
}

impl Population {
    /// Connections that were closed for a fault: the client broke the protocol, was too slow, silent or sent too much, or
    /// its socket broke.
    #[must_use]
    pub fn faults(&self) -> u64 {
        self.faults.load(Ordering::Relaxed)
    }

    /// When something was last sent to a client, in milliseconds since the shards started; 0: never.
    #[must_use]
    pub fn last_sent(&self) -> u64 {
        self.last_sent.load(Ordering::Relaxed)
    }

    /// What each kind of event came to so far.
    #[must_use]
    pub fn kinds(&self) -> BTreeMap<String, KindFigures> {
        let mut sum = BTreeMap::new();
        self.kinds.iter().for_each(|kinds| kinds.sum_into(&mut sum));
        sum
    }

    /// Open connections, of all dialects.
    #[must_use]
    pub fn count(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Counts a new connection, unless there are as many as there may be.
    #[must_use]
    pub fn try_add(&self, limit: usize) -> bool {
        let add = |count| (count < limit).then_some(count + 1);
        let counted = self
            .connections
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        counted.is_ok()
    }

    /// Counts one that has ended.
    pub fn remove(&self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }

    /// Milliseconds since the shards started.
    #[must_use]
    pub fn millis(&self, now: Instant) -> u64 {
        u64::try_from(now.duration_since(self.started).as_millis()).unwrap_or(u64::MAX)
    }
}

impl Room<'_> {
    /// Hands a batch to every shard; never waits.
    pub fn send(self, batch: &Batch) {
        for permit in self.0 {
            permit.send(batch.clone());
        }
    }
}

impl Link {
    /// The connection's number.
    #[must_use]
    pub fn number(&self) -> Number {
        self.number
    }

    /// Has the shard take the connection over.
    pub async fn register(&self, registration: Registration) {
        self.send(Command::Register(Box::new(registration))).await;
    }

    /// Sends a control frame.
    pub async fn control(&self, frame: Bytes) {
        self.send(Command::Control(self.number, frame)).await;
    }

    /// Begins a subscription.
    pub async fn subscribe(&self, subscription: Subscription) {
        self.send(Command::Subscribe(self.number, Box::new(subscription)))
            .await;
    }

    /// The connection is someone from now on, and may that.
    pub async fn identify(&self, verified: Verified, access: Arc<Access>) {
        let who = Box::new((verified, access));
        self.send(Command::Identify(self.number, who)).await;
    }

    /// Ends a subscription.
    pub async fn unsubscribe(&self, id: u64) {
        self.send(Command::Unsubscribe(self.number, id)).await;
    }

    /// Closes the connection.
    pub async fn close(&self, closing: Closing) {
        self.send(Command::Close(self.number, closing)).await;
    }

    /// Says that the reader has ended, so the shard lets the connection go.
    pub async fn gone(&self) {
        self.send(Command::Gone(self.number)).await;
    }

    /// A shard ends only with the gateway, so what can't be sent needs no answer.
    async fn send(&self, command: Command) {
        let _stopping = self.commands.send(command).await;
    }
}

#[cfg(test)]
mod tests;
