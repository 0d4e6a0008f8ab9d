//! What clients are answered, message by message.
#![allow(clippy::unwrap_used)]

use super::*;
use hearthgate_plugin::{Caller, Identity, testing};

fn client(session: &str) -> DialectClient {
    DialectClient {
        id: "3f2a".to_owned(),
        path: "/ws".to_owned(),
        query: vec![("client_id".to_owned(), "phone-1".to_owned())],
        caller: Caller::Anonymous,
        address: "127.0.0.1".to_owned(),
        session: session.to_owned(),
    }
}

/// The messages among actions, without their times.
fn sent(actions: &[Action]) -> Vec<Value> {
    let texts = actions.iter().filter_map(|action| match action {
        Action::Send(text) => Some(text),
        _ => None,
    });
    texts
        .map(|text| {
            let mut message: Value = serde_json::from_str(text).unwrap();
            assert!(
                message
                    .as_object_mut()
                    .unwrap()
                    .remove("timestamp")
                    .is_some(),
                "{text}"
            );
            message
        })
        .collect()
}

fn answers(text: &str) -> Vec<Value> {
    sent(&said(&client(""), text, 3))
}

#[test]
fn the_greeting_tells_who_is_there() {
    let greeting = sent(&opened(&client("")));
    let data = json!({"client_id": "phone-1", "user_id": null, "username": null, "message": "Connected to AndroidZen Pro real-time monitoring"});
    assert_eq!(
        greeting,
        [json!({"type": "device_connected", "data": data})]
    );
    let identity = Identity {
        subject: "42".to_owned(),
        roles: vec![],
        claims: r#"{"username": "ada"}"#.to_owned(),
    };
    let known = DialectClient {
        caller: Caller::Identified(identity),
        query: vec![("client_id".to_owned(), "no spaces".to_owned())],
        ..client("")
    };
    let data = &sent(&opened(&known))[0]["data"];
    assert_eq!(
        (&data["client_id"], &data["user_id"], &data["username"]),
        (&json!("3f2a"), &json!("42"), &json!("ada"))
    );
    let liar = DialectClient {
        caller: Caller::Invalid("expired".to_owned()),
        ..client("")
    };
    assert_eq!(sent(&opened(&liar))[0]["data"]["user_id"], Value::Null);
}

#[test]
fn each_message_has_its_one_answer() {
    let check = |text: &str, kind: &str, data: Value| {
        assert_eq!(
            answers(text),
            [json!({"type": kind, "data": data})],
            "{text}"
        )
    };
    let error =
        |text: &str, message: &str| check(text, "error", json!({"message": message, "code": null}));
    check(
        r#"{"type": "heartbeat"}"#,
        "heartbeat",
        json!({"status": "alive"}),
    );
    check(r#"{"type": "ping"}"#, "pong", json!({}));
    assert!(answers(r#"{"type": "pong"}"#).is_empty());
    check(
        r#"{"type": "subscription", "data": {"topic": "device_device1"}}"#,
        "subscription",
        json!({"topic": "device_device1", "status": "subscribed"}),
    );
    check(
        r#"{"type": "unsubscription", "data": {"topic": "x"}}"#,
        "unsubscription",
        json!({"topic": "x", "status": "unsubscribed"}),
    );
    check(
        r#"{"type": "subscribe_device", "payload": {"deviceId": "d"}}"#,
        "subscription",
        json!({"topic": "device_d", "status": "subscribed"}),
    );
    check(
        r#"{"type": "unsubscribe_device", "payload": {"deviceId": 7}}"#,
        "unsubscription",
        json!({"topic": "device_7", "status": "unsubscribed"}),
    );
    for empty in [
        r#"{"type": "subscription"}"#,
        r#"{"type": "subscription", "data": {"topic": ""}}"#,
        r#"{"type": "unsubscription", "data": {"topic": 5}}"#,
        r#"{"type": "subscribe_device", "payload": {}}"#,
    ] {
        error(empty, "Topic is required");
    }
    for nonsense in ["", "hello", "[1]", "\"x\"", "{\"type\":"] {
        error(nonsense, "Invalid JSON message");
    }
    error("{}", "Unknown message type: None");
    error(r#"{"type": 5}"#, "Unknown message type: 5");
    let long = "x".repeat(LONGEST + 1);
    error(
        &json!({"type": "subscription", "data": {"topic": long}}).to_string(),
        "A topic has at most 200 bytes",
    );
}

#[test]
fn what_this_plugin_does_not_know_another_may() {
    let calls = said(&client(""), r#"{"type": "scan_devices"}"#, 3);
    assert_eq!(
        calls,
        [Action::Call(("scan_devices".to_owned(), "{}".to_owned()))]
    );
    let check = |outcome: Result<&str, CallError>, kind: &str, data: Value| {
        let answer = sent(&replied("scan_devices", outcome.map(str::to_owned)));
        assert_eq!(answer, [json!({"type": kind, "data": data})]);
    };
    check(
        Ok(r#"{"scanned": 2}"#),
        "scan_devices",
        json!({"scanned": 2}),
    );
    check(
        Err(CallError::UnknownType),
        "error",
        json!({"message": "Unknown message type: scan_devices", "code": null}),
    );
    check(
        Err(CallError::Rejected(Rejection::Forbidden(
            "not you".to_owned(),
        ))),
        "error",
        json!({"message": "not you", "code": null}),
    );
    check(
        Err(CallError::Failed("trap at 0x1".to_owned())),
        "error",
        json!({"message": "scan_devices failed", "code": null}),
    );
}

#[test]
fn topics_are_kept_with_the_session_and_bounded() {
    let mut session = String::new();
    for topic in ["a", "b", "c", "a"] {
        let text = json!({"type": "subscription", "data": {"topic": topic}}).to_string();
        for action in said(&client(&session), &text, 3) {
            if let Action::SetSession(new) = action {
                session = new;
            }
        }
    }
    let kept: Session = serde_json::from_str(&session).unwrap();
    assert_eq!(
        kept.topics.iter().map(String::as_str).collect::<Vec<_>>(),
        ["a", "b", "c"]
    );
    let refused = sent(&said(
        &client(&session),
        r#"{"type": "subscription", "data": {"topic": "d"}}"#,
        3,
    ));
    assert_eq!(
        refused[0]["data"]["message"],
        "Too many subscriptions: at most 3"
    );
}

/// The gateway keeps 64 KiB of a client: what it would not keep is not confirmed.
#[test]
fn what_is_confirmed_can_be_kept() {
    let mut session = String::new();
    let mut refused = Vec::new();
    for n in 0..200 {
        let topic = format!("{n}{}", "\u{1}\"".repeat(90));
        let text = json!({"type": "subscription", "data": {"topic": topic}}).to_string();
        let actions = said(&client(&session), &text, 200);
        for action in &actions {
            if let Action::SetSession(new) = action {
                session.clone_from(new);
            }
        }
        assert!(session.len() <= 64 * 1024, "{}", session.len());
        let kept: Session = serde_json::from_str(&session).unwrap();
        let answer = sent(&actions).remove(0);
        match answer["type"] == "subscription" {
            true => assert!(kept.topics.contains(&topic), "{n}"),
            false => refused.push(answer["data"]["message"].clone()),
        }
    }
    let why = json!("Too many subscriptions: their topics are too long together");
    assert_eq!(refused.first(), Some(&why));
}

#[test]
fn a_refresh_brings_the_states_of_ones_topics() {
    let state = crate::encode::tests::published(
        "device.status",
        "device/d/status",
        &[],
        json!({"device_id": "d", "name": "D", "status": "online", "last_seen": "x"}),
    );
    testing::retain(vec![state]);
    let subscribed = Session {
        topics: ["device_d".to_owned()].into(),
        ..Session::default()
    };
    let answer = sent(&said(
        &client(&subscribed.to_text()),
        r#"{"type": "refresh_data"}"#,
        3,
    ));
    assert_eq!(
        answer[0],
        json!({"type": "refresh_data", "data": {"status": "completed", "count": 1}})
    );
    assert_eq!(
        (&answer[1]["type"], &answer[1]["data"]["devices"][0]["id"]),
        (&json!("device_status"), &json!("d"))
    );
    let nothing = sent(&said(&client(""), r#"{"type": "refresh_data"}"#, 3));
    assert_eq!(
        nothing,
        [json!({"type": "refresh_data", "data": {"status": "completed", "count": 0}})]
    );
}

#[test]
fn a_handler_is_told_the_fields_wherever_the_web_client_writes_them() {
    for (text, told) in [
        (r#"{"type": "a"}"#, json!({})),
        (
            r#"{"type": "a", "data": {"x": 1}, "y": 2}"#,
            json!({"x": 1}),
        ),
        (r#"{"type": "a", "payload": {"x": 1}}"#, json!({"x": 1})),
        (
            r#"{"type": "a", "x": 1, "timestamp": "t"}"#,
            json!({"x": 1}),
        ),
    ] {
        let expected = Action::Call(("a".to_owned(), told.to_string()));
        assert_eq!(said(&client(""), text, 3), [expected], "{text}");
    }
}
