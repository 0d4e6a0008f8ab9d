//! Every open connection: counts and listing.

use crate::auth::Answering;
use crate::event::Timestamp;
use crate::plugins::api::{GatewayStats, GatewayView, Page};
use crate::shard::{Closing, KindFigures, Link, Number, Population, Status};
use parking_lot::Mutex;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;
use tokio::sync::Notify;
use tokio::time::Instant as Now;

/// Most entries of one listing.
const MAX_LISTED: usize = 1_000;
/// Roughly what one entry of a listing takes, in bytes, beside its session.
const LISTED_BYTES: usize = 512;
/// The name of the gateway's own dialect.
pub(super) const NATIVE: &str = "native";

/// What connections that have ended sent and received.
#[derive(Default)]
struct Ended {
    received: AtomicU64,
    sent: AtomicU64,
    bytes_received: AtomicU64,
    bytes_sent: AtomicU64,
    /// The latest moment that anything was read from one, in milliseconds since the shards started.
    last_read: AtomicU64,
}

/// Every open connection. The lock is taken when one opens or ends and for listings, never for a message.
pub struct Registry {
    started: Instant,
    open: Mutex<BTreeMap<u64, Arc<Entry>>>,
    total: AtomicU64,
    ended: Ended,
    population: Arc<Population>,
    emptied: Notify,
}

/// What is known of a connection.
pub(super) struct Entry {
    pub(super) id: Arc<str>,
    pub(super) address: SocketAddr,
    pub(super) dialect: Arc<str>,
    pub(super) user_agent: Option<Box<str>>,
    pub(super) connected_at: Timestamp,
    /// Milliseconds since the shards started, as the status counts.
    pub(super) connected_millis: u64,
    pub(super) status: Arc<Status>,
    /// The way to its shard, to close it.
    pub(super) link: Link,
}

/// A connection, as the admin API lists it.
#[derive(Debug, Clone, Serialize)]
pub struct Listed {
    /// The connection's id.
    pub id: String,
    /// Where it comes from.
    pub address: String,
    /// Its dialect: `native` or an instance's name.
    pub dialect: String,
    /// What it calls itself.
    pub user_agent: Option<String>,
    /// Since when.
    pub connected_at: Timestamp,
    /// When something was last heard from it.
    pub last_seen: Timestamp,
    /// For whom it speaks, where that is known.
    pub subject: Option<String>,
    /// Whether it showed a valid credential.
    pub authenticated: bool,
    /// Its subscriptions.
    pub subscriptions: u32,
    /// What its dialect keeps with it; told to that dialect's plugin alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// Messages received.
    pub received: u64,
    /// Frames sent.
    pub sent: u64,
    /// Bytes received, behind the handshake.
    pub bytes_received: u64,
    /// Bytes sent, behind the handshake.
    pub bytes_sent: u64,
    /// Events that wait for it.
    pub queued: u32,
    /// Events that were dropped because it reads too slowly.
    pub dropped: u64,
}

/// Keeps a connection in the registry until it is dropped.
pub(super) struct Membership {
    registry: Arc<Registry>,
    number: u64,
}

impl Registry {
    /// An empty one.
    #[must_use]
    pub fn new(population: Arc<Population>) -> Self {
        Self {
            started: Instant::now(),
            open: Mutex::default(),
            total: AtomicU64::new(0),
            ended: Ended::default(),
            population,
            emptied: Notify::new(),
        }
    }

    /// How many connections are open.
    #[must_use]
    pub fn count(&self) -> usize {
        self.open.lock().len()
    }

    /// How many there ever were.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total.load(Relaxed)
    }

    /// The open connections, the oldest first; at most 1,000 at once.
    #[must_use]
    pub fn list(&self, offset: usize, limit: usize) -> Vec<Listed> {
        let page: Vec<_> = {
            let open = self.open.lock();
            let entries = open.values().skip(offset);
            entries.take(limit.min(MAX_LISTED)).cloned().collect()
        };
        page.iter().map(|entry| entry.listed()).collect()
    }

    /// What each kind of event came to.
    fn kinds(&self) -> Value {
        let told = |figures: KindFigures| {
            json!({
                "count": figures.count,
                "deliveries": figures.deliveries,
                "mean_latency_us": figures.mean_latency_us(),
            })
        };
        let kinds = self.population.kinds().into_iter();
        kinds.map(|(kind, figures)| (kind, told(figures))).collect()
    }

    /// When something was last read from or sent to a client, in milliseconds since the Unix epoch.
    fn last_activity(&self, open: &[Arc<Entry>]) -> u64 {
        let read = open.iter().map(|entry| entry.status.last_read()).max();
        let read = read.unwrap_or(0).max(self.ended.last_read.load(Relaxed));
        let last = read.max(self.population.last_sent());
        let ago = self.population.millis(Now::now()).saturating_sub(last);
        Timestamp::now().as_millis().saturating_sub(ago)
    }

    fn find(&self, id: &str) -> Option<Arc<Entry>> {
        let open = self.open.lock();
        open.values().find(|entry| *entry.id == *id).cloned()
    }

    /// Waits until no connection is open.
    pub(super) async fn emptied(&self) {
        loop {
            let emptied = self.emptied.notified();
            if self.count() == 0 {
                return;
            }
            emptied.await;
        }
    }

    pub(super) fn add(self: &Arc<Self>, number: Number, entry: Entry) -> Membership {
        self.open.lock().insert(number.0, Arc::new(entry));
        self.total.fetch_add(1, Relaxed);
        Membership {
            registry: self.clone(),
            number: number.0,
        }
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        let mut open = self.registry.open.lock();
        if let Some(entry) = open.remove(&self.number) {
            self.registry.ended.add(&entry.status);
        }
        if open.is_empty() {
            self.registry.emptied.notify_waiters();
        }
    }
}

impl Ended {
    fn add(&self, status: &Status) {
        for (sum, more) in [
            (&self.received, status.received()),
            (&self.sent, status.sent()),
            (&self.bytes_received, status.bytes_received()),
            (&self.bytes_sent, status.bytes_sent()),
        ] {
            sum.fetch_add(more, Relaxed);
        }
        self.last_read.fetch_max(status.last_read(), Relaxed);
    }
}

impl Entry {
    fn listed(&self) -> Listed {
        let status = &self.status;
        let identity = status.identity();
        let heard_after = status.last_read().saturating_sub(self.connected_millis);
        let last_seen = self.connected_at.as_millis() + heard_after;
        Listed {
            id: self.id.to_string(),
            address: match self.address.port() {
                // Behind a proxy nothing is known of the port.
                0 => self.address.ip().to_string(),
                _ => self.address.to_string(),
            },
            dialect: self.dialect.to_string(),
            user_agent: self.user_agent.as_deref().map(str::to_owned),
            connected_at: self.connected_at,
            last_seen: Timestamp::from_millis(last_seen),
            authenticated: identity.is_some(),
            subject: identity.map(|identity| identity.subject.clone()),
            subscriptions: status.subscriptions(),
            session: None,
            received: status.received(),
            sent: status.sent(),
            bytes_received: status.bytes_received(),
            bytes_sent: status.bytes_sent(),
            queued: status.queued(),
            dropped: status.dropped(),
        }
    }
}

impl GatewayView for Registry {
    fn stats(&self) -> Value {
        let open: Vec<_> = self.open.lock().values().cloned().collect();
        let sum = |of: fn(&Status) -> u64| open.iter().map(|entry| of(&entry.status)).sum::<u64>();
        let all = |ended: &AtomicU64, of| ended.load(Relaxed) + sum(of);
        let ended = &self.ended;
        let mut dialects = BTreeMap::<&str, u64>::new();
        for entry in &open {
            *dialects.entry(&entry.dialect).or_default() += 1;
        }
        json!({
            "connections": open.len(),
            "dialects": dialects,
            "connections_total": self.total(),
            "connection_errors": self.population.faults(),
            "subscriptions": sum(|s| u64::from(s.subscriptions())),
            "messages_received": all(&ended.received, Status::received),
            "messages_sent": all(&ended.sent, Status::sent),
            "bytes_received": all(&ended.bytes_received, Status::bytes_received),
            "bytes_sent": all(&ended.bytes_sent, Status::bytes_sent),
            "events_queued": sum(|s| u64::from(s.queued())),
            "events_dropped": sum(Status::dropped),
            "events_by_kind": self.kinds(),
            "uptime_ms": self.gateway_stats().uptime_ms,
            "last_activity_ms": self.last_activity(&open),
        })
    }

    fn clients(&self, page: Page<'_>) -> Value {
        let entries: Vec<_> = {
            let open = self.open.lock();
            let entries = open.values().skip(page.offset as usize);
            let limit = (page.limit as usize).min(MAX_LISTED);
            entries.take(limit).cloned().collect()
        };
        let (mut connections, mut bytes) = (Vec::new(), 0);
        for entry in entries {
            let mut listed = entry.listed();
            if page
                .sessions_of
                .is_some_and(|own| *own.as_str() == *entry.dialect)
            {
                listed.session = Some(entry.status.session().unwrap_or_default().to_string());
            }
            bytes += LISTED_BYTES + listed.session.as_ref().map_or(0, String::len);
            if bytes > page.bytes && !connections.is_empty() {
                break;
            }
            connections.push(listed);
        }
        json!({ "total": self.count(), "offset": page.offset, "connections": connections })
    }

    fn disconnect<'a>(
        &'a self,
        client: &'a str,
        code: u16,
        reason: &'a str,
    ) -> Answering<'a, bool> {
        Box::pin(async move {
            let Some(entry) = self.find(client) else {
                return false;
            };
            let native = &*entry.dialect == NATIVE;
            entry
                .link
                .close(Closing::asked_for(code, reason, native))
                .await;
            true
        })
    }

    fn gateway_stats(&self) -> GatewayStats {
        GatewayStats {
            connections: self.count() as u64,
            uptime_ms: u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            now_ms: Timestamp::now().as_millis(),
        }
    }
}
