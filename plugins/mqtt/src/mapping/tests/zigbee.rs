//! zigbee2mqtt's own topics.

use super::*;

pub(super) const DEVICES: &str = r#"[
    {"ieee_address": "0x00", "friendly_name": "Coordinator", "type": "Coordinator"},
    {"ieee_address": "0x01", "friendly_name": "attic/lamp", "type": "Router", "power_source": "Mains (single phase)",
     "definition": {"model": "L1", "vendor": "IKEA", "description": "Lamp", "exposes": [
        {"type": "light", "features": [{"type": "binary", "name": "state", "property": "state", "value_on": "ON", "value_off": "OFF"},
                                       {"type": "numeric", "name": "brightness", "property": "brightness"}]},
        {"type": "numeric", "name": "linkquality", "property": "linkquality", "unit": "lqi"},
        {"type": "binary", "name": "contact", "property": "contact", "value_on": false, "value_off": true}]}},
    {"friendly_name": "no address"}
]"#;

#[test]
fn zigbee2mqtts_devices_are_understood() {
    let mut mapping = mapping(json!({}));
    let (_, wants) = mapping.take(&message("zigbee2mqtt/bridge/devices", DEVICES, true));
    let wants: Vec<String> = wants.iter().map(Pattern::filter).collect();
    assert_eq!(
        wants,
        [
            "zigbee2mqtt/attic/lamp",
            "zigbee2mqtt/attic/lamp/availability"
        ]
    );
    assert_eq!(
        mapping.problems.counts().collect::<Vec<_>>(),
        [("device that can't be read", 1)]
    );
    let status = ["/status", "/name", "/device_type"];
    let online = take(
        &mut mapping,
        "zigbee2mqtt/attic/lamp/availability",
        r#"{"state":"online"}"#,
        &status,
    );
    assert_eq!(
        online,
        [r#"device.status device/0x01/status "online" "attic/lamp" "Router""#]
    );
    let fields = ["/new_state", "/metrics", "/units"];
    let payload = r#"{"state": "ON", "brightness": 200, "linkquality": 80, "contact": false, "color": {"x": 1}}"#;
    let said = take(&mut mapping, "zigbee2mqtt/attic/lamp", payload, &fields);
    assert_eq!(
        said,
        [
            r#"device.metrics device/0x01/metrics {"brightness":200.0,"linkquality":80.0} {"linkquality":"lqi"}"#,
            r#"entity.state_changed entity/sensor.0x01_brightness/state "200""#,
            r#"entity.state_changed entity/binary_sensor.0x01_contact/state "on""#,
            r#"entity.state_changed entity/sensor.0x01_linkquality/state "80""#,
            r#"entity.state_changed entity/light.0x01_state/state "on""#,
        ]
    );
    let bridge = take(
        &mut mapping,
        "zigbee2mqtt/bridge/state",
        "offline",
        &["/status", "/device_type"],
    );
    assert_eq!(
        bridge,
        [
            r#"device.status device/zigbee2mqtt%2Fbridge/status "offline" "bridge""#,
            r#"device.status device/0x01/status "offline" "Router""#,
        ]
    );
    let left = r#"{"type": "device_leave", "data": {"ieee_address": "0x01", "friendly_name": "attic/lamp"}}"#;
    let left = take(&mut mapping, "zigbee2mqtt/bridge/event", left, &["/reason"]);
    assert_eq!(
        left,
        [r#"device.disconnected device/0x01/connection "left""#]
    );
    let removed = take(
        &mut mapping,
        "zigbee2mqtt/bridge/devices",
        "[]",
        &["/reason"],
    );
    assert_eq!(
        removed,
        [
            r#"device.disconnected device/0x01/connection "removed""#,
            "entity.removed entity/sensor.0x01_brightness/registry",
            "entity.removed entity/binary_sensor.0x01_contact/registry",
            "entity.removed entity/sensor.0x01_linkquality/registry",
            "entity.removed entity/light.0x01_state/registry",
        ]
    );
}

#[test]
fn the_entities_of_a_device_that_was_removed_are_removed() {
    let mut mapping = mapping(json!({}));
    take(&mut mapping, "zigbee2mqtt/bridge/devices", DEVICES, &[]);
    let payload = r#"{"state": "ON", "linkquality": 80}"#;
    take(&mut mapping, "zigbee2mqtt/attic/lamp", payload, &[]);
    let bare = r#"[{"ieee_address": "0x01", "friendly_name": "attic/lamp", "type": "Router",
        "definition": {"exposes": [{"type": "numeric", "name": "linkquality", "property": "linkquality"}]}}]"#;
    let fewer = take(&mut mapping, "zigbee2mqtt/bridge/devices", bare, &[]);
    assert_eq!(fewer, ["entity.removed entity/light.0x01_state/registry"]);
    let renamed = bare.replace("attic/lamp", "lamp");
    let kept = take(&mut mapping, "zigbee2mqtt/bridge/devices", &renamed, &[]);
    assert!(
        !kept.iter().any(|event| event.starts_with("entity.removed")),
        "{kept:?}"
    );
    let gone = take(&mut mapping, "zigbee2mqtt/bridge/devices", "[]", &[]);
    assert!(
        gone.contains(&"entity.removed entity/sensor.0x01_linkquality/registry".to_owned()),
        "{gone:?}"
    );
}
