//! AndroidZen Pro's clients: every message of its document as it is printed there, and what it is answered, as golden transcripts.

use hearthgate_tests::transcript::{golden, masked};
use hearthgate_tests::{Admin, Client, Gateway, Setup, wait};
use hyper::Method;
use serde_json::{Value, json};
use std::fmt::Write as _;

const ADMIN: &str = "hgt_androidzen-admin";
const ADA: &str = "hgt_androidzen-ada";

const SECTIONS: &str = r##"
[auth.tokens.admin]
hash = "sha256:8682a6e1217708e61fb32b6e0c8701db55ec418e658d8325b493988f6e6eb84c"
subject = "1"
roles = ["admin"]

[auth.tokens.ada]
hash = "sha256:3dcf373ab5f1d042dcd94366a8732220cdf39b34ae45bb2894ed28016c285534"
subject = "42"

[dialects.androidzen]
heartbeat-interval = "never"
idle-timeout = "5m"

[handlers.androidzen]
plugin = "androidzen"
grants = { publish = ["alert/#", "analytics/#", "broadcast/#", "device/#", "notification/#", "performance/#"], subscribe = ["#"], call = ["start_monitoring"], gateway = ["clients", "disconnect", "send"] }

[handlers.polly]
plugin = "parrot"
grants = { handle = ["parrot"] }
"##;

const LISTENER: &str = r#"authentication = "lenient"
query-token = true
routes = [
  { path = "/ws", dialect = "androidzen" },
  { path = "/ws/{*rest}", plugin = "androidzen" },
  { path = "/native", dialect = "native" },
]"#;

fn setup() -> Setup {
    Setup::new()
        .listener(LISTENER)
        .plugin("androidzen")
        .plugin("parrot")
        .toml(SECTIONS)
}

/// A client whose greeting has come.
async fn open(gateway: &Gateway, query: &str) -> Client {
    let path = format!("/ws{query}");
    let mut client = Client::open(gateway.address(), &path)
        .await
        .expect("the handshake succeeds");
    client.welcome = client.next().await;
    assert_eq!(client.welcome["type"], "device_connected");
    client
}

async fn say(client: &mut Client, message: Value) -> Value {
    client.send_text(message.to_string()).await;
    client.next().await
}

async fn subscribe(client: &mut Client, topic: &str) {
    let answer = say(
        client,
        json!({"type": "subscription", "data": {"topic": topic}}),
    )
    .await;
    assert_eq!(
        answer["data"],
        json!({"topic": topic, "status": "subscribed"})
    );
}

/// Whatever came since: everything before the answer to a heartbeat.
async fn received(client: &mut Client) -> Vec<Value> {
    client.send_text(r#"{"type": "heartbeat"}"#).await;
    let mut all = Vec::new();
    loop {
        let message = client.next().await;
        if message["type"] == "heartbeat" {
            return all;
        }
        all.push(message);
    }
}

/// What differs from run to run replaced.
fn shown(message: &Value) -> Value {
    let mut message = masked(message);
    let data = &mut message["data"];
    if message_id(data) {
        data["id"] = "<id>".into();
    }
    message
}

fn message_id(data: &Value) -> bool {
    data["id"].as_str().is_some_and(|id| id.len() == 16)
}

#[tokio::test]
async fn every_message_of_a_client_and_its_answer() {
    let gateway = setup().start().await;
    let mut client = open(&gateway, "?client_id=phone-1").await;
    let mut transcript = format!("< {}\n", masked(&client.welcome));
    for text in [
        "{\n    type: 'subscription',\n    data: { topic: 'device_device1' }\n}",
        r#"{"type":"subscription","data":{"topic":"device_device1"}}"#,
        r#"{"type":"subscription","data":{"topic":"device_device1"}}"#,
        r#"{"type":"subscription","data":{"topic":"device_status"}}"#,
        r#"{"type":"subscription","data":{"topic":"notifications"}}"#,
        r#"{"type":"unsubscription","data":{"topic":"notifications"}}"#,
        r#"{"type":"unsubscription","data":{"topic":"never subscribed"}}"#,
        r#"{"type":"subscription","data":{"topic":""}}"#,
        r#"{"type":"subscription"}"#,
        r#"{"type":"heartbeat"}"#,
        r#"{"type":"heartbeat","data":{},"timestamp":"2026-01-01T00:00:00.000000"}"#,
        r#"{"type":"ping"}"#,
        r#"{"type":"subscribe_device","payload":{"deviceId":"device1"}}"#,
        r#"{"type":"unsubscribe_device","payload":{"deviceId":"device1"}}"#,
        r#"{"type":"refresh_data"}"#,
        r#"{"type":"scan_devices"}"#,
        r#"{"type":"security_scan"}"#,
        r#"{"type":"change_performance_metric","metric":"cpu"}"#,
        r#"{"type":"change_performance_timeframe","timeframe":"1h"}"#,
        r#"{"type":"update_settings","settings":{}}"#,
        r#"{"type":"parrot","data":{"say":"hello"}}"#,
        r#"{"type":"no such type"}"#,
        r#"{"data":{}}"#,
        "not json",
        "[]",
    ] {
        client.send_text(text).await;
        let mut answer = client.next().await;
        if answer["type"] == "parrot" {
            // Who asked differs from run to run; that the handler was asked is what counts.
            answer["data"] = json!({"heard": answer["data"]["heard"]});
        }
        let _ = writeln!(
            transcript,
            "> {}\n< {}",
            text.replace('\n', " "),
            shown(&answer)
        );
    }
    client.send_text(r#"{"type":"pong"}"#).await;
    assert!(
        received(&mut client).await.is_empty(),
        "a pong has no answer"
    );
    golden("androidzen/messages.txt", &transcript);
}

#[tokio::test]
async fn who_one_is() {
    let gateway = setup().start().await;
    let anonymous = open(&gateway, "").await;
    assert_eq!(
        (
            &anonymous.welcome["data"]["user_id"],
            &anonymous.welcome["data"]["username"]
        ),
        (&Value::Null, &Value::Null)
    );
    let ada = open(&gateway, &format!("?token={ADA}")).await;
    assert_eq!(ada.welcome["data"]["user_id"], "42");
    let bearer = open(&gateway, &format!("?token=Bearer%20{ADA}&client_id=a")).await;
    assert_eq!(
        (
            &bearer.welcome["data"]["user_id"],
            &bearer.welcome["data"]["client_id"]
        ),
        (&json!("42"), &json!("a"))
    );
    for none in ["null", "undefined", "", "no-such-token", "a.b.c"] {
        let stranger = open(&gateway, &format!("?token={none}")).await;
        assert_eq!(
            stranger.welcome["data"]["user_id"],
            Value::Null,
            "{none} refuses nobody"
        );
    }
}

/// An event of each kind, on two devices.
async fn everything(admin: &Admin) {
    let event = |kind: &str, topic: &str, labels: Value, data: Value| json!({"kind": kind, "topic": topic, "labels": labels, "data": data});
    let d1 = || json!({"device": "d1"});
    let now = "2026-11-20T10:15:00.000Z";
    for device in ["d1", "d2"] {
        let labels = json!({"device": device});
        let status = json!({"device_id": device, "name": "Pixel", "status": "online", "battery_level": 85.0, "last_seen": now});
        admin
            .publish(event(
                "device.status",
                &format!("device/{device}/status"),
                labels.clone(),
                status,
            ))
            .await;
        let metrics = json!({"device_id": device, "metrics": {"cpu_usage": 45.2, "memory_usage": 67.8, "battery_level": 85.0}});
        admin
            .publish(event(
                "device.metrics",
                &format!("device/{device}/metrics"),
                labels,
                metrics,
            ))
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
    let gateway = setup().start().await;
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
    let gateway = setup().start().await;
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
async fn silence_is_closed_with_a_code_to_come_back_on() {
    let gateway = Setup::new()
        .listener(LISTENER)
        .plugin("androidzen")
        .plugin("parrot")
        .toml(&SECTIONS.replace("\"5m\"", "\"1s\""))
        .start()
        .await;
    let mut client = open(&gateway, "").await;
    assert_eq!(client.closed().await.code, Some(1001));
}

async fn ask(
    gateway: &Gateway,
    method: Method,
    path: &str,
    token: Option<&str>,
    body: Value,
) -> (u16, Value) {
    let bearer = token.map(|token| format!("Bearer {token}"));
    let headers: Vec<(&str, &str)> = bearer
        .iter()
        .map(|bearer| ("authorization", bearer.as_str()))
        .collect();
    let body = (!body.is_null()).then(|| body.to_string());
    let answer = Admin::new(gateway.address())
        .ask_with(method, path, &headers, body)
        .await;
    (answer.status, answer.json())
}

#[tokio::test]
async fn every_route_and_who_may_use_it() {
    let gateway = setup().start().await;
    let mut clients = Vec::new();
    for (query, topics) in [
        (
            format!("?client_id=phone&token={ADA}"),
            &["device_d1", "metrics_d1"][..],
        ),
        (
            "?client_id=tablet".to_owned(),
            &["security", "notifications", "performance", "analytics"],
        ),
    ] {
        let mut client = open(&gateway, &query).await;
        for topic in topics {
            subscribe(&mut client, topic).await;
        }
        clients.push(client);
    }
    let mut transcript = String::new();
    let notification = json!({"title": "Security Alert", "message": "Suspicious activity detected", "type": "security", "severity": "high", "device_id": "device_1"});
    let mine = json!({"title": "T", "message": "for Ada", "user_id": "42"});
    let requests = [
        (Method::GET, "/ws/stats", None, Value::Null),
        (Method::POST, "/ws/broadcast", None, json!({})),
        (
            Method::POST,
            "/ws/broadcast",
            Some("not-a-token"),
            json!({}),
        ),
        (Method::POST, "/ws/broadcast", Some(ADA), json!({})),
        (Method::POST, "/ws/broadcast", Some(ADMIN), Value::Null),
        (
            Method::POST,
            "/ws/broadcast",
            Some(ADMIN),
            json!({"type": "device_status", "data": {"devices": []}, "subscription_filter": "device_d1"}),
        ),
        (
            Method::POST,
            "/ws/broadcast",
            Some(ADMIN),
            json!({"type": "X"}),
        ),
        (
            Method::POST,
            "/ws/send-to-user/42",
            Some(ADMIN),
            json!({"type": "system_message", "data": {"message": "hello"}}),
        ),
        (
            Method::POST,
            "/ws/send-to-user/7",
            Some(ADMIN),
            json!({"type": "system_message", "data": {}}),
        ),
        (
            Method::POST,
            "/ws/device-alert",
            Some(ADMIN),
            json!({"device_id": "d1"}),
        ),
        (Method::POST, "/ws/device-alert", Some(ADMIN), json!({})),
        (
            Method::POST,
            "/ws/security-alert",
            Some(ADMIN),
            json!({"device_id": "d1", "alert_type": "malware", "message": "M", "severity": "high"}),
        ),
        (
            Method::POST,
            "/ws/live-metrics",
            Some(ADMIN),
            json!({"device_id": "d1", "metrics": {"cpu_usage": 45.2, "memory_usage": 67.8, "battery_level": 85}}),
        ),
        (Method::POST, "/ws/notification", Some(ADMIN), notification),
        (Method::POST, "/ws/notification", Some(ADMIN), mine),
        (
            Method::POST,
            "/ws/notification",
            Some(ADMIN),
            json!({"title": "T"}),
        ),
        (
            Method::POST,
            "/ws/performance-data",
            Some(ADMIN),
            json!({"value": 3, "type": "fps"}),
        ),
        (
            Method::POST,
            "/ws/analytics-update",
            Some(ADMIN),
            json!({"device_id": "d1", "metrics": {"score": 1}}),
        ),
        (
            Method::POST,
            "/ws/device-action/d1",
            Some(ADMIN),
            json!({"action_id": "a", "action_type": "reboot", "status": "completed", "result": {"ok": true}}),
        ),
        (
            Method::POST,
            "/ws/start-monitoring/d1",
            Some(ADMIN),
            json!({}),
        ),
        (Method::POST, "/ws/cleanup", Some(ADMIN), Value::Null),
        (
            Method::DELETE,
            "/ws/connections/nobody",
            Some(ADMIN),
            Value::Null,
        ),
        (Method::GET, "/ws/nothing", Some(ADMIN), Value::Null),
        (Method::GET, "/ws/broadcast", Some(ADMIN), Value::Null),
    ];
    for (method, path, token, body) in requests {
        let (status, mut answer) = ask(&gateway, method.clone(), path, token, body.clone()).await;
        if answer["notification_id"].is_string() {
            answer["notification_id"] = "<id>".into();
        }
        let who = match token {
            None => "nobody",
            Some(ADMIN) => "admin",
            Some(ADA) => "ada",
            Some(_) => "a liar",
        };
        let _ = writeln!(
            transcript,
            "{method} {path} {body} ({who})\n{status} {answer}"
        );
    }
    for (client, name) in clients.iter_mut().zip(["phone", "tablet"]) {
        let _ = writeln!(transcript, "{name} received:");
        for message in received(client).await {
            let _ = writeln!(transcript, "< {}", shown(&message));
        }
    }
    golden("androidzen/routes.txt", &transcript);
    let (status, answer) = ask(
        &gateway,
        Method::DELETE,
        "/ws/connections/tablet",
        Some(ADMIN),
        Value::Null,
    )
    .await;
    assert_eq!((status, &answer["client_id"]), (200, &json!("tablet")));
    assert_eq!(clients[1].closed().await.code, Some(1001));
    assert!(
        received(&mut clients[0]).await.is_empty(),
        "the other one stays"
    );
}

#[tokio::test]
async fn open_management_asks_for_no_role() {
    let open = SECTIONS.replace(
        "plugin = \"androidzen\"",
        "plugin = \"androidzen\"\nconfig = { open-management = true }",
    );
    let gateway = Setup::new()
        .listener(LISTENER)
        .plugin("androidzen")
        .plugin("parrot")
        .toml(&open)
        .start()
        .await;
    let (status, answer) = ask(
        &gateway,
        Method::POST,
        "/ws/broadcast",
        None,
        json!({"type": "system_message", "data": {"message": "hi"}}),
    )
    .await;
    assert_eq!(
        (status, &answer["message"]),
        (200, &json!("Broadcast sent successfully")),
        "{answer}"
    );
}

#[tokio::test]
async fn monitoring_really_starts() {
    use hearthgate_tests::peers::{AdbServer, Android};
    let android = Android::new();
    let adb = AdbServer::start(&android).await;
    adb.list("d1 device model:Pixel_4\n");
    let address = adb.address();
    let devices = format!(
        "[sources.devices]\nplugin = \"device-monitor\"\n\
         grants = {{ publish = [\"device/#\", \"adapter/#\"], connect = [\"tcp://{address}\"], handle = [\"scan_devices\", \"start_monitoring\", \"stop_monitoring\"] }}\n\
         config = {{ adb = \"tcp://{address}\", interval = \"60m\", devices = {{ d1 = {{ monitor = false }} }} }}\n"
    );
    let gateway = setup()
        .plugin("device-monitor")
        .toml(&devices)
        .start()
        .await;
    let mut client = open(&gateway, "").await;
    subscribe(&mut client, "device_d1").await;
    subscribe(&mut client, "metrics_d1").await;
    wait::until("the device is there", || async {
        let scanned = adb
            .services()
            .iter()
            .any(|service| service == "host:track-devices-l");
        scanned.then_some(())
    })
    .await;
    let ask_until_known = || async {
        let (status, answer) = ask(
            &gateway,
            Method::POST,
            "/ws/start-monitoring/d1",
            Some(ADMIN),
            json!({"type": "battery", "interval": 1}),
        )
        .await;
        assert!(matches!(status, 200 | 404), "{answer}");
        (status == 200).then_some(answer)
    };
    let answer = wait::until("monitoring starts", ask_until_known).await;
    assert_eq!(
        answer,
        json!({"message": "Monitoring started successfully", "device_id": "d1", "type": "battery", "interval": 1.0})
    );
    let told = client.next_of("system_message").await;
    assert_eq!(
        (&told["data"]["device_id"], &told["data"]["interval"]),
        (&json!("d1"), &json!(1.0))
    );
    client
        .find("figures", |message| {
            message["type"] == "live_metrics" && message["data"]["metrics"]["battery_level"] == 84.0
        })
        .await;
    android.charge(30);
    client
        .find("the next figures", |message| {
            message["type"] == "live_metrics" && message["data"]["metrics"]["battery_level"] == 30.0
        })
        .await;
    let scanned = say_and_find(&mut client, "scan_devices").await;
    assert_eq!(
        scanned["data"]["devices"][0]["device_id"], "d1",
        "{scanned}"
    );
}

async fn say_and_find(client: &mut Client, kind: &str) -> Value {
    client.send_text(json!({"type": kind}).to_string()).await;
    client.next_of(kind).await
}
