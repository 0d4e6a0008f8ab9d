//! Ten thousand entities. How long it takes is measured by `cargo xtask bench -- home`; here it must be whole, within the
//! limits.

use super::*;

const LIMITS: &str =
    r#"memory = "64MiB", publish-rate = 10000, receive-size = "16MiB", state = "16MiB""#;

#[tokio::test]
async fn ten_thousand_entities_are_read_within_the_limits_and_handed_over() {
    let home = HomeAssistant::start(World::large(TOKEN, 10_000)).await;
    let gateway = setup(&source("home", &home, "", LIMITS)).start().await;
    let mut client = gateway.client().await;
    client.watch(&["adapter/#"]).await;
    let done = synchronised(&mut client).await;
    assert_eq!(
        (&done["data"]["entity_count"], &done["data"]["room_count"]),
        (&json!(10_000), &json!(50))
    );
    assert_eq!(
        states(&gateway, "entity/#").await.len(),
        10_000,
        "each is retained"
    );
    let progress: Vec<f64> = client
        .take_kept()
        .iter()
        .filter(|frame| frame["data"]["status"] == "syncing")
        .filter_map(|frame| frame["data"]["progress"].as_f64())
        .collect();
    assert!(progress.is_sorted(), "{progress:?}");
    // Read anew: nothing differs, so nothing is told.
    client.subscribe(json!({"topics": ["entity/#"]})).await;
    home.cut();
    status(&mut client, "disconnected").await;
    synchronised(&mut client).await;
    let told = client.take_kept().into_iter().find(|frame| {
        frame["topic"]
            .as_str()
            .is_some_and(|t| t.starts_with("entity/"))
    });
    assert_eq!(told, None);
    // Handed over: the state of all of them is kept.
    gateway.install("home-assistant", 1);
    let outcome = gateway.reload_after("home", &Value::Null).await;
    assert_eq!(
        (&outcome["outcome"], &outcome["state"]),
        (&json!("reloaded"), &json!("kept")),
        "{outcome}"
    );
    let _until_now = home.asked();
    home.change("sensor.value_09999", "21.5");
    let event = client.next_on("entity/sensor.value_09999/state").await;
    assert_eq!(
        (&event["data"]["old_state"], &event["labels"]["room"]),
        (&json!("20.5"), &json!("room_33"))
    );
    let status = gateway.status("home").await;
    assert_eq!(status["restarts"], 0, "{status}");
    let memory = status["memory_bytes"].as_u64().unwrap_or(u64::MAX);
    println!("memory of the plugin: {memory} bytes");
    assert!(memory < 64 << 20, "{status}");
}
