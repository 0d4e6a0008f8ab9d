//! What a plugin stores is there after the machine was lost.

use hearthgate_tests::{Client, Setup, Signal};
use serde_json::{Value, json};

const ALLROUND: &str = "[sources.all]\nplugin = \"allround\"\ngrants = { handle = [\"do\"] }\nlimits = { store = \"1KiB\" }\n";

async fn perform(client: &mut Client, task: Value) -> Value {
    let reply = client.command("do", task).await;
    assert_eq!(reply["type"], "reply", "{reply}");
    reply["data"].clone()
}

#[tokio::test]
async fn it_survives_a_kill() {
    let mut gateway = Setup::new().plugin("allround").toml(ALLROUND).start().await;
    gateway.in_state("all", "running").await;
    let mut client = gateway.client().await;
    for n in 0..20 {
        let set = perform(
            &mut client,
            json!({"call": "store.set", "key": format!("key/{n}"), "value": format!("{n}")}),
        )
        .await;
        assert!(set.get("error").is_none(), "{set}");
    }
    // No time to write anything back: what was answered is on the disk.
    gateway.signal(Signal::Kill);
    gateway.start_again().await;
    gateway.in_state("all", "running").await;
    let mut client = gateway.client().await;
    for n in 0..20 {
        let got = perform(
            &mut client,
            json!({"call": "store.get", "key": format!("key/{n}")}),
        )
        .await;
        assert_eq!(got["ok"], json!(n.to_string()), "{got}");
    }
    let keys = perform(
        &mut client,
        json!({"call": "store.keys", "prefix": "key/1", "limit": 100}),
    )
    .await;
    assert_eq!(keys["ok"].as_array().map(Vec::len), Some(11), "{keys}");
}

#[tokio::test]
async fn it_has_a_quota() {
    let gateway = Setup::new().plugin("allround").toml(ALLROUND).start().await;
    gateway.in_state("all", "running").await;
    let mut client = gateway.client().await;
    let refused = perform(
        &mut client,
        json!({"call": "store.set", "key": "k", "value": "x".repeat(2000)}),
    )
    .await;
    assert!(
        refused["error"]
            .as_str()
            .is_some_and(|error| error.to_lowercase().contains("quota")),
        "{refused}"
    );
    let kept = perform(
        &mut client,
        json!({"call": "store.set", "key": "k", "value": "small"}),
    )
    .await;
    assert!(kept.get("error").is_none(), "{kept}");
}
