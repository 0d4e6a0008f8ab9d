//! Other people's clients: Python's websockets and Node's ws, with their defaults (they offer compression, they ping).

use crate::part;
use hearthgate_tests::{Gateway, Setup, wait};
use serde_json::{Value, json};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

const PYTHON: &str = r##"
import asyncio, json, sys, websockets

async def main():
    async with websockets.connect(sys.argv[1]) as socket:
        welcome = json.loads(await socket.recv())
        assert welcome["type"] == "welcome", welcome
        await socket.send(json.dumps({"type": "subscribe", "id": 1, "data": {"topics": ["test/#"], "snapshot": True}}))
        print("ready", flush=True)
        while True:
            message = json.loads(await socket.recv())
            if message["type"] == "test.event":
                await (await socket.ping())
                print(json.dumps(message), flush=True)

asyncio.run(main())
"##;

const NODE: &str = r##"
const WebSocket = require('ws');
const socket = new WebSocket(process.argv[1]);
socket.on('message', (data) => {
  const message = JSON.parse(data);
  if (message.type === 'welcome')
    socket.send(JSON.stringify({ type: 'subscribe', id: 1, data: { topics: ['test/#'], snapshot: true } }));
  else if (message.type === 'subscribed') console.log('ready');
  else if (message.type === 'test.event') { socket.once('pong', () => console.log(JSON.stringify(message))); socket.ping(); }
});
"##;

/// Runs a client and expects it to print the event that is published once it is ready.
async fn receives(gateway: &Gateway, mut command: Command) {
    let url = format!("ws://{}/ws", gateway.address());
    let mut child = command
        .arg(url)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the client starts");
    let mut lines = BufReader::new(child.stdout.take().expect("its output is a pipe")).lines();
    let ready = wait::soon("the client subscribes", lines.next_line())
        .await
        .expect("it prints");
    assert_eq!(ready.as_deref(), Some("ready"));
    let subscribed = || async {
        (gateway.admin().json("/api/v1/stats").await["subscriptions"] == 1).then_some(())
    };
    wait::until("the subscription is there", subscribed).await;
    let seq = gateway
        .admin()
        .emit("test/a", json!({"text": "grüße 🏠"}))
        .await;
    let line = wait::soon("the event", lines.next_line())
        .await
        .expect("it prints")
        .expect("it runs");
    let event: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(
        (&event["seq"], &event["data"]["text"]),
        (&json!(seq), &json!("grüße 🏠"))
    );
    child.kill().await.expect("it can be killed");
}

#[tokio::test]
async fn pythons_websockets() {
    let gateway = Setup::new().start().await;
    let mut command = Command::new(part("HEARTHGATE_PYTHON"));
    command.args(["-c", PYTHON]);
    receives(&gateway, command).await;
}

#[tokio::test]
async fn nodes_ws() {
    let gateway = Setup::new().start().await;
    let mut command = Command::new("node");
    command
        .args(["-e", NODE])
        .env("NODE_PATH", part("HEARTHGATE_NODE_MODULES"));
    receives(&gateway, command).await;
}
