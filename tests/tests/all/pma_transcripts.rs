//! Every message of PMA's two documents: the clients' are sent as they are printed and the answers compared with
//! golden files; of the server's, each is provoked and compared with the printed one, field by field.

use crate::pma_setup::{answers, guide, legacy, open, setup, start, start_as, until_fence};
use hearthgate_tests::transcript::{golden, masked};
use hearthgate_tests::{Client, Gateway, wait};
use serde_json::{Value, json};

const GUIDE: &str = include_str!("../../fixtures/pma/guide.txt");
const LEGACY: &str = include_str!("../../fixtures/pma/legacy.txt");

/// The messages of one side, in the order of the document.
fn printed<'a>(document: &'a str, side: &str) -> Vec<&'a str> {
    let blocks = document.split("=== ").filter_map(|block| {
        let (title, message) = block.split_once('\n')?;
        title.starts_with(side).then_some(message.trim_end())
    });
    blocks.collect()
}

/// The printed message of a type; the remark in one of them is no JSON.
fn printed_of(document: &str, kind: &str) -> Value {
    let messages = printed(document, "server").into_iter().map(|message| {
        let lines: Vec<&str> = message
            .lines()
            .map(|line| line.split("  //").next().unwrap_or_default())
            .collect();
        serde_json::from_str::<Value>(&lines.join("\n"))
            .unwrap_or_else(|error| panic!("{message}: {error}"))
    });
    let mut found = messages.filter(|message| message["type"] == kind);
    found
        .next()
        .unwrap_or_else(|| panic!("the document prints no {kind}"))
}

/// Every printed field is there, and the same but for times.
fn assert_has(frame: &Value, printed: &Value, at: &str) {
    match printed {
        Value::Object(fields) => {
            for (name, printed) in fields {
                let told = frame
                    .get(name)
                    .unwrap_or_else(|| panic!("{at}.{name} is missing: {frame}"));
                match name.as_str() {
                    "timestamp" | "server_time" => assert!(is_time(told), "{at}.{name}: {told}"),
                    _ => assert_has(told, printed, &format!("{at}.{name}")),
                }
            }
        }
        printed => assert_eq!(frame, printed, "{at}"),
    }
}

fn is_time(value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    text.len() == "2024-01-01T12:00:00.000Z".len()
        && text.ends_with('Z')
        && text.as_bytes()[10] == b'T'
}

/// Why a token is not taken is the gateway's to word.
fn reasonless(mut frame: Value) -> Value {
    if frame["type"] == "authentication_failure" {
        frame["data"]["error"] = json!("<reason>");
    }
    frame
}

async fn transcript(client: &mut Client, greeting: &Value, messages: &[&str]) -> String {
    let mut text = format!("< {}\n", masked(greeting));
    for message in messages {
        let sent: String = message.split_whitespace().collect::<Vec<_>>().join(" ");
        text.push_str(&format!("> {sent}\n"));
        for frame in answers(client, message).await {
            text.push_str(&format!("< {}\n", reasonless(masked(&frame))));
        }
    }
    text
}

#[tokio::test]
async fn the_guides_client_messages() {
    let gateway = start().await;
    let (mut client, greeting) = open(
        &gateway,
        "/ws?client_id=mobile_app&user_agent=PMA-Mobile/1.0",
    )
    .await;
    assert_eq!(greeting["data"]["client_id"], "mobile_app");
    let text = transcript(&mut client, &greeting, &printed(GUIDE, "client")).await;
    golden("pma/guide.txt", &text);
}

#[tokio::test]
async fn the_infrastructure_documents_client_messages() {
    let gateway = start().await;
    let (mut client, greeting) = legacy(&gateway).await;
    let text = transcript(&mut client, &greeting, &printed(LEGACY, "client")).await;
    golden("pma/legacy.txt", &text);
    let (mut client, greeting) = guide(&gateway).await;
    let text = transcript(&mut client, &greeting, &printed(LEGACY, "client")).await;
    golden("pma/legacy-messages-in-the-guides-dialect.txt", &text);
}

/// What the documents leave open and COMPAT.md settles.
#[tokio::test]
async fn the_rest_of_the_client_messages() {
    let messages = [
        r#"{"type":"ping","data":{"timestamp":17},"timestamp":{}}"#,
        r#"{"type":"pong","data":{"timestamp":"2024-01-01T12:00:00Z"}}"#,
        r#"{"type":"subscribe_room","data":{"room_id":"2"}}"#,
        r#"{"type":"subscribe_room","data":{"room_id":"kitchen"}}"#,
        r#"{"type":"unsubscribe_room","data":{"room_id":2}}"#,
        r#"{"type":"subscribe_ha_rooms","data":{"room_ids":["ha_living_room"]}}"#,
        r#"{"type":"unsubscribe_ha_rooms","data":{"room_ids":["living_room"]}}"#,
        r#"{"type":"subscribe_ha_entities","data":{"entity_ids":["ha_light.a","invalid.entity","light.b"]}}"#,
        r#"{"type":"unsubscribe_ha_entities","data":{"entity_ids":["light.a","nonsense"]}}"#,
        r#"{"type":"subscribe_ha_events","data":{"event_types":["pma_scene_activated"],"domains":["scene"]}}"#,
        r#"{"type":"unsubscribe_ha_events","data":{"filters":{"domains":["scene"]}}}"#,
        r#"{"type":"subscribe_ha_events","data":{}}"#,
        r#"{"type":"subscribe","data":{"topics":["entity:light.a","ha_events:state_changed","system_status","automation_events","source:homeassistant","entity:*","entity_updates"]}}"#,
        r#"{"type":"subscribe","topic":"entity_updates:light.b"}"#,
        r#"{"type":"subscribe","data":{"topics":["weather"]}}"#,
        r#"{"type":"unsubscribe","data":{"topics":["entity_updates"]}}"#,
        r#"{"type":"authenticate","data":{}}"#,
        r#"{"data":{"no":"type"}}"#,
        r#"["not","an","object"]"#,
        "not JSON",
        r#"{"type":"ping""#,
    ];
    let gateway = start().await;
    let (mut client, greeting) = guide(&gateway).await;
    golden(
        "pma/guide-open-questions.txt",
        &transcript(&mut client, &greeting, &messages).await,
    );
    let (mut client, greeting) = legacy(&gateway).await;
    golden(
        "pma/legacy-open-questions.txt",
        &transcript(&mut client, &greeting, &messages).await,
    );
}

/// The event behind a printed message: what the message says, without what PMA's dialect adds.
fn event(message: &Value) -> Option<Value> {
    let mut data = message["data"].clone();
    let text = |pointer: &str| {
        message["data"]
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let (kind, topic) = match message["type"].as_str()? {
        "pma_entity_state_changed" | "entity_state_changed" => (
            "entity.state_changed",
            format!("entity/{}/state", text("/entity_id")),
        ),
        "pma_entity_added" => (
            "entity.added",
            format!("entity/{}/registry", text("/entity/id")),
        ),
        "pma_entity_removed" => (
            "entity.removed",
            format!("entity/{}/registry", text("/entity_id")),
        ),
        "pma_room_updated" => ("room.updated", format!("room/{}", text("/room/id"))),
        "pma_automation_triggered" => (
            "automation.triggered",
            format!("automation/{}", text("/rule_id")),
        ),
        "sync_status" => ("sync.status", "adapter/home/sync".to_owned()),
        "adapter_status" => ("adapter.status", "adapter/home/status".to_owned()),
        "system_status" => ("system.status", "system/status".to_owned()),
        "room_updated" => {
            let room = json!({"id": data["room_id"].to_string(), "name": data["room_name"]});
            return Some(
                json!({"kind": "room.created", "topic": "room/1", "data": {"room": room}}),
            );
        }
        _ => return None,
    };
    let fields = data.as_object_mut()?;
    fields.remove("source");
    if message["type"] == "entity_state_changed" {
        fields.insert("entity_type".to_owned(), json!("light"));
    }
    if let Some(entity) = fields.get_mut("entity").and_then(Value::as_object_mut) {
        entity.remove("source");
    }
    Some(json!({"kind": kind, "topic": topic, "data": data}))
}

async fn told(gateway: &Gateway, mut client: Client, document: &str) -> String {
    let mut text = String::new();
    for message in printed(document, "server") {
        let kind = message
            .split('"')
            .nth(3)
            .expect("a message begins with its type");
        let printed = printed_of(document, kind);
        let Some(event) = event(&printed) else {
            continue;
        };
        gateway.admin().publish(event).await;
        let frames = until_fence(gateway, &mut [&mut client]).await.remove(0);
        let frame = frames.iter().find(|frame| frame["type"] == kind);
        assert_has(
            frame.unwrap_or_else(|| panic!("no {kind}: {frames:?}")),
            &printed,
            kind,
        );
        frames
            .iter()
            .for_each(|frame| text.push_str(&format!("< {}\n", masked(frame))));
    }
    text
}

#[tokio::test]
async fn the_guides_server_messages_about_events() {
    let gateway = start().await;
    let (client, _) = guide(&gateway).await;
    golden("pma/guide-events.txt", &told(&gateway, client, GUIDE).await);
}

#[tokio::test]
async fn the_infrastructure_documents_server_messages_about_events() {
    let gateway = start().await;
    let (client, _) = legacy(&gateway).await;
    golden(
        "pma/legacy-events.txt",
        &told(&gateway, client, LEGACY).await,
    );
}

#[tokio::test]
async fn the_printed_greetings_confirmations_and_errors() {
    let gateway = start().await;
    let (mut client, greeting) = open(&gateway, "/ws?client_id=client_001").await;
    assert_has(&greeting, &printed_of(GUIDE, "welcome"), "welcome");
    let subscribe = r#"{"type":"subscribe_ha_events","data":{"event_types":["state_changed","automation_triggered"]}}"#;
    let update = answers(&mut client, subscribe).await;
    assert_has(
        &update[0],
        &printed_of(GUIDE, "subscription_update"),
        "update",
    );
    let error = answers(&mut client, r#"{"type":"ping" oops"#).await;
    assert_has(&error[0], &printed_of(GUIDE, "error"), "error");
    let error = answers(
        &mut client,
        r#"{"type":"subscribe_ha_entities","data":{"entity_ids":["invalid.entity"]}}"#,
    )
    .await;
    assert_has(
        &error[0],
        &printed_of(GUIDE, "subscription_error"),
        "subscription_error",
    );
    let pong = answers(&mut client, r#"{"type":"ping"}"#).await;
    assert_has(&pong[0], &printed_of(GUIDE, "pong"), "pong");
    let (mut client, greeting) =
        open(&gateway, "/ws?dialect=pma-legacy&client_id=uuid-string").await;
    assert_has(&greeting, &printed_of(LEGACY, "connection"), "connection");
    let pong = answers(&mut client, r#"{"type":"ping"}"#).await;
    assert_has(&pong[0], &printed_of(LEGACY, "pong"), "pong");
}

#[tokio::test]
async fn the_heartbeats() {
    let beats = "[dialects.pma]\nheartbeat-interval = \"150ms\"\n";
    let gateway = start_as(setup().toml(beats)).await;
    let (mut client, _) = guide(&gateway).await;
    for _ in 0..2 {
        let ping = client.next().await;
        assert_has(&ping, &printed_of(GUIDE, "ping"), "ping");
        let beat = client.next().await;
        assert_eq!(
            (
                &beat["type"],
                &beat["data"]["clients"],
                &beat["data"]["connected_clients"]
            ),
            (&json!("heartbeat"), &json!(1), &json!(1))
        );
        assert!(
            beat["data"]["uptime"].is_u64() && is_time(&beat["data"]["server_time"]),
            "{beat}"
        );
    }
    gateway.configure(|text| {
        text.replace(
            "max-message = \"512B\"",
            "max-message = \"512B\"\nheartbeat-interval = \"150ms\"",
        )
    });
    let (mut client, _) = legacy(&gateway).await;
    let beat = wait::soon("a heartbeat", client.next_of("heartbeat")).await;
    let mut printed = printed_of(LEGACY, "heartbeat");
    printed["data"]["clients"] = json!(2);
    assert_has(&beat, &printed, "heartbeat");
    assert_eq!(beat["data"].as_object().map(serde_json::Map::len), Some(2));
}
