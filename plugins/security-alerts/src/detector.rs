//! One alert of a detector's `alerts.json`. Its identity is `alert_id:ip`.

use crate::finding::{Bad, Feed, Finding, clip};
use crate::instant::{self, Zone};
use hearthgate_plugin::events::AlertSeverity;
use serde_json::{Map, Value};

/// Fields that have a place of their own; the others become details.
const KNOWN: &[&str] = &[
    "alert_id",
    "id",
    "_id",
    "device_ip",
    "ip",
    "src_ip",
    "device_name",
    "name",
    "hostname",
    "device_mac",
    "mac",
    "severity",
    "reason",
    "message",
    "description",
    "timestamp",
    "time",
    "action_taken",
    "action",
    "status",
    "anomaly_score",
    "score",
    "alert_type",
    "type",
];
/// Most details of an alert.
const MOST_DETAILS: usize = 16;

/// Reads an alert.
///
/// # Errors
/// It is no object of that form, or lacks what identifies it.
pub fn read(object: &[u8], zone: Zone) -> Result<Finding, Bad> {
    let object: Map<String, Value> =
        serde_json::from_slice(object).map_err(|_| Bad("an alert is no valid JSON"))?;
    let text = |names: &[&str]| names.iter().find_map(|name| plain(object.get(*name)?));
    let ip = text(&["device_ip", "ip", "src_ip"]);
    let told = ["timestamp", "time"]
        .iter()
        .find_map(|name| object.get(*name));
    let told = told.ok_or(Bad("an alert has no timestamp"))?;
    let at = instant::of_json(told, zone).ok_or(Bad("an alert's timestamp is none"))?;
    let reason = text(&["reason", "message", "description"]).unwrap_or_default();
    let kind = text(&["alert_type", "type"]).unwrap_or_else(|| "anomaly".to_owned());
    let id = match text(&["alert_id", "id", "_id"]) {
        Some(id) => clip(&id, 100),
        // Without one, the same words at the same time are the same alert.
        None if !reason.is_empty() => format!("{:016x}", hash(&[&reason, &at.to_string()])),
        None => return Err(Bad("an alert has no alert_id")),
    };
    let key = match &ip {
        Some(ip) => format!("{id}:{ip}"),
        None => id.clone(),
    };
    let severity = text(&["severity"]).map_or(Ok(AlertSeverity::Medium), |word| severity(&word))?;
    let title = if reason.is_empty() {
        kind.clone()
    } else {
        reason.clone()
    };
    let mut finding = Finding::new(Feed::Detector, key, &kind, severity, at).told(&title, &reason);
    finding.id = Some(id);
    finding.ip = ip;
    finding.mac = text(&["device_mac", "mac"]);
    finding.name = text(&["device_name", "name", "hostname"]);
    finding.action_taken = text(&["action_taken", "action"]);
    finding.score = ["anomaly_score", "score"]
        .iter()
        .find_map(|name| object.get(*name)?.as_f64());
    if let Some(status) = text(&["status"]) {
        finding.detail("status", Some(status.into()));
    }
    let others = object
        .iter()
        .filter(|(name, _)| !KNOWN.contains(&name.as_str()));
    for (name, value) in others.take(MOST_DETAILS) {
        let small = !matches!(value, Value::Array(_) | Value::Object(_)) || size(value) <= 400;
        if small {
            finding.detail(&clip(name, 60), Some(value.clone()));
        }
    }
    Ok(finding)
}

/// The detector's words, and those of others like it.
fn severity(word: &str) -> Result<AlertSeverity, Bad> {
    match word.to_ascii_lowercase().as_str() {
        "critical" | "emergency" | "fatal" => Ok(AlertSeverity::Critical),
        "high" | "major" | "severe" | "error" => Ok(AlertSeverity::High),
        "medium" | "moderate" | "warning" | "warn" => Ok(AlertSeverity::Medium),
        "low" | "minor" | "info" | "informational" | "notice" => Ok(AlertSeverity::Low),
        _ => Err(Bad("an alert's severity is no known word")),
    }
}

/// A text, or a number as one.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(clip(text.trim(), 400)),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn size(value: &Value) -> usize {
    value.to_string().len()
}

/// FNV-1a: short, and the same in every version of this plugin.
#[must_use]
pub fn hash(parts: &[&str]) -> u64 {
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn found(value: Value) -> Result<Finding, Bad> {
        read(value.to_string().as_bytes(), Zone::default())
    }

    #[test]
    fn an_alert_is_identified_by_id_and_address() {
        let value = json!({
            "alert_id": 17, "device_ip": "192.168.1.66", "device_name": "Camera", "device_mac": "AA:BB:CC:00:11:22",
            "severity": "HIGH", "reason": "Unusual traffic", "timestamp": 1_795_182_045.5, "action_taken": "logged",
            "status": "active", "anomaly_score": -0.31, "bytes": 12, "top_ports": [80, 443],
        });
        let finding = found(value.clone()).expect("a finding");
        assert_eq!(finding.key, "17:192.168.1.66");
        assert_eq!(finding.id.as_deref(), Some("17"));
        assert_eq!(
            (finding.at, finding.score),
            (1_795_182_045_500, Some(-0.31))
        );
        assert_eq!(finding.severity, AlertSeverity::High);
        assert_eq!(finding.mac.as_deref(), Some("AA:BB:CC:00:11:22"));
        assert_eq!(finding.details["bytes"], 12);
        assert_eq!(finding.details["top_ports"], json!([80, 443]));
        let mut dated = value;
        dated["timestamp"] = json!("2026-11-20 13:40:45");
        assert_eq!(found(dated).expect("a finding").at, 1_795_182_045_000);
    }

    #[test]
    fn what_is_missing_is_named_and_what_can_be_done_without_is() {
        let minimal = json!({"reason": "x", "timestamp": 1_795_182_045});
        let one = found(minimal.clone()).expect("a finding");
        assert_eq!(one.key, found(minimal).expect("a finding").key);
        for (value, expected) in [
            (json!({"alert_id": "a"}), "an alert has no timestamp"),
            (
                json!({"alert_id": "a", "timestamp": "soon"}),
                "an alert's timestamp is none",
            ),
            (json!({"timestamp": 5}), "an alert has no alert_id"),
            (
                json!({"alert_id": "a", "timestamp": 5, "severity": "purple"}),
                "an alert's severity is no known word",
            ),
            (json!([1]), "an alert is no valid JSON"),
        ] {
            assert_eq!(found(value.clone()), Err(Bad(expected)), "{value}");
        }
    }
}
