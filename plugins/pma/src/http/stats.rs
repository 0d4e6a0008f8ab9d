//! The gateway's figures under PMA's names.

use hearthgate_plugin::rfc3339;
use serde_json::{Map, Value, json};
use std::time::{Duration, UNIX_EPOCH};

/// `GET …/stats`.
pub fn stats(figures: &Value) -> Value {
    json!({
        "connected_clients": number(figures, "connections"),
        "total_connections": number(figures, "connections_total"),
        "messages_sent": number(figures, "messages_sent"),
        "messages_received": number(figures, "messages_received"),
        "last_activity": last_activity(figures),
        "bytes_sent": number(figures, "bytes_sent"),
        "bytes_received": number(figures, "bytes_received"),
        "subscription_count": number(figures, "subscriptions"),
        "connection_errors": number(figures, "connection_errors"),
        "uptime": number(figures, "uptime_ms") / 1000,
    })
}

/// `GET …/metrics`: the same, and how many messages of each type were made and how long they took.
pub fn metrics(figures: &Value) -> Value {
    let mut all = stats(figures);
    let mut types = Map::new();
    for (kind, figures) in figures["events_by_kind"].as_object().into_iter().flatten() {
        let latency = figures["mean_latency_us"].as_f64().unwrap_or(0.0) / 1000.0;
        let told = json!({
            "count": number(figures, "count"),
            "deliveries": number(figures, "deliveries"),
            "average_latency_ms": latency,
        });
        types.insert(message_type(kind).to_owned(), told);
    }
    all["message_types"] = Value::Object(types);
    all
}

/// The host of `host:port`.
pub fn host(address: &str) -> &str {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    host.trim_start_matches('[').trim_end_matches(']')
}

fn number(figures: &Value, name: &str) -> u64 {
    figures[name].as_u64().unwrap_or(0)
}

fn last_activity(figures: &Value) -> Option<String> {
    let millis = figures["last_activity_ms"]
        .as_u64()
        .filter(|millis| *millis > 0)?;
    Some(rfc3339(UNIX_EPOCH + Duration::from_millis(millis)))
}

/// What the guide calls the messages that a kind makes; a kind that makes none goes by its own name.
fn message_type(kind: &str) -> &str {
    match kind {
        "entity.state_changed" => "pma_entity_state_changed",
        "entity.added" => "pma_entity_added",
        "entity.updated" => "pma_entity_updated",
        "entity.removed" => "pma_entity_removed",
        "area.updated" => "pma_area_updated",
        "automation.triggered" => "pma_automation_triggered",
        "scene.activated" => "pma_scene_activated",
        "service.called" => "pma_service_call",
        "system.status" => "system_status",
        "sync.status" => "sync_status",
        "adapter.status" => "adapter_status",
        other => other,
    }
}
