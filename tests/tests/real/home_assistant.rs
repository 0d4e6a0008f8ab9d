//! A real Home Assistant with its demo home.

mod server;

use hearthgate_tests::{Client, Gateway, Setup};
use serde_json::{Value, json};
use server::Server;
use std::time::Duration;

/// Home Assistant starts slowly where much else runs.
const PATIENCE: Duration = Duration::from_secs(240);

async fn start(server: &Server, token: &str) -> Gateway {
    let url = server.url();
    let to = url.trim_end_matches("/api/websocket");
    let source = format!(
        r#"
[sources.home]
plugin = "home-assistant"
config = {{ url = "{url}" }}
secrets = {{ token = {{ env = "HA_TOKEN" }} }}
[sources.home.grants]
connect = ["{to}"]
handle = ["call_service", "get_states"]
subscribe = ["entity/+/state", "room/+", "area/+"]
publish = ["entity/#", "room/#", "area/#", "adapter/#", "automation/#", "scene/#", "service/#"]
"#
    );
    let setup = Setup::new()
        .plugin("home-assistant")
        .variable("HA_TOKEN", token);
    setup.toml(&source).start().await
}

/// Waits for a frame for as long as Home Assistant may take; others before it are kept.
async fn find(client: &mut Client, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let mut kept = Vec::new();
    let search = async {
        loop {
            // A heartbeat comes every half minute, so there always is a next frame.
            let frame = client.next().await;
            if wanted(&frame) {
                return frame;
            }
            kept.push(frame);
        }
    };
    match tokio::time::timeout(PATIENCE, search).await {
        Ok(frame) => frame,
        Err(_) => panic!("{what}: not within {PATIENCE:?}; there came {kept:#?}"),
    }
}

async fn synchronised(client: &mut Client) -> Value {
    let done =
        |frame: &Value| frame["type"] == "sync.status" && frame["data"]["status"] == "completed";
    find(client, "a completed sync.status", done).await
}

/// The retained states, as a new client sees them.
async fn retained(gateway: &Gateway) -> Vec<String> {
    let mut client = gateway.client().await;
    client.watch(&["entity/+/state"]).await;
    client.command("ping", Value::Null).await;
    let kept = client.take_kept();
    kept.iter()
        .filter_map(|frame| Some(frame["data"]["entity_id"].as_str()?.to_owned()))
        .collect()
}

#[tokio::test]
async fn a_light_a_scene_an_automation_and_services() {
    let server = Server::start().await;
    let gateway = start(&server, &server.token().await).await;
    let mut client = gateway.client().await;
    client.watch(&["adapter/#"]).await;
    let done = synchronised(&mut client).await;
    let count = done["data"]["entity_count"].as_u64().unwrap_or_default();
    assert!(count > 100, "{done}");
    assert_eq!(
        retained(&gateway).await.len() as u64,
        count,
        "each is retained"
    );
    // A toggled light reaches a client that subscribed to it, by a call that is answered with Home Assistant's result.
    let topics = [
        "entity/light.bed_light/state",
        "entity/light.kitchen_lights/state",
        "scene/#",
        "service/#",
        "automation/#",
    ];
    client.subscribe(json!({"topics": topics})).await;
    let on = |service: &str, entity: &str| json!({"domain": entity.split('.').next(), "service": service, "target": {"entity_id": entity}});
    let reply = client
        .command("call_service", on("toggle", "light.bed_light"))
        .await;
    assert!(reply["data"]["context"]["id"].is_string(), "{reply}");
    let change = client.next_on("entity/light.bed_light/state").await;
    assert_eq!(
        (&change["data"]["old_state"], &change["data"]["new_state"]),
        (&json!("off"), &json!("on")),
        "{change}"
    );
    assert_eq!(change["data"]["name"], "Bed Light");
    let called = client.next_on("service/light/toggle").await;
    assert_eq!(called["data"]["entity_id"], "light.bed_light", "{called}");
    // An unknown service is answered with Home Assistant's error.
    let unknown = json!({"domain": "light", "service": "sing"});
    let error = client
        .refused("call_service", unknown, "INVALID_FIELD")
        .await;
    let message = error["data"]["message"].as_str().unwrap_or_default();
    assert!(
        message.contains("light.sing") && message.contains("(not_found)"),
        "{error}"
    );
    // A scene, and an automation that a change of a light sets off.
    client
        .command("call_service", on("turn_on", "scene.evening"))
        .await;
    let scene = client.next_of("scene.activated").await;
    assert_eq!(
        scene["data"],
        json!({"scene_id": "scene.evening", "name": "Evening"})
    );
    client
        .command("call_service", on("toggle", "light.kitchen_lights"))
        .await;
    let rule = client.next_of("automation.triggered").await;
    assert_eq!(
        (
            &rule["data"]["rule_id"],
            &rule["data"]["rule_name"],
            &rule["data"]["trigger"]["type"]
        ),
        (
            &json!("automation.by_hand"),
            &json!("By hand"),
            &json!("state")
        ),
        "{rule}"
    );
    let states = client
        .command("get_states", json!({"entity_id": "light.bed_light"}))
        .await;
    assert_eq!(states["data"]["states"][0]["name"], "Bed Light", "{states}");
}

#[tokio::test]
async fn killed_and_restarted_it_is_read_anew_and_nothing_stale_is_left() {
    let mut server = Server::start().await;
    let gateway = start(&server, &server.token().await).await;
    let mut client = gateway.client().await;
    client.watch(&["adapter/#"]).await;
    synchronised(&mut client).await;
    let before = retained(&gateway).await;
    assert!(before.contains(&"scene.temporary".to_owned()));
    client
        .subscribe(json!({"topics": ["entity/+/registry"]}))
        .await;
    server.kill().await;
    let away = |frame: &Value| {
        frame["type"] == "adapter.status" && frame["data"]["status"] == "disconnected"
    };
    find(&mut client, "adapter.status disconnected", away).await;
    let calling = json!({"domain": "light", "service": "toggle"});
    client
        .refused("call_service", calling, "HANDLER_UNAVAILABLE")
        .await;
    // Meanwhile a scene is removed from its configuration.
    server.restart("").await;
    let gone = find(&mut client, "entity.removed", |frame| {
        frame["type"] == "entity.removed"
    })
    .await;
    assert_eq!(
        gone["data"]["entity_id"], "scene.temporary",
        "and only that one: {gone}"
    );
    synchronised(&mut client).await;
    let others = client
        .take_kept()
        .into_iter()
        .find(|frame| frame["type"] == "entity.removed");
    assert_eq!(others, None, "what was only slow to start is not removed");
    let after = retained(&gateway).await;
    let expected: Vec<_> = before
        .into_iter()
        .filter(|id| id != "scene.temporary")
        .collect();
    assert_eq!(sorted(after), sorted(expected));
    // And it lives: a change reaches the client again.
    client
        .subscribe(json!({"topics": ["entity/light.bed_light/state"]}))
        .await;
    let toggle =
        json!({"domain": "light", "service": "toggle", "target": {"entity_id": "light.bed_light"}});
    client.command("call_service", toggle).await;
    client.next_on("entity/light.bed_light/state").await;
}

#[tokio::test]
async fn a_wrong_token_parks_the_plugin() {
    let server = Server::start().await;
    let gateway = start(&server, "no-token-of-this-home").await;
    let parked = gateway.in_state("home", "parked").await;
    let why = parked["last_error"].as_str().unwrap_or_default();
    assert!(why.contains("refused the token"), "{parked}");
}

fn sorted(mut list: Vec<String>) -> Vec<String> {
    list.sort();
    list
}
