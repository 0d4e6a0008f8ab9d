//! What the tests of PMA's clients share: a gateway with both dialects, the routes and the rooms, and HTTP requests
//! with a bearer.

use hearthgate_tests::{Client, Gateway, Setup, raw::Raw};
use serde_json::{Value, json};

/// A token that the gateway of these tests accepts.
pub const TOKEN: &str = "hgt_5ca1ab1e5ca1ab1e5ca1ab1e5ca1ab1e5ca1ab1e5ca1ab1e5ca1ab1e5ca1ab1e";

/// Its hash, as the configuration knows it.
pub const HASH: &str = "sha256:f234e200021d44a423e787cc956131c8434f3163bf03ab5a6a1498511fbd64a4";

/// What the listener serves.
pub const LISTENER: &str = r#"routes = [
  { path = "/ws", dialects = ["pma", "pma-legacy"], query-token = true },
  { path = "/native", dialect = "native" },
  { path = "/health", plugin = "pma", authentication = "lenient" },
  { path = "/api/v1/websocket/{*rest}", plugin = "pma", authentication = "lenient" },
  { path = "/api/v1/rooms", plugin = "rooms", authentication = "lenient" },
  { path = "/api/v1/rooms/", plugin = "rooms", authentication = "lenient" },
  { path = "/api/v1/rooms/{*rest}", plugin = "rooms", authentication = "lenient" },
]"#;

const INSTANCES: &str = r##"
[handlers.pma]
plugin = "pma"
config = { source-names = { admin-api = "homeassistant" } }
grants = { subscribe = ["#"], publish = ["broadcast/#"], gateway = ["stats", "clients", "send"] }

[handlers.pma-legacy]
plugin = "pma"
config = { dialect = "legacy", source-names = { admin-api = "homeassistant" } }
grants = { subscribe = ["#"] }

[sources.rooms]
plugin = "rooms"
config = { sources = ["HEARD"] }
grants = { publish = ["room/#"], subscribe = ["room/#", "adapter/+/sync"], handle = ["create_room", "update_room", "delete_room", "get_room", "list_rooms"] }

[dialects.pma-legacy]
max-message = "512B"
"##;

/// A gateway to be, with everything of PMA's. Its rooms hear what is published over the admin API.
pub fn setup() -> Setup {
    hearing("admin-api")
}

/// The same, with rooms that hear this source only.
fn hearing(source: &str) -> Setup {
    let token = format!("[auth.tokens.ada]\nhash = \"{HASH}\"\nsubject = \"ada\"\n");
    Setup::new()
        .listener(LISTENER)
        .plugin("pma")
        .plugin("rooms")
        .toml(&INSTANCES.replace("HEARD", source))
        .toml(&token)
}

/// A running gateway with everything of PMA's. Its rooms hear nobody: what they would announce after an event comes at
/// a moment of its own.
pub async fn start() -> Gateway {
    start_as(hearing("nobody")).await
}

/// Starts a gateway, and waits until the plugins run: compiling them takes longer than starting.
pub async fn start_as(setup: Setup) -> Gateway {
    let gateway = setup.start().await;
    ready(&gateway).await;
    gateway
}

/// Waits until the plugins run.
pub async fn ready(gateway: &Gateway) {
    for instance in ["pma", "pma-legacy", "rooms"] {
        gateway.in_state(instance, "running").await;
    }
}

/// A client in the form of the guide, and its greeting.
pub async fn guide(gateway: &Gateway) -> (Client, Value) {
    open(gateway, "/ws").await
}

/// A client in the form of the infrastructure document, and its greeting.
pub async fn legacy(gateway: &Gateway) -> (Client, Value) {
    open(gateway, "/ws?dialect=pma-legacy").await
}

/// A client that connects with this path and query, and its greeting.
pub async fn open(gateway: &Gateway, path: &str) -> (Client, Value) {
    let client = Client::open(gateway.address(), path).await;
    let mut client = client.expect("the handshake succeeds");
    let greeting = client.next().await;
    (client, greeting)
}

/// Sends a text, and returns everything that came until it was dealt with: up to the answer to a ping behind it.
pub async fn answers(client: &mut Client, text: &str) -> Vec<Value> {
    let ping = serde_json::from_str::<Value>(text).is_ok_and(|message| message["type"] == "ping");
    client.send_text(text).await;
    client.send_text(r#"{"type":"ping"}"#).await;
    let mut frames = Vec::new();
    let mut pongs = if ping { 2 } else { 1 };
    loop {
        let frame = client.next().await;
        pongs -= u32::from(frame["type"] == "pong");
        if pongs == 0 {
            return frames;
        }
        frames.push(frame);
    }
}

/// Publishes a broadcast, and returns everything that came before it: all that was published until then.
pub async fn until_fence(gateway: &Gateway, clients: &mut [&mut Client]) -> Vec<Vec<Value>> {
    let data = json!({"type": "fence", "data": {}});
    let fence = json!({"kind": "broadcast.sent", "topic": "broadcast/fence", "data": data});
    gateway.admin().publish(fence).await;
    let mut all = Vec::new();
    for client in clients {
        let mut frames = Vec::new();
        loop {
            let frame = client.next().await;
            if frame["type"] == "fence" {
                break;
            }
            frames.push(frame);
        }
        all.push(frames);
    }
    all
}

/// An HTTP answer: status and body.
pub async fn http(
    gateway: &Gateway,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: &str,
) -> (u16, Value) {
    let mut raw = Raw::connect(gateway.address()).await;
    let authorization = token.map(|token| format!("Authorization: Bearer {token}\r\n"));
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\n{}Content-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        authorization.unwrap_or_default(),
        body.len()
    );
    raw.write(head.as_bytes()).await;
    let answer = String::from_utf8(raw.rest().await).expect("an answer is text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer has a head");
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    let body = serde_json::from_str(body).unwrap_or_else(|error| panic!("{body}: {error}"));
    (status.expect("a status"), body)
}

/// An HTTP answer to someone with the token.
pub async fn asked(gateway: &Gateway, method: &str, path: &str, body: &Value) -> (u16, Value) {
    http(gateway, method, path, Some(TOKEN), &body.to_string()).await
}
