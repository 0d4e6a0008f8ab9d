//! The two channels and what is told on them.

use super::*;

fn published(kind: &str, data: &Value) -> Published {
    Event::new(kind, "x/y", data).publish().unwrap();
    let event = testing::published().remove(0);
    Published {
        seq: 1,
        source: "guard".to_owned(),
        received_at: 1_795_182_045_250,
        event,
    }
}

#[test]
fn the_channels_messages_have_their_fields() {
    let mut plugin = HomeGuard(config());
    let mut encoded = |kind: &str, data: &Value| {
        let messages = plugin.encode(vec![published(kind, data)]).remove(0);
        messages
            .into_iter()
            .map(|text| serde_json::from_str::<Value>(&text).unwrap())
            .collect::<Vec<_>>()
    };
    let told = json!({"type": "new_alert", "data": {
        "alert_id": "7", "device_ip": "192.168.1.20", "device_name": "Camera", "device_mac": "aa:bb:cc:00:11:20",
        "severity": "high", "reason": "Unusual traffic", "timestamp": 1_795_182_045.25, "action_taken": "logged",
        "status": "active", "anomaly_score": -0.31,
    }});
    assert_eq!(encoded("alert.raised", &alert()), [told]);
    let bare = json!({"alert_id": "a", "category": "security", "severity": "low", "title": "T", "status": "open"});
    let told = json!({"type": "new_alert", "data": {
        "alert_id": "a", "device_ip": "", "device_name": "Unknown", "severity": "low", "reason": "T",
        "timestamp": 1_795_182_045.25, "action_taken": "none", "status": "open",
    }});
    assert_eq!(encoded("alert.raised", &bare), [told]);
    for (ours, theirs) in [
        ("online", "active"),
        ("idle", "idle"),
        ("offline", "offline"),
        ("blocked", "blocked"),
    ] {
        let told =
            json!({"type": "device_update", "data": guard_camera(theirs, ours == "blocked")});
        assert_eq!(
            encoded("device.status", &camera(ours, ours == "blocked")),
            [told]
        );
    }
    let nothing: Vec<Value> = Vec::new();
    assert_eq!(encoded("alert.updated", &alert()), nothing);
    assert_eq!(encoded("device.status", &json!({"device_id": 5})), nothing);
}

#[test]
fn a_channel_is_its_path_and_any_text_is_answered() {
    let mut plugin = HomeGuard(config());
    let client = |path: &str| DialectClient {
        id: "c".to_owned(),
        path: path.to_owned(),
        query: Vec::new(),
        caller: Caller::Identified(ann()),
        address: "192.0.2.1".to_owned(),
        session: String::new(),
    };
    let mut opened = |path: &str| match plugin.on_open(client(path)).remove(0) {
        Action::Subscribe((name, filter)) => {
            let labels: Vec<String> = filter
                .conditions
                .iter()
                .map(|c| format!("{}={:?}", c.label, c.any_of))
                .collect();
            format!("{name} {:?} {:?} {labels:?}", filter.topics, filter.kinds)
        }
        Action::Close((code, _)) => format!("close {code}"),
        other => format!("{other:?}"),
    };
    assert_eq!(
        opened("/ws/alerts"),
        r#"alerts ["alert/#"] ["alert.raised"] ["source=[\"guard\"]", "category=[\"security\"]"]"#
    );
    assert_eq!(
        opened("/ws/devices/"),
        r#"devices ["device/#"] ["device.status"] ["source=[\"guard\"]"]"#
    );
    assert_eq!(opened("/ws"), "close 1008");
    for text in ["ping", "{}", ""] {
        let actions = plugin.on_text(client("/ws/alerts"), text.to_owned());
        let [Action::Send(pong)] = &actions[..] else {
            panic!("{actions:?}")
        };
        assert_eq!(pong, r#"{"type":"pong","message":"Connection alive"}"#);
    }
}
