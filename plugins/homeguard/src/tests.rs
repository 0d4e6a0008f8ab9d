//! The plugin against the SDK's test host: every route's statuses and bodies, and both channels' messages.
#![allow(clippy::unwrap_used)]

mod channels;

use super::*;
use hearthgate_plugin::gateway::Session;
use hearthgate_plugin::{CallError, Caller, Event, HttpReply, Identity, Rejection, testing};
use serde_json::{Value, json};

fn config() -> Config {
    serde_json::from_value(json!({
        "sources": ["guard"], "categories": ["security"], "alerts-path": "/ws/alerts", "devices-path": "/ws/devices",
    }))
    .unwrap()
}

fn ann() -> Identity {
    Identity {
        subject: "ann".to_owned(),
        roles: vec!["admin".to_owned()],
        claims: "{}".to_owned(),
    }
}

fn camera(status: &str, blocked: bool) -> Value {
    json!({
        "device_id": "aa:bb:cc:00:11:20", "name": "Camera", "status": status, "last_seen": "2026-11-20T13:40:45.000Z",
        "ip": "192.168.1.20", "mac": "aa:bb:cc:00:11:20", "hostname": "cam.lan", "device_type": "camera",
        "first_seen": "2026-11-01T08:00:00.000Z", "is_blocked": blocked,
        "properties": {"ips": ["192.168.1.20", "fe80::20"], "presence": "active", "total_bytes_sent": 520,
                       "total_bytes_received": 10240, "packet_count": 19},
    })
}

fn guard_camera(status: &str, blocked: bool) -> Value {
    json!({
        "_id": "aa:bb:cc:00:11:20", "mac": "aa:bb:cc:00:11:20", "ip": "192.168.1.20", "hostname": "cam.lan",
        "device_type": "camera", "status": status, "first_seen": "2026-11-01T08:00:00.000Z",
        "last_seen": "2026-11-20T13:40:45.000Z", "total_bytes_sent": 520, "total_bytes_received": 10240,
        "packet_count": 19, "is_blocked": blocked, "is_running": true,
        "metadata": {"name": "Camera", "ips": ["192.168.1.20", "fe80::20"]},
    })
}

fn alert() -> Value {
    json!({
        "alert_id": "7:192.168.1.20", "category": "security", "severity": "high", "title": "Unusual traffic", "status": "open",
        "reason": "Unusual traffic", "action_taken": "logged", "score": -0.31,
        "device": {"id": "aa:bb:cc:00:11:20", "ip": "192.168.1.20", "mac": "aa:bb:cc:00:11:20", "name": "Camera"},
        "details": {"source_alert_id": "7", "type": "anomaly", "status": "active"},
    })
}

/// What the handlers of `security-alerts` answer.
fn handlers() {
    testing::on_call(|kind, data, caller| {
        assert_eq!(caller, Some(&ann()), "who asked is passed on");
        let data: Value = serde_json::from_str(data).unwrap();
        let unknown = |what: &str| {
            Err(CallError::Rejected(Rejection::NotFound(format!(
                "{what} not found"
            ))))
        };
        let answer = match kind {
            "list_devices" => json!({"devices": [camera("online", false)], "total": 1}),
            "block_device" | "unblock_device" if data["device_id"] == "broken" => {
                let why = "block ended with 1: no such set".to_owned();
                return Err(CallError::Rejected(Rejection::Unavailable(why)));
            }
            _ if data["device_id"] == "10.9.9.9" => return unknown("Device"),
            "block_device" => camera("blocked", true),
            "unblock_device" => camera("online", false),
            "rename_device" => {
                let mut renamed = camera("online", false);
                renamed["name"] = data["name"].clone();
                renamed
            }
            "acknowledge_alert" if data["alert_id"] == "none" => return unknown("Alert"),
            "acknowledge_alert" => alert(),
            "list_alerts" => {
                let mut listed = alert();
                let more = json!({"type": "anomaly", "count": 3, "last_seen": "2026-11-20T13:40:45.000Z", "acknowledged": false});
                listed
                    .as_object_mut()
                    .unwrap()
                    .extend(more.as_object().unwrap().clone());
                listed["title"] = data.clone();
                listed["title"] = json!("t");
                json!({"alerts": [listed], "total": 1, "truncated": false})
            }
            "alert_stats" => json!({
                "total_alerts": 3, "by_severity": {"high": 3}, "by_type": {"anomaly": 3},
                "top_devices": [{"device_id": "aa:bb:cc:00:11:20", "count": 3}], "period_days": data["days"],
            }),
            other => panic!("{other} is not among the handlers"),
        };
        Ok(answer.to_string())
    });
}

fn ask(caller: Caller, method: &str, target: &str, body: &str) -> HttpReply {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let call = HttpCall {
        id: 1,
        method: method.to_owned(),
        path: path.to_owned(),
        query: pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
        headers: Vec::new(),
        body: body.as_bytes().to_vec(),
        caller,
        address: "192.0.2.1".to_owned(),
    };
    match HomeGuard(config()).serve(call) {
        HttpAnswer::Reply(reply) => reply,
        HttpAnswer::Later => panic!("an answer that comes later"),
    }
}

fn check(method: &str, target: &str, status: u16, body: Value) {
    let reply = ask(Caller::Identified(ann()), method, target, "");
    let said: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!((reply.status, &said), (status, &body), "{method} {target}");
}

#[test]
fn every_route_answers_in_its_form() {
    handlers();
    check("GET", "/health", 200, json!({"status": "healthy"}));
    check(
        "GET",
        "/api/auth/me",
        200,
        json!({"id": "ann", "username": "ann", "roles": ["admin"]}),
    );
    check(
        "GET",
        "/api/devices",
        200,
        json!([guard_camera("active", false)]),
    );
    for id in [
        "aa:bb:cc:00:11:20",
        "AA%3ABB%3ACC%3A00%3A11%3A20",
        "192.168.1.20",
        "fe80::20",
    ] {
        check(
            "GET",
            &format!("/api/devices/{id}"),
            200,
            guard_camera("active", false),
        );
    }
    let blocked = json!({
        "message": "Device blocked successfully", "device_id": "aa:bb:cc:00:11:20", "is_blocked": true, "status": "blocked",
    });
    check("POST", "/api/devices/192.168.1.20/block", 200, blocked);
    let unblocked = json!({
        "message": "Device unblocked successfully", "device_id": "aa:bb:cc:00:11:20", "is_blocked": false, "status": "active",
    });
    check("POST", "/api/devices/192.168.1.20/unblock/", 200, unblocked);
    let renamed = json!({
        "message": "Device name updated successfully", "device_id": "aa:bb:cc:00:11:20", "name": "Door",
    });
    check(
        "POST",
        "/api/devices/192.168.1.20/name?name=Door",
        200,
        renamed,
    );
    let listed = json!([{
        "_id": "7:192.168.1.20", "device_id": "aa:bb:cc:00:11:20", "device_ip": "192.168.1.20",
        "device_mac": "aa:bb:cc:00:11:20", "alert_type": "anomaly", "severity": "high",
        "timestamp": "2026-11-20T13:40:45.000Z", "reason": "Unusual traffic",
        "details": {"source_alert_id": "7", "type": "anomaly", "status": "active"}, "action_taken": "logged",
        "acknowledged": false,
    }]);
    check(
        "GET",
        "/api/alerts?severity=HIGH&device_id=192.168.1.20&days=7&limit=100",
        200,
        listed,
    );
    let acknowledged = json!({
        "message": "Alert acknowledged successfully", "alert_id": "7:192.168.1.20", "acknowledged": true,
    });
    check(
        "PATCH",
        "/api/alerts/7:192.168.1.20/acknowledge",
        200,
        acknowledged,
    );
    let summary = json!({
        "total_alerts": 3, "by_severity": {"high": 3}, "by_type": {"anomaly": 3},
        "top_devices": [{"_id": "aa:bb:cc:00:11:20", "count": 3}], "period_days": 30,
    });
    check("GET", "/api/alerts/stats/summary?days=30", 200, summary);
}

#[test]
fn every_mistake_has_its_status() {
    handlers();
    let detail = |text: &str| json!({"detail": text});
    for (method, target, status, text) in [
        ("GET", "/api/devices/10.9.9.9", 404, "Device not found"),
        (
            "POST",
            "/api/devices/10.9.9.9/block",
            404,
            "Device not found",
        ),
        (
            "POST",
            "/api/devices/broken/block",
            500,
            "Failed to block device: block ended with 1: no such set",
        ),
        (
            "POST",
            "/api/devices/broken/unblock",
            500,
            "Failed to unblock device: block ended with 1: no such set",
        ),
        (
            "POST",
            "/api/devices/192.168.1.20/name",
            422,
            "name is required",
        ),
        (
            "PATCH",
            "/api/alerts/none/acknowledge",
            404,
            "Alert not found",
        ),
        (
            "GET",
            "/api/alerts?limit=0",
            422,
            "limit must be a whole number from 1 to 1000",
        ),
        (
            "GET",
            "/api/alerts?days=x",
            422,
            "days must be a whole number from 1 to 3650",
        ),
        (
            "GET",
            "/api/devices/192.168.1.20/block",
            405,
            "Method Not Allowed",
        ),
        ("DELETE", "/api/alerts", 405, "Method Not Allowed"),
        ("GET", "/api/nothing", 404, "Not Found"),
    ] {
        check(method, target, status, detail(text));
    }
    for (caller, status, text) in [
        (Caller::Anonymous, 403, "Not authenticated"),
        (
            Caller::Invalid("expired".to_owned()),
            401,
            "Could not validate credentials",
        ),
    ] {
        for target in [
            "/api/devices",
            "/api/alerts",
            "/api/auth/me",
            "/api/devices/192.168.1.20/block",
        ] {
            let reply = ask(caller.clone(), "GET", target, "");
            assert_eq!(
                (reply.status, serde_json::from_slice(&reply.body).ok()),
                (status, Some(detail(text)))
            );
            let challenge = reply
                .headers
                .iter()
                .any(|(name, value)| name == "www-authenticate" && value == "Bearer");
            assert_eq!(challenge, status == 401, "{target}");
        }
        assert_eq!(ask(caller, "GET", "/health", "").status, 200);
    }
}

#[test]
fn without_a_source_of_devices_it_says_so() {
    check(
        "GET",
        "/api/devices",
        503,
        json!({"detail": "No source of devices and alerts is running"}),
    );
}

#[test]
fn a_login_gives_tokens_or_says_what_was_wrong() {
    let body = r#"{"username": "ann", "password": "secret"}"#;
    let login = |body: &str| {
        let reply = ask(Caller::Anonymous, "POST", "/api/auth/login", body);
        (
            reply.status,
            serde_json::from_slice::<Value>(&reply.body).unwrap(),
        )
    };
    assert_eq!(
        login(body),
        (401, json!({"detail": "Incorrect username or password"}))
    );
    assert_eq!(
        login("{}"),
        (422, json!({"detail": "username and password are required"}))
    );
    let session = Session {
        access_token: "A".to_owned(),
        refresh_token: "R".to_owned(),
        expires_in: 900,
        identity: ann(),
    };
    testing::on_login(Some(session));
    let tokens = json!({"access_token": "A", "refresh_token": "R", "token_type": "bearer"});
    assert_eq!(login(body), (200, tokens));
}
