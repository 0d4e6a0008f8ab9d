//! The HTTP routes: every one, and what clients see of it.

use super::*;
use hearthgate_tests::{Admin, wait};
use hyper::Method;

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

/// Each route, rightly and wrongly used: method, path, token, body.
fn requests() -> Vec<(Method, &'static str, Option<&'static str>, Value)> {
    let notification = json!({"title": "Security Alert", "message": "Suspicious activity detected", "type": "security", "severity": "high", "device_id": "device_1"});
    let mine = json!({"title": "T", "message": "for Ada", "user_id": "42"});
    vec![
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
    ]
}

#[tokio::test]
async fn every_route_and_who_may_use_it() {
    let gateway = start(setup()).await;
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
    for (method, path, token, body) in requests() {
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
    // Events come in their order: behind this one there is nothing more.
    let end = json!({"type": "system_message", "data": {"message": "the end"}});
    ask(&gateway, Method::POST, "/ws/broadcast", Some(ADMIN), end).await;
    for (client, name) in clients.iter_mut().zip(["phone", "tablet"]) {
        client
            .find("the end", |message| message["data"]["message"] == "the end")
            .await;
        let _ = writeln!(transcript, "{name} received:");
        for message in client.take_kept() {
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
    let setup = Setup::new()
        .listener(LISTENER)
        .plugin("androidzen")
        .plugin("parrot")
        .toml(&open);
    let gateway = start(setup).await;
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
    let gateway = start(setup().plugin("device-monitor").toml(&devices)).await;
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
