//! The catalogue holds every kind of the design's table, and its schemas take what fits and name what does not.
#![allow(clippy::expect_used)]

use hearthgate_events::{DeviceConnected, DeviceMetrics, KindSchema, Retention, catalogue};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Each kind with data that fits: the required fields alone, as the table lists them, and all of them.
fn samples() -> Vec<(&'static str, Value, Value)> {
    let entity = json!({"id": "light.kitchen", "name": "Kitchen", "type": "light", "state": "on"});
    let room = json!({"room": {"id": "7", "name": "Kitchen"}});
    let alert = json!({"alert_id": "a1", "category": "security", "severity": "high", "title": "Port scan", "status": "open"});
    let plain = |kind, required: Value| (kind, required, json!({}));
    vec![
        (
            "entity.state_changed",
            json!({"entity_id": "light.kitchen", "entity_type": "light", "attributes": {"brightness": 3}}),
            json!({"old_state": "off", "new_state": "on", "name": "Kitchen", "room_id": "7", "area_id": "1"}),
        ),
        (
            "entity.added",
            json!({"entity": entity}),
            json!({"room_id": "7", "area_id": null}),
        ),
        (
            "entity.updated",
            json!({"entity": entity}),
            json!({"room_id": "7", "area_id": null}),
        ),
        (
            "entity.removed",
            json!({"entity_id": "light.kitchen"}),
            json!({"room_id": "7", "area_id": "1"}),
        ),
        plain("room.created", room.clone()),
        plain("room.updated", room.clone()),
        plain("room.deleted", room),
        plain(
            "area.updated",
            json!({"area": {"id": "1", "name": "Home"}, "action": "created"}),
        ),
        (
            "automation.triggered",
            json!({"rule_id": "r", "rule_name": "Dusk", "trigger": {"type": "time"}}),
            json!({"actions_executed": 2, "success": true}),
        ),
        (
            "scene.activated",
            json!({"scene_id": "s"}),
            json!({"name": "Evening"}),
        ),
        (
            "service.called",
            json!({"domain": "light", "service": "turn_on", "service_data": {}}),
            json!({"entity_id": "light.x"}),
        ),
        (
            "device.connected",
            json!({"device_id": "d"}),
            json!({"name": "Pixel", "connection_type": "usb", "reason": "plugged in"}),
        ),
        (
            "device.disconnected",
            json!({"device_id": "d"}),
            json!({"name": "Pixel", "connection_type": "usb", "reason": "unplugged"}),
        ),
        (
            "device.status",
            json!({"device_id": "d", "name": "Pixel", "status": "online", "last_seen": "2026-11-20T10:00:00.000Z"}),
            json!({"battery_level": 88, "cpu_usage": 1.5, "memory_usage": 40, "storage_usage": 70.2, "ip": "192.168.1.5", "mac": "aa:bb:cc:dd:ee:ff",
                "hostname": "pixel", "device_type": "phone", "first_seen": "2026-11-01T10:00:00.000Z", "is_blocked": false, "properties": {"x": 1}}),
        ),
        plain(
            "device.metrics",
            json!({"device_id": "d", "metrics": {"battery_temp": 31.5}}),
        ),
        (
            "device.action",
            json!({"action_id": "1", "device_id": "d", "action_type": "reboot", "status": "in_progress"}),
            json!({"result": {"ok": true}}),
        ),
        (
            "metrics.sample",
            json!({"target": "host", "metrics": {"cpu.total": 3}}),
            json!({"units": {"cpu.total": "percent"}}),
        ),
        plain("analytics.updated", json!({})),
        plain("performance.updated", json!({})),
        (
            "alert.raised",
            alert.clone(),
            json!({"message": "m", "reason": "r", "device": {"ip": "10.0.0.2"}, "action_taken": "none", "score": 0.9, "details": {}}),
        ),
        ("alert.updated", alert.clone(), json!({"score": null})),
        ("alert.cleared", alert, json!({"message": "over"})),
        (
            "notification.sent",
            json!({"id": "n", "type": "announcement", "title": "t", "message": "m", "severity": "info", "read": false}),
            json!({"device_id": "d", "data": {}}),
        ),
        plain(
            "system.status",
            json!({"status": "degraded", "details": {}}),
        ),
        (
            "adapter.status",
            json!({"adapter_id": "ha", "adapter_name": "Home Assistant", "status": "connected"}),
            json!({"health": {}, "message": "up"}),
        ),
        plain(
            "sync.status",
            json!({"status": "syncing", "message": "reading", "entity_count": 4, "room_count": 2, "progress": 50}),
        ),
        plain(
            "broadcast.sent",
            json!({"type": "custom", "data": {"a": 1}}),
        ),
        plain(
            "gateway.plugin_state",
            json!({"instance": "home", "state": "running"}),
        ),
        plain(
            "gateway.plugin_reloaded",
            json!({"instance": "home", "outcome": "committed"}),
        ),
        plain("gateway.config_reloaded", json!({"outcome": "applied"})),
        (
            "gateway.audit",
            json!({"action": "login", "outcome": "refused"}),
            json!({"subject": "ada", "address": "192.168.1.5", "details": {"reason": "expired"}}),
        ),
    ]
}

fn row(kind: &str) -> KindSchema {
    let found = catalogue().into_iter().find(|row| row.kind == kind);
    found.unwrap_or_else(|| panic!("{kind} is not in the catalogue"))
}

/// The path of the first field that does not fit, or what is missing.
fn refusal(kind: &str, data: &Value) -> Option<String> {
    let validator = jsonschema::validator_for(&row(kind).schema).expect("the schema is one");
    let error = validator.iter_errors(data).next()?;
    Some(format!("{} {error}", error.instance_path()))
}

#[test]
fn every_kind_is_listed_once() {
    let listed: Vec<_> = catalogue().iter().map(|row| row.kind).collect();
    let expected: BTreeSet<_> = samples().iter().map(|(kind, ..)| *kind).collect();
    assert_eq!(listed.iter().copied().collect::<BTreeSet<_>>(), expected);
    assert_eq!(listed.len(), expected.len(), "a kind is listed twice");
}

#[test]
fn data_that_fits_is_taken() {
    for (kind, required, optional) in samples() {
        assert_eq!(refusal(kind, &required), None, "{kind}, required fields");
        let mut all = required.as_object().expect("an object").clone();
        all.extend(optional.as_object().expect("an object").clone());
        assert_eq!(
            refusal(kind, &Value::Object(all.clone())),
            None,
            "{kind}, all fields"
        );
        all.insert("something_new".to_owned(), json!([1]));
        assert_eq!(
            refusal(kind, &Value::Object(all)),
            None,
            "{kind}, an additional field"
        );
    }
}

#[test]
fn each_required_field_is_missed_by_its_name() {
    for (kind, required, _) in samples() {
        for field in required.as_object().expect("an object").keys() {
            let mut without = required.clone();
            without.as_object_mut().expect("an object").remove(field);
            let refusal = refusal(kind, &without)
                .unwrap_or_else(|| panic!("{kind} was taken without {field}"));
            assert!(
                refusal.contains(&format!("\"{field}\" is a required property")),
                "{kind}: {refusal}"
            );
        }
    }
}

#[test]
fn each_field_of_another_type_is_refused_by_its_path() {
    for (kind, required, optional) in samples() {
        let mut all = required.as_object().expect("an object").clone();
        all.extend(optional.as_object().expect("an object").clone());
        for field in all
            .keys()
            .filter(|field| !matches!(field.as_str(), "data" | "result"))
        {
            let mut wrong = all.clone();
            wrong.insert(field.clone(), json!([["not this"]]));
            let refusal = refusal(kind, &Value::Object(wrong))
                .unwrap_or_else(|| panic!("{kind}: any {field} was taken"));
            assert!(
                refusal.starts_with(&format!("/{field} ")),
                "{kind}: {refusal}"
            );
        }
    }
}

#[test]
fn a_word_outside_the_set_is_refused() {
    let data = json!({"device_id": "d", "name": "n", "status": "asleep", "last_seen": "x"});
    let refusal = refusal("device.status", &data).expect("\"asleep\" is no status");
    assert!(
        refusal.starts_with("/status ") && refusal.contains("\"asleep\" is not one of \"online\""),
        "{refusal}"
    );
}

#[test]
fn figures_are_numbers_and_progress_is_a_percentage() {
    let text = json!({"device_id": "d", "metrics": {"x": "3"}});
    assert!(refusal("device.metrics", &text).is_some_and(|r| r.starts_with("/metrics/x ")));
    let sync = |progress| json!({"status": "syncing", "message": "", "entity_count": 0, "room_count": 0, "progress": progress});
    assert_eq!(refusal("sync.status", &sync(100)), None);
    assert!(refusal("sync.status", &sync(101)).is_some_and(|r| r.starts_with("/progress ")));
}

#[test]
fn retained_is_what_the_table_says() {
    let news = [
        "entity.added",
        "entity.updated",
        "automation.triggered",
        "scene.activated",
        "service.called",
        "device.action",
        "analytics.updated",
        "performance.updated",
        "notification.sent",
        "broadcast.sent",
        "gateway.audit",
    ];
    for row in catalogue() {
        let expected = match row.kind {
            "entity.removed" => Retention::ClearSibling("state"),
            "room.deleted" | "alert.cleared" => Retention::Clear,
            kind if news.contains(&kind) => Retention::None,
            _ => Retention::Keep,
        };
        assert_eq!(row.retention, expected, "{}", row.kind);
        assert_eq!(row.retained, expected == Retention::Keep, "{}", row.kind);
    }
}

#[test]
fn topics_are_those_of_the_table() {
    fn check<E: EventKind>(data: Value, expected: &str) {
        let data: E = serde_json::from_value(data).expect("the data fits its type");
        assert_eq!(data.topic("hall"), expected, "{}", E::KIND);
    }
    use hearthgate_events::*;
    let sample = |kind: &str| {
        let found = samples().into_iter().find(|(k, ..)| *k == kind);
        found.expect("there is a sample of each kind").1
    };
    check::<EntityStateChanged>(sample("entity.state_changed"), "entity/light.kitchen/state");
    check::<EntityAdded>(sample("entity.added"), "entity/light.kitchen/registry");
    check::<EntityUpdated>(sample("entity.updated"), "entity/light.kitchen/registry");
    check::<EntityRemoved>(sample("entity.removed"), "entity/light.kitchen/registry");
    check::<RoomCreated>(sample("room.created"), "room/7");
    check::<RoomDeleted>(sample("room.deleted"), "room/7");
    check::<AreaUpdated>(sample("area.updated"), "area/1");
    check::<AutomationTriggered>(sample("automation.triggered"), "automation/r");
    check::<SceneActivated>(sample("scene.activated"), "scene/s");
    check::<ServiceCalled>(sample("service.called"), "service/light/turn_on");
    check::<DeviceConnected>(sample("device.connected"), "device/d/connection");
    check::<DeviceStatus>(sample("device.status"), "device/d/status");
    check::<DeviceMetrics>(sample("device.metrics"), "device/d/metrics");
    check::<DeviceAction>(sample("device.action"), "device/d/action");
    check::<MetricsSample>(sample("metrics.sample"), "metrics/host");
    check::<AlertRaised>(sample("alert.raised"), "alert/security/a1");
    check::<NotificationSent>(sample("notification.sent"), "notification/n");
    check::<SystemStatus>(sample("system.status"), "system/status");
    check::<AdapterStatus>(sample("adapter.status"), "adapter/hall/status");
    check::<SyncStatus>(sample("sync.status"), "adapter/hall/sync");
    check::<BroadcastSent>(sample("broadcast.sent"), "broadcast/custom");
    check::<PluginState>(sample("gateway.plugin_state"), "gateway/plugin/home/state");
    let scoped = AnalyticsUpdated {
        scope: "home".to_owned(),
        data: Object::new(),
    };
    assert_eq!(scoped.topic("hall"), "analytics/home");
    assert_eq!(
        serde_json::to_value(&scoped).expect("it serialises"),
        json!({})
    );
}

#[test]
fn absent_fields_are_left_out_and_shared_data_is_flat_on_the_wire() {
    let data = DeviceConnected(hearthgate_events::Connection::new("d"));
    assert_eq!(
        serde_json::to_value(data).expect("it serialises"),
        json!({"device_id": "d"})
    );
    let data = DeviceMetrics::new("d", [("x".to_owned(), 1.0)]);
    assert_eq!(
        serde_json::to_value(data).expect("it serialises"),
        json!({"device_id": "d", "metrics": {"x": 1.0}})
    );
}

#[test]
fn the_document_for_clients_names_every_kind_and_no_other() {
    let document = include_str!("../../../docs/events.md");
    // The first column of the table: one kind or several, each in backticks; `gateway.*` stands for the gateway's own.
    let rows = document.lines().filter_map(|line| line.strip_prefix("| `"));
    let named: Vec<&str> = rows
        .filter_map(|row| row.split(" | ").next())
        .flat_map(|cell| cell.split(", "))
        .map(|kind| kind.trim_matches('`'))
        .collect();
    for kind in catalogue().iter().map(|row| row.kind) {
        let group = kind.starts_with("gateway.") && named.contains(&"gateway.*");
        assert!(
            group || named.contains(&kind),
            "docs/events.md lacks {kind}"
        );
    }
    for kind in named {
        let known = kind == "gateway.*" || catalogue().iter().any(|row| row.kind == kind);
        assert!(known, "docs/events.md names {kind}, which does not exist");
    }
}
