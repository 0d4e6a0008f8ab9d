//! The HTTP routes: statuses and bodies.

use super::client::plugin;
use crate::Form;
use hearthgate_plugin::{Caller, HttpAnswer, HttpCall, HttpReply, Identity, Plugin, testing};
use serde_json::{Value, json};

fn ada() -> Caller {
    Caller::Identified(Identity {
        subject: "ada".to_owned(),
        roles: vec![],
        claims: "{}".to_owned(),
    })
}

fn ask(caller: Caller, method: &str, path: &str, body: &str) -> (HttpReply, Value) {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let call = HttpCall {
        id: 1,
        method: method.to_owned(),
        path: path.to_owned(),
        query: pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
        headers: vec![],
        body: body.as_bytes().to_vec(),
        caller,
        address: "127.0.0.1".to_owned(),
    };
    let HttpAnswer::Reply(reply) = plugin(Form::Guide, 20).serve(call) else {
        panic!("an answer at once")
    };
    let mut body: Value = serde_json::from_slice(&reply.body).unwrap();
    if !path.starts_with("/health") || reply.status != 200 {
        assert!(body["timestamp"].as_str().unwrap().ends_with('Z'));
        body.as_object_mut().unwrap().remove("timestamp");
    }
    (reply, body)
}

fn check(caller: Caller, method: &str, path: &str, body: &str, status: u16, expected: Value) {
    let (reply, body) = ask(caller, method, path, body);
    assert_eq!((reply.status, body), (status, expected), "{method} {path}");
}

fn error(text: &str) -> Value {
    json!({"success": false, "error": text})
}

const FIGURES: &str = r#"{
    "connections": 3, "connections_total": 15, "subscriptions": 4, "messages_sent": 142, "messages_received": 67,
    "bytes_sent": 1000, "bytes_received": 500, "connection_errors": 1, "uptime_ms": 9500, "last_activity_ms": 1752701400000,
    "events_by_kind": {"entity.state_changed": {"count": 7, "deliveries": 14, "mean_latency_us": 250.0}, "metrics.sample": {"count": 1}}
}"#;

#[test]
fn health_is_open_to_all() {
    let health =
        json!({"status": "healthy", "service": "pma", "version": env!("CARGO_PKG_VERSION")});
    check(Caller::Anonymous, "GET", "/health", "", 200, health.clone());
    check(
        Caller::Invalid("expired".to_owned()),
        "GET",
        "/health/",
        "",
        200,
        health,
    );
    check(
        Caller::Anonymous,
        "POST",
        "/health",
        "",
        405,
        error("Method not allowed"),
    );
}

#[test]
fn everything_else_wants_a_credential() {
    for path in ["stats", "broadcast", "metrics", "clients", "other"] {
        let path = format!("/api/v1/websocket/{path}");
        check(
            Caller::Anonymous,
            "GET",
            &path,
            "",
            401,
            error("Authorization header required"),
        );
        check(
            Caller::Invalid("expired".to_owned()),
            "GET",
            &path,
            "",
            401,
            error("Invalid token"),
        );
    }
    check(
        ada(),
        "GET",
        "/api/v1/websocket/other",
        "",
        404,
        error("Not found"),
    );
    check(
        ada(),
        "POST",
        "/api/v1/websocket/stats",
        "",
        405,
        error("Method not allowed"),
    );
    let (reply, _) = ask(ada(), "GET", "/api/v1/websocket/broadcast", "");
    assert!(
        reply
            .headers
            .contains(&("allow".to_owned(), "POST".to_owned()))
    );
}

#[test]
fn figures_go_by_pmas_names() {
    testing::on_gateway(FIGURES, "{}");
    let mut data = json!({
        "connected_clients": 3, "total_connections": 15, "messages_sent": 142, "messages_received": 67,
        "last_activity": "2025-07-16T21:30:00.000Z", "bytes_sent": 1000, "bytes_received": 500,
        "subscription_count": 4, "connection_errors": 1, "uptime": 9,
    });
    check(
        ada(),
        "GET",
        "/api/v1/websocket/stats",
        "",
        200,
        json!({"success": true, "data": data}),
    );
    data["message_types"] = json!({
        "pma_entity_state_changed": {"count": 7, "deliveries": 14, "average_latency_ms": 0.25},
        "metrics.sample": {"count": 1, "deliveries": 0, "average_latency_ms": 0.0},
    });
    check(
        ada(),
        "GET",
        "/api/v1/websocket/metrics",
        "",
        200,
        json!({"success": true, "data": data}),
    );
    testing::on_gateway("null", "null");
    let (reply, _) = ask(ada(), "GET", "/api/v1/websocket/stats", "");
    assert_eq!(reply.status, 503, "the grant is missing");
}

#[test]
fn connections_are_listed_with_what_they_are_subscribed_to() {
    let listed = json!({"total": 9, "offset": 2, "connections": [
        {"id": "00ff", "address": "10.0.0.9:5050", "dialect": "pma", "user_agent": "PMA-Mobile/1.0", "connected_at": "A",
         "last_seen": "B", "subject": "ada", "authenticated": true, "subscriptions": 2,
         "session": "imobile_app\nl2\nE\nestate_changed\nnlight.a", "sent": 5, "received": 6},
        {"id": "00fe", "address": "[::1]:5050", "dialect": "native", "user_agent": null, "connected_at": "A",
         "last_seen": "B", "subject": null, "authenticated": false, "subscriptions": 0, "session": null, "sent": 1, "received": 0},
    ]});
    testing::on_gateway("{}", listed.to_string());
    let data = json!({"total": 9, "limit": 10, "offset": 2, "connections": [
        {"id": "00ff", "user_agent": "PMA-Mobile/1.0", "ip_address": "10.0.0.9", "connected_at": "A", "last_seen": "B",
         "authenticated": true, "subscriptions": ["ha_events:state_changed", "ha_entities:light.a"],
         "metadata": {"client_id": "mobile_app", "dialect": "pma", "user_id": "ada", "messages_sent": 5, "messages_received": 6}},
        {"id": "00fe", "user_agent": "", "ip_address": "::1", "connected_at": "A", "last_seen": "B",
         "authenticated": false, "subscriptions": [],
         "metadata": {"client_id": null, "dialect": "native", "user_id": null, "messages_sent": 1, "messages_received": 0}},
    ]});
    check(
        ada(),
        "GET",
        "/api/v1/websocket/clients?limit=10&offset=2",
        "",
        200,
        json!({"success": true, "data": data}),
    );
    check(
        ada(),
        "GET",
        "/api/v1/websocket/clients?limit=x",
        "",
        400,
        error("Invalid limit"),
    );
}

#[test]
fn a_broadcast_is_sent_and_counted() {
    let body = r#"{"type":"custom_notification","data":{"message":"maintenance"}}"#;
    let data = json!({"message": "Message broadcasted successfully", "clients_count": 0, "message_type": "custom_notification"});
    check(
        ada(),
        "POST",
        "/api/v1/websocket/broadcast",
        body,
        200,
        json!({"success": true, "data": data}),
    );
    assert_eq!(testing::calls(), ["gateway.send [] broadcast.sent"]);
    for bad in [
        "",
        "[]",
        "{}",
        r#"{"type":"","data":{}}"#,
        r#"{"type":" ","data":{}}"#,
        r#"{"type":"a"}"#,
        r#"{"type":"a","data":[]}"#,
        r#"{"type":5,"data":{}}"#,
        r#"["a",{}]"#,
        r#"{"type":"a","data":null}"#,
    ] {
        check(
            ada(),
            "POST",
            "/api/v1/websocket/broadcast",
            bad,
            400,
            error("Invalid request body"),
        );
    }
    assert_eq!(testing::calls(), [] as [String; 0]);
}
