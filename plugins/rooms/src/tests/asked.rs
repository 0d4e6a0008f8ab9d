//! What people ask for.

use super::*;

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
