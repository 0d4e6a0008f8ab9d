//! What PMA's clients need of the gateway itself: an event once, custom broadcasts, figures.

use crate::pma_clients::{ids, publish_light};
use crate::pma_setup::{answers, asked, guide, legacy, open, start, until_fence};
use serde_json::{Value, json};

fn keys(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect()
}

#[tokio::test]
async fn an_event_comes_once_however_many_subscriptions_ask_for_it() {
    let gateway = start().await;
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
async fn a_custom_type_that_is_broadcast_reaches_everyone_as_that_type() {
    let gateway = start().await;
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
async fn figures_and_connections_are_those_of_the_gateway() {
    let gateway = start().await;
    let (mut client, _) = open(&gateway, "/ws?client_id=mobile_app").await;
    answers(
        &mut client,
        r#"{"type":"subscribe_ha_entities","data":{"entity_ids":["light.a"]}}"#,
    )
    .await;
    let (_second, _) = guide(&gateway).await;
    let (status, stats) = asked(&gateway, "GET", "/api/v1/websocket/stats", &json!(null)).await;
    assert_eq!((status, &stats["success"]), (200, &json!(true)));
    let data = &stats["data"];
    assert_eq!(
        keys(data),
        [
            "bytes_received",
            "bytes_sent",
            "connected_clients",
            "connection_errors",
            "last_activity",
            "messages_received",
            "messages_sent",
            "subscription_count",
            "total_connections",
            "uptime"
        ]
    );
    assert_eq!(
        (&data["connected_clients"], &data["total_connections"]),
        (&json!(2), &json!(2))
    );
    assert!(
        data["messages_received"].as_u64() >= Some(2) && data["bytes_sent"].as_u64() > Some(0),
        "{data}"
    );
    assert!(
        data["last_activity"]
            .as_str()
            .is_some_and(|at| at.starts_with("20")),
        "{data}"
    );
    let (_, metrics) = asked(&gateway, "GET", "/api/v1/websocket/metrics", &json!(null)).await;
    assert!(
        metrics["data"]["message_types"].is_object() && metrics["data"]["uptime"].is_u64(),
        "{metrics}"
    );
    let (_, listed) = asked(
        &gateway,
        "GET",
        "/api/v1/websocket/clients?limit=1",
        &json!(null),
    )
    .await;
    let data = &listed["data"];
    assert_eq!(
        (&data["total"], &data["limit"], &data["offset"]),
        (&json!(2), &json!(1), &json!(0))
    );
    let connection = &data["connections"][0];
    assert_eq!(
        keys(connection),
        [
            "authenticated",
            "connected_at",
            "id",
            "ip_address",
            "last_seen",
            "metadata",
            "subscriptions",
            "user_agent"
        ]
    );
    assert_eq!(connection["subscriptions"], json!(["ha_entities:light.a"]));
    assert_eq!(
        (
            &connection["metadata"]["client_id"],
            &connection["ip_address"]
        ),
        (&json!("mobile_app"), &json!("127.0.0.1"))
    );
}
