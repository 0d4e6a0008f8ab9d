//! The machine is lost in the middle of a reload: what was answered is there afterwards.

use hearthgate_tests::client::text;
use hearthgate_tests::witness::number;
use hearthgate_tests::{Client, Setup, Signal};
use serde_json::json;
use std::collections::BTreeMap;
use tokio_tungstenite::tungstenite::Message;

const SOURCES: &str = r#"
[connections]
messages-per-second = 100000

[sources.fast]
plugin = "counter"
config = { per-second = 1000, topic = "test/count" }
grants = { publish = ["test/#"] }
limits = { publish-rate = 5000 }

[sources.all]
plugin = "allround"
grants = { handle = ["do"] }
"#;

/// Sets keys one after the other until the gateway is gone; returns those whose setting was answered.
async fn write_until_lost(
    mut client: Client,
    round: u32,
    mut answered: impl FnMut(usize),
) -> BTreeMap<String, String> {
    let mut written = BTreeMap::new();
    for n in 0..100_000 {
        let (key, value) = (format!("{round}/{n}"), format!("value {n}"));
        let set = json!({"type": "do", "id": n, "data": {"call": "store.set", "key": key, "value": value}});
        if client.send(text(&set.to_string())).await.is_err() {
            return written;
        }
        loop {
            match client.message("an answer").await {
                Ok(Message::Text(frame)) if frame.contains("\"reply\"") => {
                    assert!(!frame.contains("\"error\""), "{frame}");
                    break;
                }
                Ok(Message::Close(_)) | Err(_) => return written,
                Ok(_) => {}
            }
        }
        written.insert(key, value);
        answered(written.len());
    }
    written
}

#[tokio::test]
async fn during_a_reload_under_load() {
    let mut gateway = Setup::new()
        .plugin("counter")
        .plugin("allround")
        .toml(SOURCES)
        .start()
        .await;
    let mut written = BTreeMap::new();
    // At once, and after ever more of the reload: before it is seen, while it compiles, while it takes over.
    for (round, answers) in [(1, 0), (2, 20), (3, 80)] {
        gateway.in_state("all", "running").await;
        gateway.in_state("fast", "running").await;
        let mut events = gateway.client().await;
        events.watch(&["test/count"]).await;
        events.next_on("test/count").await;
        let build = if round % 2 == 1 {
            "counter-v2"
        } else {
            "counter"
        };
        let client = gateway.client().await;
        let lost = write_until_lost(client, round, |count| {
            if count == 5 {
                gateway.install_as(build, "counter", round);
                gateway.install("allround", round);
            }
            if count == 5 + answers {
                gateway.signal(Signal::Kill);
            }
        });
        written.extend(lost.await);
        gateway.start_again().await;
        let mut client = gateway.client().await;
        gateway.in_state("all", "running").await;
        for (key, value) in &written {
            let got = client
                .command("do", json!({"call": "store.get", "key": key}))
                .await;
            assert_eq!(got["data"]["ok"], json!(value), "{key}: {got}");
        }
        client.watch(&["test/count"]).await;
        let first = client.next_on("test/count").await;
        let expected = if round % 2 == 1 { "v2" } else { "v1" };
        assert_eq!(
            first["data"]["build"], expected,
            "the new file runs: {first}"
        );
        for expected in number(&first) + 1..number(&first) + 200 {
            let event = client.next_on("test/count").await;
            assert_eq!(number(&event), expected, "{event}");
        }
    }
}
