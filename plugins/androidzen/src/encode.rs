//! Events as AndroidZen's messages: one text for all clients. What has no place in its protocol is none.

use crate::speech::{at, instant, text};
use hearthgate_plugin::Published;
use serde_json::{Map, Value, json};

/// The messages of an event: one or none.
#[must_use]
pub fn encode(published: &Published) -> Vec<String> {
    let event = &published.event;
    let build: fn(&Fields<'_>) -> Option<(String, Value)> = match event.kind.as_str() {
        "device.status" => |f| Some(("device_status".to_owned(), device_status(f))),
        "device.metrics" => {
            |f| Some(("live_metrics".to_owned(), f.pick(&["device_id", "metrics"])))
        }
        "device.connected" => |f| Some(("device_connected".to_owned(), f.all())),
        "device.disconnected" => |f| Some(("device_disconnected".to_owned(), f.all())),
        "device.action" => |f| Some(("device_action".to_owned(), f.all())),
        "performance.updated" => |f| Some(("performance_data".to_owned(), performance(f))),
        "analytics.updated" => |f| Some(("analytics_update".to_owned(), analytics(f))),
        "alert.raised" => |f| Some(alert(f)),
        "notification.sent" => |f| Some(("notification".to_owned(), notification(f))),
        "broadcast.sent" => |f| Some((text(f.data, "type")?, f.data.get("data")?.clone())),
        "system.status" => |f| Some(("system_message".to_owned(), system(f))),
        _ => return Vec::new(),
    };
    let timestamp = instant(event.occurred_at.unwrap_or(published.received_at));
    let data: Map<String, Value> = serde_json::from_str(&event.data).unwrap_or_default();
    let fields = Fields {
        data: &data,
        labels: &event.labels,
        timestamp: &timestamp,
    };
    let message = build(&fields).map(|(kind, data)| at(&kind, data, &timestamp));
    message.into_iter().collect()
}

struct Fields<'a> {
    data: &'a Map<String, Value>,
    labels: &'a [(String, String)],
    timestamp: &'a str,
}

impl Fields<'_> {
    fn get(&self, name: &str) -> Value {
        self.data.get(name).cloned().unwrap_or_default()
    }

    fn label(&self, name: &str) -> Option<&str> {
        let found = self.labels.iter().find(|(key, _)| key == name)?;
        Some(&found.1)
    }

    /// All fields, and the time.
    fn all(&self) -> Value {
        let mut data = self.data.clone();
        data.insert("timestamp".to_owned(), self.timestamp.into());
        Value::Object(data)
    }

    /// These fields, and the time.
    fn pick(&self, names: &[&str]) -> Value {
        let picked = names
            .iter()
            .map(|name| ((*name).to_owned(), self.get(name)));
        let mut data: Map<String, Value> = picked.collect();
        data.insert("timestamp".to_owned(), self.timestamp.into());
        Value::Object(data)
    }

    /// These fields where they are known, into an object.
    fn add_known(&self, to: &mut Value, names: &[&str]) {
        for name in names {
            if let Some(value) = self.data.get(*name).filter(|value| !value.is_null()) {
                to[*name] = value.clone();
            }
        }
    }
}

fn device_status(f: &Fields<'_>) -> Value {
    let device = json!({
        "id": f.get("device_id"), "name": f.get("name"), "status": f.get("status"),
        "battery_level": f.get("battery_level"), "cpu_usage": f.get("cpu_usage"), "memory_usage": f.get("memory_usage"),
        "storage_usage": f.get("storage_usage"), "last_seen": f.get("last_seen"),
    });
    json!({"devices": [device], "timestamp": f.timestamp})
}

/// The figures as they came, and `value` and `type` outside of them too, where there are any.
fn performance(f: &Fields<'_>) -> Value {
    let performance = match f.data.get("performance") {
        Some(performance @ Value::Object(_)) => performance.clone(),
        _ => Value::Object(f.data.clone()),
    };
    let mut data = json!({"performance": performance, "timestamp": f.timestamp});
    for name in ["value", "type"] {
        let inner = data["performance"]
            .get(name)
            .filter(|value| !value.is_null());
        if let Some(value) = inner.or_else(|| f.data.get(name)).cloned() {
            data[name] = value;
        }
    }
    data
}

fn analytics(f: &Fields<'_>) -> Value {
    let metrics = match f.data.get("metrics") {
        Some(metrics) => metrics.clone(),
        None => Value::Object(f.data.clone()),
    };
    let device = f.data.get("device_id").cloned();
    let device = device.unwrap_or_else(|| f.label("device").into());
    json!({"device_id": device, "metrics": metrics, "timestamp": f.timestamp})
}

/// A device's own alert is a message to those who watch it; every other one a security alert.
fn alert(f: &Fields<'_>) -> (String, Value) {
    let details = f.get("details");
    let device = f
        .data
        .get("device")
        .and_then(|device| device.get("id"))
        .cloned();
    let device = device.unwrap_or_else(|| f.label("device").into());
    let kind = details
        .get("alert_type")
        .cloned()
        .unwrap_or_else(|| f.get("category"));
    let words = ["message", "reason", "title"]
        .iter()
        .map(|name| f.get(name));
    let words = words
        .into_iter()
        .find(|value| !value.is_null())
        .unwrap_or_default();
    let mut data = json!({
        "id": f.get("alert_id"), "type": kind, "title": f.get("title"), "device_id": device, "alert_type": kind,
        "message": words, "severity": f.get("severity"), "timestamp": f.timestamp,
    });
    if f.get("category") == "device" {
        return ("system_message".to_owned(), data);
    }
    data["alert_details"] = details;
    ("security_alert".to_owned(), data)
}

fn notification(f: &Fields<'_>) -> Value {
    let mut data = f.pick(&["id", "type", "title", "message", "severity"]);
    data["read"] = f.data.get("read").cloned().unwrap_or(Value::Bool(false));
    f.add_known(&mut data, &["device_id", "data"]);
    data
}

fn system(f: &Fields<'_>) -> Value {
    let status = text(f.data, "status").unwrap_or_default();
    let message = format!("System status: {status}");
    json!({"message": message, "status": status, "details": f.get("details"), "timestamp": f.timestamp})
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// An event as the host hands it over, of 2026-11-20T10:15:00Z.
    pub(crate) fn published(
        kind: &str,
        topic: &str,
        labels: &[(&str, &str)],
        data: Value,
    ) -> Published {
        let event = hearthgate_plugin::Event::new(kind, topic, &data);
        let event = labels
            .iter()
            .fold(event, |event, (name, value)| event.label(*name, *value));
        event.publish().unwrap();
        let event = hearthgate_plugin::testing::published().remove(0);
        Published {
            seq: 1,
            source: "test".to_owned(),
            received_at: 1_795_169_700_000,
            event,
        }
    }

    fn check(kind: &str, labels: &[(&str, &str)], data: Value, expected: (&str, Value)) {
        let texts = encode(&published(kind, "a/b", labels, data));
        assert_eq!(texts.len(), 1, "{kind}");
        let found: Value = serde_json::from_str(&texts[0]).unwrap();
        let timestamp = "2026-11-20T10:15:00.000Z";
        assert_eq!(
            found,
            json!({"type": expected.0, "timestamp": timestamp, "data": expected.1}),
            "{kind}"
        );
    }

    #[test]
    fn each_kind_has_its_message() {
        let t = "2026-11-20T10:15:00.000Z";
        check(
            "device.status",
            &[],
            json!({"device_id": "d", "name": "D", "status": "online", "battery_level": 84.0, "last_seen": "x", "properties": {}}),
            (
                "device_status",
                json!({"devices": [{"id": "d", "name": "D", "status": "online", "battery_level": 84.0, "cpu_usage": null, "memory_usage": null, "storage_usage": null, "last_seen": "x"}], "timestamp": t}),
            ),
        );
        check(
            "device.metrics",
            &[],
            json!({"device_id": "d", "metrics": {"cpu_usage": 45.2}}),
            (
                "live_metrics",
                json!({"device_id": "d", "metrics": {"cpu_usage": 45.2}, "timestamp": t}),
            ),
        );
        check(
            "device.connected",
            &[],
            json!({"device_id": "d", "name": "D"}),
            (
                "device_connected",
                json!({"device_id": "d", "name": "D", "timestamp": t}),
            ),
        );
        check(
            "device.disconnected",
            &[],
            json!({"device_id": "d", "reason": "gone"}),
            (
                "device_disconnected",
                json!({"device_id": "d", "reason": "gone", "timestamp": t}),
            ),
        );
        check(
            "device.action",
            &[],
            json!({"action_id": "a", "device_id": "d", "action_type": "reboot", "status": "completed", "result": {"x": 1}}),
            (
                "device_action",
                json!({"action_id": "a", "device_id": "d", "action_type": "reboot", "status": "completed", "result": {"x": 1}, "timestamp": t}),
            ),
        );
        check(
            "performance.updated",
            &[],
            json!({"value": 7, "type": "cpu"}),
            (
                "performance_data",
                json!({"performance": {"value": 7, "type": "cpu"}, "value": 7, "type": "cpu", "timestamp": t}),
            ),
        );
        check(
            "performance.updated",
            &[],
            json!({"performance": {"cpu": 1}}),
            (
                "performance_data",
                json!({"performance": {"cpu": 1}, "timestamp": t}),
            ),
        );
        check(
            "analytics.updated",
            &[("device", "d")],
            json!({"total": 3}),
            (
                "analytics_update",
                json!({"device_id": "d", "metrics": {"total": 3}, "timestamp": t}),
            ),
        );
        check(
            "alert.raised",
            &[],
            json!({"alert_id": "1", "category": "security", "severity": "high", "title": "T", "status": "open", "reason": "R", "device": {"id": "d"}, "details": {"port": 22}}),
            (
                "security_alert",
                json!({"id": "1", "type": "security", "title": "T", "device_id": "d", "alert_type": "security", "message": "R", "severity": "high", "timestamp": t, "alert_details": {"port": 22}}),
            ),
        );
        check(
            "alert.raised",
            &[("device", "d")],
            json!({"alert_id": "1", "category": "device", "severity": "low", "title": "T", "status": "open", "details": {"alert_type": "battery"}}),
            (
                "system_message",
                json!({"id": "1", "type": "battery", "title": "T", "device_id": "d", "alert_type": "battery", "message": "T", "severity": "low", "timestamp": t}),
            ),
        );
        check(
            "notification.sent",
            &[],
            json!({"id": "n", "type": "info", "title": "T", "message": "M", "severity": "low", "read": false, "device_id": null}),
            (
                "notification",
                json!({"id": "n", "type": "info", "title": "T", "message": "M", "severity": "low", "timestamp": t, "read": false}),
            ),
        );
        check(
            "broadcast.sent",
            &[],
            json!({"type": "custom", "data": {"x": 1}}),
            ("custom", json!({"x": 1})),
        );
        check(
            "system.status",
            &[],
            json!({"status": "degraded", "details": {}}),
            (
                "system_message",
                json!({"message": "System status: degraded", "status": "degraded", "details": {}, "timestamp": t}),
            ),
        );
    }

    #[test]
    fn other_kinds_are_nothing_here() {
        for kind in [
            "entity.state_changed",
            "adapter.status",
            "alert.cleared",
            "metrics.sample",
            "gateway.plugin_state",
        ] {
            assert!(
                encode(&published(kind, "a/b", &[], json!({}))).is_empty(),
                "{kind}"
            );
        }
    }
}
