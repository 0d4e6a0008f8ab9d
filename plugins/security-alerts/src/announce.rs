//! Alerts and devices as events, and as what handlers answer.

use crate::alert::Alert;
use crate::alerts::Change;
use crate::devices::{Device, Devices};
use crate::instant::Instant;
use crate::journal::Volume;
use hearthgate_plugin::events::{
    self, AlertCleared, AlertDevice, AlertRaised, AlertStatus, AlertUpdated, Connection,
    DeviceConnected, DeviceDisconnected, DeviceStatus, Object, topic,
};
use hearthgate_plugin::{Event, rfc3339};
use serde_json::{Value, json};
use std::time::{Duration, UNIX_EPOCH};

/// The category of every alert of this plugin.
const CATEGORY: &str = "security";

/// An instant as the catalogue writes it.
#[must_use]
pub fn told_at(at: Instant) -> String {
    rfc3339(UNIX_EPOCH + Duration::from_millis(at.unsigned_abs()))
}

/// What is known of the device that an alert is about.
fn device(alert: &Alert, devices: &Devices) -> AlertDevice {
    let known = alert.mac.as_deref().and_then(|mac| devices.find(mac));
    let known = known.or_else(|| devices.find(alert.ip.as_deref()?));
    AlertDevice {
        id: known.map(|device| device.mac.clone()),
        ip: alert.ip.clone().or_else(|| known?.ip()),
        mac: alert
            .mac
            .clone()
            .or_else(|| known.map(|device| device.mac.clone())),
        name: alert.name.clone().or_else(|| known.map(Device::name)),
    }
}

/// An alert in the catalogue's form; count, times and finder are among its details.
#[must_use]
pub fn alert(alert: &Alert, devices: &Devices) -> events::Alert {
    let mut details = alert.details.clone();
    let mut put = |name: &str, value: Value| {
        details.insert(name.to_owned(), value);
    };
    put("type", json!(alert.kind));
    put("found_by", json!(alert.feed.name()));
    put("count", json!(alert.count));
    put("first_seen", json!(told_at(alert.first_seen)));
    put("last_seen", json!(told_at(alert.last_seen)));
    if let Some(id) = &alert.source_id {
        put("source_alert_id", json!(id));
    }
    if let Some(by) = &alert.acknowledged_by {
        put("acknowledged_by", json!(by));
    }
    events::Alert {
        reason: Some(alert.reason.clone()),
        device: Some(device(alert, devices)),
        action_taken: alert.action_taken.clone(),
        score: alert.score,
        details: Some(details),
        ..events::Alert::new(
            alert.alert_id.clone(),
            CATEGORY,
            alert.severity,
            alert.title.clone(),
            alert.status,
        )
    }
}

/// The event that tells of a change.
pub fn alert_event(of: &Alert, change: Change, devices: &Devices) -> Event {
    let data = alert(of, devices);
    let id = data.device.as_ref().and_then(|device| device.id.clone());
    let event = match change {
        Change::Raised => Event::of(&AlertRaised(data)),
        Change::Updated => Event::of(&AlertUpdated(data)),
        Change::Cleared => Event::of(&AlertCleared(data)),
    };
    event
        .occurred_at(UNIX_EPOCH + Duration::from_millis(of.last_seen.unsigned_abs()))
        .label("severity", of.severity.as_str())
        .label("category", CATEGORY)
        .label_if("device", id)
}

/// An alert as `list_alerts` answers it: that of the event, with its own times and count beside it.
#[must_use]
pub fn alert_answer(of: &Alert, devices: &Devices) -> Value {
    let mut answer = serde_json::to_value(alert(of, devices)).unwrap_or_default();
    if let Value::Object(answer) = &mut answer {
        answer.insert("type".to_owned(), json!(of.kind));
        answer.insert("count".to_owned(), json!(of.count));
        answer.insert("first_seen".to_owned(), json!(told_at(of.first_seen)));
        answer.insert("last_seen".to_owned(), json!(told_at(of.last_seen)));
        let acknowledged = of.acknowledged_by.is_some() || of.status == AlertStatus::Acknowledged;
        answer.insert("acknowledged".to_owned(), json!(acknowledged));
    }
    answer
}

/// The state of a device.
#[must_use]
pub fn device_status(device: &Device, volume: Volume) -> DeviceStatus {
    let mut properties = Object::new();
    let addresses: Vec<String> = device.addresses.iter().map(ToString::to_string).collect();
    properties.insert("ips".to_owned(), json!(addresses));
    properties.insert("presence".to_owned(), json!(device.presence));
    properties.insert("total_bytes_sent".to_owned(), json!(volume.sent));
    properties.insert("total_bytes_received".to_owned(), json!(volume.received));
    properties.insert("packet_count".to_owned(), json!(volume.packets));
    DeviceStatus {
        ip: device.ip(),
        mac: Some(device.mac.clone()),
        hostname: device.hostname.clone(),
        device_type: device.device_type.clone(),
        first_seen: Some(told_at(device.first_seen)),
        is_blocked: Some(device.blocked),
        properties: Some(properties),
        ..DeviceStatus::new(
            device.mac.clone(),
            device.name(),
            device.state(),
            told_at(device.last_seen),
        )
    }
}

/// The event of a device's state.
pub fn device_event(device: &Device, volume: Volume) -> Event {
    Event::of(&device_status(device, volume)).label("device", &device.mac)
}

/// Ends what is retained of a device that is no more.
pub fn farewell(mac: &str) -> [Event; 2] {
    let empty = |kind: &str, level: &str| {
        Event::new(kind, topic(&["device", mac, level]), &Value::Null)
            .retain(true)
            .label("device", mac)
    };
    [
        empty("device.status", "status"),
        empty("device.disconnected", "connection"),
    ]
}

/// A device came (`new`, `back`), or is `gone`.
pub fn connection_event(device: &Device, reason: &str) -> Event {
    let connection = Connection {
        name: Some(device.name()),
        connection_type: Some("network".to_owned()),
        reason: Some(reason.to_owned()),
        ..Connection::new(device.mac.clone())
    };
    let event = if reason == "gone" {
        Event::of(&DeviceDisconnected(connection))
    } else {
        Event::of(&DeviceConnected(connection))
    };
    event.label("device", &device.mac)
}
