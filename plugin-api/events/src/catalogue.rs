//! All kinds at once, for the gateway.

use crate::*;
use schemars::generate::SchemaSettings;

/// A kind, and what the gateway must know about it.
#[derive(Debug, Clone)]
pub struct KindSchema {
    /// What happened, as on the wire.
    pub kind: &'static str,
    /// The JSON Schema (draft 2020-12) of its data.
    pub schema: serde_json::Value,
    /// Whether its events are kept as their topic's current state.
    pub retained: bool,
    /// What its events do to retained state; `retained` is the short form of it.
    pub retention: Retention,
}

impl KindSchema {
    /// The row of one kind.
    #[must_use]
    pub fn of<E: EventKind>() -> Self {
        let settings = SchemaSettings::draft2020_12().with(|s| s.inline_subschemas = true);
        Self {
            kind: E::KIND,
            schema: settings
                .into_generator()
                .into_root_schema_for::<E>()
                .to_value(),
            retained: E::RETAINED,
            retention: E::RETENTION,
        }
    }
}

macro_rules! rows {
    ($($name:ident)+) => { vec![ $( KindSchema::of::<$name>() ),+ ] };
}

/// Every kind that sources share, and the gateway's own.
#[must_use]
pub fn catalogue() -> Vec<KindSchema> {
    rows! {
        EntityStateChanged EntityAdded EntityUpdated EntityRemoved
        RoomCreated RoomUpdated RoomDeleted AreaUpdated
        AutomationTriggered SceneActivated ServiceCalled
        DeviceConnected DeviceDisconnected DeviceStatus DeviceMetrics DeviceAction
        MetricsSample AnalyticsUpdated PerformanceUpdated
        AlertRaised AlertUpdated AlertCleared
        NotificationSent BroadcastSent
        SystemStatus AdapterStatus SyncStatus
        PluginState PluginReloaded ConfigReloaded Audit
    }
}
