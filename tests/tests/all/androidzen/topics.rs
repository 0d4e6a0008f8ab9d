//! What each topic brings, and that a reload takes none away.

use super::*;
use hearthgate_tests::Admin;

/// An event of each kind, on two devices.
async fn everything(admin: &Admin) {
    let event = |kind: &str, topic: &str, labels: Value, data: Value| json!({"kind": kind, "topic": topic, "labels": labels, "data": data});
    let d1 = || json!({"device": "d1"});
    let now = "2026-11-20T10:15:00.000Z";
    let kept = |mut event: Value| {
        event["retain"] = true.into();
        event
    };
    for device in ["d1", "d2"] {
        let labels = json!({"device": device});
        let status = json!({"device_id": device, "name": "Pixel", "status": "online", "battery_level": 85.0, "last_seen": now});
        admin
            .publish(kept(event(
                "device.status",
                &format!("device/{device}/status"),
                labels.clone(),
                status,
            )))
            .await;
        let metrics = json!({"device_id": device, "metrics": {"cpu_usage": 45.2, "memory_usage": 67.8, "battery_level": 85.0}});
        admin
            .publish(kept(event(
                "device.metrics",
                &format!("device/{device}/metrics"),
                labels,
                metrics,
            )))
            .await;
    }
    for (kind, topic, labels, data) in [
        (
            "device.connected",
            "device/d1/connection",
            d1(),
            json!({"device_id": "d1", "name": "Pixel"}),
        ),
        (
            "device.disconnected",
            "device/d1/connection",
            d1(),
            json!({"device_id": "d1", "reason": "unplugged"}),
        ),
        (
            "device.action",
            "device/d1/action",
            d1(),
            json!({"action_id": "a1", "device_id": "d1", "action_type": "reboot", "status": "completed", "result": {"exit_code": 0}}),
        ),
        (
            "performance.updated",
            "performance/all",
            json!({}),
            json!({"value": 12.5, "type": "cpu", "samples": 3}),
        ),
        (
            "analytics.updated",
            "analytics/d1",
            d1(),
            json!({"device_id": "d1", "metrics": {"score": 9}}),
        ),
        (
            "alert.raised",
            "alert/security/1",
            d1(),
            json!({"alert_id": "1", "category": "security", "severity": "high", "title": "Security Alert", "message": "Suspicious activity detected", "status": "open", "device": {"id": "d1"}}),
        ),
        (
            "alert.raised",
            "alert/device/2",
            json!({"device": "d1", "category": "device"}),
            json!({"alert_id": "2", "category": "device", "severity": "low", "title": "Battery low", "status": "open"}),
        ),
        (
            "notification.sent",
            "notification/1",
            json!({}),
            json!({"id": "1", "type": "security", "title": "Security Alert", "message": "Suspicious activity detected", "severity": "high", "read": false, "device_id": "device_1"}),
        ),
        (
            "broadcast.sent",
            "broadcast/custom",
            json!({}),
            json!({"type": "custom", "data": {"for": "all"}}),
        ),
        (
            "broadcast.sent",
            "broadcast/custom",
            json!({"channel": "my topic"}),
            json!({"type": "custom", "data": {"for": "some"}}),
        ),
        (
            "system.status",
            "system/status",
            json!({}),
            json!({"status": "degraded", "details": {}}),
        ),
        (
            "test.event",
            "test/a",
            json!({}),
            json!({"nobody": "knows it"}),
        ),
    ] {
        admin.publish(event(kind, topic, labels, data)).await;
    }
}

#[tokio::test]
async fn each_topic_brings_its_messages_and_each_but_once() {
    let gateway = start(setup()).await;
    let admin = gateway.admin();
    let mut transcript = String::new();
    let topics: [&[&str]; 10] = [
        &[],
        &["device_status"],
        &["device_d1"],
        &["metrics_d2"],
        &["notifications"],
        &["security"],
        &["performance"],
        &["analytics"],
        &["my topic"],
        &[
            "device_status",
            "device_d1",
            "device_d2",
            "security",
            "metrics_d1",
            "metrics_d2",
        ],
    ];
    let mut clients = Vec::new();
    for names in topics {
        let mut client = open(&gateway, "").await;
        for name in names {
            subscribe(&mut client, name).await;
        }
        clients.push(client);
    }
    let mut left = open(&gateway, "").await;
    for name in ["device_status", "device_d1", "metrics_d1", "security"] {
        subscribe(&mut left, name).await;
        say(
            &mut left,
            json!({"type": "unsubscription", "data": {"topic": name}}),
        )
        .await;
    }
    everything(&admin).await;
    for (names, client) in topics.iter().zip(&mut clients) {
        // The last of what everybody gets tells that all has come.
        client
            .find("the last message", |message| {
                message["data"]["message"] == "System status: degraded"
            })
            .await;
        let _ = writeln!(transcript, "{}:", names.join(", "));
        for message in client.take_kept() {
            let _ = writeln!(transcript, "< {}", shown(&message));
        }
    }
    left.find("the last message", |message| {
        message["data"]["message"] == "System status: degraded"
    })
    .await;
    assert_eq!(
        left.take_kept().len(),
        1,
        "one that left all its topics gets what is for all"
    );
    golden("androidzen/topics.txt", &transcript);
}

#[tokio::test]
async fn a_reload_keeps_clients_their_topics_and_their_sessions() {
    let gateway = start(setup()).await;
    let mut client = open(&gateway, "").await;
    subscribe(&mut client, "device_d1").await;
    gateway.install("androidzen", 1);
    let outcome = gateway.reload_after("androidzen", &Value::Null).await;
    assert_eq!(outcome["outcome"], "reloaded", "{outcome}");
    subscribe(&mut client, "device_d2").await;
    everything(&gateway.admin()).await;
    client
        .find("the last message", |message| {
            message["data"]["message"] == "System status: degraded"
        })
        .await;
    let kept = client.take_kept();
    let devices: Vec<&Value> = kept
        .iter()
        .filter(|m| m["type"] == "device_status")
        .map(|m| &m["data"]["devices"][0]["id"])
        .collect();
    assert_eq!(
        devices,
        ["d1", "d2"],
        "the topic from before, and the one after"
    );
    let refreshed = say(&mut client, json!({"type": "refresh_data"})).await;
    assert_eq!(refreshed["data"]["count"], 2, "{refreshed}");
}

#[tokio::test]
async fn refresh_data_sends_nothing_that_the_client_may_not_read() {
    let rules = r##"[access]
public = ["system/#"]

[[access.rule]]
subjects = ["42"]
read = ["device/d1/status"]
"##;
    let gateway = start(setup().access(rules)).await;
    everything(&gateway.admin()).await;
    for (query, expected) in [("", 0), (&*format!("?token={ADA}"), 1)] {
        let mut client = open(&gateway, query).await;
        for topic in ["device_status", "metrics_d1", "security"] {
            subscribe(&mut client, topic).await;
        }
        client.send_text(r#"{"type": "refresh_data"}"#).await;
        let done = client
            .find("the answer", |message| message["data"]["count"].is_u64())
            .await;
        assert_eq!(done["data"]["count"], expected, "{query}: {done}");
        let states = received(&mut client).await;
        assert_eq!(states.len(), expected, "{query}: {states:?}");
    }
}
