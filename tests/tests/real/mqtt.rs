//! The plugin mqtt against mosquitto and its clients.

mod broker;
mod tls;

use broker::{Broker, say};
use hearthgate_tests::{Client, Gateway, Setup, wait};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A source that reads a broker, with rules that the tests use.
fn source(url: &str, keys: &str) -> String {
    format!(
        r#"
[sources.mqtt]
plugin = "mqtt"
secrets = {{ password = {{ env = "MQTT_PASSWORD" }} }}

[sources.mqtt.grants]
connect = ["{url}"]
handle = ["mqtt_publish"]
reveal = ["password"]
publish = ["adapter/+/status", "adapter/+/sync", "device/#", "entity/#", "metrics/#", "automation/#", "mqtt/#"]

[sources.mqtt.config]
broker = "{url}"
keep-alive = "4s"
status-topic = "hearthgate/status"
publish = {{ topics = ["set/#"], retain = true }}
{keys}

[[sources.mqtt.config.rules]]
topic = "count/{{n}}"
kind = "mqtt.message"

[[sources.mqtt.config.rules]]
topic = "lwt/{{device}}"
kind = "device.status"

[[sources.mqtt.config.rules]]
topic = "sensors/{{room}}/{{device}}"
kind = "device.metrics"
id = "{{device}}"
labels = {{ room = "{{room}}" }}
values = {{ temperature = {{ at = "/t", unit = "celsius" }} }}
"#
    )
}

async fn start(broker: &Broker, keys: &str) -> (Gateway, Client) {
    let url = format!("tcp://127.0.0.1:{}", broker.port);
    started(Setup::new(), &url, keys).await
}

async fn started(setup: Setup, url: &str, keys: &str) -> (Gateway, Client) {
    running(setup, &source(url, keys)).await
}

async fn running(setup: Setup, source: &str) -> (Gateway, Client) {
    let setup = setup.plugin("mqtt").variable("MQTT_PASSWORD", "right");
    let plugin = "plugin = \"mqtt\"";
    let waits = source.replace(plugin, &format!("{plugin}\nenabled = false"));
    let gateway = setup.toml(&waits).start().await;
    // Whoever watches before the source starts misses nothing that is told only once.
    let mut client = gateway.client().await;
    client.watch(&["#"]).await;
    gateway.configure(|text| text.replace("enabled = false", "enabled = true"));
    let enabled = gateway.status_when("mqtt", "has started", |status| {
        !matches!(
            status["state"].as_str(),
            None | Some("starting" | "disabled" | "stopped")
        )
    });
    enabled.await;
    (gateway, client)
}

async fn adapter(client: &mut Client, status: &str) -> Value {
    let what = format!("the adapter is {status}");
    let wanted =
        |frame: &Value| frame["type"] == "adapter.status" && frame["data"]["status"] == status;
    client.find(&what, wanted).await
}

async fn synced(client: &mut Client) -> Value {
    let wanted =
        |frame: &Value| frame["type"] == "sync.status" && frame["data"]["status"] == "completed";
    client.find("everything is read", wanted).await
}

async fn status(client: &mut Client, device: &str, status: &str) -> Value {
    let topic = format!("device/{device}/status");
    let wanted = |frame: &Value| frame["topic"] == *topic && frame["data"]["status"] == status;
    client.find(&format!("{device} is {status}"), wanted).await
}

/// What is retained, what comes, and what is published, in one version of the protocol.
async fn speaks(version: &str) {
    let broker = Broker::start().await;
    let config = json!({
        "name": "Temperature", "uniq_id": "attic_t", "stat_t": "attic/state", "val_tpl": "{{ value_json.t | round(1) }}",
        "avty_t": "attic/lwt", "dev": {"ids": ["attic"], "name": "Attic"},
    });
    let retain = ["-r"];
    broker
        .publish(
            "homeassistant/sensor/attic_t/config",
            &config.to_string(),
            &retain,
        )
        .await;
    broker
        .publish("attic/state", r#"{"t": 21.04}"#, &retain)
        .await;
    broker.publish("attic/lwt", "online", &retain).await;
    broker.publish("lwt/fan", "online", &retain).await;
    let (_gateway, mut client) = start(&broker, &format!("version = \"{version}\"")).await;
    adapter(&mut client, "connected").await;
    let added = client.next_on("entity/sensor.attic_t/registry").await;
    assert_eq!(added["data"]["entity"]["name"], "Attic Temperature");
    let state = client.next_on("entity/sensor.attic_t/state").await;
    assert_eq!(state["data"]["new_state"], "21");
    status(&mut client, "attic", "online").await;
    status(&mut client, "fan", "online").await;
    let sync = synced(&mut client).await;
    assert_eq!(
        (&sync["data"]["entity_count"], &sync["data"]["progress"]),
        (&json!(1), &json!(100.0))
    );
    broker
        .publish("sensors/attic/probe", r#"{"t": "19.5"}"#, &[])
        .await;
    let metrics = client.next_on("device/probe/metrics").await;
    assert_eq!(metrics["data"]["metrics"], json!({"temperature": 19.5}));
    assert_eq!(
        (&metrics["labels"]["room"], &metrics["source"]),
        (&json!("attic"), &json!("mqtt"))
    );
    for qos in ["0", "1", "2"] {
        broker
            .publish(&format!("count/{qos}"), qos, &["-q", qos])
            .await;
        let message = client.next_on(&format!("mqtt/count/{qos}")).await;
        assert_eq!(
            message["data"]["payload"],
            json!(qos.parse::<u64>().expect("a number"))
        );
    }
    // Published: seen by another client, and confirmed to ours.
    let (_sub, mut lines) = broker.subscriber("set/#", &[]).await;
    for (qos, confirmed) in [(0, false), (1, true), (2, true)] {
        let wish = json!({"topic": format!("set/{qos}"), "payload": {"on": true}, "qos": qos});
        let answer = client.command("mqtt_publish", wish).await;
        assert_eq!(
            answer["data"],
            json!({"published": true, "confirmed": confirmed}),
            "{answer}"
        );
        let line = wait::soon("the message", lines.next_line())
            .await
            .expect("it prints");
        assert_eq!(
            line.as_deref(),
            Some(&*format!("set/{qos} {{\"on\":true}}"))
        );
    }
    let elsewhere = client
        .command("mqtt_publish", json!({"topic": "count/1", "payload": "1"}))
        .await;
    assert_eq!(elsewhere["type"], "error", "{elsewhere}");
    let mut retained = broker.client("mosquitto_sub", &["-C", "1", "-t", "hearthgate/status"]);
    let output = wait::soon("our status", retained.output()).await;
    assert_eq!(output.expect("mosquitto_sub starts").stdout, b"online\n");
}

#[tokio::test]
async fn mqtt_speaks_3_1_1() {
    speaks("3.1.1").await;
}

#[tokio::test]
async fn mqtt_speaks_5() {
    speaks("5").await;
}

#[tokio::test]
async fn mqtt_tells_a_last_will() {
    let broker = Broker::start().await;
    let (_gateway, mut client) = start(&broker, "").await;
    synced(&mut client).await;
    broker.publish("lwt/phone", "online", &["-r"]).await;
    status(&mut client, "phone", "online").await;
    let will = [
        "--will-topic",
        "lwt/phone",
        "--will-payload",
        "offline",
        "--will-retain",
    ];
    let (mut phone, _lines) = broker.subscriber("nothing", &will).await;
    phone.kill().await.expect("it can be killed");
    status(&mut client, "phone", "offline").await;
}

/// A password that is wrong parks the plugin; the right one starts it.
async fn refuses_a_password(version: &str) {
    let folder = TempDir::new().expect("a temporary folder");
    let passwords = folder.path().join("passwords");
    let tool = crate::part("HEARTHGATE_MOSQUITTO_SUB").with_file_name("mosquitto_passwd");
    let made = std::process::Command::new(tool)
        .args(["-c", "-b"])
        .arg(&passwords)
        .args(["hearth", "right"])
        .status();
    assert!(made.expect("mosquitto_passwd starts").success());
    let configuration = format!(
        "allow_anonymous false\npassword_file {}\n",
        passwords.display()
    );
    let broker = Broker::with(&configuration, folder).await;
    let keys = format!("version = \"{version}\"\nusername = \"wrong\"");
    let (gateway, mut client) = start(&broker, &keys).await;
    let failed = adapter(&mut client, "failed").await;
    let message = failed["data"]["message"].as_str().unwrap_or_default();
    assert!(message.contains("not authorized (0x87"), "{message}");
    gateway.in_state("mqtt", "parked").await;
    gateway.configure(|text| text.replace("username = \"wrong\"", "username = \"hearth\""));
    adapter(&mut client, "connected").await;
    synced(&mut client).await;
    let journal = gateway.journal.text();
    assert!(
        !journal.contains("\"right\""),
        "the password is in no log line"
    );
}

#[tokio::test]
async fn mqtt_parks_on_a_bad_password_in_3_1_1() {
    refuses_a_password("3.1.1").await;
}

#[tokio::test]
async fn mqtt_parks_on_a_bad_password_in_5() {
    refuses_a_password("5").await;
}

/// A broker that dies and comes back: what changed meanwhile is told, and what is no more is gone.
#[tokio::test]
async fn mqtt_resynchronises_after_a_restart_of_the_broker() {
    let mut broker = Broker::start().await;
    let config = |id: &str| {
        json!({"uniq_id": id, "stat_t": format!("{id}/state"), "dev": {"ids": [id]}, "avty_t": format!("{id}/lwt")}).to_string()
    };
    for id in ["stays", "goes"] {
        broker
            .publish(
                &format!("homeassistant/sensor/{id}/config"),
                &config(id),
                &["-r"],
            )
            .await;
        broker.publish(&format!("{id}/state"), "1", &["-r"]).await;
        broker
            .publish(&format!("{id}/lwt"), "online", &["-r"])
            .await;
    }
    let (_gateway, mut client) = start(&broker, "").await;
    synced(&mut client).await;
    status(&mut client, "stays", "online").await;
    status(&mut client, "goes", "online").await;
    client.take_kept();
    broker.kill().await;
    adapter(&mut client, "disconnected").await;
    // While we are away: another state, and an entity less. Our port stays closed to us until all of it is done.
    let port = broker.port;
    broker.move_to(broker::free_port().await).await;
    broker.publish("stays/state", "2", &["-r"]).await;
    for topic in ["homeassistant/sensor/goes/config", "goes/state", "goes/lwt"] {
        broker.clear(topic).await;
    }
    broker.move_to(port).await;
    adapter(&mut client, "connected").await;
    let changed = client.next_on("entity/sensor.stays/state").await;
    assert_eq!(
        (&changed["data"]["old_state"], &changed["data"]["new_state"]),
        (&json!("1"), &json!("2"))
    );
    synced(&mut client).await;
    let removed = client.next_of("entity.removed").await;
    assert_eq!(removed["data"]["entity_id"], "sensor.goes");
    status(&mut client, "goes", "offline").await;
    let again = client.take_kept();
    let told: Vec<&Value> = again
        .iter()
        .filter(|frame| frame["topic"] == "device/stays/status")
        .collect();
    assert_eq!(told, Vec::<&Value>::new(), "it was online all the time");
}

/// A new version of the plugin takes over the connection: the broker sees nothing of it, and each message comes once.
#[tokio::test]
async fn mqtt_keeps_its_session_over_a_reload() {
    const BEFORE: u64 = 200;
    const ALL: u64 = 600;
    let broker = Broker::start().await;
    let (gateway, mut client) = start(&broker, "").await;
    synced(&mut client).await;
    let (_child, mut input) = broker.publisher("count/up");
    for n in 0..BEFORE {
        say(&mut input, &n.to_string()).await;
    }
    gateway.install("mqtt", 1);
    for n in BEFORE..ALL {
        say(&mut input, &n.to_string()).await;
    }
    for n in 0..ALL {
        let message = client.next_on("mqtt/count/up").await;
        assert_eq!(message["data"]["payload"], json!(n), "each once, in order");
    }
    let outcome = gateway.reload_after("mqtt", &Value::Null).await;
    assert_eq!(
        (&outcome["outcome"], &outcome["connections"]),
        (&json!("reloaded"), &json!(1)),
        "{outcome}"
    );
    say(&mut input, "last").await;
    assert_eq!(
        client.next_on("mqtt/count/up").await["data"]["payload"],
        "last"
    );
    let log = broker.log();
    let connects = log.matches("as hearthgate-mqtt").count();
    assert_eq!(connects, 1, "one connection: {log}");
}

/// What was sent with QoS 1 while the gateway was away is there when it comes back.
#[tokio::test]
async fn mqtt_resumes_its_session_after_a_restart_of_the_gateway() {
    let broker = Broker::start().await;
    let (mut gateway, mut client) = start(&broker, "").await;
    synced(&mut client).await;
    gateway.stop().await;
    for n in 0..20 {
        broker.publish("count/away", &n.to_string(), &[]).await;
    }
    gateway.start_again().await;
    let mut client = gateway.client().await;
    client.watch(&["mqtt/#", "adapter/#"]).await;
    synced(&mut client).await;
    // Twenty events on one topic, of which the last is what a late subscriber can still see of them.
    let published = || async {
        let admin = gateway.admin();
        let count = admin
            .metric("hearthgate_guest_published_total", &["mqtt"])
            .await;
        (count >= 20.0).then_some(())
    };
    wait::until("all twenty are published", published).await;
    assert!(broker.log().contains("count/away"), "the broker sent them");
}
