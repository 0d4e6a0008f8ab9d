//! What the plugin says of itself.

use crate::HomeAssistant;
use crate::registry::Which;
use hearthgate_plugin::events::{AdapterState, AdapterStatus, Object, SyncState, SyncStatus};
use hearthgate_plugin::{Event, metrics};
use serde_json::json;

impl HomeAssistant {
    /// `adapter.status`.
    pub fn tell_status(&mut self, state: AdapterState, message: Option<String>) {
        let id = hearthgate_plugin::instance_name();
        let mut status = AdapterStatus::new(id, self.config.name.as_str(), state);
        status.health = Some(self.health());
        status.message = message;
        self.model.outbox.push(Event::of(&status));
        metrics::set("entities", self.model.home.len() as f64, &[]);
    }

    fn health(&self) -> Object {
        let mut health = Object::new();
        health.insert("entities".to_owned(), json!(self.model.home.len()));
        health.insert("rooms".to_owned(), json!(self.model.rooms.len()));
        let skipped = self
            .model
            .complaints
            .iter()
            .map(|(cause, count)| (cause.to_owned(), json!(count)));
        health.insert("skipped".to_owned(), Object::from_iter(skipped).into());
        if let Some(version) = &self.version {
            health.insert("ha_version".to_owned(), json!(version));
        }
        health
    }

    /// `sync.status`.
    pub fn tell_sync(&mut self, state: SyncState, message: &str, progress: f64) {
        let entities = u32::try_from(self.model.home.len()).unwrap_or(u32::MAX);
        let rooms = self.model.registry.len(Which::Areas);
        let rooms = u32::try_from(rooms).unwrap_or(u32::MAX);
        let status = SyncStatus::new(state, message, entities, rooms, progress.clamp(0.0, 100.0));
        self.model.outbox.push(Event::of(&status));
    }
}
