//! AndroidZen Pro's listings as they stand, through a reload of the plugin and a restart of the gateway.

use crate::part;
use hearthgate_tests::{Admin, Gateway, Setup, Signal, wait};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

const TOKEN: &str = "hgt_androidzen-admin";

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/clients/androidzen")
        .join(name)
}

fn text(name: &str) -> String {
    std::fs::read_to_string(fixture(name)).expect("the fixtures are there")
}

/// The listing in the browser's language, under Node.
struct Frontend {
    _process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Frontend {
    fn start(address: SocketAddr) -> Self {
        let script = format!(
            "{}\n{}",
            text("websocket-client.js"),
            text("frontend-usage.js")
        );
        let mut process = Command::new("node")
            .args(["-e", &script])
            .env("NODE_PATH", part("HEARTHGATE_NODE_MODULES"))
            .env("GATEWAY", format!("ws://{address}"))
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("node starts");
        let output = process.stdout.take().expect("its output is a pipe");
        Self {
            _process: process,
            lines: BufReader::new(output).lines(),
        }
    }

    /// The next line that it prints: what it says, and the data of the message.
    async fn told(&mut self) -> (String, Value) {
        let line = wait::soon("the client is told", self.lines.next_line()).await;
        let line = line.expect("it prints").expect("it runs");
        let at = line.find(": ").expect("a text and its data");
        let data = serde_json::from_str(&line[at + 2..]).expect("data is JSON");
        (line[..at].to_owned(), data)
    }
}

async fn subscribed(address: SocketAddr) {
    let wanted = json!({"device_status": 1, "notifications": 1, "device_device1": 1});
    wait::until("the listing's topics are there", || async {
        let stats = Admin::new(address).get("/ws/stats").await.json();
        (stats["websocket_stats"]["subscription_counts"] == wanted).then_some(())
    })
    .await;
}

/// A status of a device that the client has asked for twice, and a notification; it is told of each once.
async fn told_once(gateway: &Gateway, client: &mut Frontend, name: &str) {
    let status = json!({"device_id": "device1", "name": name, "status": "online", "last_seen": "2026-11-20T10:15:00.000Z"});
    gateway
        .admin()
        .publish(json!({"kind": "device.status", "topic": "device/device1/status", "labels": {"device": "device1"}, "data": status}))
        .await;
    let note = json!({"id": "1", "type": "info", "title": name, "message": "M", "severity": "low", "read": false});
    gateway
        .admin()
        .publish(json!({"kind": "notification.sent", "topic": "notification/1", "data": note}))
        .await;
    let (what, data) = client.told().await;
    assert_eq!(
        (what.as_str(), &data["devices"][0]["name"]),
        ("Device status update", &json!(name))
    );
    let (what, data) = client.told().await;
    assert_eq!(
        (what.as_str(), &data["title"]),
        ("New notification", &json!(name)),
        "each once"
    );
}

#[tokio::test]
async fn the_listings_as_they_stand() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let address = free.local_addr().expect("a bound socket has an address");
    drop(free);
    let sections = format!(
        r##"
[[listener]]
address = "{address}"
authentication = "lenient"
routes = [{{ path = "/ws", dialect = "androidzen" }}, {{ path = "/ws/{{*rest}}", plugin = "androidzen" }}]

[auth.tokens.admin]
hash = "sha256:8682a6e1217708e61fb32b6e0c8701db55ec418e658d8325b493988f6e6eb84c"
subject = "1"
roles = ["admin"]

[dialects.androidzen]
heartbeat-interval = "never"
idle-timeout = "5m"

[handlers.androidzen]
plugin = "androidzen"
grants = {{ publish = ["alert/#", "analytics/#", "broadcast/#", "device/#", "notification/#", "performance/#"], subscribe = ["#"], call = ["start_monitoring"], gateway = ["clients", "disconnect", "send"] }}
"##
    );
    let mut gateway = Setup::new()
        .plugin("androidzen")
        .toml(&sections)
        .start()
        .await;
    let mut client = Frontend::start(address);
    subscribed(address).await;
    told_once(&gateway, &mut client, "at first").await;
    gateway.install("androidzen", 1);
    let outcome = gateway.reload_after("androidzen", &Value::Null).await;
    assert_eq!(outcome["outcome"], "reloaded", "{outcome}");
    told_once(&gateway, &mut client, "after the reload").await;
    gateway.signal(Signal::Terminate);
    gateway.start_again().await;
    subscribed(address).await;
    told_once(&gateway, &mut client, "after the restart").await;
    let server = Command::new(part("HEARTHGATE_PYTHON"))
        .arg("-c")
        .arg(text("websocket-manager.py"))
        .arg(fixture("backend-usage.py"))
        .env("GATEWAY", format!("http://{address}"))
        .env("TOKEN", TOKEN)
        .output();
    let server = wait::soon("the other listing", server)
        .await
        .expect("python starts");
    let answers = String::from_utf8_lossy(&server.stdout).into_owned();
    assert!(
        server.status.success(),
        "{answers}{}",
        String::from_utf8_lossy(&server.stderr)
    );
    for words in [
        "Live metrics sent successfully",
        "Notification sent successfully",
        "Broadcast sent successfully",
    ] {
        assert!(answers.contains(words), "{answers}");
    }
    let (what, data) = client.told().await;
    assert_eq!(
        (what.as_str(), &data["message"], &data["device_id"]),
        (
            "New notification",
            &json!("Suspicious activity detected"),
            &json!("device_1")
        )
    );
    let (what, data) = client.told().await;
    assert_eq!(
        (what.as_str(), &data["devices"][0]["id"]),
        ("Device status update", &json!("device_1"))
    );
}
