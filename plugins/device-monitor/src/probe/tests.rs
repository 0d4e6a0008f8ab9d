//! What probes find, and what is told of it.
#![allow(clippy::unwrap_used)]
use super::*;
use crate::config::tests::config;
use hearthgate_plugin::testing;
use serde_json::{Value, json};

fn probe(mut given: Value) -> Probe {
    given["id"] = "nas".into();
    given
        .as_object_mut()
        .unwrap()
        .entry("url")
        .or_insert("https://nas.lan".into());
    let config = config(json!({"probes": [given]})).probes.remove(0);
    let target = Target::parse(&config.url).unwrap();
    Probe::new(config, target, 0)
}

fn answer(status: u16, body: &str) -> HttpResponse {
    HttpResponse {
        status,
        headers: vec![],
        body: body.into(),
        truncated: false,
    }
}

/// Publishes the events and returns their data.
fn told(events: Vec<Event>) -> Vec<(String, Value)> {
    hearthgate_plugin::publish_all(events).unwrap();
    let events = testing::published();
    events
        .into_iter()
        .map(|event| (event.kind, serde_json::from_str(&event.data).unwrap()))
        .collect()
}

#[test]
fn status_and_body_decide() {
    let check = |given: Value, response: HttpResponse, up: bool| {
        let verdict = probe(given.clone()).judge(Ok(&response), 1.0);
        assert_eq!(
            matches!(verdict, Verdict::Up { .. }),
            up,
            "{given} {response:?}: {verdict:?}"
        );
    };
    check(json!({}), answer(200, ""), true);
    check(json!({}), answer(302, ""), true);
    check(json!({}), answer(404, ""), false);
    check(json!({"expect-status": [401]}), answer(401, ""), true);
    check(json!({"expect-status": [401]}), answer(200, ""), false);
    check(
        json!({"expect-body": "ready"}),
        answer(200, "{\"state\":\"ready\"}"),
        true,
    );
    check(
        json!({"expect-body": "ready"}),
        answer(200, "{\"state\":\"busy\"}"),
        false,
    );
    check(json!({"expect-body": ""}), answer(200, ""), true);
}

#[test]
fn it_is_offline_only_after_its_retries() {
    let _host = testing::start("fresh", None, vec![], vec![]);
    let mut probe = probe(json!({"retries": 2}));
    let down = || failed(&NetError::Refused);
    probe.pace.take(0);
    assert!(told(probe.found(down(), 10)).is_empty());
    assert_eq!(probe.pace.due(), Some(1010), "again after a second");
    assert!(told(probe.found(down(), 1010)).is_empty());
    let events = told(probe.found(down(), 2010));
    assert_eq!(events.len(), 1, "no figures: {events:?}");
    assert_eq!(
        (&events[0].1["status"], &events[0].1["properties"]["reason"]),
        (&json!("offline"), &json!("connection refused"))
    );
    let events = told(probe.found(
        Verdict::Up {
            latency: 12.3456,
            code: Some(200),
        },
        3000,
    ));
    assert_eq!(events[0].1["status"], "online");
    assert_eq!(events[0].1["properties"].get("reason"), None);
    assert_eq!(
        events[1].1["metrics"],
        json!({"latency_ms": 12.35, "status_code": 200.0})
    );
}

#[test]
fn a_missing_grant_is_not_the_devices_fault() {
    let mut probe = probe(json!({"retries": 0}));
    let untried = failed(&NetError::NotGranted(
        "no connect grant names it".to_owned(),
    ));
    assert!(probe.found(untried, 0).is_empty());
    assert_eq!(probe.memory.status, None);
}

#[test]
fn days_of_a_certificate() {
    let _host = testing::start("fresh", None, vec![], vec![]);
    let mut probe = probe(json!({}));
    assert!(probe.wants_certificate(5));
    probe.opened(
        "192.168.1.9:443",
        Some(clock::epoch_millis() + 10 * 86_400_000),
        5,
    );
    assert!(!probe.wants_certificate(6) && probe.wants_certificate(5 + CERTIFICATE_INTERVAL));
    let events = told(probe.found(
        Verdict::Up {
            latency: 1.0,
            code: Some(200),
        },
        6,
    ));
    let days = events[1].1["metrics"]["certificate_days"].as_f64().unwrap();
    assert!((9.99..=10.0).contains(&days), "{days}");
    assert_eq!(events[0].1["ip"], "192.168.1.9");
    assert!(!self::probe(json!({"url": "http://nas.lan"})).wants_certificate(0));
    assert!(!self::probe(json!({"certificate": false})).wants_certificate(0));
}
