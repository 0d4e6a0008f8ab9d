//! Encoders: for each dialect in use one task that has its plugin write every event once, for all of its clients.

use crate::bus::{Bus, TapBatch};
use crate::commands::Backend;
use crate::config::DialectName;
use crate::event::{Event, Filter, InstanceName};
use crate::plugins::api::{GatewayStats, GatewayView};
use crate::protocol::frame;
use crate::shard::{Batch, Encoded, Lane, Shards};
use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::AbortHandle;
use tokio::time::Instant;
use tracing::warn;

/// Events that wait for a dialect's encoder; more are dropped, counted and logged.
const TAP_CAPACITY: usize = 8192;
/// Most events of one call into the plugin.
const MAX_EVENTS: usize = 256;

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
            dialect.task = Some(tokio::spawn(encoder.run()).abort_handle());
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
    async fn run(self) {
        let mut tap = self.bus().tap(Filter::default(), TAP_CAPACITY);
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
            warn!(instance = %self.instance, missed = batch.missed, "a dialect's encoder is too slow; its clients missed events");
        }
        for events in batch.events.chunks(MAX_EVENTS) {
            let Some(encoded) = self.encode(events).await else {
                continue;
            };
            self.send(Batch::Encoded(self.lane, encoded)).await;
        }
    }

    async fn encode(&self, events: &[Arc<Event>]) -> Option<Arc<[Encoded]>> {
        let outcome = match self.inner.backend.plugins.dialect(&self.instance) {
            Some(dialect) => dialect.encode(events).await.map_err(|e| e.to_string()),
            None => Err("the instance has no dialect, or does not run".to_owned()),
        };
        let texts = match outcome {
            Ok(texts) if texts.len() == events.len() => texts,
            Ok(texts) => {
                let reason = format!("{} answers for {} events", texts.len(), events.len());
                self.failed(&reason);
                return None;
            }
            Err(reason) => {
                self.failed(&reason);
                return None;
            }
        };
        metrics::counter!("hearthgate_events_encoded_total", "dialect" => self.instance.to_string())
            .increment(texts.len() as u64);
        let encoded = events.iter().zip(texts).map(|(event, texts)| Encoded {
            event: event.clone(),
            frames: frames(&texts),
        });
        Some(
            encoded
                .filter(|encoded| !encoded.frames.is_empty())
                .collect(),
        )
    }

    async fn beat(&self) {
        let stats: GatewayStats = self.inner.view.gateway_stats();
        let Some(dialect) = self.inner.backend.plugins.dialect(&self.instance) else {
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
        warn!(instance = %self.instance, reason, "a dialect could not encode");
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
