//! AndroidZen Pro's clients: every message of its document as it is printed there, and what it is answered, as golden transcripts.

mod routes;
mod topics;

use hearthgate_tests::transcript::{golden, masked};
use hearthgate_tests::{Client, Gateway, Setup};
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

/// Starts it, and waits for the plugin: until then its paths answer 503.
async fn start(setup: Setup) -> Gateway {
    let gateway = setup.start().await;
    gateway.in_state("androidzen", "running").await;
    gateway
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
    let gateway = start(setup()).await;
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
    let gateway = start(setup()).await;
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

#[tokio::test]
async fn silence_is_closed_with_a_code_to_come_back_on() {
    let quick = SECTIONS.replace("\"5m\"", "\"1s\"");
    let setup = Setup::new()
        .listener(LISTENER)
        .plugin("androidzen")
        .plugin("parrot")
        .toml(&quick);
    let gateway = start(setup).await;
    let mut client = open(&gateway, "").await;
    assert_eq!(client.closed().await.code, Some(1001));
}

/// Messages that no bundled plugin answers are answered by one that declares them, whatever form they have.
#[tokio::test]
async fn a_plugin_can_declare_what_the_web_client_says() {
    const TYPES: &str = r#""security_scan", "change_performance_metric", "change_performance_timeframe", "update_settings""#;
    let granted = SECTIONS.replace(r#"["parrot"]"#, &format!("[{TYPES}]"));
    let setup = Setup::new()
        .listener(LISTENER)
        .plugin("androidzen")
        .plugin("parrot")
        .toml(&granted);
    let gateway = start(setup).await;
    gateway.in_state("polly", "running").await;
    let mut client = open(&gateway, "").await;
    for (message, heard) in [
        (json!({"type": "security_scan"}), json!({})),
        (
            json!({"type": "change_performance_metric", "metric": "cpu", "timestamp": "2026-01-01T00:00:00Z"}),
            json!({"metric": "cpu"}),
        ),
        (
            json!({"type": "change_performance_timeframe", "payload": {"timeframe": "1h"}}),
            json!({"timeframe": "1h"}),
        ),
        (
            json!({"type": "update_settings", "data": {"theme": "dark"}}),
            json!({"theme": "dark"}),
        ),
    ] {
        let answer = say(&mut client, message.clone()).await;
        assert_eq!(
            (&answer["type"], &answer["data"]["heard"]),
            (&message["type"], &heard),
            "{answer}"
        );
        assert!(answer["timestamp"].is_string(), "{answer}");
    }
    // What is not granted to it is unknown still.
    let answer = say(&mut client, json!({"type": "parrot"})).await;
    assert_eq!(
        answer["data"]["message"], "Unknown message type: parrot",
        "{answer}"
    );
}
