//! PMA's HTTP routes on a running gateway.

use crate::pma_setup::{answers, asked, guide, http, open, setup};
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
async fn who_shows_no_token_is_told_so() {
    let gateway = setup().start().await;
    for (method, path) in [
        ("GET", "/api/v1/websocket/stats"),
        ("POST", "/api/v1/websocket/broadcast"),
        ("GET", "/api/v1/websocket/metrics"),
        ("GET", "/api/v1/websocket/clients"),
        ("GET", "/api/v1/rooms"),
        ("POST", "/api/v1/rooms/"),
        ("DELETE", "/api/v1/rooms/1"),
    ] {
        for (token, error) in [
            (None, "Authorization header required"),
            (Some("nonsense"), "Invalid token"),
        ] {
            let (status, mut answer) = http(&gateway, method, path, token, "{}").await;
            assert!(
                answer
                    .as_object_mut()
                    .is_some_and(|answer| answer.remove("timestamp").is_some())
            );
            assert_eq!(
                (status, answer),
                (401, json!({"success": false, "error": error})),
                "{method} {path}"
            );
        }
    }
    let (status, health) = http(&gateway, "GET", "/health", None, "").await;
    assert_eq!(
        (status, &health["status"], &health["service"]),
        (200, &json!("healthy"), &json!("hearthgate"))
    );
    assert!(health["version"].is_string());
}

#[tokio::test]
async fn figures_and_connections_are_those_of_the_gateway() {
    let gateway = setup().start().await;
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

#[tokio::test]
async fn broadcasts_are_checked() {
    let gateway = setup().start().await;
    let body = json!({"type": "custom_notification", "data": {"message": "maintenance"}});
    let (status, mut sent) = asked(&gateway, "POST", "/api/v1/websocket/broadcast", &body).await;
    let data = json!({"message": "Message broadcasted successfully", "clients_count": 0, "message_type": "custom_notification"});
    assert!(
        sent.as_object_mut()
            .is_some_and(|sent| sent.remove("timestamp").is_some())
    );
    assert_eq!(
        (status, sent),
        (200, json!({"success": true, "data": data}))
    );
    for bad in [
        json!({}),
        json!({"type": "", "data": {}}),
        json!({"type": "x", "data": 5}),
        json!([]),
    ] {
        let (status, refused) = asked(&gateway, "POST", "/api/v1/websocket/broadcast", &bad).await;
        assert_eq!(
            (status, &refused["error"], &refused["success"]),
            (400, &json!("Invalid request body"), &json!(false)),
            "{bad}"
        );
    }
}
