//! What one instance leaves to the next: over a reload, over a restart of the gateway, and over a lost link.

use super::*;
use hearthgate_plugin::PublishError;
use hearthgate_plugin::net::Opened;
use std::collections::BTreeSet;

/// PUBLISH, retained, QoS 0 (MQTT 3.1.1, section 3.3).
fn retained(topic: &str, payload: &str) -> Vec<u8> {
    let body = 2 + topic.len() + payload.len();
    let mut packet = vec![0x31];
    match body {
        0..128 => packet.push(u8::try_from(body).unwrap()),
        _ => packet.extend([
            u8::try_from(body % 128).unwrap() | 0x80,
            u8::try_from(body / 128).unwrap(),
        ]),
    }
    packet.extend(u16::try_from(topic.len()).unwrap().to_be_bytes());
    packet.extend(topic.as_bytes());
    packet.extend(payload.as_bytes());
    packet
}

fn home() -> Config {
    config(json!({"discovery": ["homeassistant"], "zigbee2mqtt": ["zigbee2mqtt"]}))
}

/// An instance with its link up. `present`: the broker kept the session.
fn up(reason: &str, state: Option<State>, config: Config, present: bool) -> (Mqtt, u64) {
    let mut start = testing::start(reason, state, vec![], vec![]);
    let mut mqtt = Mqtt::init(&mut start, config).unwrap();
    let id = mqtt.wire.id().expect("it is opening");
    let opened = Opened {
        peer: "10.0.0.1:1883".to_owned(),
        protocol: None,
        certificate: None,
    };
    let opened = Input::ConnectionOpened((id, opened));
    mqtt.on_inputs(vec![opened]).unwrap();
    data(&mut mqtt, id, &[0x20, 2, u8::from(present), 0]).unwrap();
    (mqtt, id)
}

fn told() -> BTreeSet<String> {
    let events = testing::published().into_iter();
    let retained = events.filter(|event| event.retain);
    retained.map(|event| event.topic.clone()).collect()
}

#[test]
fn what_a_restart_of_the_gateway_forgot_is_told_again() {
    let announced = r#"{"name": "T", "uniq_id": "t", "stat_t": "t/state", "avty_t": "t/there", "dev": {"ids": ["d"], "name": "D"}}"#;
    let listed = r#"[{"ieee_address": "0x01", "friendly_name": "lamp", "type": "Router", "definition": {"exposes": [
        {"type": "numeric", "name": "linkquality", "property": "linkquality"}]}}]"#;
    let everything: Vec<u8> = [
        retained("homeassistant/sensor/t/config", announced),
        retained("t/state", "21.5"),
        retained("t/there", "online"),
        retained("zigbee2mqtt/bridge/state", "online"),
        retained("zigbee2mqtt/bridge/devices", listed),
        retained("zigbee2mqtt/lamp", r#"{"linkquality": 80}"#),
        retained("zigbee2mqtt/lamp/availability", "online"),
    ]
    .concat();
    let (mut first, id) = up("fresh", None, home(), false);
    data(&mut first, id, &everything).unwrap();
    let before = told();
    for topic in [
        "entity/sensor.t/state",
        "device/d/status",
        "device/zigbee2mqtt%2Fbridge/status",
        "entity/sensor.0x01_linkquality/state",
        "device/0x01/status",
    ] {
        assert!(before.contains(topic), "{topic}: {before:?}");
    }
    let state = first.save().unwrap();
    let (mut next, id) = up("fresh", state.clone(), home(), true);
    data(&mut next, id, &everything).unwrap();
    assert_eq!(told(), before);
    // After a crash the gateway has it all still.
    let (mut next, id) = up("restarted", state, home(), true);
    data(&mut next, id, &everything).unwrap();
    let again = told();
    assert!(
        again.iter().all(|topic| topic.starts_with("adapter/")
            || topic.starts_with("metrics/")
            || topic == "device/0x01/metrics"),
        "{again:?}"
    );
}

#[test]
fn an_upgrade_while_it_reads_puts_nobody_offline() {
    let (mut first, id) = up("fresh", None, home(), false);
    data(
        &mut first,
        id,
        &retained("zigbee2mqtt/bridge/state", "online"),
    )
    .unwrap();
    let state = first.save().unwrap();
    testing::published();
    let socket = vec![(id, "tcp://b:1883".to_owned())];
    let mut start = testing::start("upgraded", state, socket, vec![(3, WATCH.to_owned())]);
    let mut next = Mqtt::init(&mut start, home()).unwrap();
    // SUBACK, and two PINGRESP: everything retained was read.
    data(&mut next, id, &[0x90, 3, 0, 1, 1, 0xD0, 0, 0xD0, 0]).unwrap();
    let events = testing::published();
    let mut synced = events.iter().filter(|event| event.kind == "sync.status");
    assert!(
        synced.any(|event| event.data.contains("completed")),
        "{events:?}"
    );
    let offline: Vec<_> = events
        .iter()
        .filter(|e| e.kind == "device.status")
        .collect();
    assert!(offline.is_empty(), "{offline:?}");
    assert_eq!(next.mapping.counts().1, 1, "and it is known still");
}

/// PUBLISH on `a/b`, QoS 2, id 9.
const TWICE: [u8; 9] = [0x34, 7, 0, 3, b'a', b'/', b'b', 0, 9];

fn messages() -> usize {
    let events = testing::published().into_iter();
    events.filter(|event| event.kind == "mqtt.message").count()
}

fn throttled() {
    testing::on_publish(|_| Err(PublishError::Throttled(Duration::from_secs(1))));
}

#[test]
fn a_message_of_qos_2_that_waits_while_the_link_is_lost_is_told_once() {
    let (mut mqtt, id) = up("fresh", None, config(json!({})), false);
    throttled();
    data(&mut mqtt, id, &TWICE).unwrap();
    let info = CloseInfo {
        code: 1006,
        reason: "reset".to_owned(),
    };
    mqtt.on_inputs(vec![Input::ConnectionClosed((id, info))])
        .unwrap();
    testing::on_publish(|_| Ok(()));
    let timer = mqtt.wire.waiting().expect("it waits");
    mqtt.on_inputs(vec![Input::Timer((timer, AGAIN.to_owned()))])
        .unwrap();
    let id = open(&mut mqtt);
    data(&mut mqtt, id, &[0x20, 2, 1, 0]).unwrap();
    data(&mut mqtt, id, &TWICE).unwrap();
    assert_eq!(messages(), 1);
}

#[test]
fn what_waits_when_the_socket_can_not_be_taken_over_is_told_once() {
    for reason in ["reconfigured", "fresh"] {
        let (mut mqtt, id) = up("fresh", None, config(json!({})), false);
        throttled();
        data(&mut mqtt, id, &TWICE).unwrap();
        let state = mqtt.save().unwrap();
        testing::published();
        testing::on_publish(|_| Ok(()));
        let (mut next, id) = up(reason, state, config(json!({})), true);
        data(&mut next, id, &TWICE).unwrap();
        assert_eq!(messages(), 1, "{reason}");
    }
}

#[test]
fn what_waits_is_handed_over_beside_too_much_to_read() {
    let (mut mqtt, id) = up(
        "fresh",
        None,
        config(json!({"max-message": 1_000_000})),
        false,
    );
    throttled();
    data(&mut mqtt, id, &TWICE).unwrap();
    // The beginning of a message of 400,000 bytes.
    let mut large = vec![0x30, 0x80, 0xB5, 0x18, 0, 1, b'x'];
    large.extend(vec![b'x'; 300_000]);
    data(&mut mqtt, id, &large).unwrap();
    let state = mqtt.save().unwrap();
    testing::published();
    testing::on_publish(|_| Ok(()));
    let mut start = testing::start("upgraded", state, vec![], vec![]);
    let _next = Mqtt::init(&mut start, config(json!({}))).unwrap();
    assert_eq!(messages(), 1);
}
