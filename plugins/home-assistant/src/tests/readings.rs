//! Readings of the home, and what happens in it.

use super::stand_in::state;
use super::*;

#[test]
fn the_first_reading_tells_everything_once_with_its_rooms() {
    let mut rig = Rig::connected(json!({}));
    rig.log_in();
    rig.serve();
    assert_eq!(
        rig.asked,
        [
            "supported_features",
            "subscribe_events floor_registry_updated",
            "subscribe_events area_registry_updated",
            "subscribe_events device_registry_updated",
            "subscribe_events entity_registry_updated",
            "get_config",
            "config/floor_registry/list",
            "config/area_registry/list",
            "config/device_registry/list",
            "config/entity_registry/list",
            "subscribe_events state_changed",
            "subscribe_events automation_triggered",
            "subscribe_events call_service",
            "get_states",
        ]
    );
    let labels = rig.labels("entity.state_changed");
    let expected = [
        ("area", "ground"),
        ("device", "d1"),
        ("domain", "light"),
        ("entity", "light.a"),
        ("room", "kitchen"),
    ];
    assert_eq!(
        labels,
        expected.map(|(k, v)| (k.to_owned(), v.to_owned())).into()
    );
    let states = rig.told("entity.state_changed");
    assert_eq!(
        states[0],
        json!({"entity_id": "light.a", "entity_type": "light", "new_state": "off", "name": "LIGHT.A",
            "attributes": {"friendly_name": "LIGHT.A"}, "room_id": "kitchen", "area_id": "ground"})
    );
    assert_eq!(
        states[1]["room_id"], "attic",
        "its own area, not its device's"
    );
    assert_eq!((states[2].get("room_id"), states.len()), (None, 3));
    let rooms = rig.told("room.created");
    assert_eq!(
        rooms[1]["room"],
        json!({"id": "kitchen", "name": "Kitchen", "area": "ground", "icon": "mdi:stove", "entity_count": 1})
    );
    assert_eq!(
        rig.told("area.updated"),
        [json!({"area": {"id": "ground", "name": "Ground floor"}, "action": "created"})]
    );
    let sync = rig.told("sync.status");
    let progress: Vec<f64> = sync
        .iter()
        .map(|s| s["progress"].as_f64().unwrap())
        .collect();
    assert!(
        progress.is_sorted() && progress[0] == 0.0 && progress.len() > 3,
        "{progress:?}"
    );
    let last = sync.last().unwrap();
    assert_eq!(
        (
            &last["status"],
            &last["progress"],
            &last["entity_count"],
            &last["room_count"]
        ),
        (&json!("completed"), &json!(100.0), &json!(3), &json!(2))
    );
    let connected = rig.told("adapter.status").pop().unwrap();
    assert_eq!(
        (&connected["status"], &connected["health"]["entities"]),
        (&json!("connected"), &json!(3))
    );
    assert_eq!(rig.all(), [""; 0], "and nothing else");
}

#[test]
fn a_change_is_told_as_it_happens() {
    let mut rig = Rig::synchronised(json!({}));
    rig.send(rig.state_changed("light.a", "off", "on"));
    assert_eq!(rig.labels("entity.state_changed")["room"], "kitchen");
    let told = rig.told("entity.state_changed").pop().unwrap();
    assert_eq!(
        (&told["old_state"], &told["new_state"]),
        (&json!("off"), &json!("on"))
    );
    // New.
    rig.send(rig.event(
        "state_changed",
        json!({"entity_id": "switch.n", "old_state": null, "new_state": state("switch.n", "on")}),
    ));
    assert_eq!(
        rig.all(),
        [
            "entity.added entity/switch.n/registry",
            "entity.state_changed entity/switch.n/state"
        ]
    );
    // Gone.
    rig.send(rig.event(
        "state_changed",
        json!({"entity_id": "light.b", "old_state": state("light.b", "on"), "new_state": null}),
    ));
    assert_eq!(rig.labels("entity.removed")["room"], "attic");
    assert_eq!(
        rig.told("entity.removed"),
        [json!({"entity_id": "light.b", "room_id": "attic"})]
    );
    rig.send(rig.event(
        "state_changed",
        json!({"entity_id": "light.b", "old_state": null, "new_state": null}),
    ));
    assert_eq!(rig.all(), [""; 0], "it is gone only once");
    // The room has one less, a little later.
    rig.tick("settle");
    assert_eq!(rig.told("room.updated")[0]["room"]["id"], "attic");
}

#[test]
fn automations_scenes_and_calls_are_told() {
    let mut rig = Rig::synchronised(json!({}));
    rig.send(rig.event(
        "automation_triggered",
        json!({"name": "Morning", "entity_id": "automation.morning", "source": "time"}),
    ));
    assert_eq!(
        rig.told("automation.triggered"),
        [
            json!({"rule_id": "automation.morning", "rule_name": "Morning",
        "trigger": {"type": "time", "value": "time"}})
        ]
    );
    let scene = |rig: &mut Rig, old: &str, new: &str| {
        rig.send(rig.state_changed("scene.evening", old, new));
        rig.told("scene.activated")
    };
    let (first, second) = ("2025-04-11T09:00:00+00:00", "2025-04-11T10:00:00+00:00");
    assert_eq!(
        scene(&mut rig, "unavailable", first),
        [Value::Null; 0],
        "it came back"
    );
    assert_eq!(
        scene(&mut rig, first, first),
        [Value::Null; 0],
        "an attribute changed"
    );
    assert_eq!(
        scene(&mut rig, first, second),
        [json!({"scene_id": "scene.evening", "name": "SCENE.EVENING"})]
    );
    rig.send(rig.event(
        "call_service",
        json!({"domain": "lock", "service": "unlock",
        "service_data": {"entity_id": ["light.a"], "code": "1234"}}),
    ));
    assert_eq!(rig.labels("service.called")["room"], "kitchen");
    assert_eq!(
        rig.told("service.called"),
        [
            json!({"domain": "lock", "service": "unlock", "entity_id": "light.a",
        "service_data": {"entity_id": ["light.a"], "code": "***"}})
        ]
    );
}

#[test]
fn after_a_gap_only_what_differs_is_told_and_what_is_gone_is_removed() {
    let mut rig = Rig::synchronised(json!({}));
    rig.closed();
    rig.answers.insert(
        "get_states".to_owned(),
        json!([
            state("light.a", "on"),
            state("sun.sun", "up"),
            state("switch.n", "on")
        ]),
    );
    rig.answers.insert(
        "config/area_registry/list".to_owned(),
        json!([{"area_id": "kitchen", "name": "Cuisine", "floor_id": "ground"}]),
    );
    rig.reconnect();
    rig.log_in();
    rig.serve();
    rig.told("adapter.status");
    rig.told("sync.status");
    let state = &rig.told("entity.state_changed");
    assert_eq!(
        (
            &state[0]["entity_id"],
            &state[0]["old_state"],
            &state[0]["new_state"]
        ),
        (&json!("light.a"), &json!("off"), &json!("on"))
    );
    assert_eq!(
        (&state[1]["entity_id"], state.len()),
        (&json!("switch.n"), 2)
    );
    assert_eq!(
        rig.all(),
        [
            "entity.added entity/switch.n/registry",
            "entity.removed entity/light.b/registry",
            "room.deleted room/attic",
            "room.updated room/kitchen",
        ]
    );
}

#[test]
fn while_home_assistant_starts_nothing_is_taken_for_gone() {
    let mut rig = Rig::synchronised(json!({}));
    rig.closed();
    rig.answers
        .insert("get_config".to_owned(), json!({"state": "STARTING"}));
    let all = rig
        .answers
        .insert("get_states".to_owned(), json!([state("sun.sun", "up")]))
        .unwrap();
    rig.reconnect();
    rig.log_in();
    rig.serve();
    assert_eq!(rig.told("entity.removed"), [Value::Null; 0]);
    assert_eq!(rig.told("sync.status").pop().unwrap()["status"], "syncing");
    // Still starting: asked again, nothing else.
    rig.tick("starting");
    rig.asked.clear();
    rig.serve();
    assert_eq!(rig.asked, ["get_config"]);
    // Started: now all is read anew, and what is not there is gone.
    rig.answers
        .insert("get_config".to_owned(), json!({"state": "RUNNING"}));
    rig.answers
        .insert("get_states".to_owned(), json!([all[0], all[2]]));
    rig.tick("starting");
    rig.serve();
    assert_eq!(
        rig.told("entity.removed"),
        [json!({"entity_id": "light.b", "room_id": "attic"})]
    );
    assert_eq!(rig.told("entity.added"), [Value::Null; 0]);
    assert_eq!(
        rig.told("sync.status").pop().unwrap()["status"],
        "completed"
    );
}

#[test]
fn a_registry_that_changed_is_read_anew_once_and_moves_its_entities() {
    let mut rig = Rig::synchronised(json!({}));
    rig.answers.insert(
        "config/entity_registry/list".to_owned(),
        json!([
            {"entity_id": "light.a", "device_id": "d1", "area_id": "attic"},
            {"entity_id": "light.b", "device_id": "d1", "area_id": "attic", "name": "Lamp"},
        ]),
    );
    for _ in 0..3 {
        rig.send(rig.event(
            "entity_registry_updated",
            json!({"action": "update", "entity_id": "light.a"}),
        ));
    }
    rig.asked.clear();
    let timers: Vec<_> = rig.raw_calls();
    assert_eq!(timers, ["timers.after 1000 settle"], "one for all three");
    rig.tick("settle");
    rig.serve();
    assert_eq!(rig.asked, ["config/entity_registry/list"]);
    assert_eq!(
        rig.labels("entity.state_changed")["room"],
        "attic",
        "the retained state moves too"
    );
    assert_eq!(
        rig.all(),
        [
            "entity.updated entity/light.a/registry",
            "entity.state_changed entity/light.a/state",
            "entity.updated entity/light.b/registry",
            "room.updated room/attic",
            "room.updated room/kitchen",
        ]
    );
}

#[test]
fn coalesced_messages_are_read_in_their_order() {
    let mut rig = Rig::synchronised(json!({}));
    let (on, off) = (
        rig.state_changed("light.a", "off", "on"),
        rig.state_changed("light.a", "on", "off"),
    );
    rig.send(json!([on, off, on]));
    let told: Vec<_> = rig
        .told("entity.state_changed")
        .iter()
        .map(|s| s["new_state"].clone())
        .collect();
    assert_eq!(told, ["on", "off", "on"]);
}
