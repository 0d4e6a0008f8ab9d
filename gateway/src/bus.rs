//! The bus: what plugins and the admin API publish becomes events here.
//!
//! [`Bus::publish`] checks drafts against their kinds' schemas, waits for room on every shard's queue (so a
//! publisher is slowed down, never an event lost on its way to a shard), and then, under one short lock, gives out
//! sequence numbers, keeps retained state and hands the events to shards and taps in the order of their numbers.

mod error;
mod page;
mod retained;
mod schemas;
mod tap;

pub use error::PublishError;
pub use page::RetainedPage;
pub use retained::MAX_RETAINED_TOPICS;
pub use schemas::Schemas;
pub use tap::{Tap, TapBatch};

use crate::event::{Draft, Event, Filter, InstanceName, Timestamp};
use crate::shard::{Batch, Opened, Opening, Report, Room, Shards};
use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use parking_lot::Mutex;
use retained::{Effect, Retained};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tap::Taps;

/// Most bytes of one event's data, whoever publishes it; an instance's own limit is usually lower.
pub const MAX_EVENT_BYTES: usize = 1024 * 1024;
/// Longest time that a publisher waits for room in the shards' queues.
const MAX_WAIT: Duration = Duration::from_secs(5);

/// A place in the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// Names one life of the sequence numbers; a new one at each start.
    pub epoch: Arc<str>,
    /// The number of the last accepted event; 0 before the first.
    pub seq: u64,
}

/// Where events are accepted. Cheap to clone; all clones are the same bus.
#[derive(Clone)]
pub struct Bus(Arc<Inner>);

struct Inner {
    shards: Shards,
    schemas: Schemas,
    epoch: Arc<str>,
    core: Mutex<Core>,
    figures: Figures,
}

/// What changes with each event; held for the time it takes to number a batch and hand it over.
struct Core {
    seq: u64,
    retained: Retained,
    taps: Taps,
}

struct Figures {
    accepted: Counter,
    refused: Counter,
    retained: Gauge,
    seconds: Histogram,
}

impl Bus {
    /// A bus that feeds these shards, with the schemas of the shared kinds.
    #[must_use]
    pub fn new(shards: Shards) -> Self {
        let epoch = format!("{:016x}", rand::random::<u64>());
        Self(Arc::new(Inner {
            shards,
            schemas: Schemas::with_catalogue(),
            epoch: epoch.into(),
            core: Mutex::new(Core {
                seq: 0,
                retained: Retained::default(),
                taps: Taps::default(),
            }),
            figures: Figures {
                accepted: counter!("hearthgate_events_accepted_total"),
                refused: counter!("hearthgate_events_refused_total"),
                retained: gauge!("hearthgate_retained_topics"),
                seconds: histogram!("hearthgate_publish_seconds"),
            },
        }))
    }

    /// Accepts all drafts or none, and returns the sequence number of the last; waits while a shard's queue is full.
    ///
    /// # Errors
    /// Says which draft does not fit and why, or that the gateway is too busy or stopping.
    pub async fn publish(
        &self,
        source: &InstanceName,
        drafts: Vec<Draft>,
    ) -> Result<u64, PublishError> {
        self.accept(source, drafts, None).await
    }

    /// Publishes one event and tells to how many connections it went.
    ///
    /// # Errors
    /// As for [`Bus::publish`].
    pub async fn send(&self, source: &InstanceName, draft: Draft) -> Result<u32, PublishError> {
        let (report, answers) = Report::new(self.0.shards.count());
        self.accept(source, vec![draft], Some(report)).await?;
        Ok(answers.total().await)
    }

    /// The retained events that a filter asks for, in the order of their numbers.
    #[must_use]
    pub fn retained(&self, filter: &Filter) -> Vec<Arc<Event>> {
        let candidates = self.0.core.lock().retained.candidates(filter);
        candidates.matching(filter)
    }

    /// A part of the retained state, in the order of its topics. The lock is given back between pieces, so publishers
    /// never wait for a long look through it.
    pub async fn retained_page(
        &self,
        page: RetainedPage<'_>,
        accept: impl Fn(&Event) -> bool,
    ) -> Vec<Arc<Event>> {
        let mut search = page::Search::new(page);
        while !search.is_done() {
            let piece = self.0.core.lock().retained.piece(&search);
            search.take(piece, &accept);
            tokio::task::yield_now().await;
        }
        search.found()
    }

    /// Ends the retained state that a source left, when the source is no more. Subscribers are not told: to them it is as
    /// if the source were silent.
    pub fn forget(&self, source: &InstanceName) {
        let mut core = self.0.core.lock();
        core.retained.forget(source);
        self.0.figures.retained.set(core.retained.len() as f64);
    }

    /// For a shard that opens a subscription: the retained state and the number up to which it stands, taken at one moment.
    #[must_use]
    pub fn snapshot(&self, filter: Filter) -> Opening {
        let bus = self.clone();
        Box::new(move |_| {
            let (candidates, after) = {
                let core = bus.0.core.lock();
                (core.retained.candidates(&filter), core.seq)
            };
            Opened {
                retained: candidates.matching(&filter),
                after,
            }
        })
    }

    /// A bounded feed of the events that a filter asks for, from now on. When it is full the oldest are dropped,
    /// counted, and the reader is told how many.
    #[must_use]
    pub fn tap(&self, filter: Filter, capacity: usize) -> Tap {
        self.0.core.lock().taps.open(filter, capacity)
    }

    /// Where the stream stands.
    #[must_use]
    pub fn position(&self) -> Position {
        Position {
            epoch: self.0.epoch.clone(),
            seq: self.0.core.lock().seq,
        }
    }

    /// The schemas that events are held against.
    #[must_use]
    pub fn schemas(&self) -> &Schemas {
        &self.0.schemas
    }

    async fn accept(
        &self,
        source: &InstanceName,
        drafts: Vec<Draft>,
        report: Option<Report>,
    ) -> Result<u64, PublishError> {
        let begun = Instant::now();
        let figures = &self.0.figures;
        if drafts.is_empty() {
            return Ok(self.position().seq);
        }
        let effects = self.check(source, &drafts).inspect_err(|_| {
            figures.refused.increment(drafts.len() as u64);
        })?;
        let room = match tokio::time::timeout(MAX_WAIT, self.0.shards.reserve()).await {
            Ok(Some(room)) => room,
            Ok(None) => return Err(PublishError::Closed),
            Err(_) => {
                let retry_after = Duration::from_secs(1);
                return Err(PublishError::Busy { retry_after });
            }
        };
        figures.accepted.increment(drafts.len() as u64);
        let seq = self.commit(source, drafts.into_iter().zip(effects), room, report);
        figures.seconds.record(begun.elapsed());
        Ok(seq)
    }

    /// What each draft does to retained state, if all fit.
    fn check(&self, source: &InstanceName, drafts: &[Draft]) -> Result<Vec<Effect>, PublishError> {
        let check = |(index, draft)| self.check_one(source, index, draft);
        drafts.iter().enumerate().map(check).collect()
    }

    fn check_one(
        &self,
        source: &InstanceName,
        index: usize,
        draft: &Draft,
    ) -> Result<Effect, PublishError> {
        let top_level = draft.topic.as_str().split('/').next();
        let reserved = draft.kind.is_reserved() || top_level == Some("gateway");
        if reserved && !source.is_gateway() {
            return Err(PublishError::Reserved { index });
        }
        if draft.data.get().len() > MAX_EVENT_BYTES {
            let limit = MAX_EVENT_BYTES;
            return Err(PublishError::TooLarge { index, limit });
        }
        let effect = Effect::of(draft, self.0.schemas.retention(&draft.kind));
        if effect != Effect::Null {
            let checked = self.0.schemas.check(&draft.kind, &draft.data);
            checked.map_err(|invalid| PublishError::Invalid {
                index,
                reason: invalid.0,
            })?;
        }
        Ok(effect)
    }

    /// Numbers the drafts and hands them over. The room is taken already, so nothing in here waits.
    fn commit(
        &self,
        source: &InstanceName,
        drafts: impl Iterator<Item = (Draft, Effect)>,
        room: Room<'_>,
        report: Option<Report>,
    ) -> u64 {
        let (received_at, accepted) = (Timestamp::now(), Instant::now());
        let mut core = self.0.core.lock();
        let core = &mut *core;
        let events: Arc<[Arc<Event>]> = drafts
            .map(|(draft, effect)| {
                core.seq += 1;
                let event = Arc::new(Event {
                    seq: core.seq,
                    source: source.clone(),
                    received_at,
                    accepted,
                    draft,
                    native: OnceLock::new(),
                });
                core.retained.apply(&event, effect);
                event
            })
            .collect();
        core.taps.push(&events);
        self.0.figures.retained.set(core.retained.len() as f64);
        room.send(&Batch::Events(events, report));
        core.seq
    }
}

#[cfg(test)]
mod tests;
