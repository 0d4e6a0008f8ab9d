//! HomeGuard's forms of alerts and devices, from the catalogue's.

use hearthgate_plugin::events::{Alert, DeviceState, DeviceStatus};
use serde_json::{Map, Value, json};

/// `new_alert`'s data. `at` is in milliseconds; the page wants a number of seconds, and loses an alert with a text.
#[must_use]
pub fn new_alert(alert: &Alert, at: u64) -> Value {
    let device = alert.device.as_ref();
    let ip = device
        .and_then(|device| device.ip.clone())
        .unwrap_or_default();
    let name = device.and_then(|device| device.name.clone());
    let mut data = json!({
        "alert_id": own_id(alert),
        "device_ip": ip,
        "device_name": name.unwrap_or_else(|| if ip.is_empty() { "Unknown".to_owned() } else { ip.clone() }),
        "severity": alert.severity.as_str().to_ascii_lowercase(),
        "reason": reason(alert),
        "timestamp": at as f64 / 1000.0,
        "action_taken": alert.action_taken.as_deref().unwrap_or("none"),
        "status": detail(alert, "status").unwrap_or_else(|| json!(alert.status)),
    });
    if let Some(mac) = device.and_then(|device| device.mac.as_ref()) {
        data["device_mac"] = json!(mac);
    }
    if let Some(score) = alert.score {
        data["anomaly_score"] = json!(score);
    }
    data
}

/// The id that the alert's finder gave it, which is what HomeGuard's pages know it by; else the event's.
fn own_id(alert: &Alert) -> Value {
    detail(alert, "source_alert_id").unwrap_or_else(|| json!(alert.alert_id))
}

fn detail(alert: &Alert, name: &str) -> Option<Value> {
    alert.details.as_ref()?.get(name).cloned()
}

fn reason(alert: &Alert) -> &str {
    let told = alert.reason.as_deref().or(alert.message.as_deref());
    told.filter(|text| !text.is_empty()).unwrap_or(&alert.title)
}

/// An alert as `GET /api/alerts` lists it, from what `list_alerts` answers.
#[must_use]
pub fn listed_alert(listed: &Value) -> Option<Value> {
    let alert: Alert = serde_json::from_value(listed.clone()).ok()?;
    let device = alert.device.as_ref();
    let text = |value: Option<&String>| value.cloned().unwrap_or_default();
    let ip = text(device.and_then(|device| device.ip.as_ref()));
    let id = device.and_then(|device| device.id.clone());
    Some(json!({
        "_id": alert.alert_id,
        "device_id": id.unwrap_or_else(|| ip.clone()),
        "device_ip": ip,
        "device_mac": text(device.and_then(|device| device.mac.as_ref())),
        "alert_type": listed.get("type").cloned().unwrap_or_default(),
        "severity": alert.severity.as_str(),
        "timestamp": listed.get("last_seen").cloned().unwrap_or_default(),
        "reason": reason(&alert),
        "details": alert.details.clone().unwrap_or_default(),
        "action_taken": alert.action_taken.as_deref().unwrap_or("none"),
        "acknowledged": listed.get("acknowledged").and_then(Value::as_bool).unwrap_or(false),
    }))
}

/// HomeGuard's word for a device's state.
#[must_use]
pub fn status(state: DeviceState) -> &'static str {
    match state {
        DeviceState::Online => "active",
        DeviceState::Idle | DeviceState::Unauthorized => "idle",
        DeviceState::Blocked => "blocked",
        DeviceState::Offline => "offline",
    }
}

/// A device, in `device_update` and in the answers of `/api/devices`.
#[must_use]
pub fn device(device: &DeviceStatus) -> Value {
    let empty = Map::new();
    let properties = device.properties.as_ref().unwrap_or(&empty);
    let count = |name: &str| properties.get(name).and_then(Value::as_u64).unwrap_or(0);
    let presence = properties.get("presence").and_then(Value::as_str);
    let runs = match presence {
        Some(presence) => presence != "gone",
        None => matches!(device.status, DeviceState::Online | DeviceState::Idle),
    };
    let own = [
        "presence",
        "total_bytes_sent",
        "total_bytes_received",
        "packet_count",
    ];
    let others = properties
        .iter()
        .filter(|(name, _)| !own.contains(&name.as_str()));
    let mut metadata: Map<String, Value> = others
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    metadata.insert("name".to_owned(), json!(device.name));
    json!({
        "_id": device.device_id,
        "mac": device.mac.clone().unwrap_or_default(),
        "ip": device.ip.clone().unwrap_or_default(),
        "hostname": device.hostname.clone().unwrap_or_else(|| device.name.clone()),
        "device_type": device.device_type.as_deref().unwrap_or("unknown"),
        "status": status(device.status),
        "first_seen": device.first_seen.as_ref().unwrap_or(&device.last_seen),
        "last_seen": device.last_seen,
        "total_bytes_sent": count("total_bytes_sent"),
        "total_bytes_received": count("total_bytes_received"),
        "packet_count": count("packet_count"),
        "is_blocked": device.is_blocked.unwrap_or(device.status == DeviceState::Blocked),
        "is_running": runs,
        "metadata": metadata,
    })
}
