#![allow(clippy::unwrap_used)]

use super::*;
use hearthgate_plugin::testing;

fn made(rule: Value, topic: &str, payload: &str) -> Result<Made, NotMade> {
    let _start = testing::start("fresh", None, vec![], vec![]);
    let config: RuleConfig = serde_json::from_value(rule).unwrap();
    let rule = config.check().unwrap();
    let captures = rule.pattern.captures(topic).expect("the topic matches");
    rule.apply(topic, &captures, payload.as_bytes(), false)
}

fn draft(rule: Value, topic: &str, payload: &str) -> Draft {
    match made(rule, topic, payload).unwrap() {
        Made::Draft(draft) => draft,
        other => panic!("{other:?}"),
    }
}

fn label<'a>(draft: &'a Draft, key: &str) -> Option<&'a str> {
    let found = draft.labels.iter().find(|(k, _)| k == key)?;
    Some(&found.1)
}

#[test]
fn figures_by_pointer_with_units_and_scale() {
    let rule = json!({
        "topic": "tele/{device}/SENSOR", "kind": "device.metrics", "labels": {"room": "bath-{device}"},
        "values": {
            "temperature": {"at": "/AM2301/Temperature", "unit": "celsius"},
            "tenths": {"at": "/tenths", "scale": 0.1, "offset": -1.0},
            "missing": {"at": "/no"},
        },
    });
    let payload = r#"{"AM2301": {"Temperature": "21.5"}, "tenths": 3}"#;
    let draft = draft(rule, "tele/fan/SENSOR", payload);
    assert_eq!(
        (draft.kind.as_str(), draft.topic.as_str()),
        ("device.metrics", "device/fan/metrics")
    );
    let expected = json!({
        "device_id": "fan", "metrics": {"temperature": 21.5, "tenths": -0.7}, "units": {"temperature": "celsius"},
    });
    assert_eq!(draft.data, expected);
    assert_eq!(
        (label(&draft, "device"), label(&draft, "room")),
        (Some("fan"), Some("bath-fan"))
    );
    assert!(draft.retain);
}

#[test]
fn without_values_every_number_is_taken() {
    let rule = || json!({"topic": "s/{id}/{metric}", "kind": "metrics.sample", "id": "{id}"});
    let plain = draft(rule(), "s/attic/humidity", " 40.5 ");
    assert_eq!(
        plain.data,
        json!({"target": "attic", "metrics": {"humidity": 40.5}})
    );
    let object = draft(
        rule(),
        "s/attic/all",
        r#"{"a": 1, "b": {"c": 2, "t": "x"}, "d": [3]}"#,
    );
    assert_eq!(object.data["metrics"], json!({"a": 1.0, "b.c": 2.0}));
    assert_eq!(object.topic, "metrics/attic");
}

#[test]
fn an_entitys_state_and_attributes() {
    let rule = json!({
        "topic": "{room}/{device}/state", "kind": "entity.state_changed", "id": "switch.{room}_{device}",
        "name": "{device} in the {room}", "labels": {"room": "{room}"},
        "values": {"state": {"at": "/POWER", "type": "text"}, "watts": {"at": "/W"}},
    });
    let draft = draft(
        rule,
        "kitchen/kettle/state",
        r#"{"POWER": "ON", "W": 2000}"#,
    );
    assert_eq!(draft.topic, "entity/switch.kitchen_kettle/state");
    assert_eq!(
        draft.data,
        json!({
            "entity_id": "switch.kitchen_kettle", "entity_type": "switch", "new_state": "ON",
            "name": "kettle in the kitchen", "room_id": "kitchen", "attributes": {"watts": 2000},
        })
    );
    assert_eq!(
        (label(&draft, "domain"), label(&draft, "room")),
        (Some("switch"), Some("kitchen"))
    );
}

#[test]
fn a_last_will_is_a_status() {
    let rule = |words: Value| {
        let mut rule = json!({"topic": "tele/{device}/LWT", "kind": "device.status"});
        rule.as_object_mut()
            .unwrap()
            .extend(words.as_object().unwrap().clone());
        rule
    };
    let online = |words: Value, payload: &str| match made(rule(words), "tele/fan/LWT", payload) {
        Ok(Made::Status { id, online, .. }) => Ok((id, online)),
        Err(NotMade(cause, _)) => Err(cause),
        other => panic!("{other:?}"),
    };
    assert_eq!(online(json!({}), "Online"), Ok(("fan".to_owned(), true)));
    assert_eq!(online(json!({}), "offline"), Ok(("fan".to_owned(), false)));
    assert_eq!(
        online(json!({}), r#"{"state": "online"}"#),
        Ok(("fan".to_owned(), true))
    );
    assert_eq!(online(json!({}), "asleep"), Err("no status"));
    let own = json!({"online": ["up"], "offline": ["down"]});
    assert_eq!(online(own.clone(), "down"), Ok(("fan".to_owned(), false)));
    assert_eq!(
        online(own, "online"),
        Err("no status"),
        "its own words replace the usual ones"
    );
}

#[test]
fn a_message_as_it_is_and_a_topic_of_ones_own() {
    let rule = json!({"topic": "doorbell/{rest#}", "kind": "mqtt.message"});
    let raw = draft(rule, "doorbell/front/ring", "1");
    assert_eq!(raw.topic, "mqtt/doorbell/front/ring");
    assert_eq!(
        raw.data,
        json!({"topic": "doorbell/front/ring", "payload": 1, "retained": false})
    );
    let rule = json!({"topic": "{house}/button", "kind": "automation.triggered", "to": "automation/{house}/b"});
    let button = draft(rule, "a+b/button", "pressed");
    assert_eq!(button.topic, "automation/a%2Bb/b");
    assert_eq!(
        button.data["trigger"],
        json!({"type": "mqtt", "value": "pressed"})
    );
}

#[test]
fn what_does_not_fit_is_told_by_its_cause() {
    let metrics =
        json!({"topic": "a/{x}", "kind": "device.metrics", "values": {"t": {"at": "/t"}}});
    let check = |payload: &str, cause: &str| match made(metrics.clone(), "a/b", payload) {
        Err(NotMade(found, _)) => assert_eq!(found, cause, "{payload}"),
        other => panic!("{other:?}"),
    };
    check("{}", "value not there");
    check(r#"{"t": "warm"}"#, "value of another type");
    check("<html>", "value not there");
    let all = json!({"topic": "a/{x}", "kind": "device.metrics"});
    assert!(matches!(
        made(all, "a/b", "warm"),
        Err(NotMade("no number", _))
    ));
}

#[test]
fn a_rule_that_can_not_work_is_refused() {
    let check = |rule: Value, key: &str| {
        let config: RuleConfig = serde_json::from_value(rule).unwrap();
        assert_eq!(config.check().err().map(|(key, _)| key), Some(key));
    };
    check(json!({"topic": "a/#/b", "kind": "mqtt.message"}), "topic");
    check(json!({"topic": "a/b", "kind": "device.status"}), "id");
    check(
        json!({"topic": "a/{x}", "kind": "device.status", "id": "{y}"}),
        "id",
    );
    check(
        json!({"topic": "a/{x}", "kind": "mqtt.message", "to": "{z}"}),
        "to",
    );
    check(
        json!({"topic": "a/{x}", "kind": "mqtt.message", "labels": {"room": "{z}"}}),
        "labels",
    );
    check(
        json!({"topic": "a/{x}", "kind": "mqtt.message", "values": {"v": {"at": "x"}}}),
        "values",
    );
    check(
        json!({"topic": "a/{x}", "kind": "mqtt.message", "online": ["x"]}),
        "online",
    );
}
