//! The plugin against the SDK's test host: sockets, timers, failures.
#![allow(clippy::unwrap_used)]

mod handed_over;

use super::*;
use hearthgate_plugin::net::{CloseInfo, NetError, Opened};
use hearthgate_plugin::testing;
use serde_json::{Value, json};

fn config(change: Value) -> Config {
    let mut config = json!({
        "broker": "tcp://b:1883", "version": "3.1.1", "client-id": "", "username": "", "keep-alive": "30s",
        "session-expiry": "60m", "qos": 1, "verify-certificate": true, "status-topic": "", "max-message": 10000,
        "max-entities": 20, "discovery": [], "zigbee2mqtt": [], "ignore": [],
        "rules": [{"topic": "a/{x}", "kind": "mqtt.message"}],
        "publish": {"topics": ["set/#"], "retain": false},
    });
    config
        .as_object_mut()
        .unwrap()
        .extend(change.as_object().unwrap().clone());
    serde_json::from_value(config).unwrap()
}

fn fresh() -> Mqtt {
    let mut start = testing::start("fresh", None, vec![], vec![]);
    Mqtt::init(&mut start, config(json!({}))).unwrap()
}

fn statuses() -> Vec<String> {
    let events = testing::published().into_iter();
    let events = events.filter(|event| event.kind == "adapter.status");
    let data = events.map(|event| serde_json::from_str(&event.data).unwrap());
    let status = |data: Value| data["status"].as_str().unwrap().to_owned();
    data.map(status).collect()
}

/// Plays the host: the socket is open.
fn open(mqtt: &mut Mqtt) -> u64 {
    let calls = testing::calls();
    let connect = calls
        .iter()
        .position(|call| call.starts_with("tcp.connect b 1883 TlsMode::None"));
    assert!(connect.is_some(), "{calls:?}");
    let id = mqtt.wire.id().expect("it is opening");
    let opened = Opened {
        peer: "10.0.0.1:1883".to_owned(),
        protocol: None,
        certificate: None,
    };
    mqtt.on_inputs(vec![Input::ConnectionOpened((id, opened))])
        .unwrap();
    id
}

fn data(mqtt: &mut Mqtt, id: u64, bytes: &[u8]) -> Result<(), Failure> {
    mqtt.on_inputs(vec![Input::TcpData((id, bytes.to_vec()))])
}

#[test]
fn it_connects_reads_and_tells() {
    let mut mqtt = fresh();
    let id = open(&mut mqtt);
    data(&mut mqtt, id, &[0x20, 2, 0, 0]).unwrap();
    data(
        &mut mqtt,
        id,
        &[0x90, 3, 0, 1, 1, 0xD0, 0, 0x30, 5, 0, 3, b'a', b'/', b'b'],
    )
    .unwrap();
    let events = testing::published();
    let kinds: Vec<&str> = events.iter().map(|event| event.kind.as_str()).collect();
    let expected = [
        "adapter.status",
        "adapter.status",
        "sync.status",
        "sync.status",
        "mqtt.message",
    ];
    assert_eq!(kinds, expected);
    assert_eq!(events.last().unwrap().topic, "mqtt/a/b");
}

#[test]
fn a_lost_link_is_told_and_opened_again() {
    let mut mqtt = fresh();
    let id = open(&mut mqtt);
    data(&mut mqtt, id, &[0x20, 2, 0, 0]).unwrap();
    testing::calls();
    let info = CloseInfo {
        code: 1006,
        reason: "reset".to_owned(),
    };
    mqtt.on_inputs(vec![Input::ConnectionClosed((id, info))])
        .unwrap();
    assert_eq!(statuses(), ["connecting", "connected", "disconnected"]);
    let calls = testing::calls();
    assert!(
        calls
            .iter()
            .any(|call| call.starts_with("timers.after") && call.ends_with(" again")),
        "{calls:?}"
    );
    let timer = mqtt.wire.waiting().expect("it waits");
    mqtt.on_inputs(vec![Input::Timer((timer, AGAIN.to_owned()))])
        .unwrap();
    let failed = Input::ConnectionFailed((mqtt.wire.id().unwrap(), NetError::Refused));
    mqtt.on_inputs(vec![failed]).unwrap();
    assert_eq!(statuses(), ["connecting", "disconnected"]);
}

#[test]
fn a_refused_credential_parks_it() {
    let mut mqtt = fresh();
    let id = open(&mut mqtt);
    let refused = data(&mut mqtt, id, &[0x20, 2, 0, 5]);
    let reason = "the broker refuses us: not authorized (0x87)";
    assert_eq!(refused, Err(Failure::unauthorized(reason)));
    assert_eq!(statuses(), ["connecting", "failed"]);
    let mut mqtt = fresh();
    let id = open(&mut mqtt);
    let refused = data(&mut mqtt, id, &[0x20, 2, 0, 1]);
    assert!(
        matches!(refused, Err(Failure::Misconfigured(_))),
        "{refused:?}"
    );
}

#[test]
fn only_what_is_allowed_is_published() {
    let mut mqtt = fresh();
    let id = open(&mut mqtt);
    data(&mut mqtt, id, &[0x20, 2, 0, 0]).unwrap();
    let mut ask = |data: Value| {
        let client = Client {
            id: "c".to_owned(),
            identity: None,
            address: String::new(),
        };
        let request = Request {
            id: 7,
            kind: "mqtt_publish".to_owned(),
            data: data.to_string(),
        };
        mqtt.handle(client, request)
    };
    assert!(matches!(
        ask(json!({"topic": "get/x", "payload": 1})),
        Err(Rejection::Forbidden(_))
    ));
    assert!(matches!(
        ask(json!({"topic": "set/#", "payload": 1})),
        Err(Rejection::BadRequest(_))
    ));
    assert!(matches!(
        ask(json!({"topic": "set/x"})),
        Err(Rejection::BadRequest(_))
    ));
    assert!(matches!(
        ask(json!({"topic": "set/x", "payload": 1, "qos": 3})),
        Err(Rejection::BadRequest(_))
    ));
    let retained = json!({"topic": "set/x", "payload": 1, "retain": true});
    assert!(matches!(ask(retained), Err(Rejection::Forbidden(_))));
    assert!(matches!(
        ask(json!({"topic": "set/x", "payload": {"on": true}})),
        Ok(Answer::Reply(_))
    ));
    assert!(matches!(
        ask(json!({"topic": "set/x", "payload": "ON", "qos": 1})),
        Ok(Answer::Later)
    ));
    data(&mut mqtt, id, &[0x40, 2, 0, 2]).unwrap();
    let calls = testing::calls();
    assert!(
        calls
            .iter()
            .any(|call| call.starts_with("replies.message 7 Ok")),
        "{calls:?}"
    );
}

#[test]
fn an_upgrade_keeps_the_socket_and_what_was_not_read() {
    let mut mqtt = fresh();
    let id = open(&mut mqtt);
    data(&mut mqtt, id, &[0x20, 2, 0, 0, 0x30, 5, 0, 3, b'a']).unwrap();
    let state = mqtt.save().unwrap();
    testing::published();
    testing::calls();
    let socket = vec![(id, "tcp://b:1883".to_owned())];
    let mut start = testing::start(
        "upgraded",
        state.clone(),
        socket.clone(),
        vec![(3, WATCH.to_owned())],
    );
    let mut next = Mqtt::init(&mut start, config(json!({}))).unwrap();
    assert_eq!(statuses(), ["connected"]);
    let calls = testing::calls();
    assert!(
        !calls.iter().any(|call| call.starts_with("tcp.connect")),
        "{calls:?}"
    );
    data(&mut next, id, b"/b").unwrap();
    assert_eq!(testing::published().last().unwrap().topic, "mqtt/a/b");
    let mut start = testing::start("reconfigured", state, socket, vec![]);
    let _other = Mqtt::init(&mut start, config(json!({"username": "other"}))).unwrap();
    let calls = testing::calls();
    assert!(
        calls.iter().any(|call| call.starts_with("tcp.connect")),
        "another login: {calls:?}"
    );
}

#[test]
fn a_configuration_that_can_not_work_names_its_keys() {
    let mut start = testing::start("fresh", None, vec![], vec![]);
    let bad = config(json!({
        "broker": "mqtt.lan", "keep-alive": "0s", "status-topic": "a/#", "ignore": ["a/#/b"],
        "rules": [{"topic": "a", "kind": "device.status"}],
    }));
    let Err(Failure::Misconfigured(problems)) = Mqtt::init(&mut start, bad) else {
        panic!("it started")
    };
    let keys: Vec<&str> = problems.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "broker",
            "keep-alive",
            "status-topic",
            "ignore",
            "rules.0.id"
        ]
    );
}
