//! The plugin against the SDK's test host.
#![allow(clippy::unwrap_used)]

use super::*;
use hearthgate_plugin::{Caller, Event, HttpReply, Identity, testing};
use serde_json::Map;

fn start() -> Rooms {
    let mut start = testing::start("fresh", None, vec![], vec![]);
    let config = Config {
        sources: vec![],
        max_rooms: 100,
    };
    let mut rooms = Rooms::init(&mut start, config).unwrap();
    assert_eq!(testing::calls(), ["timers.after 0 begin"]);
    rooms.on_timer(1, BEGIN).unwrap();
    rooms
}

fn call(
    rooms: &mut Rooms,
    caller: Caller,
    method: &str,
    path: &str,
    body: &Value,
) -> (HttpReply, Value) {
    let call = HttpCall {
        id: 1,
        method: method.to_owned(),
        path: path.to_owned(),
        query: vec![],
        headers: vec![],
        body: body.to_string().into_bytes(),
        caller,
        address: "127.0.0.1".to_owned(),
    };
    let HttpAnswer::Reply(reply) = rooms.serve(call) else {
        panic!("an answer at once")
    };
    let mut body: Map<String, Value> = serde_json::from_slice(&reply.body).unwrap();
    assert!(body.remove("timestamp").is_some());
    (reply, body.into())
}

fn ask(rooms: &mut Rooms, method: &str, path: &str, body: Value) -> (u16, Value) {
    let ada = Identity {
        subject: "ada".to_owned(),
        roles: vec![],
        claims: "{}".to_owned(),
    };
    let (reply, body) = call(rooms, Caller::Identified(ada), method, path, &body);
    (reply.status, body)
}

fn done(message: &str, id: i64) -> (u16, Value) {
    (
        200,
        json!({"success": true, "data": {"message": message, "room_id": id}}),
    )
}

fn error(status: u16, text: &str) -> (u16, Value) {
    (status, json!({"success": false, "error": text}))
}

/// What was published: kind, topic, labels, data.
fn told() -> Vec<(String, String, String, Value)> {
    let show = |labels: Vec<(String, String)>| {
        labels
            .iter()
            .map(|(k, v)| format!("{k}={v} "))
            .collect::<String>()
    };
    let events = testing::published().into_iter();
    events
        .map(|e| {
            (
                e.kind,
                e.topic,
                show(e.labels).trim().to_owned(),
                serde_json::from_str(&e.data).unwrap(),
            )
        })
        .collect()
}

fn heard(source: &str, kind: &str, data: Value, labels: &[(&str, &str)]) -> Published {
    let mut event = Event::new(kind, format!("{kind}/x"), &data);
    for (key, value) in labels {
        event = event.label(*key, *value);
    }
    event.publish().unwrap();
    Published {
        seq: 1,
        source: source.to_owned(),
        received_at: 0,
        event: testing::published().remove(0),
    }
}

#[test]
fn rooms_are_made_read_changed_and_deleted_over_http() {
    let mut rooms = start();
    let hall = json!({"name": "Hall", "icon": "mdi:door"});
    assert_eq!(
        ask(&mut rooms, "POST", "/api/v1/rooms/", hall),
        done("Room created successfully", 1)
    );
    let change = json!({"room": {"id": "1", "name": "Hall", "icon": "mdi:door"}});
    assert_eq!(
        told(),
        [(
            "room.created".into(),
            "room/1".into(),
            "room=1".into(),
            change
        )]
    );
    let (status, mut shown) = ask(&mut rooms, "GET", "/api/v1/rooms/1", json!(null));
    let data = shown["data"].as_object_mut().unwrap();
    assert!(data.remove("created_at").is_some() && data.remove("updated_at").is_some());
    let room = json!({"id": 1, "name": "Hall", "icon": "mdi:door", "description": null, "home_assistant_area_id": null, "entity_count": null});
    assert_eq!((status, &shown["data"]), (200, &room));
    let foyer = json!({"name": "Foyer", "description": "wide"});
    assert_eq!(
        ask(&mut rooms, "PUT", "/api/v1/rooms/1/", foyer),
        done("Room updated successfully", 1)
    );
    let change =
        json!({"room": {"id": "1", "name": "Foyer", "icon": "mdi:door", "description": "wide"}});
    assert_eq!(
        told(),
        [(
            "room.updated".into(),
            "room/1".into(),
            "room=1".into(),
            change
        )]
    );
    let (_, list) = ask(&mut rooms, "GET", "/api/v1/rooms", json!(null));
    assert_eq!(
        (&list["data"]["count"], &list["data"]["rooms"][0]["name"]),
        (&json!(1), &json!("Foyer"))
    );
    assert_eq!(
        ask(&mut rooms, "DELETE", "/api/v1/rooms/1", json!(null)),
        done("Room deleted successfully", 1)
    );
    assert_eq!(told()[0].0, "room.deleted");
    assert_eq!(
        ask(&mut rooms, "GET", "/api/v1/rooms/1", json!(null)),
        error(404, "Room not found")
    );
}

#[test]
fn what_can_not_be_done_is_said_in_pmas_words() {
    let mut rooms = start();
    ask(&mut rooms, "POST", "/api/v1/rooms", json!({"name": "Hall"}));
    let mut check = |method, path, body, expected: (u16, Value)| {
        assert_eq!(
            ask(&mut rooms, method, path, body),
            expected,
            "{method} {path}"
        )
    };
    check(
        "POST",
        "/api/v1/rooms/",
        json!({"name": "Hall"}),
        error(409, "Room name already exists"),
    );
    check(
        "POST",
        "/api/v1/rooms/",
        json!({"icon": "x"}),
        error(400, "Invalid request body"),
    );
    check(
        "POST",
        "/api/v1/rooms/",
        json!("x"),
        error(400, "Invalid request body"),
    );
    check(
        "PUT",
        "/api/v1/rooms/1",
        json!({"name": 5}),
        error(400, "Invalid request body"),
    );
    check(
        "PUT",
        "/api/v1/rooms/9",
        json!({"name": "X"}),
        error(404, "Room not found"),
    );
    check(
        "DELETE",
        "/api/v1/rooms/9",
        json!(null),
        error(404, "Room not found"),
    );
    check(
        "GET",
        "/api/v1/rooms/x",
        json!(null),
        error(400, "Invalid room ID"),
    );
    check(
        "GET",
        "/api/v1/rooms/1/x",
        json!(null),
        error(404, "Not found"),
    );
    check(
        "GET",
        "/api/v1/roomservice",
        json!(null),
        error(404, "Not found"),
    );
    check(
        "PATCH",
        "/api/v1/rooms/1",
        json!(null),
        error(405, "Method not allowed"),
    );
    let (reply, body) = call(
        &mut rooms,
        Caller::Anonymous,
        "GET",
        "/api/v1/rooms",
        &json!(null),
    );
    assert_eq!(
        (reply.status, body),
        error(401, "Authorization header required")
    );
    let (reply, body) = call(
        &mut rooms,
        Caller::Invalid("expired".into()),
        "GET",
        "/api/v1/rooms",
        &json!(null),
    );
    assert_eq!((reply.status, body), error(401, "Invalid token"));
}

#[test]
fn messages_do_the_same() {
    let mut rooms = start();
    let mut say = |kind: &str, data: Value| {
        let client = Client {
            id: "c".to_owned(),
            identity: None,
            address: "127.0.0.1".to_owned(),
        };
        let request = Request {
            id: 1,
            kind: kind.to_owned(),
            data: data.to_string(),
        };
        match rooms.handle(client, request) {
            Ok(Answer::Reply(json)) => Ok(serde_json::from_str::<Value>(&json).unwrap()),
            Ok(Answer::Later) => panic!("an answer at once"),
            Err(rejection) => Err(rejection),
        }
    };
    assert_eq!(
        say("create_room", json!({"name": "Hall"})),
        Ok(json!({"message": "Room created successfully", "room_id": 1}))
    );
    assert_eq!(
        say("update_room", json!({"room_id": "1", "name": "Foyer"})),
        Ok(json!({"message": "Room updated successfully", "room_id": 1}))
    );
    assert_eq!(
        say("get_room", json!({"room_id": 1})).unwrap()["name"],
        "Foyer"
    );
    assert_eq!(say("list_rooms", json!({})).unwrap()["count"], 1);
    let bad = |why: &str| Err(Rejection::BadRequest(why.to_owned()));
    assert_eq!(
        say("create_room", json!({"name": "Foyer"})),
        bad("Room name already exists")
    );
    assert_eq!(say("create_room", json!({})), bad("name is missing"));
    assert_eq!(
        say("get_room", json!({})),
        bad("room_id must be an integer")
    );
    assert_eq!(
        say("delete_room", json!({"room_id": 1})),
        Ok(json!({"message": "Room deleted successfully", "room_id": 1}))
    );
    assert_eq!(
        say("delete_room", json!({"room_id": 1})),
        Err(Rejection::NotFound("Room not found".to_owned()))
    );
}

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
    let kitchen =
        |name: &str| json!({"area": {"id": "kitchen", "name": name}, "action": "updated"});
    let room = json!({"room": {"id": "kitchen", "name": "Kitchen", "entity_count": 8}});
    rooms
        .on_events(vec![
            heard("home", "area.updated", kitchen("Kitchen"), &[]),
            heard("home", "room.updated", room.clone(), &[]),
        ])
        .unwrap();
    let change = json!({"room": {"id": "1", "name": "Kitchen", "area": "kitchen"}});
    assert_eq!(
        told(),
        [(
            "room.created".into(),
            "room/1".into(),
            "room=kitchen area=kitchen mirrors=home".into(),
            change
        )]
    );
    rooms
        .on_events(vec![heard("home", "room.updated", room, &[])])
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
        .on_events(vec![heard("home", "area.updated", kitchen("Galley"), &[])])
        .unwrap();
    assert_eq!(told()[0].3["room"]["name"], "Galley");
    let mut again = start();
    assert_eq!(told()[0].3["room"]["name"], "Galley");
    let gone = json!({"room": {"id": "kitchen", "name": "Galley"}});
    again
        .on_events(vec![heard("home", "room.deleted", gone, &[])])
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
    let mut events: Vec<Published> = (0..40).map(|n| heard("home", "area.updated", json!({"area": {"id": format!("a{n}"), "name": format!("A{n}")}, "action": "created"}), &[])).collect();
    events.push(heard("home", "area.updated", json!({"area": 5}), &[]));
    events.push(heard(
        "home",
        "area.updated",
        json!({"area": {"id": "x".repeat(300), "name": "X"}}),
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
