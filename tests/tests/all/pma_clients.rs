//! PMA's clients on a running gateway: reloads, custom types, the largest message.

use crate::pma_setup::{answers, guide, legacy, open, setup, start, start_as, until_fence};
use hearthgate_tests::{Gateway, Setup};
use serde_json::{Value, json};

/// Publishes a state change of a light.
pub async fn publish_light(gateway: &Gateway, id: &str, room: &str) {
    let data =
        json!({"entity_id": id, "entity_type": "light", "attributes": {}, "new_state": "on"});
    let labels = json!({"entity": id, "domain": "light", "room": room});
    let topic = format!("entity/{id}/state");
    let event =
        json!({"kind": "entity.state_changed", "topic": topic, "labels": labels, "data": data});
    gateway.admin().publish(event).await;
}

/// The entities that frames tell of.
pub fn ids(frames: &[Value]) -> Vec<&str> {
    frames
        .iter()
        .filter_map(|frame| frame["data"]["entity_id"].as_str())
        .collect()
}

#[tokio::test]
async fn a_reload_keeps_clients_with_their_subscriptions_and_sets() {
    let gateway = start().await;
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
    let gateway = start_as(setup.plugin("parrot").toml(PARROT)).await;
    gateway.in_state("polly", "running").await;
    gateway
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
async fn the_largest_message_is_the_documents() {
    let gateway = start().await;
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
