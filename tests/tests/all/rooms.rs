//! Rooms on a running gateway: over HTTP and by messages, told to every client, kept over reloads and restarts.

use crate::pma_setup::{asked, guide, legacy, ready, setup, start_as};
use hearthgate_tests::{Client, Gateway};
use serde_json::{Value, json};

async fn native(gateway: &Gateway) -> Client {
    Client::connect(gateway.address(), "/native").await
}

async fn names(gateway: &Gateway) -> Vec<(i64, String)> {
    let (status, list) = asked(gateway, "GET", "/api/v1/rooms/", &json!(null)).await;
    assert_eq!(status, 200, "{list}");
    let rooms = list["data"]["rooms"].as_array().expect("a list").iter();
    let pair = |room: &Value| {
        (
            room["id"].as_i64().expect("an integer"),
            room["name"].as_str().expect("a name").to_owned(),
        )
    };
    rooms.map(pair).collect()
}

fn done(message: &str, id: i64) -> Value {
    json!({"message": message, "room_id": id})
}

#[tokio::test]
async fn what_is_done_over_http_is_told_to_everyone() {
    let gateway = start_as(setup()).await;
    let (mut new, _) = guide(&gateway).await;
    let (mut old, _) = legacy(&gateway).await;
    let mut native = native(&gateway).await;
    native.watch(&["room/#"]).await;
    let hall = json!({"name": "Hall", "icon": "mdi:door", "description": "wide", "home_assistant_area_id": "hall"});
    for (method, path, body, message, kind, action, name) in [
        (
            "POST",
            "/api/v1/rooms/",
            hall,
            "Room created successfully",
            "room.created",
            "created",
            "Hall",
        ),
        (
            "PUT",
            "/api/v1/rooms/1",
            json!({"name": "Foyer"}),
            "Room updated successfully",
            "room.updated",
            "updated",
            "Foyer",
        ),
        (
            "DELETE",
            "/api/v1/rooms/1/",
            json!(null),
            "Room deleted successfully",
            "room.deleted",
            "deleted",
            "Foyer",
        ),
    ] {
        let (status, answer) = asked(&gateway, method, path, &body).await;
        assert_eq!(
            (status, &answer["data"]),
            (200, &done(message, 1)),
            "{answer}"
        );
        let told = json!({"room_id": 1, "room_name": name, "action": action});
        assert_eq!(old.next_of("room_updated").await["data"], told);
        assert_eq!(new.next_of("room_updated").await["data"], told);
        let detailed = new.next_of("pma_room_updated").await;
        assert_eq!(
            (&detailed["data"]["action"], &detailed["data"]["source"]),
            (&json!(action), &json!("rooms"))
        );
        assert_eq!(
            detailed["data"]["room"],
            json!({"id": "1", "name": name, "area": "hall", "icon": "mdi:door", "description": "wide"})
        );
        assert_eq!(native.next_on("room/1").await["type"], kind);
    }
    assert_eq!(names(&gateway).await, []);
}

#[tokio::test]
async fn statuses_are_compats() {
    let gateway = start_as(setup()).await;
    asked(&gateway, "POST", "/api/v1/rooms", &json!({"name": "Hall"})).await;
    for (method, path, body, status, error) in [
        (
            "POST",
            "/api/v1/rooms/",
            json!({"name": "Hall"}),
            409,
            "Room name already exists",
        ),
        (
            "POST",
            "/api/v1/rooms/",
            json!({"icon": "x"}),
            400,
            "Invalid request body",
        ),
        (
            "PUT",
            "/api/v1/rooms/1/",
            json!({"name": ""}),
            400,
            "Invalid request body",
        ),
        ("GET", "/api/v1/rooms/2", json!(null), 404, "Room not found"),
        (
            "PUT",
            "/api/v1/rooms/2",
            json!({"name": "X"}),
            404,
            "Room not found",
        ),
        (
            "DELETE",
            "/api/v1/rooms/2",
            json!(null),
            404,
            "Room not found",
        ),
        (
            "GET",
            "/api/v1/rooms/hall",
            json!(null),
            400,
            "Invalid room ID",
        ),
    ] {
        let (given, answer) = asked(&gateway, method, path, &body).await;
        assert_eq!(
            (given, &answer["error"]),
            (status, &json!(error)),
            "{method} {path}: {answer}"
        );
    }
    let (status, shown) = asked(&gateway, "GET", "/api/v1/rooms/1", &json!(null)).await;
    assert_eq!(
        (status, &shown["data"]["id"], &shown["data"]["name"]),
        (200, &json!(1), &json!("Hall"))
    );
}

#[tokio::test]
async fn messages_do_the_same_in_every_dialect() {
    let gateway = start_as(setup()).await;
    let (mut pma, _) = guide(&gateway).await;
    pma.send_text(r#"{"type":"create_room","data":{"name":"Hall"}}"#)
        .await;
    assert_eq!(
        pma.next_of("create_room_response").await["data"],
        done("Room created successfully", 1)
    );
    let mut native = native(&gateway).await;
    let reply = native
        .command("update_room", json!({"room_id": 1, "name": "Foyer"}))
        .await;
    assert_eq!(
        (&reply["type"], &reply["data"]),
        (&json!("reply"), &done("Room updated successfully", 1))
    );
    pma.send_text(r#"{"type":"list_rooms"}"#).await;
    assert_eq!(
        pma.next_of("list_rooms_response").await["data"]["rooms"][0]["name"],
        "Foyer"
    );
    pma.send_text(r#"{"type":"delete_room","data":{"room_id":"1"}}"#)
        .await;
    assert_eq!(
        pma.next_of("delete_room_response").await["data"],
        done("Room deleted successfully", 1)
    );
    pma.send_text(r#"{"type":"get_room","data":{"room_id":1}}"#)
        .await;
    assert_eq!(
        pma.next_of("error").await["data"]["message"],
        "Room not found"
    );
}

#[tokio::test]
async fn a_reload_and_a_lost_machine_keep_all() {
    let mut gateway = start_as(setup()).await;
    for name in ["Hall", "Attic", "Cellar"] {
        asked(&gateway, "POST", "/api/v1/rooms", &json!({"name": name})).await;
    }
    asked(&gateway, "DELETE", "/api/v1/rooms/3", &json!(null)).await;
    let kept = [(1, "Hall".to_owned()), (2, "Attic".to_owned())];
    let (mut client, _) = guide(&gateway).await;
    gateway.install("rooms", 1);
    let outcome = gateway.reload_after("rooms", &json!(null)).await;
    assert_eq!(outcome["outcome"], "reloaded", "{outcome}");
    assert_eq!(names(&gateway).await, kept);
    asked(&gateway, "PUT", "/api/v1/rooms/2", &json!({"name": "Loft"})).await;
    assert_eq!(
        client.next_of("pma_room_updated").await["data"]["room"]["name"],
        "Loft",
        "the reload itself is not told"
    );
    assert_eq!(client.take_kept(), [] as [Value; 0]);
    gateway.signal(hearthgate_tests::Signal::Kill);
    gateway.start_again().await;
    ready(&gateway).await;
    assert_eq!(
        names(&gateway).await,
        [(1, "Hall".to_owned()), (2, "Loft".to_owned())]
    );
    let (_, made) = asked(&gateway, "POST", "/api/v1/rooms", &json!({"name": "Shed"})).await;
    assert_eq!(made["data"]["room_id"], 4, "a number is never given twice");
    let mut native = native(&gateway).await;
    native.watch(&["room/#"]).await;
    assert_eq!(
        native.next_on("room/1").await["data"]["room"]["name"],
        "Hall",
        "the retained state is back"
    );
}

#[tokio::test]
async fn areas_of_another_source_appear_with_numbers_of_their_own() {
    let mut gateway = start_as(setup()).await;
    asked(&gateway, "POST", "/api/v1/rooms", &json!({"name": "Hall"})).await;
    let (mut new, _) = guide(&gateway).await;
    let (mut old, _) = legacy(&gateway).await;
    let kitchen = |kind: &str, name: &str| {
        let data = json!({"room": {"id": "kitchen", "name": name, "entity_count": 8}});
        json!({"kind": kind, "topic": "room/kitchen", "labels": {"room": "kitchen"}, "data": data, "retain": true})
    };
    gateway
        .admin()
        .publish(kitchen("room.created", "Kitchen"))
        .await;
    let told = json!({"room_id": 2, "room_name": "Kitchen", "action": "created"});
    assert_eq!(old.next_of("room_updated").await["data"], told);
    let detailed = new.next_of("pma_room_updated").await;
    assert_eq!(
        (&detailed["data"]["room"]["id"], &detailed["data"]["source"]),
        (&json!("kitchen"), &json!("homeassistant"))
    );
    assert_eq!(new.next_of("room_updated").await["data"], told);
    assert_eq!(
        (new.take_kept(), old.take_kept()),
        (vec![], vec![]),
        "each was told once"
    );
    let (_, shown) = asked(&gateway, "GET", "/api/v1/rooms/2", &json!(null)).await;
    let data = &shown["data"];
    assert_eq!(
        (&data["home_assistant_area_id"], &data["entity_count"]),
        (&json!("kitchen"), &json!(8))
    );
    // The number stands for the area in filters.
    let subscribe = r#"{"type":"subscribe_room","data":{"room_id":2}}"#;
    crate::pma_setup::answers(&mut new, subscribe).await;
    for room in ["kitchen", "attic"] {
        let id = format!("light.{room}");
        let data = json!({"entity_id": id, "entity_type": "light", "attributes": {}});
        let labels = json!({"entity": id, "room": room});
        gateway.admin().publish(json!({"kind": "entity.state_changed", "topic": format!("entity/{id}/state"), "labels": labels, "data": data})).await;
    }
    let frames = crate::pma_setup::until_fence(&gateway, &mut [&mut new])
        .await
        .remove(0);
    assert_eq!(frames.len(), 1, "{frames:?}");
    assert_eq!(frames[0]["data"]["entity_id"], "light.kitchen");
    gateway.stop().await;
    gateway.start_again().await;
    ready(&gateway).await;
    let all = [(1, "Hall".to_owned()), (2, "Kitchen".to_owned())];
    assert_eq!(names(&gateway).await, all, "also while its source is away");
    gateway
        .admin()
        .publish(kitchen("room.updated", "Galley"))
        .await;
    let mut native = native(&gateway).await;
    native.watch(&["room/2"]).await;
    let renamed = native
        .find("the new name", |frame| {
            frame["data"]["room"]["name"] == "Galley"
        })
        .await;
    assert_eq!(
        (&renamed["source"], &renamed["labels"]["mirrors"]),
        (&json!("rooms"), &json!("admin-api"))
    );
}
