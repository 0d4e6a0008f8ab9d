//! What nobody should send: skipped, told once for each cause, and the rest goes on.

use super::stand_in::state;
use super::*;

#[test]
fn each_is_skipped_and_counted_by_its_cause() {
    let table: Vec<(&str, String)> = vec![
        ("a frame that is no JSON", "nonsense".to_owned()),
        ("a frame that is no JSON", "{\"id\":".to_owned()),
        ("a frame that is no JSON", "[".repeat(100_000)),
        (
            "a message of an unknown type",
            json!({"id": 1, "type": "surprise"}).to_string(),
        ),
        ("a message of an unknown type", "{}".to_owned()),
        (
            "an answer to no question",
            json!({"id": 4711, "type": "result", "success": true, "result": []}).to_string(),
        ),
        (
            "an answer to no question",
            json!({"type": "result"}).to_string(),
        ),
        (
            "an answer to no question",
            json!({"id": 4711, "type": "pong"}).to_string(),
        ),
        (
            "an answer to no question",
            json!({"id": -1, "type": "pong"}).to_string(),
        ),
        (
            "an event of no subscription",
            json!({"id": 4711, "type": "event", "event": {}}).to_string(),
        ),
        (
            "an event that does not fit",
            event(json!({"event_type": "state_changed"})),
        ),
        ("an event that does not fit", event(Value::Null)),
        (
            "an event that does not fit",
            changed(json!({"state": "on"})),
        ),
        ("an event that does not fit", changed(json!("on"))),
        (
            "an event of an unknown type",
            event(json!({"event_type": "other", "data": {}})),
        ),
        (
            "an event larger than 2 MiB",
            changed(with("attributes", json!({"x": "y".repeat(3 << 20)}))),
        ),
        (
            "a state whose attributes are no object",
            changed(with("attributes", json!([]))),
        ),
        (
            "a state whose attributes are no object",
            changed(with("attributes", Value::Null)),
        ),
        (
            "a state without a valid entity id",
            changed(with("entity_id", json!("light"))),
        ),
        (
            "a state without a valid entity id",
            changed(with("entity_id", json!("light."))),
        ),
        (
            "a login that nobody asked for",
            json!({"type": "auth_ok"}).to_string(),
        ),
    ];
    for (cause, text) in table {
        let mut rig = Rig::synchronised(json!({}));
        let text = text.replace(
            "\"SUBSCRIPTION\"",
            &rig.subscriptions["state_changed"].to_string(),
        );
        testing::logged();
        rig.text(&text).unwrap();
        rig.text(&text).unwrap();
        let shown: String = text.chars().take(80).collect();
        let counts: Vec<_> = rig.plugin.model.complaints.iter().collect();
        assert_eq!(counts, [(cause, 2)], "{shown}");
        let lines = testing::logged();
        assert_eq!(lines.len(), 1, "once: {lines:?}");
        rig.send(rig.state_changed("light.a", "off", "on"));
        assert_eq!(
            rig.told("entity.state_changed").len(),
            1,
            "the rest goes on after {shown}"
        );
    }
}

/// An event of the subscription to states, with this inside.
fn event(event: Value) -> String {
    json!({"id": "SUBSCRIPTION", "type": "event", "event": event}).to_string()
}

fn changed(new: Value) -> String {
    event(
        json!({"event_type": "state_changed", "data": {"entity_id": "light.x", "old_state": null, "new_state": new}}),
    )
}

fn with(key: &str, value: Value) -> Value {
    let mut state = state("light.x", "on");
    state[key] = value;
    state
}

#[test]
fn one_entry_that_does_not_fit_costs_only_itself() {
    let mut rig = Rig::connected(json!({}));
    let huge = json!({"entity_id": "camera.huge", "state": "on", "attributes": {"picture": "x".repeat(10 << 20)}});
    rig.answers.insert(
        "get_states".to_owned(),
        json!([{"entity_id": "light.x"}, 3, null, huge, state("light.a", "on")]),
    );
    rig.answers.insert(
        "config/entity_registry/list".to_owned(),
        json!([{}, {"area_id": "attic"}, "x", {"entity_id": "light.a", "area_id": "attic"}]),
    );
    rig.answers.insert(
        "config/device_registry/list".to_owned(),
        json!([{"area_id": "attic"}, {"id": null}]),
    );
    rig.answers.insert(
        "config/area_registry/list".to_owned(),
        json!([{}, {"area_id": "attic"}]),
    );
    rig.log_in();
    rig.serve();
    let told = rig.told("entity.state_changed");
    assert_eq!(
        (told.len(), &told[0]["entity_id"], &told[0]["room_id"]),
        (1, &json!("light.a"), &json!("attic"))
    );
    assert_eq!(rig.told("room.created")[0]["room"]["name"], "attic");
    assert_eq!(
        rig.told("sync.status").pop().unwrap()["status"],
        "completed"
    );
    let counts: Vec<_> = rig.plugin.model.complaints.iter().collect();
    assert_eq!(
        counts,
        [
            ("a registry entry that does not fit", 6),
            ("a state larger than 1 MiB", 1),
            ("a state that does not fit", 3)
        ]
    );
}

#[test]
fn more_entities_than_there_may_be_are_skipped() {
    let mut rig = Rig::connected(json!({"max-entities": 2}));
    rig.log_in();
    rig.serve();
    assert_eq!(rig.told("entity.state_changed").len(), 2);
    let counts: Vec<_> = rig.plugin.model.complaints.iter().collect();
    assert_eq!(counts, [("an entity beyond max-entities", 1)]);
}

#[test]
fn an_answer_that_is_no_list_is_an_error_of_the_synchronisation() {
    let mut rig = Rig::connected(json!({}));
    rig.answers.insert(
        "get_states".to_owned(),
        json!({"code": "unknown_error", "message": "Unknown error"}),
    );
    rig.log_in();
    rig.serve();
    let last = rig.told("sync.status").pop().unwrap();
    assert_eq!(
        (&last["status"], &last["message"]),
        (&json!("error"), &json!("unknown_error: Unknown error"))
    );
    assert_eq!(
        rig.closes(),
        [1000],
        "and it is tried again with another login"
    );
    let mut rig = Rig::connected(json!({}));
    rig.answers
        .insert("get_states".to_owned(), json!({"light.a": "on"}));
    rig.log_in();
    rig.serve();
    assert_eq!(
        rig.told("sync.status").pop().unwrap()["message"],
        "invalid_format: the answer is no list"
    );
}
