//! Restarts, and what other sources tell.

use super::*;

#[test]
fn a_restart_keeps_all_and_tells_again_only_what_nobody_holds() {
    let mut rooms = start();
    ask(&mut rooms, "POST", "/api/v1/rooms", json!({"name": "Hall"}));
    ask(
        &mut rooms,
        "POST",
        "/api/v1/rooms",
        json!({"name": "Attic"}),
    );
    ask(&mut rooms, "DELETE", "/api/v1/rooms/2", json!(null));
    let held = testing::published().remove(0);
    let mut again = start();
    assert_eq!(
        told()[0].2,
        "room=1 restored=true",
        "the gateway was stopped"
    );
    assert_eq!(
        ask(
            &mut again,
            "POST",
            "/api/v1/rooms",
            json!({"name": "Cellar"})
        ),
        done("Room created successfully", 3)
    );
    testing::published();
    ask(&mut again, "DELETE", "/api/v1/rooms/3", json!(null));
    testing::published();
    testing::retain(vec![Published {
        seq: 1,
        source: "test".to_owned(),
        received_at: 0,
        event: held,
    }]);
    start();
    assert_eq!(told(), [], "the plugin was reloaded");
}

#[test]
fn what_was_told_wrongly_is_put_right() {
    let stale = |id: &str| {
        let data = json!({"room": {"id": id, "name": "Old"}});
        let mut stale = heard("test", "room.updated", data, &[]);
        stale.event.topic = format!("room/{id}");
        stale
    };
    let mut rooms = start();
    ask(&mut rooms, "POST", "/api/v1/rooms", json!({"name": "Hall"}));
    testing::published();
    testing::retain(vec![stale("1"), stale("5")]);
    start();
    let kinds: Vec<(String, String, String)> =
        told().into_iter().map(|(k, t, l, _)| (k, t, l)).collect();
    let expected = [
        ("room.updated", "room/1", "room=1"),
        ("room.deleted", "room/5", "room=5"),
    ];
    assert_eq!(
        kinds,
        expected.map(|(k, t, l)| (k.to_owned(), t.to_owned(), l.to_owned()))
    );
}

#[test]
fn areas_of_home_assistant_are_rooms() {
    let mut rooms = start();
    let kitchen = |name: &str| json!({"room": {"id": "kitchen", "name": name, "area": "ground", "icon": "mdi:stove", "entity_count": 8}});
    rooms
        .on_events(vec![heard("home", "room.created", kitchen("Kitchen"), &[])])
        .unwrap();
    let change =
        json!({"room": {"id": "1", "name": "Kitchen", "area": "kitchen", "icon": "mdi:stove"}});
    assert_eq!(
        told(),
        [(
            "room.created".into(),
            "room/1".into(),
            "room=kitchen mirrors=home".into(),
            change
        )]
    );
    rooms
        .on_events(vec![heard("home", "room.updated", kitchen("Kitchen"), &[])])
        .unwrap();
    assert_eq!(told(), [], "nothing new");
    let (_, shown) = ask(&mut rooms, "GET", "/api/v1/rooms/1", json!(null));
    assert_eq!(
        (
            &shown["data"]["home_assistant_area_id"],
            &shown["data"]["entity_count"]
        ),
        (&json!("kitchen"), &json!(8))
    );
    rooms
        .on_events(vec![heard("home", "room.updated", kitchen("Galley"), &[])])
        .unwrap();
    assert_eq!(told()[0].3["room"]["name"], "Galley");
    let mut again = start();
    assert_eq!(told()[0].3["room"]["name"], "Galley");
    again
        .on_events(vec![heard("home", "room.deleted", kitchen("Galley"), &[])])
        .unwrap();
    assert_eq!(told()[0].0, "room.deleted");
}

#[test]
fn nothing_is_told_of_what_was_told_by_us_or_for_another() {
    let mut rooms = start();
    let data = json!({"room": {"id": "9", "name": "X"}});
    rooms
        .on_events(vec![
            heard("test", "room.updated", data.clone(), &[]),
            heard("rooms-2", "room.created", data, &[("mirrors", "home")]),
        ])
        .unwrap();
    assert_eq!(told(), []);
    assert_eq!(rooms.list()["count"], 0);
}

#[test]
fn many_areas_are_taken_in_turns_and_bad_ones_left_out() {
    let mut rooms = start();
    let mut events: Vec<Published> = (0..40)
        .map(|n| {
            heard(
                "home",
                "room.created",
                json!({"room": {"id": format!("a{n}"), "name": format!("A{n}")}}),
                &[],
            )
        })
        .collect();
    events.push(heard("home", "room.created", json!({"room": 5}), &[]));
    events.push(heard(
        "home",
        "room.created",
        json!({"room": {"id": "x".repeat(300), "name": "X"}}),
        &[],
    ));
    rooms.on_events(events).unwrap();
    assert_eq!(rooms.list()["count"], 16);
    let calls = testing::calls();
    assert!(
        calls.contains(&"timers.after 0 listen".to_owned()),
        "{calls:?}"
    );
    rooms.on_timer(2, LISTEN).unwrap();
    rooms.on_timer(3, LISTEN).unwrap();
    assert_eq!(rooms.list()["count"], 40);
}

#[test]
fn an_area_that_went_while_nobody_listened_takes_its_room_along() {
    let area = |id: &str| json!({"room": {"id": id, "name": id}});
    let completed = |source: &str| {
        let data = json!({"status": "completed", "message": "done", "entity_count": 1, "room_count": 1, "progress": 100.0});
        heard(source, "sync.status", data, &[])
    };
    let mut rooms = start();
    let areas = ["kitchen", "attic"].map(|id| heard("home", "room.created", area(id), &[]));
    rooms.on_events(areas.to_vec()).unwrap();
    ask(&mut rooms, "POST", "/api/v1/rooms", json!({"name": "Hall"}));
    // The gateway is stopped, the attic goes, and the gateway comes back.
    let mut again = start();
    testing::published();
    again.on_events(vec![completed("other")]).unwrap();
    assert_eq!(told(), [], "another source's word ends nothing");
    again
        .on_events(vec![
            heard("home", "room.created", area("kitchen"), &[]),
            completed("home"),
        ])
        .unwrap();
    let kinds: Vec<String> = told().into_iter().map(|(kind, ..)| kind).collect();
    assert_eq!(kinds, ["room.deleted"]);
    let names: Vec<&str> = again.book.listed().map(|room| room.name.as_str()).collect();
    assert_eq!(names, ["kitchen", "Hall"]);
}
