//! Encoders: for each dialect in use one task that has its plugin write every event once, for all of its clients.

use crate::bus::{Bus, Tap, TapBatch};
use crate::commands::Backend;
use crate::config::DialectName;
use crate::event::{Event, Filter, InstanceName};
use crate::plugins::DialectHandle;
use crate::plugins::api::{CallError, GatewayStats, GatewayView};
use crate::protocol::frame;
use crate::shard::{Batch, Encoded, Lane, Shards};
use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::AbortHandle;
use tokio::time::Instant;
use tracing::warn;

/// Events that wait for a dialect's encoder; more are dropped, counted and logged.
const TAP_CAPACITY: usize = 8192;
/// Most events of one call into the plugin.
const MAX_EVENTS: usize = 256;
/// Most calls for that many: enough to find one event among them that the plugin crashes on.
const MAX_CALLS: usize = 32;
/// How soon a plugin that is away is asked again.
const AWAY: Duration = Duration::from_millis(100);
/// How soon another heartbeat interval is noticed.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// The dialects in use. Cheap to clone.
#[derive(Clone)]
pub struct Encoders(Arc<Inner>);

struct Inner {
    shards: Shards,
    backend: Arc<Backend>,
    view: Arc<dyn GatewayView>,
    dialects: Mutex<FxHashMap<InstanceName, Dialect>>,
}

struct Dialect {
    lane: Lane,
    clients: usize,
    task: Option<AbortHandle>,
}

/// A client's place in a dialect: while there is one, the dialect's encoder works.
pub struct Seat {
    encoders: Encoders,
    instance: InstanceName,
    lane: Lane,
}

impl Encoders {
    /// None yet.
    #[must_use]
    pub fn new(shards: Shards, backend: Arc<Backend>, view: Arc<dyn GatewayView>) -> Self {
        Self(Arc::new(Inner {
            shards,
            backend,
            view,
            dialects: Mutex::default(),
        }))
    }

    /// Takes a place in a dialect; the first one starts its encoder. `None`: there are too many dialects.
    #[must_use]
    pub fn take_seat(&self, instance: &InstanceName) -> Option<Seat> {
        let mut dialects = self.0.dialects.lock();
        // A dialect keeps its lane for ever, so that a late batch never reaches another's clients.
        let next = u16::try_from(dialects.len() + 1).ok()?;
        let dialect = dialects.entry(instance.clone()).or_insert(Dialect {
            lane: Lane(next),
            clients: 0,
            task: None,
        });
        dialect.clients += 1;
        let lane = dialect.lane;
        if dialect.task.is_none() {
            let encoder = Encoder {
                inner: self.0.clone(),
                instance: instance.clone(),
                lane,
            };
            // Opened before the client is: it misses nothing that comes after its subscription.
            let tap = encoder.bus().tap(Filter::default(), TAP_CAPACITY);
            dialect.task = Some(tokio::spawn(encoder.run(tap)).abort_handle());
        }
        Some(Seat {
            encoders: self.clone(),
            instance: instance.clone(),
            lane,
        })
    }
}

impl Seat {
    /// The lane of the dialect's clients.
    #[must_use]
    pub fn lane(&self) -> Lane {
        self.lane
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut dialects = self.encoders.0.dialects.lock();
        if let Some(dialect) = dialects.get_mut(&self.instance) {
            dialect.clients -= 1;
            if dialect.clients == 0
                && let Some(task) = dialect.task.take()
            {
                task.abort();
            }
        }
    }
}

struct Encoder {
    inner: Arc<Inner>,
    instance: InstanceName,
    lane: Lane,
}

impl Encoder {
    async fn run(self, mut tap: Tap) {
        let mut beaten = Instant::now();
        loop {
            let look = self.next_look(beaten);
            tokio::select! {
                batch = tap.next() => match batch {
                    Some(batch) => self.spread(batch).await,
                    None => return,
                },
                () = tokio::time::sleep_until(look) => {
                    let interval = self.interval();
                    if interval.is_some_and(|interval| beaten + interval <= Instant::now()) {
                        beaten = Instant::now();
                        self.beat().await;
                    }
                }
            }
        }
    }

    async fn spread(&self, batch: TapBatch) {
        if batch.missed > 0 {
            self.lost(batch.missed, "the encoder is too slow");
        }
        for events in batch.events.chunks(MAX_EVENTS) {
            let encoded = self.encode(events).await;
            if !encoded.is_empty() {
                self.send(Batch::Encoded(self.lane, encoded.into())).await;
            }
        }
    }

    /// Has the plugin write events. Where it crashes on some of them, the others are tried without; while it is away,
    /// they wait, and what comes meanwhile waits in the tap.
    async fn encode(&self, events: &[Arc<Event>]) -> Vec<Encoded> {
        let visible = match self.dialect() {
            Some(dialect) => events
                .iter()
                .filter(|e| dialect.may_see(e))
                .cloned()
                .collect(),
            None => events.to_vec(),
        };
        let (mut encoded, mut calls) = (Vec::new(), 0);
        let mut waiting: VecDeque<&[Arc<Event>]> = VecDeque::new();
        waiting.extend((!visible.is_empty()).then_some(&visible[..]));
        while let Some(part) = waiting.pop_front() {
            let dialect = self.available().await;
            calls += 1;
            match dialect.encode(part).await {
                Ok(texts) if texts.len() == part.len() => self.add(part, texts, &mut encoded),
                Err(CallError::Unavailable { .. }) => {
                    tokio::time::sleep(AWAY).await;
                    waiting.push_front(part);
                }
                // A plugin that is a source has one guest, which too many crashes would end for good.
                Err(_) if part.len() > 1 && calls < MAX_CALLS && !dialect.is_source() => {
                    let (first, second) = part.split_at(part.len() / 2);
                    waiting.push_front(second);
                    waiting.push_front(first);
                }
                Ok(texts) => {
                    let reason = format!("{} answers for {} events", texts.len(), part.len());
                    self.lost(part.len() as u64, &reason);
                }
                Err(error) => self.lost(part.len() as u64, &error.to_string()),
            }
        }
        encoded
    }

    fn add(&self, events: &[Arc<Event>], texts: Vec<Vec<String>>, encoded: &mut Vec<Encoded>) {
        metrics::counter!("hearthgate_events_encoded_total", "dialect" => self.instance.to_string())
            .increment(texts.len() as u64);
        let all = events.iter().zip(texts).map(|(event, texts)| Encoded {
            event: event.clone(),
            frames: frames(&texts),
        });
        encoded.extend(all.filter(|encoded| !encoded.frames.is_empty()));
    }

    fn dialect(&self) -> Option<DialectHandle> {
        self.inner.backend.plugins.dialect(&self.instance)
    }

    /// The plugin as it runs now; waits where its file is gone for now.
    async fn available(&self) -> DialectHandle {
        loop {
            match self.dialect() {
                Some(dialect) => return dialect,
                None => tokio::time::sleep(AWAY).await,
            }
        }
    }

    /// Counts events that no client of the dialect gets, and says so.
    fn lost(&self, events: u64, reason: &str) {
        metrics::counter!("hearthgate_dialect_events_lost_total", "instance" => self.instance.to_string())
            .increment(events);
        warn!(instance = %self.instance, events, reason, "the clients of a dialect missed events");
    }

    async fn beat(&self) {
        let stats: GatewayStats = self.inner.view.gateway_stats();
        let Some(dialect) = self.dialect() else {
            return;
        };
        match dialect.heartbeat(stats).await {
            Ok(texts) if texts.is_empty() => {}
            Ok(texts) => self.send(Batch::Notice(self.lane, frames(&texts))).await,
            Err(error) => self.failed(&error.to_string()),
        }
    }

    async fn send(&self, batch: Batch) {
        if let Some(room) = self.inner.shards.reserve().await {
            room.send(&batch);
        }
    }

    fn failed(&self, reason: &str) {
        count_failure(&self.instance);
        warn!(instance = %self.instance, reason, "a dialect has no heartbeat");
    }

    fn bus(&self) -> &Bus {
        &self.inner.backend.bus
    }

    /// `None`: the dialect's clients get no heartbeat.
    fn interval(&self) -> Option<Duration> {
        let dialect = DialectName::Plugin(self.instance.clone());
        self.inner
            .backend
            .settings
            .load()
            .heartbeat_interval(&dialect)
    }

    /// When the next heartbeat is due; sooner, to see whether another interval was configured.
    fn next_look(&self, beaten: Instant) -> Instant {
        let soon = Instant::now() + LONGEST_WAIT;
        self.interval()
            .map_or(soon, |interval| soon.min(beaten + interval))
    }
}

/// Counts a call into a dialect that gave nothing.
pub(super) fn count_failure(instance: &InstanceName) {
    metrics::counter!("hearthgate_dialect_failures_total", "instance" => instance.to_string())
        .increment(1);
}

fn frames(texts: &[String]) -> Bytes {
    if let [text] = texts {
        return frame::text(text);
    }
    let mut all = BytesMut::new();
    for text in texts {
        all.extend_from_slice(&frame::text(text));
    }
    all.freeze()
}
