//! `config/all.toml` as it is shipped, with clients of all systems at once: each is told in its own form, once, and a
//! reload of one dialect's plugin is no business of the others.

use crate::pma_setup::TOKEN;
use hearthgate_tests::{Client, Gateway, Setup};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The shipped file with free ports, and with this machine's network, firewall and folders left alone.
fn shipped(folder: &Path) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/all.toml");
    let mut text = std::fs::read_to_string(file).expect("it is shipped");
    let folder = folder.to_str().expect("a path");
    let cat = |name: &str| format!(r#"program = "/bin/cat", arguments = ["{folder}/{name}"]"#);
    for (shipped, here) in [
        (r#""127.0.0.1:3001""#, r#""127.0.0.1:0""#.to_owned()),
        (r#""127.0.0.1:3002""#, r#""127.0.0.1:0""#.to_owned()),
        (r#""127.0.0.1:8000""#, r#""127.0.0.1:0""#.to_owned()),
        (r#""127.0.0.1:8080""#, r#""127.0.0.1:0""#.to_owned()),
        ("../target/plugins", "plugins".to_owned()),
        ("/opt/homeguard", folder.to_owned()),
        // Nobody is at home there.
        ("homeassistant.local:8123", "127.0.0.1:9".to_owned()),
        ("127.0.0.1:5037", "127.0.0.1:9".to_owned()),
        (
            r#"program = "/usr/sbin/ip", arguments = ["-j", "neigh"]"#,
            cat("neighbours.json"),
        ),
        (
            r#"program = "/usr/sbin/nft", arguments = ["-j", "list", "set", "inet", "homefw", "malicious_devices"]"#,
            cat("set"),
        ),
        ("/usr/sbin/nft", "/bin/false".to_owned()),
    ] {
        assert!(text.contains(shipped), "{shipped} is not in the file");
        text = text.replace(shipped, &here);
    }
    write!(
        text,
        "\n[log]\nformat = \"json\"\nfilter = \"info\"\n\n[auth.tokens.ada]\nhash = \"{}\"\nroles = [\"admin\"]\n",
        crate::pma_setup::HASH
    )
    .expect("a string takes all");
    text
}

/// The gateway, and one client of each system.
struct House {
    gateway: Gateway,
    folder: PathBuf,
    clients: Vec<(&'static str, Client)>,
}

async fn open(gateway: &Gateway, listener: usize, path: &str) -> Client {
    let path = format!("{path}token={TOKEN}");
    let client = Client::open(gateway.addresses()[listener], &path).await;
    client.unwrap_or_else(|error| panic!("{path}: {error}"))
}

impl House {
    async fn start() -> Self {
        let setup = [
            "pma",
            "androidzen",
            "homeguard",
            "rooms",
            "home-assistant",
            "device-monitor",
            "security-alerts",
        ]
        .iter()
        .fold(Setup::new(), |setup, plugin| setup.plugin(plugin));
        let folder = setup.folder().to_path_buf();
        for (name, text) in [("neighbours.json", "[]"), ("set", ""), ("names.json", "{}")] {
            std::fs::write(folder.join(name), text).expect("the folder can be written");
        }
        let text = shipped(&folder);
        let gateway = setup.start_with(&text).await;
        for instance in [
            "pma",
            "pma-legacy",
            "androidzen",
            "homeguard",
            "rooms",
            "security",
        ] {
            // Seven plugins are compiled one by one.
            let started = |status: &Value| status["state"] != "starting";
            gateway.status_when(instance, "has started", started).await;
            gateway.in_state(instance, "running").await;
        }
        let mut house = Self {
            clients: Vec::new(),
            folder,
            gateway,
        };
        house.connect().await;
        house
    }

    async fn connect(&mut self) {
        let gateway = &self.gateway;
        let mut native = open(gateway, 0, "/ws?dialect=native&").await;
        assert_eq!(native.next().await["type"], "welcome");
        native.watch(&["entity/#", "alert/#"]).await;
        let mut guide = open(gateway, 0, "/ws?").await;
        assert_eq!(guide.next().await["type"], "welcome");
        let mut legacy = open(gateway, 0, "/ws?dialect=pma-legacy&").await;
        assert_eq!(legacy.next().await["type"], "connection");
        let mut phone = open(gateway, 1, "/ws?").await;
        assert_eq!(phone.next().await["type"], "device_connected");
        let topic = json!({"type": "subscription", "data": {"topic": "security"}});
        phone.send_text(topic.to_string()).await;
        assert_eq!(phone.next().await["data"]["status"], "subscribed");
        let mut guard = open(gateway, 2, "/ws/alerts?").await;
        guard.send_text("hello").await;
        assert_eq!(guard.next().await["type"], "pong", "it has no greeting");
        self.clients = vec![
            ("native", native),
            ("guide", guide),
            ("legacy", legacy),
            ("androidzen", phone),
            ("homeguard", guard),
        ];
    }

    /// A lamp that changes to `state`, and an alert of the detector's with that number.
    async fn happens(&self, state: &str, alert: u32) {
        let lamp = json!({
            "kind": "entity.state_changed", "topic": "entity/light.lamp/state",
            "labels": {"entity": "light.lamp", "domain": "light", "room": "kitchen"},
            "data": {"entity_id": "light.lamp", "entity_type": "light", "attributes": {}, "new_state": state},
        });
        self.gateway.admin().publish(lamp).await;
        let seconds = hearthgate::event::Timestamp::now().as_millis() as f64 / 1000.0;
        let alert = json!({
            "alert_id": alert, "device_ip": "192.168.1.20", "device_name": "Camera", "severity": "high",
            "reason": format!("reason {alert}"), "timestamp": seconds, "action_taken": "logged", "status": "active",
        });
        let file = self.folder.join("alerts.json");
        let mut text = std::fs::read_to_string(&file).unwrap_or_default();
        writeln!(text, "{alert}").expect("a string takes all");
        // By a rename, as who rewrites a file that others read should.
        let new = self.folder.join("alerts.new");
        std::fs::write(&new, text).expect("the folder can be written");
        std::fs::rename(new, file).expect("on one file system");
    }

    /// What each client is told of the lamp and of alerts, up to the last of either that it is meant to get.
    async fn told(&mut self, state: &str, alert: u32) -> Vec<(&'static str, Vec<String>)> {
        let mut all = Vec::new();
        for (name, client) in &mut self.clients {
            let mut wanted = match *name {
                "native" => vec![state.to_owned(), format!("reason {alert}")],
                "guide" | "legacy" => vec![state.to_owned()],
                _ => vec![format!("reason {alert}")],
            };
            let mut told = Vec::new();
            while !wanted.is_empty() {
                let frame = client.next().await;
                if let Some(words) = words(&frame) {
                    wanted.retain(|word| !words.ends_with(word.as_str()));
                    told.push(words);
                }
            }
            told.sort();
            all.push((*name, told));
        }
        all
    }
}

/// A frame about the lamp or an alert: its type and the news in it.
fn words(frame: &Value) -> Option<String> {
    let (kind, data) = (frame["type"].as_str()?, &frame["data"]);
    let news = match kind {
        "entity.state_changed" | "pma_entity_state_changed" | "entity_state_changed" => {
            &data["new_state"]
        }
        "alert.raised" | "new_alert" => &data["reason"],
        "security_alert" => &data["message"],
        _ => return None,
    };
    Some(format!("{kind}: {}", news.as_str()?))
}

#[tokio::test]
async fn clients_of_all_systems_are_told_in_their_own_form_once() {
    let mut house = House::start().await;
    // The second round is what ends the first: whoever were told something twice would be told it before.
    house.happens("on", 1).await;
    let first = house.told("on", 1).await;
    assert_eq!(first, expected(&[("on", 1)]));
    house.happens("off", 2).await;
    assert_eq!(
        house.told("off", 2).await,
        expected(&[("off", 2)]),
        "nothing of the first again"
    );

    // PMA's plugin is replaced: its own clients stay, and the others notice nothing.
    house.gateway.install("pma", 7);
    for instance in ["pma", "pma-legacy"] {
        house.gateway.reload_after(instance, &Value::Null).await;
    }
    house.happens("dimmed", 3).await;
    let third = house.told("dimmed", 3).await;
    assert_eq!(third, expected(&[("dimmed", 3)]), "after the reload");
    for instance in ["androidzen", "homeguard", "security", "rooms"] {
        let status = house.gateway.status(instance).await;
        assert_eq!(
            (&status["restarts"], &status["last_reload"]),
            (&json!(0), &Value::Null),
            "{status}"
        );
    }
    let admin = house.gateway.admin();
    assert_eq!(admin.json("/api/v1/stats").await["connections"], 5);
}

/// What everyone is to be told of these.
fn expected(events: &[(&str, u32)]) -> Vec<(&'static str, Vec<String>)> {
    let each = |lamp: Option<&str>, alert: Option<&str>| {
        let mut all = Vec::new();
        for (state, number) in events {
            all.extend(alert.map(|kind| format!("{kind}: reason {number}")));
            all.extend(lamp.map(|kind| format!("{kind}: {state}")));
        }
        all.sort();
        all
    };
    vec![
        (
            "native",
            each(Some("entity.state_changed"), Some("alert.raised")),
        ),
        ("guide", each(Some("pma_entity_state_changed"), None)),
        ("legacy", each(Some("entity_state_changed"), None)),
        ("androidzen", each(None, Some("security_alert"))),
        ("homeguard", each(None, Some("new_alert"))),
    ]
}
