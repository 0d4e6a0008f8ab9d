//! A client that reads too slowly gets what its policy says, is told what it missed, and holds nobody up.

use hearthgate_tests::raw::Raw;
use hearthgate_tests::{Gateway, Setup, wait};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const EVENTS: u64 = 400;
const TOPICS: u64 = 10;
const LIMITS: &str = "[connections]\noutbox-frames = 50\nwrite-timeout = \"60s\"\nping-interval = \"1h\"\nheartbeat-interval = \"1h\"\npong-timeout = \"2h\"";

/// Subscribes without reading on, and publishes more than any buffer between holds.
async fn overwhelmed(gateway: &Gateway, policy: &str) -> (Raw, Vec<u64>) {
    let mut raw = Raw::narrow(gateway.address()).await.upgrade("/ws").await;
    raw.text(
        &json!({"type": "subscribe", "id": 1, "data": {"topics": ["big/#"], "policy": policy}})
            .to_string(),
    )
    .await;
    assert!(
        raw.find(|frame| frame.text().contains("\"subscribed\""))
            .await
            .is_some()
    );
    let padding = "x".repeat(48 * 1024);
    let mut published = Vec::new();
    for n in 0..EVENTS {
        published.push(
            gateway
                .admin()
                .emit(
                    &format!("big/{}", n % TOPICS),
                    json!({"n": n, "padding": padding}),
                )
                .await,
        );
    }
    (raw, published)
}

/// Reads on until the last event, and returns the events' numbers and the gaps.
async fn read_on(raw: &mut Raw, last: u64) -> (Vec<Value>, Vec<Value>) {
    let (mut events, mut gaps) = (Vec::new(), Vec::new());
    while let Some(frame) = raw.next().await {
        let value: Value = serde_json::from_str(&frame.text()).unwrap_or_default();
        if value["type"] == "gap" {
            gaps.push(value["data"].clone());
        } else if value["type"] == "test.event" {
            let done = value["seq"] == last;
            events.push(value);
            if done {
                return (events, gaps);
            }
        }
    }
    panic!(
        "the connection ended before the last event; {} events, gaps {gaps:?}",
        events.len()
    );
}

#[tokio::test]
async fn policy_all_drops_the_oldest_and_says_which() {
    let gateway = Setup::new().toml(LIMITS).start().await;
    let (mut raw, published) = overwhelmed(&gateway, "all").await;
    let last = *published.last().expect("there are events");
    let (events, gaps) = read_on(&mut raw, last).await;
    let seqs: Vec<u64> = events
        .iter()
        .filter_map(|event| event["seq"].as_u64())
        .collect();
    assert!(
        seqs.is_sorted_by(|a, b| a < b),
        "rising, without a double: {seqs:?}"
    );
    assert!(
        !gaps.is_empty(),
        "all {} events arrived: the client was not slow",
        seqs.len()
    );
    let missing: Vec<u64> = published
        .iter()
        .filter(|seq| !seqs.contains(seq))
        .copied()
        .collect();
    let told: u64 = gaps.iter().filter_map(|gap| gap["dropped"].as_u64()).sum();
    assert_eq!(told, missing.len() as u64, "told {gaps:?}");
    let covered = |seq: &u64| {
        gaps.iter().any(|gap| {
            gap["first_seq"].as_u64() <= Some(*seq) && Some(*seq) <= gap["last_seq"].as_u64()
        })
    };
    assert!(missing.iter().all(covered), "{missing:?} in {gaps:?}");
    assert!(gaps.iter().all(|gap| gap["reason"] == "slow"));
}

#[tokio::test]
async fn policy_latest_ends_with_the_newest_of_every_topic() {
    let gateway = Setup::new().toml(LIMITS).start().await;
    let (mut raw, published) = overwhelmed(&gateway, "latest").await;
    let last = *published.last().expect("there are events");
    let (events, gaps) = read_on(&mut raw, last).await;
    assert!(
        !gaps.is_empty(),
        "all {} events arrived: the client was not slow",
        events.len()
    );
    let mut newest = BTreeMap::new();
    for event in &events {
        let seq = event["seq"].as_u64().expect("a number");
        let before = newest.insert(event["topic"].to_string(), seq);
        assert!(
            before.is_none_or(|before| before < seq),
            "within a topic the order holds"
        );
    }
    let expected: Vec<u64> =
        published[published.len() - usize::try_from(TOPICS).expect("few")..].to_vec();
    let mut got: Vec<u64> = newest.into_values().collect();
    got.sort_unstable();
    assert_eq!(got, expected, "the newest of each topic");
}

#[tokio::test]
async fn whoever_reads_no_answers_is_closed_with_4408() {
    let keys = "[connections]\nwrite-timeout = \"300ms\"\nmax-message = \"64KiB\"\nmessages-per-second = 100000\nping-interval = \"1h\"\npong-timeout = \"2h\"";
    let gateway = Setup::new().toml(keys).start().await;
    let mut witness = gateway.client().await;
    let mut raw = Raw::narrow(gateway.address()).await.upgrade("/ws").await;
    let ping = json!({"type": "ping", "data": "x".repeat(60_000)}).to_string();
    let flood = async {
        while raw.try_text(&ping).await
            && gateway
                .admin()
                .metric("hearthgate_slow_consumers_closed_total", &[])
                .await
                < 1.0
        {}
    };
    wait::soon("the gateway gives up on it", flood).await;
    let closed = || async {
        (gateway
            .admin()
            .metric("hearthgate_connections_closed_total", &["4408"])
            .await
            >= 1.0)
            .then_some(())
    };
    wait::until("the close is counted as 4408", closed).await;
    assert_eq!(witness.command("ping", json!(1)).await["type"], "pong");
    let gone = || async {
        let stats = gateway.admin().json("/api/v1/stats").await;
        (stats["connections"] == 1).then_some(())
    };
    wait::until("it is forgotten, with all that it held", gone).await;
}
