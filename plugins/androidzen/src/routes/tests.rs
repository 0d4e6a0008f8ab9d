//! The routes against the SDK's test host.
#![allow(clippy::unwrap_used)]

use super::*;
use hearthgate_plugin::{CallError, testing};

fn config(open: bool) -> Config {
    Config {
        open_management: open,
        admin_role: "admin".to_owned(),
        max_topics: 10,
    }
}

fn ask(method: &str, path: &str, body: &str, caller: Caller, open: bool) -> (u16, Value) {
    let call = HttpCall {
        id: 1,
        method: method.to_owned(),
        path: path.to_owned(),
        query: vec![],
        headers: vec![],
        body: body.into(),
        caller,
        address: "127.0.0.1".to_owned(),
    };
    let reply = serve(&call, &config(open));
    (reply.status, serde_json::from_slice(&reply.body).unwrap())
}

fn who(roles: &[&str]) -> Caller {
    let roles = roles.iter().map(|role| (*role).to_owned()).collect();
    Caller::Identified(Identity {
        subject: "1".to_owned(),
        roles,
        claims: "{}".to_owned(),
    })
}

fn detail(text: &str) -> Value {
    json!({"detail": text})
}

#[test]
fn only_administrators_manage() {
    let check = |caller: Caller, open: bool, expected: (u16, Value)| {
        assert_eq!(
            ask("POST", "/ws/broadcast", "{\"type\": \"x\"}", caller, open),
            expected
        )
    };
    let passed = || (400, detail("Invalid message type: x"));
    check(Caller::Anonymous, false, (401, detail("Not authenticated")));
    check(
        Caller::Invalid("expired".to_owned()),
        false,
        (401, detail("Invalid token")),
    );
    check(
        who(&["user"]),
        false,
        (403, detail("Admin access required")),
    );
    check(who(&["user", "admin"]), false, passed());
    check(Caller::Anonymous, true, passed());
}

#[test]
fn what_is_missing_or_wrong_is_named() {
    let check = |path: &str, body: &str, status: u16, text: &str| {
        assert_eq!(
            ask("POST", path, body, who(&["admin"]), false),
            (status, detail(text)),
            "{path} {body}"
        )
    };
    check("/ws/device-alert", "{}", 400, "device_id is required");
    check("/ws/live-metrics", "", 400, "device_id is required");
    check(
        "/ws/live-metrics",
        r#"{"device_id": "d", "metrics": {"a": "x"}}"#,
        400,
        "metrics must be numbers",
    );
    check(
        "/ws/notification",
        r#"{"title": "T"}"#,
        400,
        "message is required",
    );
    check(
        "/ws/notification",
        r#"{"message": "T"}"#,
        400,
        "title is required",
    );
    check(
        "/ws/device-action/d",
        r#"{"action_id": "a"}"#,
        400,
        "action_type is required",
    );
    check(
        "/ws/device-action/d",
        r#"{"action_id": "a", "action_type": "b"}"#,
        400,
        "status is required",
    );
    check(
        "/ws/device-action/d",
        r#"{"action_id": "a", "action_type": "b", "status": "c"}"#,
        400,
        "status is one of queued, in_progress, completed, failed",
    );
    check(
        "/ws/security-alert",
        r#"{"device_id": "d", "severity": "huge"}"#,
        400,
        "severity is one of low, medium, high, critical",
    );
    check("/ws/broadcast", "[]", 400, "Invalid request body");
    check(
        "/ws/broadcast",
        r#"{"data": 5}"#,
        400,
        "data must be an object",
    );
    check("/ws/stats", "", 405, "Method Not Allowed");
    check("/ws/nothing", "", 404, "Not Found");
    check("/ws/send-to-user/", "", 404, "Not Found");
}

#[test]
fn monitoring_is_really_asked_for() {
    testing::on_call(|kind, data, who| {
        assert_eq!(
            (kind, who.map(|who| who.subject.as_str())),
            ("start_monitoring", Some("1"))
        );
        let data: Value = serde_json::from_str(data).unwrap();
        match data["device_id"].as_str() {
            Some("a:5555") => {
                assert_eq!(
                    data,
                    json!({"device_id": "a:5555", "type": "all", "interval": 5.0})
                );
                Ok(json!({"interval": 2.0}).to_string())
            }
            _ => Err(CallError::Rejected(hearthgate_plugin::Rejection::NotFound(
                "no such".to_owned(),
            ))),
        }
    });
    let started = ask(
        "POST",
        "/ws/start-monitoring/a%3A5555",
        "",
        who(&["admin"]),
        false,
    );
    assert_eq!(
        started,
        (
            200,
            json!({"message": "Monitoring started successfully", "device_id": "a:5555", "type": "all", "interval": 2.0})
        )
    );
    assert!(
        testing::calls()
            .iter()
            .any(|call| call == "gateway.send [] broadcast.sent"),
        "it is announced"
    );
    assert_eq!(
        ask("POST", "/ws/start-monitoring/b", "", who(&["admin"]), false),
        (404, detail("Device not found"))
    );
}

#[test]
fn connections_are_counted_and_closed() {
    let now = hearthgate_plugin::rfc3339(std::time::SystemTime::now());
    let session = |id: &str, topics: &[&str]| {
        json!({"client_id": id, "topics": topics, "user": "42"}).to_string()
    };
    let clients = json!({"total": 3, "offset": 0, "connections": [
        {"id": "1", "dialect": "androidzen", "session": session("phone", &["a", "b"]), "last_seen": now},
        {"id": "2", "dialect": "androidzen", "session": session("tablet", &["a"]), "last_seen": "2020-01-01T00:00:00.000Z"},
        {"id": "3", "dialect": "native", "session": null, "last_seen": now},
    ]});
    testing::on_gateway("{}", clients.to_string());
    let (status, body) = ask("GET", "/ws/stats", "", Caller::Anonymous, false);
    let stats = json!({
        "total_connections": 2, "active_connections": 1, "total_users": 1,
        "subscription_counts": {"a": 2, "b": 1}, "average_subscriptions_per_client": 1.5,
    });
    assert_eq!(
        (status, body),
        (200, json!({"websocket_stats": stats, "status": "active"}))
    );
    let close = |id: &str| {
        ask(
            "DELETE",
            &format!("/ws/connections/{id}"),
            "",
            who(&["admin"]),
            false,
        )
    };
    assert_eq!(
        close("phone"),
        (
            200,
            json!({"message": "Connection closed successfully", "client_id": "phone"})
        )
    );
    assert_eq!(close("nobody"), (404, detail("Connection not found")));
    let cleaned = ask("POST", "/ws/cleanup", "", who(&["admin"]), false);
    assert_eq!(cleaned.1["cleaned_connections"], 1);
    assert_eq!(
        testing::calls(),
        [
            "gateway.disconnect 1 1001 closed by an administrator",
            "gateway.disconnect 2 1001 inactive"
        ]
    );
}
