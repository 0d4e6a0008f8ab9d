//! The plugin `home-assistant` in a running gateway, with a Home Assistant that the test plays. The real one is in
//! `tests/tests/real/home_assistant.rs`.

mod large;
mod reload;

use hearthgate_tests::peers::HomeAssistant;
use hearthgate_tests::peers::home_assistant::World;
use hearthgate_tests::{Client, Gateway, Setup};
use serde_json::{Value, json};

/// The secret: nothing that the gateway writes or sends may hold it.
const TOKEN: &str = "eyJh-a-long-lived-token";

/// An instance of the plugin, with keys of its configuration and of its limits.
fn source(name: &str, home: &HomeAssistant, config: &str, limits: &str) -> String {
    let url = home.url();
    let to = url.trim_end_matches("/api/websocket");
    format!(
        r#"
[sources.{name}]
plugin = "home-assistant"
config = {{ url = "{url}", {config} }}
secrets = {{ token = {{ env = "HA_TOKEN" }} }}
limits = {{ {limits} }}
[sources.{name}.grants]
connect = ["{to}"]
handle = ["call_service", "get_states"]
subscribe = ["entity/+/state", "room/+", "area/+"]
publish = ["entity/#", "room/#", "area/#", "adapter/#", "automation/#", "scene/#", "service/#"]
"#
    )
}

fn setup(sections: &str) -> Setup {
    Setup::new()
        .plugin("home-assistant")
        .variable("HA_TOKEN", TOKEN)
        .toml(sections)
}

/// A gateway with the home that is played, read whole, and a client that saw it.
async fn start(home: &HomeAssistant, config: &str) -> (Gateway, Client) {
    let gateway = setup(&source("home", home, config, "")).start().await;
    let mut client = gateway.client().await;
    client.watch(&["adapter/#"]).await;
    synchronised(&mut client).await;
    client.take_kept();
    (gateway, client)
}

/// Waits for the end of a reading.
async fn synchronised(client: &mut Client) -> Value {
    let done =
        |frame: &Value| frame["type"] == "sync.status" && frame["data"]["status"] == "completed";
    client.find("a completed sync.status", done).await
}

async fn status(client: &mut Client, wanted: &str) -> Value {
    let is = |frame: &Value| frame["type"] == "adapter.status" && frame["data"]["status"] == wanted;
    client
        .find(&format!("an adapter.status {wanted}"), is)
        .await
}

/// The retained states that a new client sees: entity and state.
async fn states(gateway: &Gateway, topic: &str) -> Vec<(String, String)> {
    let mut client = gateway.client().await;
    client.watch(&[topic]).await;
    client.command("ping", Value::Null).await;
    let mut states: Vec<_> = client
        .take_kept()
        .iter()
        .filter(|frame| frame["type"] == "entity.state_changed")
        .map(|frame| {
            let text = |key: &str| frame["data"][key].as_str().unwrap_or_default().to_owned();
            (text("entity_id"), text("new_state"))
        })
        .collect();
    states.sort();
    states
}

#[tokio::test]
async fn a_client_sees_the_home_and_what_changes_in_it_by_room() {
    let home = HomeAssistant::start(World::small(TOKEN)).await;
    let (gateway, _) = start(&home, "").await;
    let mut client = gateway.client().await;
    let kitchen = json!({"topics": ["entity/#"], "where": {"room": ["kitchen"]}, "snapshot": true});
    client.subscribe(kitchen).await;
    let mut first = [client.next().await, client.next().await];
    first.sort_by_key(|frame| frame["topic"].to_string());
    assert_eq!(first[0]["topic"], "entity/light.stove/state");
    assert_eq!(
        first[0]["labels"],
        json!({"entity": "light.stove", "domain": "light", "room": "kitchen", "area": "ground", "device": "d1"})
    );
    assert_eq!(
        first[0]["timestamp"], "2025-04-11T09:00:00.123Z",
        "when it happened there"
    );
    assert_eq!(first[1]["topic"], "entity/light.table/state");
    home.change("light.attic", "on");
    home.change("light.table", "on");
    let change = client.next().await;
    assert_eq!(
        (
            &change["topic"],
            &change["data"]["old_state"],
            &change["data"]["new_state"],
            &change["source"]
        ),
        (
            &json!("entity/light.table/state"),
            &json!("off"),
            &json!("on"),
            &json!("home")
        )
    );
    home.remove("light.table");
    assert_eq!(client.next().await["type"], "entity.removed");
    let names: Vec<String> = states(&gateway, "entity/#")
        .await
        .into_iter()
        .map(|(id, _)| id)
        .collect();
    assert_eq!(names, ["light.attic", "light.stove", "sun.sun"]);
    let log = gateway.journal.text() + &gateway.admin().get("/api/v1/plugins").await.text();
    assert!(!log.contains(TOKEN), "the token is nowhere");
}

#[tokio::test]
async fn a_refused_token_parks_it_until_the_secret_changes() {
    let home = HomeAssistant::start(World::small("another")).await;
    let file = "secret.txt";
    let sections =
        source("home", &home, "", "").replace("env = \"HA_TOKEN\"", &format!("file = \"{file}\""));
    let setup = setup(&sections);
    std::fs::write(setup.folder().join(file), TOKEN).expect("a folder of ours");
    let gateway = setup.start().await;
    let parked = gateway.in_state("home", "parked").await;
    let why = parked["last_error"].as_str().unwrap_or_default();
    assert!(
        why.contains("refused the token: Invalid access token or password"),
        "{parked}"
    );
    let mut client = gateway.client().await;
    client.watch(&["adapter/home/#"]).await;
    status(&mut client, "failed").await;
    assert_eq!(home.logins(), 0);
    std::fs::write(gateway.folder().join(file), "another").expect("a folder of ours");
    synchronised(&mut client).await;
    assert_eq!(states(&gateway, "entity/#").await.len(), 4);
}

#[tokio::test]
async fn after_a_gap_only_differences_are_told_and_nothing_stale_is_left() {
    let home = HomeAssistant::start(World::small(TOKEN)).await;
    let (gateway, mut client) = start(&home, "").await;
    client
        .subscribe(json!({"topics": ["entity/#", "room/#"]}))
        .await;
    home.edit(|world| {
        world.set("light.stove", "on");
        world.states.remove("light.attic");
        world.set("switch.new", "on");
        world.areas.retain(|area| area["area_id"] != "attic");
    });
    home.cut();
    status(&mut client, "disconnected").await;
    synchronised(&mut client).await;
    let told: Vec<String> = client
        .take_kept()
        .iter()
        .filter(|frame| {
            frame["topic"]
                .as_str()
                .is_some_and(|topic| !topic.starts_with("adapter/"))
        })
        .map(|frame| format!("{} {}", frame["type"], frame["topic"]).replace('"', ""))
        .collect();
    assert_eq!(
        told,
        [
            "entity.state_changed entity/light.stove/state",
            "entity.added entity/switch.new/registry",
            "entity.state_changed entity/switch.new/state",
            "entity.removed entity/light.attic/registry",
            "room.deleted room/attic",
        ]
    );
    let expected = [
        ("light.stove", "on"),
        ("light.table", "off"),
        ("sun.sun", "above_horizon"),
        ("switch.new", "on"),
    ];
    assert_eq!(
        states(&gateway, "entity/#").await,
        expected.map(|(id, state)| (id.to_owned(), state.to_owned()))
    );
}

#[tokio::test]
async fn a_link_that_is_dead_but_open_is_given_up() {
    let home = HomeAssistant::start(World::small(TOKEN)).await;
    let config = "ping-interval = \"300ms\", pong-timeout = \"200ms\"";
    let (_gateway, mut client) = start(&home, config).await;
    assert!(home.asked().contains(&"get_states".to_owned()));
    home.mute(true);
    home.edit(|world| drop(world.set("light.stove", "on")));
    status(&mut client, "disconnected").await;
    home.mute(false);
    synchronised(&mut client).await;
    assert!(home.logins() >= 2);
}

#[tokio::test]
async fn a_client_calls_a_service_and_is_answered_by_home_assistant() {
    let home = HomeAssistant::start(World::small(TOKEN)).await;
    let (gateway, mut client) = start(&home, "call = { deny = [\"homeassistant.*\"] }").await;
    client
        .subscribe(json!({"topics": ["entity/light.stove/state", "service/#"]}))
        .await;
    let toggle =
        json!({"domain": "light", "service": "toggle", "target": {"entity_id": "light.stove"}});
    let reply = client.command("call_service", toggle).await;
    assert_eq!(
        (&reply["type"], &reply["data"]["context"]["user_id"]),
        (&json!("reply"), &json!("u")),
        "{reply}"
    );
    assert_eq!(
        client.next_of("service.called").await["topic"],
        "service/light/toggle"
    );
    assert_eq!(
        client.next_of("entity.state_changed").await["data"]["new_state"],
        "on"
    );
    let nope = json!({"domain": "light", "service": "nope"});
    let error = client.refused("call_service", nope, "INVALID_FIELD").await;
    assert_eq!(
        error["data"]["message"],
        "Service light.nope not found. (not_found)"
    );
    let stop = json!({"domain": "homeassistant", "service": "stop"});
    client.refused("call_service", stop, "FORBIDDEN").await;
    let states = client
        .command("get_states", json!({"domain": "light"}))
        .await;
    let found = states["data"]["states"].as_array().map(Vec::len);
    assert_eq!(
        (found, &states["data"]["synchronised"]),
        (Some(3), &json!(true)),
        "{states}"
    );
    // Without an answer, the client is told so in time.
    gateway.configure(|text| text.replace("call = {", "call-timeout = \"300ms\", call = {"));
    synchronised(&mut client).await;
    home.mute(true);
    let toggle =
        json!({"domain": "light", "service": "toggle", "target": {"entity_id": "light.stove"}});
    let error = client
        .refused("call_service", toggle, "HANDLER_UNAVAILABLE")
        .await;
    let message = error["data"]["message"].as_str().unwrap_or_default();
    assert!(message.contains("did not answer within 300ms"), "{error}");
}

#[tokio::test]
async fn two_homes_are_two_instances() {
    let home = HomeAssistant::start(World::small(TOKEN)).await;
    let cabin = HomeAssistant::start(World::small(TOKEN)).await;
    let second = source(
        "cabin",
        &cabin,
        "prefix = \"cabin_\", name = \"The cabin\"",
        "",
    );
    let second = second.replace("handle = [\"call_service\", \"get_states\"]", "handle = []");
    let gateway = setup(&(source("home", &home, "", "") + &second))
        .start()
        .await;
    let mut client = gateway.client().await;
    client.watch(&["adapter/+/sync"]).await;
    for instance in ["home", "cabin"] {
        let done =
            |frame: &Value| frame["source"] == instance && frame["data"]["status"] == "completed";
        client.find(instance, done).await;
    }
    client
        .subscribe(json!({"topics": ["entity/#"], "where": {"room": ["kitchen", "cabin_kitchen"]}}))
        .await;
    home.change("light.stove", "on");
    let told = client.next_on("entity/light.stove/state").await;
    assert_eq!(told["source"], "home");
    cabin.change("light.stove", "on");
    let told = client.next_on("entity/light.cabin_stove/state").await;
    assert_eq!(
        (&told["source"], &told["labels"]["room"]),
        (&json!("cabin"), &json!("cabin_kitchen"))
    );
    cabin.cut();
    home.change("light.stove", "off");
    client.next_on("entity/light.stove/state").await;
    assert_eq!(states(&gateway, "entity/#").await.len(), 8);
}

#[tokio::test]
async fn what_can_not_be_used_is_counted_and_the_rest_goes_on() {
    let home = HomeAssistant::start(World::small(TOKEN)).await;
    let gateway = setup(&source(
        "home",
        &home,
        "",
        "receive-size = \"16MiB\", memory = \"64MiB\"",
    ))
    .start()
    .await;
    let mut client = gateway.client().await;
    client.watch(&["adapter/#"]).await;
    synchronised(&mut client).await;
    client.subscribe(json!({"topics": ["entity/#"]})).await;
    let huge = json!({"entity_id": "light.huge", "state": "on", "attributes": {"picture": "x".repeat(10 << 20)}});
    let data = json!({"entity_id": "light.huge", "old_state": null, "new_state": huge});
    home.fire("state_changed", &data);
    for _ in 0..20 {
        home.say("{ this is no JSON");
    }
    home.say(r#"{"id": 99999, "type": "result", "success": true, "result": []}"#);
    home.fire("state_changed", &json!({"no": "fields"}));
    home.change("light.stove", "on");
    assert_eq!(
        client.next_of("entity.state_changed").await["topic"],
        "entity/light.stove/state"
    );
    let admin = gateway.admin();
    for (cause, count) in [
        ("an event larger than 2 MiB", 1.0),
        ("a frame that is no JSON", 20.0),
        ("an answer to no question", 1.0),
        ("an event that does not fit", 1.0),
    ] {
        let label = format!("cause=\"{cause}\"");
        let text = admin.get("/metrics").await.text();
        let series = text
            .lines()
            .find(|line| line.contains("bad_input_total") && line.contains(&label));
        let value = series.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
        assert_eq!(value, Some(count), "{cause}: {series:?}");
    }
    let lines = gateway.journal.containing("a frame that is no JSON").len();
    assert_eq!(lines, 2, "the first and the tenth");
    assert_eq!(gateway.status("home").await["restarts"], 0);
}
