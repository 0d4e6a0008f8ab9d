//! The event catalogue: a type for the data of every shared kind, bound to its kind, its topic and whether
//! it is retained, and the JSON Schemas that the gateway holds every published event against.
//!
//! The schemas are generated from the types, so the two can't differ. Required fields are required, known
//! fields must have their type, and unknown fields are allowed: a source may say more than the catalogue knows,
//! and a newer source works with an older gateway. An optional field may be absent or `null`.
//!
//! ```
//! use hearthgate_events::{DeviceMetrics, EventKind};
//! let data = DeviceMetrics::new("pixel-7", [("battery_temp".to_owned(), 31.5)]);
//! assert_eq!(DeviceMetrics::KIND, "device.metrics");
//! assert_eq!(data.topic("phones"), "device/pixel-7/metrics");
//! ```

#[macro_use]
mod define;

mod alert;
mod automation;
mod catalogue;
mod device;
mod entity;
mod gateway;
mod metrics;
mod notification;
mod room;
mod status;
mod topic;

pub use alert::{
    Alert, AlertCleared, AlertDevice, AlertRaised, AlertSeverity, AlertStatus, AlertUpdated,
};
pub use automation::{AutomationTriggered, SceneActivated, ServiceCalled, Trigger};
pub use catalogue::{KindSchema, catalogue};
pub use device::{
    ActionStatus, Connection, DeviceAction, DeviceConnected, DeviceDisconnected, DeviceMetrics,
    DeviceState, DeviceStatus,
};
pub use entity::{
    Entity, EntityAdded, EntityRemoved, EntityStateChanged, EntityUpdated, Registered,
};
pub use gateway::{Audit, ConfigReloaded, PluginReloaded, PluginState};
pub use metrics::{AnalyticsUpdated, MetricsSample, PerformanceUpdated};
pub use notification::{BroadcastSent, NotificationSent};
pub use room::{Area, AreaUpdated, Room, RoomChange, RoomCreated, RoomDeleted, RoomUpdated};
pub use status::{AdapterState, AdapterStatus, SyncState, SyncStatus, SystemHealth, SystemStatus};
pub use topic::topic;

/// A JSON object, for data whose fields are the source system's own.
pub type Object = serde_json::Map<String, serde_json::Value>;

/// The data of one kind of event, and what the catalogue says about it.
pub trait EventKind: serde::Serialize + serde::de::DeserializeOwned + schemars::JsonSchema {
    /// What happened, as on the wire.
    const KIND: &'static str;
    /// What becomes of the topic's retained state.
    const RETENTION: Retention;
    /// Whether the event is kept as its topic's current state.
    const RETAINED: bool = matches!(Self::RETENTION, Retention::Keep);

    /// The topic that the catalogue gives this event. `instance` is the name of the publishing instance, which
    /// is a level of some topics (`adapter/{instance}/status`).
    fn topic(&self, instance: &str) -> String;
}

/// What an event does to retained state, for those who subscribe later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retention {
    /// Nothing: it is news, not a state.
    None,
    /// It becomes its topic's current state.
    Keep,
    /// It ends the state of its own topic.
    Clear,
    /// It ends the state of the topic that has this last level in place of its own: `entity.removed` on
    /// `entity/x/registry` ends `entity/x/state`.
    ClearSibling(&'static str),
}
