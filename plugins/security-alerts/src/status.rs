//! What the adapter says of itself: on every change, and its figures from time to time.

use crate::finding::Feed;
use crate::{Security, feeds};
use hearthgate_plugin::Event;
use hearthgate_plugin::events::{AdapterState, AdapterStatus, Object, SyncState, SyncStatus};
use serde_json::{Value, json};

/// How it is.
#[derive(Debug, Clone, Default)]
pub struct Status {
    /// The last look at the neighbours worked, or nobody looks.
    pub neighbours: bool,
    /// The set can be read, or nobody reads it.
    pub blocking: bool,
    /// The store works.
    pub store: bool,
    told: Option<(AdapterState, Value)>,
}

impl Status {
    /// One that has nothing to complain of yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            neighbours: true,
            blocking: true,
            store: true,
            told: None,
        }
    }

    fn state(&self) -> (AdapterState, Option<&'static str>) {
        match self {
            Self { store: false, .. } => (
                AdapterState::Disconnected,
                Some("the store can't be written"),
            ),
            Self {
                neighbours: false, ..
            } => (
                AdapterState::Disconnected,
                Some("the neighbours can't be read"),
            ),
            Self {
                blocking: false, ..
            } => (
                AdapterState::Disconnected,
                Some("the blocked set can't be read"),
            ),
            _ => (AdapterState::Connected, None),
        }
    }
}

impl Security {
    fn health(&self) -> Object {
        let mut health = Object::new();
        let mut feeds_health = Object::new();
        let mut followed: Vec<Feed> = feeds::followed(&self.config)
            .into_iter()
            .map(|(feed, _)| feed)
            .collect();
        if !self.config.detector.is_empty() {
            followed.push(Feed::Detector);
        }
        for feed in followed {
            let figures = feeds::health(&self.progress, &self.causes, feed);
            feeds_health.insert(feed.name().to_owned(), figures);
        }
        let mut put = |name: &str, value: Value| {
            health.insert(name.to_owned(), value);
        };
        put("feeds", Value::Object(feeds_health));
        put("alerts", json!(self.book.alerts().count()));
        put("alerts_open", json!(self.book.open()));
        put("alerts_evicted", json!(self.book.evicted));
        put("devices", json!(self.devices.count()));
        put(
            "devices_blocked",
            json!(self.devices.all().filter(|device| device.blocked).count()),
        );
        put("devices_evicted", json!(self.devices.evicted));
        put("clock_jumps", json!(self.clock.jumps));
        health
    }

    /// Tells how it is; `figures`: also where only its figures changed.
    pub(crate) fn tell_status(&mut self, figures: bool) {
        let (state, message) = self.status.state();
        let changed = self
            .status
            .told
            .as_ref()
            .is_none_or(|(told, _)| *told != state);
        if !changed && !figures {
            return;
        }
        let health = self.health();
        let told = (state, Value::Object(health.clone()));
        if self.status.told.as_ref() == Some(&told) {
            return;
        }
        let status = AdapterStatus {
            health: Some(health),
            message: message.map(str::to_owned),
            ..AdapterStatus::new("security-alerts", self.config.name.clone(), state)
        };
        self.outbox.put(Event::of(&status));
        self.status.told = Some(told);
    }

    /// Tells how far the first reading is.
    pub(crate) fn tell_sync(&mut self, state: SyncState, message: &str) {
        let devices = u32::try_from(self.devices.count()).unwrap_or(u32::MAX);
        let progress = if state == SyncState::Syncing {
            0.0
        } else {
            100.0
        };
        let status = SyncStatus::new(state, message.to_owned(), devices, 0_u32, progress);
        self.outbox.put(Event::of(&status));
    }
}
