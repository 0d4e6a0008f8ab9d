//! PMA's HTTP routes on a running gateway.

use crate::pma_setup::{asked, http, start};
use serde_json::json;

#[tokio::test]
async fn who_shows_no_token_is_told_so() {
    let gateway = start().await;
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
async fn broadcasts_are_checked() {
    let gateway = start().await;
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
