//! Messages as Home Assistant's and zigbee2mqtt's documents give them, and what becomes of them.
#![allow(clippy::unwrap_used)]

mod rules;
mod zigbee;

use super::*;
use crate::codec::Qos;
use hearthgate_plugin::testing;
use serde_json::json;
use zigbee::DEVICES;

pub(crate) fn mapping(change: Value) -> Mapping {
    let _start = testing::start("fresh", None, vec![], vec![]);
    let mut config = json!({
        "broker": "tcp://b:1883", "version": "5", "client-id": "", "username": "", "keep-alive": "30s",
        "session-expiry": "60m", "qos": 1, "verify-certificate": true, "status-topic": "", "max-message": 10000,
        "max-entities": 20, "discovery": ["homeassistant"], "zigbee2mqtt": ["zigbee2mqtt"], "ignore": [],
        "rules": [], "publish": {"topics": [], "retain": false},
    });
    config
        .as_object_mut()
        .unwrap()
        .extend(change.as_object().unwrap().clone());
    let config: Config = serde_json::from_value(config).unwrap();
    let checked = config.check().unwrap();
    Mapping::new(&config, checked, Known::default())
}

fn message(topic: &str, payload: &str, retain: bool) -> Message {
    Message {
        topic: topic.to_owned(),
        payload: payload.as_bytes().to_vec(),
        qos: Qos::Zero,
        retain,
        id: None,
    }
}

/// The events of a message, shortened: kind, topic, and the fields that are asked for.
fn take(mapping: &mut Mapping, topic: &str, payload: &str, fields: &[&str]) -> Vec<String> {
    shown(mapping.take(&message(topic, payload, true)).0, fields)
}

fn shown(drafts: Vec<Draft>, fields: &[&str]) -> Vec<String> {
    let show = |draft: Draft| {
        let asked = fields.iter().filter_map(|field| draft.data.pointer(field));
        let asked: String = asked.map(|value| format!(" {value}")).collect();
        format!("{} {}{asked}", draft.kind, draft.topic)
    };
    drafts.into_iter().map(show).collect()
}

const SENSOR: &str = r#"{
    "name": "Temperature", "uniq_id": "0x01_temperature", "~": "zigbee2mqtt/attic", "stat_t": "~",
    "val_tpl": "{{ value_json.temperature }}", "unit_of_meas": "°C", "dev_cla": "temperature",
    "avty": [{"t": "zigbee2mqtt/bridge/state", "val_tpl": "{{ value_json.state }}"}, {"t": "~/availability"}],
    "avty_mode": "all",
    "dev": {"ids": ["zigbee2mqtt_0x01"], "name": "Attic", "mf": "Aqara", "mdl": "W1", "sa": "attic",
            "cns": [["mac", "AA:BB:CC:DD:EE:FF"]]}
}"#;
const CONFIG: &str = "homeassistant/sensor/0x01/temperature/config";

#[test]
fn an_announced_entity_lives() {
    let mut mapping = mapping(json!({}));
    let (drafts, wants) = mapping.take(&message(CONFIG, SENSOR, true));
    assert_eq!(
        drafts[0].labels,
        [
            ("entity".to_owned(), "sensor.0x01_temperature".to_owned()),
            ("domain".to_owned(), "sensor".to_owned()),
            ("device".to_owned(), "0x01".to_owned()),
            ("area".to_owned(), "attic".to_owned()),
        ]
    );
    let fields = [
        "/entity/name",
        "/entity/attributes/unit_of_measurement",
        "/area_id",
    ];
    assert_eq!(
        shown(drafts, &fields),
        [
            r#"entity.added entity/sensor.0x01_temperature/registry "Attic Temperature" "°C" "attic""#
        ]
    );
    let wants: Vec<String> = wants.iter().map(Pattern::filter).collect();
    assert_eq!(
        wants,
        [
            "zigbee2mqtt/attic",
            "zigbee2mqtt/bridge/state",
            "zigbee2mqtt/attic/availability"
        ]
    );
    let states = ["/old_state", "/new_state"];
    assert_eq!(
        take(&mut mapping, CONFIG, SENSOR, &[]),
        Vec::<String>::new(),
        "announced again: no news"
    );
    let state =
        |mapping: &mut Mapping, payload: &str| take(mapping, "zigbee2mqtt/attic", payload, &states);
    let changed = "entity.state_changed entity/sensor.0x01_temperature/state";
    assert_eq!(
        state(&mut mapping, r#"{"temperature": 21.5}"#),
        [format!("{changed} \"21.5\"")]
    );
    assert_eq!(
        state(&mut mapping, r#"{"temperature": 21.5}"#),
        Vec::<String>::new()
    );
    assert_eq!(
        state(&mut mapping, r#"{"temperature": 22}"#),
        [format!("{changed} \"21.5\" \"22\"")]
    );
    assert_eq!(state(&mut mapping, "{}"), Vec::<String>::new());
    assert_eq!(
        mapping.problems.counts().collect::<Vec<_>>(),
        [("value template gives nothing", 1)]
    );
    let removed = take(&mut mapping, CONFIG, "", &[]);
    assert_eq!(
        removed,
        ["entity.removed entity/sensor.0x01_temperature/registry"]
    );
    assert_eq!(
        state(&mut mapping, r#"{"temperature": 30}"#),
        Vec::<String>::new(),
        "it is gone"
    );
}

#[test]
fn availability_is_the_devices_status() {
    let mut mapping = mapping(json!({}));
    take(&mut mapping, CONFIG, SENSOR, &[]);
    let fields = ["/status", "/name", "/mac", "/properties/model"];
    let status =
        |mapping: &mut Mapping, topic: &str, payload: &str| take(mapping, topic, payload, &fields);
    let is = |word: &str| {
        format!(r#"device.status device/0x01/status "{word}" "Attic" "aa:bb:cc:dd:ee:ff" "W1""#)
    };
    let offline = status(
        &mut mapping,
        "zigbee2mqtt/attic/availability",
        r#"{"state": "online"}"#,
    );
    assert_eq!(
        offline,
        [is("offline")],
        "the mode is all, and the bridge has not said so"
    );
    let online = status(
        &mut mapping,
        "zigbee2mqtt/bridge/state",
        r#"{"state": "online"}"#,
    );
    assert!(online.contains(&is("online")), "{online:?}");
    let gone = status(&mut mapping, "zigbee2mqtt/attic/availability", "offline");
    assert_eq!(gone, [is("offline")]);
    assert_eq!(
        status(&mut mapping, "zigbee2mqtt/attic/availability", "perhaps"),
        Vec::<String>::new()
    );
}

#[test]
fn a_device_announces_several_at_once() {
    let mut mapping = mapping(json!({}));
    let announcement = |components: Value| {
        json!({
            "dev": {"ids": "kitchen", "name": "Kitchen"}, "o": {"name": "x"}, "stat_t": "k/state",
            "avty_t": "k/lwt", "cmps": components,
        })
        .to_string()
    };
    let both = announcement(json!({
        "t": {"p": "sensor", "uniq_id": "k_t", "val_tpl": "{{ value_json.t }}", "name": "T"},
        "s": {"p": "switch", "uniq_id": "k_s", "val_tpl": "{{ value_json.s }}", "pl_on": "1", "pl_off": "0"},
    }));
    let topic = "homeassistant/device/kitchen/config";
    let added = take(&mut mapping, topic, &both, &["/entity/name"]);
    assert_eq!(
        added,
        [
            r#"entity.added entity/switch.k_s/registry "Kitchen""#,
            r#"entity.added entity/sensor.k_t/registry "Kitchen T""#
        ]
    );
    let states = take(
        &mut mapping,
        "k/state",
        r#"{"t": 1.5, "s": 1}"#,
        &["/new_state"],
    );
    assert_eq!(states.len(), 2);
    assert!(
        states.contains(&r#"entity.state_changed entity/switch.k_s/state "on""#.to_owned()),
        "{states:?}"
    );
    let status = take(&mut mapping, "k/lwt", "online", &["/status"]);
    assert_eq!(status, [r#"device.status device/kitchen/status "online""#]);
    let one = announcement(
        json!({"s": {"p": "switch"}, "t": {"p": "sensor", "uniq_id": "k_t", "val_tpl": "{{ value_json.t }}", "name": "T"}}),
    );
    let removed = take(&mut mapping, topic, &one, &[]);
    assert_eq!(removed, ["entity.removed entity/switch.k_s/registry"]);
}

#[test]
fn lights_binary_sensors_and_plain_states() {
    let mut mapping = mapping(json!({}));
    let announce = |mapping: &mut Mapping, component: &str, mut config: Value| {
        config["uniq_id"] = "x".into();
        config["stat_t"] = "x/state".into();
        let topic = format!("homeassistant/{component}/x/config");
        mapping.take(&message(&topic, &config.to_string(), true));
    };
    announce(&mut mapping, "light", json!({"schema": "json"}));
    announce(
        &mut mapping,
        "binary_sensor",
        json!({"val_tpl": "{{ 'ON' if value_json.brightness > 100 else 'OFF' }}"}),
    );
    let fields = ["/new_state", "/attributes/brightness"];
    let states = take(
        &mut mapping,
        "x/state",
        r#"{"state": "ON", "brightness": 254}"#,
        &fields,
    );
    assert_eq!(
        states,
        [
            r#"entity.state_changed entity/binary_sensor.x/state "on""#,
            r#"entity.state_changed entity/light.x/state "on" 254"#,
        ]
    );
    let dimmed = take(
        &mut mapping,
        "x/state",
        r#"{"state": "ON", "brightness": 120}"#,
        &fields,
    );
    assert_eq!(
        dimmed,
        [r#"entity.state_changed entity/light.x/state "on" 120"#],
        "an attribute is news"
    );
}

#[test]
fn announcements_that_are_not_understood_are_told_and_the_rest_goes_on() {
    let mut mapping = mapping(json!({}));
    for payload in ["<html>", "[]", "{"] {
        assert_eq!(
            take(&mut mapping, CONFIG, payload, &[]),
            Vec::<String>::new()
        );
    }
    let jinja = r#"{"uniq_id": "j", "stat_t": "j", "val_tpl": "{% if value %}a{% endif %}"}"#;
    let added = take(&mut mapping, "homeassistant/sensor/j/config", jinja, &[]);
    assert_eq!(added, ["entity.added entity/sensor.j/registry"]);
    assert_eq!(
        take(&mut mapping, "j", "1", &[]),
        Vec::<String>::new(),
        "no state rather than a wrong one"
    );
    let counts: Vec<_> = mapping.problems.counts().collect();
    assert_eq!(
        counts,
        [
            ("announcement that can't be read", 3),
            ("announcement that is not understood", 1)
        ]
    );
    for n in 0..30 {
        let config = json!({"uniq_id": n.to_string(), "stat_t": "s"}).to_string();
        take(
            &mut mapping,
            &format!("homeassistant/sensor/{n}/config"),
            &config,
            &[],
        );
    }
    assert_eq!(mapping.counts().0, 20, "max-entities");
}

#[test]
fn what_is_no_longer_retained_is_gone_after_a_resynchronisation() {
    let mut mapping =
        mapping(json!({"rules": [{"topic": "lwt/{device}", "kind": "device.status"}]}));
    mapping.begin_sync();
    let other = SENSOR.replace("0x01", "0x02");
    take(&mut mapping, CONFIG, SENSOR, &[]);
    take(
        &mut mapping,
        "homeassistant/sensor/0x02/temperature/config",
        &other,
        &[],
    );
    for device in ["a", "b"] {
        assert_eq!(
            take(&mut mapping, &format!("lwt/{device}"), "online", &[]).len(),
            1
        );
    }
    assert_eq!(shown(mapping.end_sync(), &[]), Vec::<String>::new());
    mapping.begin_sync();
    assert_eq!(
        take(&mut mapping, CONFIG, SENSOR, &[]),
        Vec::<String>::new()
    );
    assert_eq!(
        take(&mut mapping, "lwt/a", "online", &[]),
        Vec::<String>::new()
    );
    let gone = shown(mapping.end_sync(), &["/status"]);
    assert_eq!(
        gone,
        [
            r#"device.status device/b/status "offline""#,
            "entity.removed entity/sensor.0x02_temperature/registry",
        ]
    );
}

#[test]
fn what_is_announced_is_not_told_twice() {
    let mut mapping = mapping(json!({}));
    take(
        &mut mapping,
        "zigbee2mqtt/bridge/devices",
        &DEVICES.replace("attic/lamp", "attic"),
        &[],
    );
    take(&mut mapping, CONFIG, SENSOR, &[]);
    let said = take(
        &mut mapping,
        "zigbee2mqtt/attic",
        r#"{"temperature": 20, "state": "ON"}"#,
        &[],
    );
    assert_eq!(
        said,
        [
            "device.metrics device/0x01/metrics",
            "entity.state_changed entity/sensor.0x01_temperature/state"
        ]
    );
}

#[test]
fn what_was_known_is_handed_over() {
    let mut first = mapping(json!({}));
    take(&mut first, CONFIG, SENSOR, &[]);
    take(&mut first, "zigbee2mqtt/bridge/devices", DEVICES, &[]);
    take(
        &mut first,
        "zigbee2mqtt/attic",
        r#"{"temperature": 20}"#,
        &[],
    );
    let known = serde_json::to_string(first.known()).unwrap();
    let mut next = mapping(json!({}));
    next.known = serde_json::from_str(&known).unwrap();
    next.known.devices.bound(20);
    next.known
        .discovery
        .configure(&["homeassistant".to_owned()], 20);
    let same = take(
        &mut next,
        "zigbee2mqtt/attic",
        r#"{"temperature": 20}"#,
        &[],
    );
    assert_eq!(same, Vec::<String>::new());
    let changed = take(
        &mut next,
        "zigbee2mqtt/attic",
        r#"{"temperature": 21}"#,
        &["/old_state"],
    );
    assert_eq!(
        changed,
        [r#"entity.state_changed entity/sensor.0x01_temperature/state "20""#]
    );
}
