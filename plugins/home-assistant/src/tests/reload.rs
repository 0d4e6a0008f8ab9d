//! The next instance goes on where this one left off.

use super::stand_in::state;
use super::*;

#[test]
fn an_upgrade_keeps_the_login_and_the_home_and_asks_for_nothing() {
    let rig = Rig::synchronised(json!({}));
    let mut rig = rig.reloaded("upgraded", json!({}));
    assert_eq!(
        rig.raw_calls(),
        Vec::<String>::new().as_slice(),
        "no request, no new socket"
    );
    assert_eq!(rig.all(), [""; 0], "nothing is told anew");
    rig.send(rig.event(
        "state_changed",
        json!({"entity_id": "light.a", "old_state": null, "new_state": state("light.a", "on")}),
    ));
    assert_eq!(rig.labels("entity.state_changed")["room"], "kitchen");
    let told = rig.told("entity.state_changed").pop().unwrap();
    assert_eq!(
        (&told["old_state"], &told["new_state"]),
        (&json!("off"), &json!("on")),
        "the state before is known"
    );
    assert_eq!(rig.all(), [""; 0], "and it is not new");
    rig.tick("ping");
    assert!(rig.raw_calls()[0].contains(r#"\"id\":15"#), "numbers go on");
}

#[test]
fn what_was_not_read_yet_is_read_by_the_next() {
    let mut rig = Rig::synchronised(json!({}));
    let (on, off) = (
        rig.state_changed("light.a", "off", "on"),
        rig.state_changed("light.a", "on", "off"),
    );
    rig.plugin.backlog.push(json!([on, off]).to_string());
    rig.plugin.backlog.push(on.to_string());
    let mut rig = rig.reloaded("upgraded", json!({}));
    rig.tick("work");
    let told: Vec<_> = rig
        .told("entity.state_changed")
        .iter()
        .map(|s| s["new_state"].clone())
        .collect();
    assert_eq!(told, ["on", "off", "on"]);
}

#[test]
fn what_was_not_published_yet_is_published_by_the_next() {
    let mut rig = Rig::synchronised(json!({}));
    let event = Event::of(&events::SceneActivated::new("scene.x"));
    rig.plugin.model.outbox.push(event);
    let mut rig = rig.reloaded("upgraded", json!({}));
    assert_eq!(rig.all(), ["scene.activated scene/scene.x"]);
}

#[test]
fn a_reading_that_was_interrupted_is_made_anew_on_the_same_socket() {
    let mut rig = Rig::connected(json!({}));
    rig.log_in();
    // Up to the question for the entities, whose answer the old instance never sees.
    for _ in 0..3 {
        let answers = rig.answer();
        answers.into_iter().for_each(|answer| rig.send(answer));
    }
    let late = rig.answer();
    rig.all();
    let mut rig = rig.reloaded("upgraded", json!({}));
    late.into_iter().for_each(|answer| rig.send(answer));
    rig.serve();
    assert_eq!(
        rig.told("sync.status").pop().unwrap()["status"],
        "completed"
    );
    let counts: Vec<_> = rig.plugin.model.complaints.iter().collect();
    assert_eq!(counts, [], "the late answer was expected");
    assert_eq!(rig.plugin.model.home.len(), 3);
    assert!(!rig.told("entity.state_changed").is_empty());
}

#[test]
fn a_login_under_way_is_gone_on_with() {
    let rig = Rig::connected(json!({}));
    let mut rig = rig.reloaded("upgraded", json!({}));
    rig.log_in();
    rig.serve();
    assert_eq!(
        rig.told("sync.status").pop().unwrap()["status"],
        "completed"
    );
}

#[test]
fn a_waiting_call_is_answered_by_the_next() {
    let mut rig = Rig::synchronised(json!({}));
    let client = Client {
        id: "c".to_owned(),
        identity: None,
        address: "127.0.0.1".to_owned(),
    };
    let data = json!({"domain": "light", "service": "toggle"}).to_string();
    let request = Request {
        id: 77,
        kind: "call_service".to_owned(),
        data,
    };
    assert_eq!(rig.plugin.handle(client, request).unwrap(), Answer::Later);
    let mut rig = rig.reloaded("upgraded", json!({}));
    rig.raw_calls();
    rig.send(json!({"id": 15, "type": "result", "success": true, "result": null}));
    assert_eq!(rig.raw_calls(), [r#"replies.message 77 Ok("null")"#]);
}

#[test]
fn a_new_configuration_reads_the_home_anew_and_tells_what_differs() {
    let rig = Rig::synchronised(json!({}));
    let mut rig = rig.reloaded("reconfigured", json!({"exclude": {"domains": ["sun"]}}));
    rig.open();
    rig.log_in();
    rig.serve();
    rig.told("adapter.status");
    rig.told("sync.status");
    assert_eq!(rig.all(), ["entity.removed entity/sun.sun/registry"]);
}

#[test]
fn under_another_prefix_the_old_ids_are_taken_back() {
    let rig = Rig::synchronised(json!({}));
    let mut rig = rig.reloaded("reconfigured", json!({"prefix": "cabin_"}));
    rig.told("adapter.status");
    assert_eq!(
        rig.all(),
        [
            "entity.removed entity/light.a/registry",
            "entity.removed entity/light.b/registry",
            "entity.removed entity/sun.sun/registry",
            "area.updated area/ground",
            "room.deleted room/attic",
            "room.deleted room/kitchen",
        ]
    );
    rig.open();
    rig.log_in();
    rig.serve();
    assert_eq!(
        rig.told("entity.state_changed")[0]["entity_id"],
        "light.cabin_a"
    );
}

#[test]
fn without_a_state_the_socket_is_of_no_use() {
    let rig = Rig::synchronised(json!({}));
    let socket = rig.socket;
    let sockets = vec![(socket, "ws://ha.lan:8123/api/websocket".to_owned())];
    let mut start = testing::start("upgraded", None, sockets, vec![]);
    let plugin = HomeAssistant::init(&mut start, stand_in::config(json!({}))).unwrap();
    assert!(!plugin.line.is_up());
    let calls = testing::calls();
    assert!(
        calls.iter().any(|call| call.starts_with("websocket.open")),
        "{calls:?}"
    );
}

#[test]
fn after_a_crash_what_was_told_is_taken_back_where_it_is_gone() {
    let mut rig = Rig::connected(json!({}));
    rig.log_in();
    rig.serve();
    let source = testing::start("fresh", None, vec![], vec![])
        .instance
        .clone();
    let retained = rig.retained(&source);
    testing::retain(retained);
    let mut start = testing::start("restarted", None, vec![], vec![]);
    let plugin = HomeAssistant::init(&mut start, stand_in::config(json!({}))).unwrap();
    let mut rig = Rig::around(plugin);
    rig.answers.insert(
        "get_states".to_owned(),
        json!([state("light.a", "off"), state("light.b", "off")]),
    );
    rig.answers.insert("config/area_registry/list".to_owned(), json!([{"area_id": "kitchen", "name": "Kitchen", "floor_id": "ground", "icon": "mdi:stove"}]));
    rig.log_in();
    rig.serve();
    rig.told("adapter.status");
    rig.told("sync.status");
    assert_eq!(
        rig.all(),
        [
            "entity.state_changed entity/light.b/state",
            "entity.removed entity/sun.sun/registry",
            "room.deleted room/attic",
        ]
    );
    testing::retain(vec![]);
}
