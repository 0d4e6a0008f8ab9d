//! What an operator chooses, and a home that gives less.

use super::*;

#[test]
fn only_what_is_included_and_not_excluded_is_told() {
    let filter = json!({"include": {"domains": ["light"]}, "exclude": {"areas": ["attic"]}});
    let mut rig = Rig::connected(filter);
    rig.log_in();
    rig.serve();
    let told: Vec<_> = rig
        .told("entity.state_changed")
        .iter()
        .map(|s| s["entity_id"].clone())
        .collect();
    assert_eq!(told, ["light.a"]);
    assert_eq!(rig.told("room.created").len(), 1);
    rig.all();
    rig.send(rig.state_changed("sun.sun", "up", "down"));
    rig.send(rig.event(
        "call_service",
        json!({"domain": "lock", "service": "lock", "service_data": {"entity_id": "lock.a"}}),
    ));
    assert_eq!(rig.all(), [""; 0]);
    // Moved into the attic, it is gone; out of it, it is back.
    let entries = json!([{"entity_id": "light.a", "area_id": "attic"}, {"entity_id": "light.b", "area_id": "kitchen"}]);
    rig.answers
        .insert("config/entity_registry/list".to_owned(), entries);
    rig.send(rig.event("entity_registry_updated", json!({})));
    rig.tick("settle");
    rig.serve();
    let all = rig.all();
    assert!(
        all.contains(&"entity.removed entity/light.a/registry".to_owned()),
        "{all:?}"
    );
    assert!(
        all.contains(&"entity.added entity/light.b/registry".to_owned()),
        "{all:?}"
    );
}

#[test]
fn a_prefix_keeps_two_homes_apart() {
    let mut rig = Rig::connected(json!({"prefix": "cabin_"}));
    rig.log_in();
    rig.serve();
    assert_eq!(rig.labels("entity.state_changed")["room"], "cabin_kitchen");
    let told = &rig.told("entity.state_changed")[0];
    assert_eq!(
        (&told["entity_id"], &told["area_id"]),
        (&json!("light.cabin_a"), &json!("cabin_ground"))
    );
    assert!(
        rig.all()
            .contains(&"room.created room/cabin_kitchen".to_owned())
    );
}

#[test]
fn a_token_of_no_administrator_and_an_old_home_assistant_do_with_less() {
    let mut rig = Rig::connected(json!({}));
    let refused = json!({"code": "unauthorized", "message": "Unauthorized"});
    for event in [
        "automation_triggered",
        "call_service",
        "floor_registry_updated",
    ] {
        rig.answers
            .insert(format!("subscribe_events {event}"), refused.clone());
    }
    let unknown = json!({"code": "unknown_command", "message": "Unknown command."});
    rig.answers
        .insert("supported_features".to_owned(), unknown.clone());
    rig.answers
        .insert("config/floor_registry/list".to_owned(), unknown);
    rig.log_in();
    rig.serve();
    assert_eq!(
        rig.told("sync.status").pop().unwrap()["status"],
        "completed"
    );
    assert_eq!(rig.told("entity.state_changed")[0].get("area_id"), None);
    // A registry that can't be read is told.
    let mut rig = Rig::connected(json!({}));
    rig.answers
        .insert("config/device_registry/list".to_owned(), refused);
    rig.log_in();
    rig.serve();
    assert_eq!(
        rig.told("sync.status").pop().unwrap()["status"],
        "completed_with_errors"
    );
    assert_eq!(rig.told("entity.state_changed").len(), 3);
}
