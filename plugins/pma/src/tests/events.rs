//! Each kind of event as its messages.

use super::client::plugin;
use crate::Form;
use hearthgate_plugin::{Event, Plugin, Published, testing};
use serde_json::{Value, json};

fn messages(form: Form, kind: &str, data: Value, labels: &[(&str, &str)]) -> Vec<Value> {
    let mut event = Event::new(kind, "a/b", &data);
    for (key, value) in labels {
        event = event.label(*key, *value);
    }
    event.publish().unwrap();
    let event = testing::published().remove(0);
    let published = Published {
        seq: 1,
        source: "home".to_owned(),
        received_at: 1_704_110_400_000,
        event,
    };
    let texts = plugin(form, 20).encode(vec![published]);
    assert_eq!(texts.len(), 1);
    texts[0]
        .iter()
        .map(|text| serde_json::from_str(text).unwrap())
        .collect()
}

fn check(form: Form, kind: &str, data: Value, expected: &[(&str, Value)]) {
    let frame = |(kind, data): &(&str, Value)| json!({"type": kind, "data": data, "timestamp": "2024-01-01T12:00:00.000Z"});
    let expected: Vec<Value> = expected.iter().map(frame).collect();
    assert_eq!(messages(form, kind, data, &[]), expected, "{kind}");
}

fn both(kind: &str, data: Value, name: &str, told: Value) {
    for form in [Form::Guide, Form::Legacy] {
        check(form, kind, data.clone(), &[(name, told.clone())]);
    }
}

#[test]
fn state_changes() {
    let data = json!({
        "entity_id": "ha_light.living_room", "entity_type": "light", "old_state": "off", "new_state": "on", "name": "Lamp",
        "attributes": {"brightness": 255, "color_temp": 3000}, "room_id": "living_room", "area_id": "main_floor", "x": 1,
    });
    let guide = json!({
        "entity_id": "light.living_room", "entity_type": "light", "source": "homeassistant", "old_state": "off",
        "new_state": "on", "attributes": {"brightness": 255, "color_temp": 3000}, "name": "Lamp",
        "room_id": "living_room", "area_id": "main_floor",
    });
    check(
        Form::Guide,
        "entity.state_changed",
        data.clone(),
        &[("pma_entity_state_changed", guide)],
    );
    let legacy = json!({
        "entity_id": "light.living_room", "old_state": "off", "new_state": "on",
        "attributes": {"brightness": 255, "color_temp": 3000},
    });
    check(
        Form::Legacy,
        "entity.state_changed",
        data,
        &[("entity_state_changed", legacy)],
    );
}

#[test]
fn unknown_states_are_empty_texts() {
    let data = json!({"entity_id": "sensor.new", "entity_type": "sensor", "attributes": {}, "new_state": null});
    let told = &messages(Form::Guide, "entity.state_changed", data, &[])[0]["data"];
    assert_eq!(
        (&told["old_state"], &told["new_state"]),
        (&json!(""), &json!(""))
    );
    assert!(told.get("room_id").is_none());
}

#[test]
fn registry_entries() {
    let data = json!({"entity": {"id": "switch.new", "name": "New", "type": "switch", "state": "off"}, "room_id": "bedroom", "area_id": "upstairs"});
    let told = json!({
        "entity": {"id": "switch.new", "name": "New", "type": "switch", "source": "homeassistant", "state": "off"},
        "room_id": "bedroom", "area_id": "upstairs",
    });
    both(
        "entity.added",
        data.clone(),
        "pma_entity_added",
        told.clone(),
    );
    both("entity.updated", data, "pma_entity_updated", told);
    let gone = json!({"entity_id": "sensor.old", "source": "homeassistant", "room_id": "garage"});
    both(
        "entity.removed",
        json!({"entity_id": "sensor.old", "room_id": "garage"}),
        "pma_entity_removed",
        gone,
    );
}

#[test]
fn a_numbered_room_is_told_in_both_forms() {
    for (kind, action) in [
        ("room.created", "created"),
        ("room.updated", "updated"),
        ("room.deleted", "deleted"),
    ] {
        let data = json!({"room": {"id": "1", "name": "Living Room", "area": "main_floor", "entity_count": 8}});
        let numbered = (
            "room_updated",
            json!({"room_id": 1, "room_name": "Living Room", "action": action}),
        );
        let named = (
            "pma_room_updated",
            json!({"room": data["room"], "action": action, "source": "homeassistant"}),
        );
        check(Form::Guide, kind, data.clone(), &[named, numbered.clone()]);
        check(Form::Legacy, kind, data, &[numbered]);
    }
}

#[test]
fn a_room_of_another_source_and_the_room_that_stands_for_it_are_told_once_each() {
    let data = json!({"room": {"id": "kitchen", "name": "Kitchen"}});
    let named = (
        "pma_room_updated",
        json!({"room": data["room"], "action": "updated", "source": "homeassistant"}),
    );
    check(Form::Guide, "room.updated", data.clone(), &[named]);
    check(Form::Legacy, "room.updated", data, &[]);
    let standing = json!({"room": {"id": "7", "name": "Kitchen", "area": "kitchen"}});
    for form in [Form::Guide, Form::Legacy] {
        let told = messages(
            form,
            "room.updated",
            standing.clone(),
            &[("mirrors", "home")],
        );
        assert_eq!(told.len(), 1);
        assert_eq!(told[0]["type"], "room_updated");
    }
    assert_eq!(
        messages(
            Form::Guide,
            "room.updated",
            standing,
            &[("restored", "true")]
        ),
        [] as [Value; 0]
    );
}

#[test]
fn the_rest_goes_by_the_guides_names() {
    let automation = json!({"rule_id": "m", "rule_name": "M", "trigger": {"type": "time", "value": "07:00:00"}, "actions_executed": 3, "success": true});
    both(
        "automation.triggered",
        automation.clone(),
        "pma_automation_triggered",
        automation,
    );
    let scene = json!({"scene_id": "movie", "name": "Movie"});
    both(
        "scene.activated",
        scene.clone(),
        "pma_scene_activated",
        scene,
    );
    let area = json!({"area": {"id": "k", "name": "K"}, "action": "created"});
    both(
        "area.updated",
        area,
        "pma_area_updated",
        json!({"area": {"id": "k", "name": "K"}, "action": "created", "source": "homeassistant"}),
    );
    let status = json!({"status": "healthy", "details": {"connected_clients": 15}});
    both("system.status", status.clone(), "system_status", status);
    let sync = json!({"status": "syncing", "message": "m", "entity_count": 150, "room_count": 12, "progress": 75});
    let mut told = sync.clone();
    told["source"] = json!("homeassistant");
    both("sync.status", sync, "sync_status", told);
    let adapter = json!({"adapter_id": "a", "adapter_name": "A", "status": "connected", "health": {"cpu_usage": 5.2}});
    let mut told = adapter.clone();
    told["source"] = json!("homeassistant");
    both("adapter.status", adapter, "adapter_status", told);
    let custom = json!({"message": "maintenance", "level": "warning"});
    both(
        "broadcast.sent",
        json!({"type": "custom_notification", "data": custom}),
        "custom_notification",
        custom,
    );
}

#[test]
fn what_pma_has_no_word_for_is_not_told() {
    for kind in ["metrics.sample", "device.status", "gateway.plugin_state"] {
        check(Form::Guide, kind, json!({}), &[]);
    }
}

#[test]
fn data_that_does_not_fit_is_left_out_and_logged() {
    check(
        Form::Guide,
        "entity.state_changed",
        json!({"entity_id": 5}),
        &[],
    );
    let logged = testing::logged();
    assert!(
        logged[0].contains("WARN an event can't be told to clients: entity.state_changed on a/b"),
        "{logged:?}"
    );
}
