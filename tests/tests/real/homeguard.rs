//! HomeGuard's flow from end to end: its printed page under Node, a block over HTTP, nftables in a namespace, every
//! dashboard told; through a reload of the plugin and a restart of the gateway.

use crate::part;
use crate::security::Home;
use hearthgate_tests::{Admin, Gateway, Setup, Signal, wait};
use hyper::Method;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

const LISTENER: &str = r#"
authentication = "required"
reject-status = 403
query-token = true
routes = [
    { path = "/ws/alerts", dialect = "homeguard" },
    { path = "/ws/devices", dialect = "homeguard" },
    { path = "/api/devices/{*rest}", plugin = "homeguard", authentication = "lenient" },
    { path = "/api/auth/login", plugin = "homeguard", authentication = "lenient" },
]
"#;

const SECTIONS: &str = r#"
[auth.users.ann]
password-hash = "HASH"
roles = ["admin"]

[[access.rule]]
roles = ["admin"]
read = ["alert/#", "device/#"]
call = ["*"]

[handlers.homeguard]
plugin = "homeguard"
grants = { subscribe = ["alert/#", "device/#"], call = ["list_devices", "block_device", "unblock_device"], gateway = ["login"] }

[sources.guard]
plugin = "security-alerts"
[sources.guard.config]
detector = "FOLDER/alerts.json"
neighbours = true
neighbour-interval = "300ms"
[sources.guard.grants]
publish = ["alert/#", "device/#", "adapter/#"]
handle = ["list_devices", "block_device", "unblock_device"]
files = ["FOLDER/alerts.json"]
"#;

/// A dashboard: HomeGuard's page as it is printed.
struct Dashboard {
    lines: Lines<BufReader<ChildStdout>>,
    _page: Child,
}

impl Dashboard {
    async fn open(gateway: &Gateway, token: &str) -> Self {
        let page =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/clients/homeguard/page.cjs");
        let mut child = Command::new("node")
            .arg(page)
            .args([&gateway.address().to_string(), token])
            .env("NODE_PATH", part("HEARTHGATE_NODE_MODULES"))
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("node starts");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let mut dashboard = Self {
            lines,
            _page: child,
        };
        dashboard.connected().await;
        dashboard
    }

    /// Waits until both channels are open.
    async fn connected(&mut self) {
        let mut open = [false, false];
        while open != [true, true] {
            let shown = self.shows("open", |_| true).await;
            open[usize::from(shown == "/ws/devices")] = true;
        }
    }

    /// The next thing of that sort that the page shows and that is wanted.
    async fn shows(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let search = async {
            loop {
                let line = self
                    .lines
                    .next_line()
                    .await
                    .expect("it prints")
                    .expect("the page runs");
                let shown: Value = serde_json::from_str(&line).expect("JSON");
                if shown["what"] == what && wanted(&shown["value"]) {
                    return shown["value"].clone();
                }
            }
        };
        wait::soon(&format!("the page shows {what}"), search).await
    }
}

async fn ask(
    gateway: &Gateway,
    method: Method,
    path: &str,
    token: &str,
    body: Option<Value>,
) -> (u16, Value) {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str())];
    let headers = if token.is_empty() {
        &headers[..0]
    } else {
        &headers[..]
    };
    let answer = Admin::new(gateway.address())
        .ask_with(method, path, headers, body.map(|body| body.to_string()))
        .await;
    (answer.status, answer.json())
}

fn detect(folder: &Path, ids: &[u32]) {
    let alert = |id: &u32| {
        let now = hearthgate::event::Timestamp::now().as_millis() / 1000;
        json!({"alert_id": id, "device_ip": "192.168.77.20", "severity": "high", "reason": format!("reason {id}"), "timestamp": now})
    };
    let alerts: Vec<Value> = ids.iter().map(alert).collect();
    std::fs::write(folder.join("alerts.json"), json!(alerts).to_string()).expect("written");
}

async fn start(home: &Home) -> (PathBuf, Gateway) {
    let hash = hearthgate::auth::password::hash(b"correct horse").expect("a hash");
    let setup = Setup::new()
        .plugin("security-alerts")
        .plugin("homeguard")
        .listener(LISTENER);
    let folder = setup.folder().to_path_buf();
    let sections = SECTIONS
        .replace("FOLDER", folder.to_str().expect("a path"))
        .replace("HASH", &hash);
    let gateway = setup.toml(&(sections + &home.commands())).start().await;
    for instance in ["guard", "homeguard"] {
        gateway.in_state(instance, "running").await;
    }
    (folder, gateway)
}

#[tokio::test]
async fn a_block_over_http_reaches_the_firewall_and_every_dashboard() {
    let home = Home::new();
    let (folder, mut gateway) = start(&home).await;
    let credentials = json!({"username": "ann", "password": "correct horse"});
    let (_, tokens) = ask(
        &gateway,
        Method::POST,
        "/api/auth/login",
        "",
        Some(credentials),
    )
    .await;
    let token = tokens["access_token"].as_str().expect("a token").to_owned();
    wait::until("the camera is known", || async {
        let (status, _) = ask(
            &gateway,
            Method::GET,
            "/api/devices/192.168.77.20",
            &token,
            None,
        )
        .await;
        (status == 200).then_some(())
    })
    .await;
    let mut dashboards = vec![
        Dashboard::open(&gateway, &token).await,
        Dashboard::open(&gateway, &token).await,
    ];
    let block = "/api/devices/192.168.77.20/block";
    let (status, answer) = ask(&gateway, Method::POST, block, &token, None).await;
    assert_eq!(
        (status, &answer["message"]),
        (200, &json!("Device blocked successfully"))
    );
    assert!(home.set().contains("192.168.77.20"), "{}", home.set());
    let camera = |blocked: bool| {
        move |device: &Value| {
            device["_id"] == "aa:bb:cc:00:11:20" && device["is_blocked"] == blocked
        }
    };
    for dashboard in &mut dashboards {
        let device = dashboard.shows("device", camera(true)).await;
        assert_eq!(device["status"], "blocked");
    }
    detect(&folder, &[1]);
    for dashboard in &mut dashboards {
        let toast = dashboard.shows("toast", |_| true).await;
        assert_eq!(toast, "New Alert: reason 1");
        let recent = dashboard.shows("recent", |_| true).await;
        assert!(recent[0]["timestamp"].is_number(), "{recent}");
    }
    gateway.install("homeguard", 3);
    gateway.reload_after("homeguard", &Value::Null).await;
    let unblock = "/api/devices/AA:BB:CC:00:11:20/unblock";
    assert_eq!(
        ask(&gateway, Method::POST, unblock, &token, None).await.0,
        200
    );
    assert!(!home.set().contains("192.168.77.20"), "{}", home.set());
    for dashboard in &mut dashboards {
        dashboard.shows("device", camera(false)).await;
    }
    // The page's own address must stay: it knows no other.
    let port = gateway.address();
    gateway.configure(|text| {
        text.replacen(
            "address = \"127.0.0.1:0\"",
            &format!("address = \"{port}\""),
            1,
        )
    });
    gateway.signal(Signal::Kill);
    gateway.start_again().await;
    for dashboard in &mut dashboards {
        dashboard.connected().await;
    }
    gateway.in_state("guard", "running").await;
    detect(&folder, &[1, 2]);
    for dashboard in &mut dashboards {
        dashboard
            .shows("toast", |text| text == "New Alert: reason 2")
            .await;
    }
    home.nft(&["delete", "table", "inet", "homefw"]);
    let (status, answer) = ask(&gateway, Method::POST, block, &token, None).await;
    assert_eq!(status, 500, "{answer}");
    let (_, device) = ask(
        &gateway,
        Method::GET,
        "/api/devices/192.168.77.20",
        &token,
        None,
    )
    .await;
    assert_eq!(device["is_blocked"], false, "{device}");
}
