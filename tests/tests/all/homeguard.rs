//! HomeGuard's dashboards: two channels that are strictly apart, and its HTTP API, with facts of `security-alerts`.

use hearthgate_tests::admin::Answer;
use hearthgate_tests::transcript::golden;
use hearthgate_tests::{Client, Gateway, Setup, Signal};
use hyper::Method;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

const LISTENER: &str = r#"
authentication = "required"
reject-status = 403
query-token = true
routes = [
    { path = "/ws/alerts", dialect = "homeguard" },
    { path = "/ws/devices", dialect = "homeguard" },
    { path = "/api/devices", plugin = "homeguard", authentication = "lenient" },
    { path = "/api/devices/{*rest}", plugin = "homeguard", authentication = "lenient" },
    { path = "/api/alerts", plugin = "homeguard", authentication = "lenient" },
    { path = "/api/alerts/{*rest}", plugin = "homeguard", authentication = "lenient" },
    { path = "/api/auth/login", plugin = "homeguard", authentication = "lenient" },
    { path = "/api/auth/me", plugin = "homeguard", authentication = "lenient" },
    { path = "/health", plugin = "homeguard", authentication = "lenient" },
]
"#;

const SECTIONS: &str = r#"
[auth.users.ann]
password-hash = "HASH"
roles = ["admin"]

[auth.users.eve]
password-hash = "HASH"
roles = ["viewer"]

[[access.rule]]
roles = ["admin"]
read = ["alert/#", "device/#"]
call = ["*"]

[handlers.homeguard]
plugin = "homeguard"
grants = { subscribe = ["alert/#", "device/#"], call = ["acknowledge_alert", "list_alerts", "alert_stats", "list_devices", "rename_device", "block_device", "unblock_device"], gateway = ["login"] }

[sources.guard]
plugin = "security-alerts"
[sources.guard.config]
detector = "FOLDER/alerts.json"
neighbours = true
neighbour-interval = "200ms"
names = "FOLDER/names.json"
[sources.guard.grants]
publish = ["alert/#", "device/#", "adapter/#"]
handle = ["acknowledge_alert", "list_alerts", "alert_stats", "list_devices", "rename_device", "block_device", "unblock_device"]
files = ["FOLDER/*"]
[sources.guard.grants.commands]
neighbours = { program = "/bin/cat", arguments = ["FOLDER/neigh.json"] }
block = { program = "FOLDER/block", arguments = ["{address}"] }
unblock = { program = "FOLDER/unblock", arguments = ["{address}"] }
list-blocked = { program = "/bin/cat", arguments = ["FOLDER/set"] }
"#;

/// A home with a make-believe firewall: a file is the set.
struct House {
    folder: PathBuf,
    gateway: Gateway,
    token: String,
    /// What the detector had found before.
    first: Value,
}

fn alert(id: u32) -> Value {
    json!({
        "alert_id": id, "device_ip": "192.168.1.20", "device_name": "Camera", "severity": "HIGH",
        "reason": format!("reason {id}"), "timestamp": hearthgate::event::Timestamp::now().as_millis() as f64 / 1000.0,
        "action_taken": "logged", "status": "active", "anomaly_score": -0.25,
    })
}

fn write(folder: &Path, name: &str, text: &str) {
    // By a rename, as who writes a file for others should.
    let partial = folder.join(format!(".{name}"));
    std::fs::write(&partial, text).expect("written");
    std::fs::rename(partial, folder.join(name)).expect("renamed");
}

fn script(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("written");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("ours");
}

impl House {
    async fn new() -> Self {
        let hash = hearthgate::auth::password::hash(b"correct horse").expect("a hash");
        let setup = Setup::new()
            .access("[access]\n")
            .plugin("security-alerts")
            .plugin("homeguard")
            .listener(LISTENER);
        let folder = setup.folder().to_path_buf();
        let at = folder.to_str().expect("a path").to_owned();
        std::fs::write(folder.join("set"), "").expect("written");
        script(
            &folder,
            "block",
            &format!(
                "test -e {at}/broken && echo 'no such set' >&2 && exit 1; echo $1 >> {at}/set"
            ),
        );
        script(&folder, "unblock", &format!("sed -i \"/^$1$/d\" {at}/set"));
        let first = alert(1);
        let neighbour = json!([{"dst": "192.168.1.20", "dev": "lan", "lladdr": "aa:bb:cc:00:11:20", "state": ["REACHABLE"]}]);
        write(&folder, "neigh.json", &neighbour.to_string());
        write(
            &folder,
            "names.json",
            r#"{"192.168.1.20": {"name": "Camera", "hostname": "cam.lan", "type": "camera"}}"#,
        );
        write(&folder, "alerts.json", &json!([first]).to_string());
        let sections = SECTIONS.replace("FOLDER", &at).replace("HASH", &hash);
        let gateway = setup.toml(&sections).start().await;
        let mut house = Self {
            folder,
            gateway,
            token: String::new(),
            first,
        };
        house.ready().await;
        let answer = house.login().await;
        house.token = answer.json()["access_token"]
            .as_str()
            .expect("a token")
            .to_owned();
        house.settled().await;
        house
    }

    /// Both run.
    async fn ready(&self) {
        for instance in ["guard", "homeguard"] {
            self.gateway.in_state(instance, "running").await;
        }
    }

    /// The device is known, and its first state was told.
    async fn settled(&self) {
        hearthgate_tests::wait::until("the device is known", || async {
            let answer = self
                .ask("GET", "/api/devices/192.168.1.20", Some(&self.token), None)
                .await;
            (answer.status == 200 && answer.json()["hostname"] == "cam.lan").then_some(())
        })
        .await;
    }

    async fn login(&self) -> Answer {
        self.login_as("ann").await
    }

    async fn login_as(&self, name: &str) -> Answer {
        let credentials = json!({"username": name, "password": "correct horse"});
        self.ask("POST", "/api/auth/login", None, Some(&credentials))
            .await
    }

    async fn ask(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> Answer {
        let http = hearthgate_tests::Admin::new(self.gateway.address());
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let bearer = token.map(|token| format!("Bearer {token}"));
        let headers: Vec<(&str, &str)> = bearer
            .iter()
            .map(|bearer| ("authorization", bearer.as_str()))
            .collect();
        http.ask_with(method, path, &headers, body.map(ToString::to_string))
            .await
    }

    async fn dashboard(&self, channel: &str) -> Client {
        let path = format!("/ws/{channel}?token={}", self.token);
        Client::open(self.gateway.address(), &path)
            .await
            .expect("the handshake succeeds")
    }

    fn detect(&self, alerts: &[Value]) {
        write(&self.folder, "alerts.json", &json!(alerts).to_string());
    }
}

/// Everything that the client was sent until the answer to a text of its own.
async fn pending(client: &mut Client) -> Vec<Value> {
    client.send_text("still there?").await;
    let mut seen = Vec::new();
    loop {
        let frame = client.next().await;
        if frame["type"] == "pong" {
            return seen;
        }
        seen.push(frame);
    }
}

/// What differs from run to run is replaced; a number stays told apart from a text.
fn masked(value: &Value) -> Value {
    match value {
        Value::Object(object) => object
            .iter()
            .map(|(key, value)| (key.clone(), mask(key, value)))
            .collect(),
        Value::Array(list) => list.iter().map(masked).collect(),
        other => other.clone(),
    }
}

fn mask(key: &str, value: &Value) -> Value {
    let sort = match value {
        Value::Number(_) => "number",
        Value::String(_) => "text",
        _ => return masked(value),
    };
    match key {
        "timestamp" | "first_seen" | "last_seen" | "access_token" | "refresh_token" => {
            json!(format!("<{key}: {sort}>"))
        }
        _ => value.clone(),
    }
}

#[tokio::test]
async fn every_message_and_every_answer_is_as_documented() {
    let house = House::new().await;
    let (mut alerts, mut devices) = (
        house.dashboard("alerts").await,
        house.dashboard("devices").await,
    );
    let mut told = String::new();
    for (name, client) in [("alerts", &mut alerts), ("devices", &mut devices)] {
        assert_eq!(
            pending(client).await,
            [Value::Null; 0],
            "no greeting, nothing from before"
        );
        for text in ["ping", "{\"type\":\"ping\"}", "[1,", ""] {
            client.send_text(text).await;
            let _ = writeln!(told, "/ws/{name}: {text:?}\n  {}", client.next_text().await);
        }
    }
    house.detect(&[house.first.clone(), alert(2)]);
    let raised = alerts
        .find("the alert", |frame| frame["data"]["alert_id"] == "2")
        .await;
    assert!(
        raised["data"]["timestamp"].is_f64() || raised["data"]["timestamp"].is_u64(),
        "{raised}"
    );
    let _ = writeln!(told, "/ws/alerts: an alert\n  {}", masked(&raised));
    let token = Some(house.token.as_str());
    let requests: &[(&str, &str)] = &[
        ("POST", "/api/devices/192.168.1.20/block"),
        ("GET", "/api/devices"),
        ("POST", "/api/devices/aa:bb:cc:00:11:20/unblock"),
        ("GET", "/api/devices/AA:BB:CC:00:11:20"),
        ("GET", "/api/devices/10.9.9.9"),
        ("POST", "/api/devices/10.9.9.9/block"),
        ("POST", "/api/devices/192.168.1.20/name?name=Front%20door"),
        (
            "GET",
            "/api/alerts?severity=high&device_id=192.168.1.20&days=7&limit=1",
        ),
        ("GET", "/api/alerts?severity=low"),
        ("GET", "/api/alerts?limit=none"),
        ("PATCH", "/api/alerts/2/acknowledge"),
        ("PATCH", "/api/alerts/2:192.168.1.20/acknowledge"),
        ("PATCH", "/api/alerts/99/acknowledge"),
        ("GET", "/api/alerts/stats/summary?days=7"),
        ("GET", "/api/auth/me"),
        ("GET", "/health"),
        ("GET", "/api/alerts/stats"),
        ("PUT", "/api/devices"),
    ];
    for (method, path) in requests {
        let answer = house.ask(method, path, token, None).await;
        let _ = writeln!(
            told,
            "{method} {path}\n  {} {}",
            answer.status,
            masked(&answer.json())
        );
        if path.ends_with("/block") && answer.status == 200 || path.ends_with("/unblock") {
            let blocked = path.ends_with("/block");
            let update = devices
                .find("the update", |frame| frame["data"]["is_blocked"] == blocked)
                .await;
            let _ = writeln!(told, "/ws/devices: then\n  {}", masked(&update));
        }
    }
    let _ = writeln!(
        told,
        "POST /api/auth/login\n  {}",
        masked(&house.login().await.json())
    );
    assert!(
        pending(&mut alerts)
            .await
            .iter()
            .all(|frame| frame["type"] == "new_alert")
    );
    assert!(
        pending(&mut devices)
            .await
            .iter()
            .all(|frame| frame["type"] == "device_update")
    );
    golden("homeguard/transcript.txt", &told);
}

#[tokio::test]
async fn who_is_let_in() {
    let house = House::new().await;
    let address = house.gateway.address();
    for query in [
        "",
        "?token=",
        "?token=null",
        "?token=undefined",
        "?token=nonsense",
        "?token=Bearer%20nonsense",
    ] {
        for channel in ["alerts", "devices"] {
            let refused = Client::open(address, &format!("/ws/{channel}{query}")).await;
            let error = refused
                .err()
                .map(|error| error.to_string())
                .unwrap_or_default();
            assert!(error.contains("403"), "{channel}{query}: {error:?}");
        }
    }
    let prefixed = format!("/ws/alerts?token=Bearer%20{}", house.token);
    assert!(
        Client::open(address, &prefixed).await.is_ok(),
        "a leading Bearer is stripped"
    );
    for (method, path) in [
        ("GET", "/api/devices"),
        ("POST", "/api/devices/192.168.1.20/block"),
        ("GET", "/api/auth/me"),
    ] {
        let none = house.ask(method, path, None, None).await;
        assert_eq!(
            (none.status, none.json()),
            (403, json!({"detail": "Not authenticated"})),
            "{path}"
        );
        let bad = house.ask(method, path, Some("nonsense"), None).await;
        assert_eq!(
            (bad.status, bad.json()),
            (401, json!({"detail": "Could not validate credentials"})),
            "{path}"
        );
    }
    let wrong = json!({"username": "ann", "password": "wrong"});
    let refused = house
        .ask("POST", "/api/auth/login", None, Some(&wrong))
        .await;
    assert_eq!(
        (refused.status, refused.json()),
        (401, json!({"detail": "Incorrect username or password"}))
    );
    assert_eq!(house.ask("GET", "/health", None, None).await.status, 200);
}

#[tokio::test]
async fn whom_no_rule_lets_block_is_refused_by_the_route_too() {
    let house = House::new().await;
    let mut devices = house.dashboard("devices").await;
    let session = house.login_as("eve").await.json();
    let eve = session["access_token"].as_str().expect("a token");
    let detail = "this client may not send messages of this type";
    for (method, path) in [
        ("POST", "/api/devices/192.168.1.20/block"),
        ("POST", "/api/devices/192.168.1.20/name?name=Mine"),
        ("GET", "/api/devices"),
        ("GET", "/api/alerts"),
    ] {
        let answer = house.ask(method, path, Some(eve), None).await;
        assert_eq!(
            (answer.status, answer.json()),
            (403, json!({"detail": detail})),
            "{path}"
        );
    }
    let me = house.ask("GET", "/api/auth/me", Some(eve), None).await;
    assert_eq!(me.json()["roles"], json!(["viewer"]), "she is known");
    let set = std::fs::read_to_string(house.folder.join("set")).expect("the set");
    assert_eq!(set, "", "nothing is blocked");
    let told = pending(&mut devices).await;
    assert_eq!(told, [Value::Null; 0], "and nobody was told of anything");
}

#[tokio::test]
async fn a_block_that_fails_changes_nothing_and_one_that_works_is_told_to_every_dashboard() {
    let mut house = House::new().await;
    let mut dashboards = vec![
        house.dashboard("devices").await,
        house.dashboard("devices").await,
        house.dashboard("devices").await,
    ];
    let mut alerts = house.dashboard("alerts").await;
    write(&house.folder, "broken", "");
    let token = house.token.clone();
    let failed = house
        .ask(
            "POST",
            "/api/devices/192.168.1.20/block",
            Some(&token),
            None,
        )
        .await;
    let detail = "Failed to block device: block ended with 1: no such set";
    assert_eq!(
        (failed.status, failed.json()),
        (500, json!({"detail": detail}))
    );
    let device = house
        .ask("GET", "/api/devices/192.168.1.20", Some(&token), None)
        .await
        .json();
    assert_eq!(
        (&device["is_blocked"], &device["status"]),
        (&json!(false), &json!("active"))
    );
    std::fs::remove_file(house.folder.join("broken")).expect("removed");
    let blocked = house
        .ask(
            "POST",
            "/api/devices/192.168.1.20/block",
            Some(&token),
            None,
        )
        .await;
    assert_eq!(blocked.status, 200);
    assert_eq!(
        std::fs::read_to_string(house.folder.join("set")).expect("the set"),
        "192.168.1.20\n"
    );
    for dashboard in &mut dashboards {
        let update = dashboard
            .find("the update", |frame| frame["data"]["is_blocked"] == true)
            .await;
        assert_eq!(
            (&update["type"], &update["data"]["status"]),
            (&json!("device_update"), &json!("blocked"))
        );
    }
    assert_eq!(
        pending(&mut alerts).await,
        [Value::Null; 0],
        "the channels are strictly apart"
    );

    // A reload of the plugin drops nobody; a restart of the gateway pushes no old alert.
    house.gateway.install("homeguard", 5);
    house.gateway.reload_after("homeguard", &Value::Null).await;
    house.detect(&[alert(3)]);
    alerts
        .find("an alert after the reload", |frame| {
            frame["data"]["alert_id"] == "3"
        })
        .await;
    // The plugin does one thing after the other: once it answers, what was told is stored too.
    house.settled().await;
    house.gateway.signal(Signal::Kill);
    house.gateway.start_again().await;
    house.ready().await;
    let mut alerts = house.dashboard("alerts").await;
    house.detect(&[alert(4)]);
    let first = alerts.next().await;
    assert_eq!(
        first["data"]["alert_id"], "4",
        "nothing from before: {first}"
    );
    let device = house
        .ask("GET", "/api/devices/192.168.1.20", Some(&token), None)
        .await
        .json();
    assert_eq!(device["is_blocked"], true, "{device}");
}
