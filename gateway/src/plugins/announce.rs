//! The host's own events: states and reloads of instances, in their order.

use super::slot::Slot;
use super::status::{PluginState, ReloadOutcome, StateHandover};
use crate::bus::Bus;
use crate::event::{Draft, InstanceName, Kind, Labels, Timestamp, Topic};
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// Events that wait for the bus; more are dropped and logged, because no instance may wait for them.
const CAPACITY: usize = 1024;

/// The way of the host's own events.
#[derive(Clone)]
pub(super) struct Announcer(mpsc::Sender<Draft>);

impl Announcer {
    /// Starts the task that publishes them.
    pub(super) fn start(bus: Bus) -> Self {
        let (sender, mut drafts) = mpsc::channel(CAPACITY);
        tokio::spawn(async move {
            while let Some(draft) = drafts.recv().await {
                if let Err(error) = bus.publish(&InstanceName::gateway(), vec![draft]).await {
                    tracing::warn!(%error, "an event of the gateway's own was not accepted");
                }
            }
        });
        Self(sender)
    }

    pub(super) fn state(&self, slot: &Slot, state: &PluginState) {
        let mut data = json!({
            "instance": slot.name.as_str(),
            "state": state.name(),
            "plugin": slot.instance.load().plugin,
        });
        if let Some(reason) = state.reason() {
            data["reason"] = json!(reason);
        }
        if let PluginState::Waiting { retry_at, .. } = state {
            let wait = retry_at
                .as_millis()
                .saturating_sub(Timestamp::now().as_millis());
            data["retry_after_ms"] = json!(wait);
        }
        if let Some(loaded) = slot.loaded.load().as_ref() {
            data["version"] = json!(loaded.version());
        }
        self.publish("gateway.plugin_state", slot, "state", &data);
    }

    pub(super) fn reload(&self, slot: &Slot, outcome: &ReloadOutcome) {
        let mut data = json!({
            "instance": slot.name.as_str(),
            "plugin": slot.instance.load().plugin,
        });
        let more = match outcome {
            ReloadOutcome::Reloaded {
                from,
                to,
                state,
                pause_ms,
                ..
            } => {
                let state = match state {
                    StateHandover::Kept => "kept",
                    StateHandover::Dropped => "dropped",
                };
                json!({ "outcome": "committed", "from": from, "to": to, "state": state, "pause_ms": pause_ms })
            }
            ReloadOutcome::Refused { reason, .. } => {
                json!({ "outcome": "refused", "reason": reason })
            }
            ReloadOutcome::RolledBack { hash, reason, .. } => {
                json!({ "outcome": "rolled_back", "to": hash, "reason": reason })
            }
        };
        if let (Value::Object(data), Value::Object(more)) = (&mut data, more) {
            data.extend(more);
        }
        self.publish("gateway.plugin_reloaded", slot, "reload", &data);
    }

    fn publish(&self, kind: &str, slot: &Slot, what: &str, data: &Value) {
        let topic = format!("gateway/plugin/{}/{what}", slot.name);
        let draft = Draft {
            kind: Kind::parse(kind).expect("a constant that is a kind"),
            topic: Topic::parse(&topic).expect("an instance's name is a level"),
            labels: Labels::default(),
            data: serde_json::value::to_raw_value(data).expect("a JSON value is JSON"),
            occurred_at: None,
            retain: true,
            audience: Vec::new(),
        };
        if self.0.try_send(draft).is_err() {
            tracing::warn!(
                instance = slot.name.as_str(),
                kind,
                "an event of the gateway's own was dropped: too many wait"
            );
        }
    }
}
