//! A listener, as its connections see it: what holds for them, and how many there are.

use crate::config::{DialectName, Limit, Listener, Terms};
use crate::shard::LiveTerms;
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

/// A listener, as its connections see it. Its connections live on when it is closed, and keep what held for them.
#[derive(Debug)]
pub struct Entrance {
    terms: Mutex<FxHashMap<DialectName, LiveTerms>>,
    /// `usize::MAX`: no limit of its own.
    most: AtomicUsize,
    handshake_timeout_ms: AtomicU64,
    pub(super) room: Room,
}

impl Entrance {
    /// Of this listener.
    #[must_use]
    pub fn new(listener: &Listener) -> Self {
        let entrance = Self {
            terms: Mutex::default(),
            most: AtomicUsize::default(),
            handshake_timeout_ms: AtomicU64::default(),
            room: Room::default(),
        };
        entrance.exchange(listener);
        entrance
    }

    /// Takes another configuration of the listener. Readers see it at once, shards when they look at it anew.
    pub fn exchange(&self, listener: &Listener) {
        let most = listener.max_connections.unwrap_or(usize::MAX);
        self.most.store(most, Relaxed);
        let timeout = listener.handshake_timeout.as_millis();
        let timeout = u64::try_from(timeout).unwrap_or(u64::MAX);
        self.handshake_timeout_ms.store(timeout, Relaxed);
        let mut known = self.terms.lock();
        for (dialect, terms) in &listener.terms {
            let terms = Arc::new(terms.clone());
            match known.get(dialect) {
                Some(live) => live.store(terms),
                None => drop(known.insert(dialect.clone(), Arc::new(ArcSwap::new(terms)))),
            }
        }
    }

    /// What holds for its connections of a dialect.
    pub(super) fn terms(&self, dialect: &DialectName) -> LiveTerms {
        let mut known = self.terms.lock();
        // A route and its terms come from one configuration; between two exchanges the defaults may stand in.
        let default = || Arc::new(ArcSwap::from_pointee(Terms::default()));
        known.entry(dialect.clone()).or_insert_with(default).clone()
    }

    /// Most connections of this listener alone.
    pub(super) fn most(&self) -> usize {
        self.most.load(Relaxed)
    }

    /// How long an upgrade may take.
    pub(super) fn handshake_timeout(&self) -> Duration {
        Duration::from_millis(self.handshake_timeout_ms.load(Relaxed))
    }
}

/// Counts what must not become too many.
#[derive(Debug, Clone, Default)]
pub(super) struct Room(Arc<AtomicUsize>);

/// One of them, until it is dropped.
#[derive(Debug)]
pub(super) struct Taken(Arc<AtomicUsize>);

impl Room {
    /// Counts one more, unless there are as many as there may be and that holds.
    pub(super) fn take(&self, most: usize, only_counts: bool) -> Option<Taken> {
        let add = |count| (count < most).then_some(count + 1);
        if self.0.fetch_update(Relaxed, Relaxed, add).is_err() {
            if !only_counts {
                return None;
            }
            crate::telemetry::limits::tell(Limit::Connections, true);
            self.0.fetch_add(1, Relaxed);
        }
        Some(Taken(self.0.clone()))
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn what_is_most_specific_holds_and_a_change_reaches_those_who_hold_it() {
        let listener = |keys: &str| {
            let text = format!(
                "[connections]\noutbox-frames = 10\nmax-subscriptions = 10\nmessages-per-second = 10\n\
                 [dialects.native]\noutbox-frames = 30\nheartbeat-interval = \"never\"\n\
                 [[listener]]\naddress = \"127.0.0.1:0\"\nroutes = [{{ path = \"/ws\", dialect = \"native\" }}]\n\
                 [listener.limits]\noutbox-frames = 20\n{keys}"
            );
            let mut config = Config::parse(&text).expect("a valid configuration");
            config.listeners.remove(0)
        };
        let entrance = Entrance::new(&listener("max-subscriptions = 20"));
        let live = entrance.terms(&DialectName::Native);
        let terms = live.load_full();
        let found = (
            terms.outbox_frames,
            terms.max_subscriptions,
            terms.messages_per_second,
        );
        assert_eq!(found, (30, 20, 10), "dialect, listener, all");
        assert_eq!(terms.heartbeat_interval, None);
        assert_eq!(entrance.most(), usize::MAX);
        entrance.exchange(&listener("max-subscriptions = 25\nmax-connections = 3"));
        assert_eq!(live.load().max_subscriptions, 25);
        assert_eq!(entrance.most(), 3);
    }

    #[test]
    fn room_is_given_back() {
        let room = Room::default();
        let first = room.take(1, false).expect("room");
        assert!(room.take(1, false).is_none());
        drop(first);
        assert!(room.take(1, false).is_some());
    }
}
