//! PMA's clients on a running gateway: an event once, reloads, custom types, credentials, limits.

use crate::pma_setup::{TOKEN, answers, asked, guide, legacy, open, setup, until_fence};
use hearthgate_tests::{Client, Gateway, Setup};
use serde_json::{Value, json};

async fn publish_light(gateway: &Gateway, id: &str, room: &str) {
    let data =
        json!({"entity_id": id, "entity_type": "light", "attributes": {}, "new_state": "on"});
    let labels = json!({"entity": id, "domain": "light", "room": room});
    let topic = format!("entity/{id}/state");
    let event =
        json!({"kind": "entity.state_changed", "topic": topic, "labels": labels, "data": data});
    gateway.admin().publish(event).await;
}

fn ids(frames: &[Value]) -> Vec<&str> {
    frames
        .iter()
        .filter_map(|frame| frame["data"]["entity_id"].as_str())
        .collect()
}

#[tokio::test]
async fn an_event_comes_once_however_many_subscriptions_ask_for_it() {
    let gateway = setup().start().await;
    let (mut client, _) = guide(&gateway).await;
    for message in [
        r#"{"type":"subscribe_ha_events","data":{"event_types":["state_changed","pma_entity_state_changed"],"filters":{"domains":["light"]}}}"#,
        r#"{"type":"subscribe_ha_events","data":{"event_types":["ha_entity_state_changed"],"filters":{"rooms":["kitchen"],"entity_types":["light"]}}}"#,
        r#"{"type":"subscribe","data":{"topics":["entity:light.a","entity_updates","ha_events:state_changed","source:homeassistant"]}}"#,
        r#"{"type":"subscribe_ha_entities","data":{"entity_ids":["light.a"]}}"#,
        r#"{"type":"subscribe_ha_rooms","data":{"room_ids":["kitchen"]}}"#,
    ] {
        answers(&mut client, message).await;
    }
    publish_light(&gateway, "light.a", "kitchen").await;
    let frames = until_fence(&gateway, &mut [&mut client]).await.remove(0);
    assert_eq!(ids(&frames), ["light.a"]);
    assert_eq!(frames.len(), 1);
}

#[tokio::test]
async fn a_reload_keeps_clients_with_their_subscriptions_and_sets() {
    let gateway = setup().start().await;
    let (mut narrow, greeting) = open(&gateway, "/ws?client_id=kept").await;
    assert_eq!(greeting["data"]["client_id"], "kept");
    let (mut old, _) = legacy(&gateway).await;
    answers(
        &mut narrow,
        r#"{"type":"subscribe_ha_entities","data":{"entity_ids":["light.a"]}}"#,
    )
    .await;
    gateway.install("pma", 1);
    for instance in ["pma", "pma-legacy"] {
        let outcome = gateway.reload_after(instance, &json!(null)).await;
        assert_eq!(outcome["outcome"], "reloaded", "{instance}: {outcome}");
    }
    publish_light(&gateway, "light.a", "kitchen").await;
    publish_light(&gateway, "light.b", "kitchen").await;
    let frames = until_fence(&gateway, &mut [&mut narrow, &mut old]).await;
    assert_eq!(ids(&frames[0]), ["light.a"]);
    assert_eq!(ids(&frames[1]), ["light.a", "light.b"]);
    let update = answers(
        &mut narrow,
        r#"{"type":"subscribe_ha_entities","data":{"entity_ids":["light.b"]}}"#,
    )
    .await;
    assert_eq!(
        update[0]["data"]["total_subscriptions"], 2,
        "the set was kept: {update:?}"
    );
    publish_light(&gateway, "light.b", "kitchen").await;
    publish_light(&gateway, "light.c", "kitchen").await;
    let frames = until_fence(&gateway, &mut [&mut narrow]).await.remove(0);
    assert_eq!(ids(&frames), ["light.b"]);
}

const PARROT: &str = r#"
[handlers.polly]
plugin = "parrot"
grants = { handle = ["parrot", "parrot.refuse"] }
"#;

async fn with_parrot(setup: Setup) -> Gateway {
    setup.plugin("parrot").toml(PARROT).start().await
}

#[tokio::test]
async fn a_type_that_a_handler_declares_is_answered_and_another_is_not() {
    let gateway = with_parrot(setup()).await;
    for (mut client, unknown) in [
        (guide(&gateway).await.0, Some("UNKNOWN_MESSAGE_TYPE")),
        (legacy(&gateway).await.0, None),
    ] {
        client
            .send_text(r#"{"type":"parrot","data":{"n":1}}"#)
            .await;
        let reply = client.next_of("parrot_response").await;
        assert_eq!(reply["data"]["heard"], json!({"n": 1}), "{reply}");
        client
            .send_text(r#"{"type":"parrot.refuse","data":{"how":"not-found","message":"no lamp"}}"#)
            .await;
        let error = client.next_of("error").await;
        assert_eq!(
            (&error["data"]["code"], &error["data"]["message"]),
            (&json!("NOT_FOUND"), &json!("no lamp"))
        );
        client.send_text(r#"{"type":"squawk","data":{}}"#).await;
        match unknown {
            Some(code) => {
                let error = client.next_of("error").await;
                assert_eq!(
                    (&error["data"]["code"], &error["data"]["details"]),
                    (&json!(code), &json!("squawk"))
                );
            }
            // The call after it is answered, so this one was not.
            None => {
                client
                    .send_text(r#"{"type":"parrot","data":{"n":2}}"#)
                    .await;
                assert_eq!(client.next().await["type"], "parrot_response");
            }
        }
    }
}

#[tokio::test]
async fn a_custom_type_that_is_broadcast_reaches_everyone_as_that_type() {
    let gateway = setup().start().await;
    let (mut narrow, _) = guide(&gateway).await;
    answers(
        &mut narrow,
        r#"{"type":"subscribe_ha_entities","data":{"entity_ids":["light.a"]}}"#,
    )
    .await;
    let (mut old, _) = legacy(&gateway).await;
    let data = json!({"message": "System maintenance scheduled", "level": "warning", "expires_at": "2025-07-16T22:00:00Z"});
    let body = json!({"type": "custom_notification", "data": data});
    let (status, answer) = asked(&gateway, "POST", "/api/v1/websocket/broadcast", &body).await;
    assert_eq!(
        (status, &answer["data"]["clients_count"]),
        (200, &json!(2)),
        "{answer}"
    );
    for client in [&mut narrow, &mut old] {
        let frame = client.next().await;
        assert_eq!(
            (&frame["type"], &frame["data"]),
            (&json!("custom_notification"), &data)
        );
    }
}

#[tokio::test]
async fn a_token_is_taken_in_a_message_and_in_the_query() {
    let gateway = setup().start().await;
    let (mut client, _) = guide(&gateway).await;
    let verdict = async |client: &mut Client, message: Value| {
        client.send_text(message.to_string()).await;
        client
            .find("a verdict", |frame| {
                frame["type"]
                    .as_str()
                    .is_some_and(|kind| kind.starts_with("authentication_"))
            })
            .await
    };
    let refused = verdict(
        &mut client,
        json!({"type": "authenticate", "data": {"token": "your_jwt_token"}}),
    )
    .await;
    assert_eq!(refused["type"], "authentication_failure");
    assert!(
        refused["data"]["error"]
            .as_str()
            .is_some_and(|why| !why.is_empty()),
        "{refused}"
    );
    let taken = verdict(&mut client, json!({"type": "auth", "token": TOKEN})).await;
    assert_eq!(
        (&taken["type"], &taken["data"]["user_id"]),
        (&json!("authentication_success"), &json!("ada"))
    );
    let (_client, greeting) = open(&gateway, &format!("/ws?token={TOKEN}")).await;
    assert_eq!(greeting["type"], "welcome");
    let (_, listed) = asked(&gateway, "GET", "/api/v1/websocket/clients", &json!(null)).await;
    let known: Vec<&Value> = listed["data"]["connections"]
        .as_array()
        .expect("connections")
        .iter()
        .map(|c| &c["authenticated"])
        .collect();
    assert_eq!(known, [true, true]);
}

#[tokio::test]
async fn the_largest_message_is_the_documents() {
    let gateway = setup().start().await;
    let ping = |bytes: usize| {
        let rest = r#"{"type":"ping","data":{"x":""}}"#.len();
        format!(
            r#"{{"type":"ping","data":{{"x":"{}"}}}}"#,
            "x".repeat(bytes - rest)
        )
    };
    for (path, largest) in [
        ("/ws?dialect=pma-legacy", 512),
        ("/ws?dialect=pma", 64 * 1024),
    ] {
        let (mut client, _) = open(&gateway, path).await;
        client.send_text(ping(largest)).await;
        assert_eq!(client.next().await["type"], "pong", "{path}");
        client.send_text(ping(largest + 1)).await;
        assert_eq!(client.closed().await.code, Some(1009), "{path}");
    }
}
