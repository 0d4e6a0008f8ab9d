//! Devices: telephones, computers, whatever is on the network.

use crate::Object;
use std::collections::BTreeMap;

record! {
    /// A device and how it is connected.
    Connection {
        /// The source system's id.
        device_id: String,
        ?
        /// What people call it.
        name: String,
        /// `usb`, `wifi`, `ethernet`, ….
        connection_type: String,
        /// Why it came or went.
        reason: String,
    }
}

same_data! {
    /// A device appeared.
    DeviceConnected(Connection)
    /// A device went away.
    DeviceDisconnected(Connection)
}

words! {
    /// How a device is.
    DeviceState {
        /// It answers.
        Online = "online",
        /// It does not answer.
        Offline = "offline",
        /// It is there and does not let us in.
        Unauthorized = "unauthorized",
        /// It is there and quiet.
        Idle = "idle",
        /// It is kept off the network.
        Blocked = "blocked",
    }
}

record! {
    /// What is known of a device.
    DeviceStatus {
        /// The source system's id.
        device_id: String,
        /// What people call it.
        name: String,
        /// How it is.
        status: DeviceState,
        /// When it was last seen: RFC 3339, UTC.
        last_seen: String,
        ?
        /// Percent.
        battery_level: f64,
        /// Percent.
        cpu_usage: f64,
        /// Percent.
        memory_usage: f64,
        /// Percent.
        storage_usage: f64,
        /// Its IP address.
        ip: String,
        /// Its hardware address.
        mac: String,
        /// Its name on the network.
        hostname: String,
        /// `phone`, `camera`, ….
        device_type: String,
        /// When it was first seen: RFC 3339, UTC.
        first_seen: String,
        /// Whether it is kept off the network.
        is_blocked: bool,
        /// Whatever else its source knows.
        properties: Object,
    }
}

record! {
    /// Figures of a device.
    DeviceMetrics {
        /// The source system's id.
        device_id: String,
        /// Name → figure.
        metrics: BTreeMap<String, f64>,
    }
}

words! {
    /// How far an action got.
    ActionStatus {
        /// Not begun.
        Queued = "queued",
        /// Begun.
        InProgress = "in_progress",
        /// Done.
        Completed = "completed",
        /// It did not work.
        Failed = "failed",
    }
}

record! {
    /// Something is done to a device.
    DeviceAction {
        /// The action's own id.
        action_id: String,
        /// The source system's id.
        device_id: String,
        /// `reboot`, `screenshot`, ….
        action_type: String,
        /// How far it got.
        status: ActionStatus,
        ?
        /// What came of it.
        result: serde_json::Value,
    }
}

kinds! {
    DeviceConnected = "device.connected", Keep, |d, _| ["device", &d.0.device_id, "connection"];
    DeviceDisconnected = "device.disconnected", Keep, |d, _| ["device", &d.0.device_id, "connection"];
    DeviceStatus = "device.status", Keep, |d, _| ["device", &d.device_id, "status"];
    DeviceMetrics = "device.metrics", Keep, |d, _| ["device", &d.device_id, "metrics"];
    DeviceAction = "device.action", None, |d, _| ["device", &d.device_id, "action"];
}
