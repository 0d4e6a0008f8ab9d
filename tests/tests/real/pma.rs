//! The clients that PMA's documents print, as they stand in `tests/fixtures/clients/pma`: they get what they wait for,
//! also through a reload of the plugin and a restart of the gateway.

#[allow(dead_code)]
#[path = "../all/pma_setup.rs"]
mod pma_setup;

use crate::part;
use hearthgate_tests::{Gateway, Setup, Signal, wait};
use pma_setup::{LISTENER, ready, setup, start_as};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// Runs the one function that a document prints without calling it.
const RUN_CLIENT: &str =
    "import asyncio, runpy, sys; asyncio.run(runpy.run_path(sys.argv[1])['client']())";

/// A gateway to be for clients of the infrastructure document, which say nothing of a dialect.
fn legacy_first() -> Setup {
    let dialects = r#"["pma", "pma-legacy"]"#;
    setup().listener(&LISTENER.replace(dialects, r#"["pma-legacy", "pma"]"#))
}

/// A client that runs, and what it prints.
struct Printed {
    _process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/clients/pma")
}

fn node(file: &str) -> Command {
    let mut command = Command::new("node");
    command
        .arg("--require")
        .arg(folder().join("support/preload.js"));
    command.arg(folder().join(file));
    command.env("NODE_PATH", part("HEARTHGATE_NODE_MODULES"));
    command
}

fn python(arguments: &[&str], file: &str) -> Command {
    let mut command = Command::new(part("HEARTHGATE_PYTHON"));
    command.arg("-u").args(arguments).arg(folder().join(file));
    command.env("PYTHONPATH", folder().join("support"));
    command
}

impl Printed {
    fn start(gateway: &Gateway, mut command: Command) -> Self {
        let port = gateway.address().port().to_string();
        command
            .env("HEARTHGATE_PORT", port)
            .env("NO_PROXY", "localhost");
        let mut process = command
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the client starts");
        let lines = BufReader::new(process.stdout.take().expect("its output is a pipe")).lines();
        Self {
            _process: process,
            lines,
        }
    }

    /// Waits for a line with a text, and returns those before it.
    async fn prints(&mut self, text: &str) -> Vec<String> {
        let mut before = Vec::new();
        loop {
            let line = wait::soon(text, self.lines.next_line())
                .await
                .expect("its output is text");
            let line = line.unwrap_or_else(|| panic!("it ended before {text:?}: {before:?}"));
            if line.contains(text) {
                return before;
            }
            before.push(line);
        }
    }
}

/// Publishes a light's change, with the old and the new state.
async fn change(gateway: &Gateway, id: &str, old: &str, new: &str) {
    let data = json!({"entity_id": id, "entity_type": "light", "attributes": {}, "old_state": old, "new_state": new});
    let labels = json!({"entity": id, "domain": "light"});
    let topic = format!("entity/{id}/state");
    let event =
        json!({"kind": "entity.state_changed", "topic": topic, "labels": labels, "data": data});
    gateway.admin().publish(event).await;
}

async fn subscriptions(gateway: &Gateway, count: u64) {
    let there = || async {
        (gateway.admin().json("/api/v1/stats").await["subscriptions"] == count).then_some(())
    };
    wait::until("the subscriptions are there", there).await;
}

async fn reload(gateway: &Gateway) {
    gateway.install("pma", 1);
    for instance in ["pma", "pma-legacy"] {
        let outcome = gateway.reload_after(instance, &json!(null)).await;
        assert_eq!(outcome["outcome"], "reloaded", "{outcome}");
    }
}

/// Ends the gateway and starts it again on the same port.
async fn restart(gateway: &mut Gateway, by: Signal) {
    let address = gateway.address();
    gateway.signal(by);
    gateway.configure(|text| text.replacen("127.0.0.1:0", &address.to_string(), 1));
    gateway.start_again().await;
    ready(gateway).await;
}

#[tokio::test]
async fn the_guides_browser_client() {
    let mut gateway = start_as(setup()).await;
    let mut client = Printed::start(&gateway, node("guide-browser.js"));
    client.prints("Connected to PMA WebSocket").await;
    client.prints("Received welcome").await;
    client.prints("subscription_update").await;
    let other = "light.elsewhere";
    for (old, new) in [("off", "on"), ("on", "dim")] {
        change(&gateway, other, old, new).await;
        change(&gateway, "light.living_room", old, new).await;
        let before = client
            .prints(&format!(
                "Entity light.living_room changed from {old} to {new}"
            ))
            .await;
        assert!(
            !before.iter().any(|line| line.contains(other)),
            "{before:?}"
        );
        if new == "on" {
            reload(&gateway).await;
        }
    }
    restart(&mut gateway, Signal::Terminate).await;
    client.prints("reconnecting").await;
    client.prints("subscription_update").await;
    change(&gateway, "light.living_room", "dim", "off").await;
    client
        .prints("Entity light.living_room changed from dim to off")
        .await;
}

#[tokio::test]
async fn the_guides_node_client() {
    let mut gateway = start_as(setup()).await;
    let mut client = Printed::start(&gateway, node("guide-node.js"));
    client.prints("Connected to PMA WebSocket server").await;
    client.prints("Welcome message").await;
    subscriptions(&gateway, 2).await;
    change(&gateway, "light.a", "off", "on").await;
    client.prints("Entity state changed").await;
    client.prints("'light.a'").await;
    reload(&gateway).await;
    let data = json!({"rule_id": "m", "rule_name": "Morning", "trigger": {"type": "time"}});
    gateway
        .admin()
        .publish(json!({"kind": "automation.triggered", "topic": "automation/m", "data": data}))
        .await;
    client.prints("rule_name: 'Morning'").await;
    restart(&mut gateway, Signal::Terminate).await;
    client.prints("Attempting to reconnect").await;
    client.prints("Welcome message").await;
    change(&gateway, "light.b", "off", "on").await;
    client.prints("Entity state changed").await;
    client.prints("'light.b'").await;
}

#[tokio::test]
async fn the_guides_python_client() {
    let mut gateway = start_as(setup()).await;
    let mut client = Printed::start(&gateway, python(&[], "guide.py"));
    client.prints("Connected to PMA WebSocket server").await;
    client.prints("Welcome: ").await;
    subscriptions(&gateway, 2).await;
    change(&gateway, "light.elsewhere", "off", "on").await;
    change(&gateway, "light.living_room", "off", "on").await;
    let before = client
        .prints("Entity light.living_room changed: off -> on")
        .await;
    assert_eq!(before, [] as [String; 0]);
    reload(&gateway).await;
    change(&gateway, "light.living_room", "on", "dim").await;
    client
        .prints("Entity light.living_room changed: on -> dim")
        .await;
    // Its library takes the close code 1001 for an end that was wanted, and would not come back after it.
    restart(&mut gateway, Signal::Terminate).await;
    client.prints("WebSocket connection closed").await;
    client.prints("Welcome: ").await;
    change(&gateway, "light.living_room", "dim", "off").await;
    client
        .prints("Entity light.living_room changed: dim -> off")
        .await;
}

#[tokio::test]
async fn the_infrastructure_documents_browser_client() {
    let gateway = start_as(legacy_first()).await;
    let mut client = Printed::start(&gateway, node("infrastructure-browser.js"));
    client.prints("Connected to WebSocket").await;
    client.prints("type: 'connection'").await;
    let room = json!({"room": {"id": "1", "name": "Hall"}});
    let event = json!({"kind": "room.created", "topic": "room/1", "data": room});
    gateway.admin().publish(event.clone()).await;
    let shown = r#"room shown {"room_id":1,"room_name":"Hall","action":"created"}"#;
    client.prints(shown).await;
    reload(&gateway).await;
    gateway.admin().publish(event).await;
    client.prints(shown).await;
}

#[tokio::test]
async fn the_infrastructure_documents_python_client() {
    let gateway = start_as(legacy_first()).await;
    let mut client = Printed::start(&gateway, python(&["-c", RUN_CLIENT], "infrastructure.py"));
    client.prints("'type': 'connection'").await;
    client.prints("'type': 'pong'").await;
    change(&gateway, "light.a", "off", "on").await;
    client.prints("'type': 'entity_state_changed'").await;
    reload(&gateway).await;
    change(&gateway, "light.b", "off", "on").await;
    client.prints("'entity_id': 'light.b'").await;
}
