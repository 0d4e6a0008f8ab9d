//! The plugin against the SDK's test host.
#![allow(clippy::unwrap_used)]

use super::*;
use hearthgate_plugin::{Identity, testing};
use serde_json::Value;

fn announce(data: Value, identity: Option<Identity>) -> Result<Value, Rejection> {
    let config = Config {
        default_severity: Severity::Info,
        max_message: 20,
    };
    let mut plugin =
        Announce::init(&mut testing::start("fresh", None, vec![], vec![]), config).unwrap();
    let client = Client {
        id: "c1".to_owned(),
        identity,
        address: "127.0.0.1".to_owned(),
    };
    let request = Request {
        id: 1,
        kind: "announce".to_owned(),
        data: data.to_string(),
    };
    match plugin.handle(client, request)? {
        Answer::Reply(json) => Ok(serde_json::from_str(&json).unwrap()),
        Answer::Later => panic!("an announcement is answered at once"),
    }
}

#[test]
fn an_announcement_becomes_a_notification() {
    let ada = Identity {
        subject: "ada".to_owned(),
        roles: vec![],
        claims: "{}".to_owned(),
    };
    let said = json!({"title": "Dinner", "message": "is ready", "severity": "low", "device_id": "d", "data": {"x": 1, "announced_by": "eve"}});
    let reply = announce(said, Some(ada)).unwrap();
    let events = testing::published();
    let [event] = &events[..] else {
        panic!("one event, not {events:?}")
    };
    let id = reply["id"].as_str().unwrap();
    assert_eq!(
        (event.kind.as_str(), event.retain),
        ("notification.sent", false)
    );
    assert_eq!(event.topic, format!("notification/{id}"));
    assert_eq!(reply["seq"], 1);
    let labels = [("severity", "low"), ("device", "d")].map(|(k, v)| (k.to_owned(), v.to_owned()));
    assert_eq!(event.labels, labels);
    let data: Value = serde_json::from_str(&event.data).unwrap();
    let expected = json!({
        "id": id, "type": "announcement", "title": "Dinner", "message": "is ready", "severity": "low",
        "read": false, "device_id": "d", "data": {"x": 1, "announced_by": "ada"},
    });
    assert_eq!(data, expected);
}

#[test]
fn ids_differ_and_the_severity_has_a_default() {
    let said = json!({"title": "a", "message": "b"});
    let first = announce(said.clone(), None).unwrap();
    let second = announce(said, None).unwrap();
    assert_ne!(first["id"], second["id"]);
    let event = &testing::published()[0];
    assert_eq!(event.labels, [("severity".to_owned(), "info".to_owned())]);
}

#[test]
fn bad_data_is_refused_by_its_field() {
    let check = |said: Value, expected: &str| {
        let refused = announce(said, None).unwrap_err();
        let Rejection::BadRequest(message) = &refused else {
            panic!("{refused:?}")
        };
        assert!(
            message.contains(expected),
            "{message:?} should contain {expected:?}"
        );
    };
    check(json!({"message": "x"}), "missing field `title`");
    check(json!({"title": 5, "message": "x"}), "title: invalid type");
    check(
        json!({"title": " ", "message": "x"}),
        "title: must not be empty",
    );
    check(
        json!({"title": "x", "message": "x".repeat(21)}),
        "message: longer than 20 characters",
    );
    check(
        json!({"title": "x", "message": "x", "severity": "loud"}),
        "severity: unknown variant `loud`",
    );
    check(
        json!({"title": "x", "message": "x", "titel": "x"}),
        "titel: unknown field `titel`",
    );
    check(json!("x"), "invalid type: string");
    assert_eq!(testing::published(), []);
}
