//! One client stops reading while a thousand others are served.

use hearthgate_tests::raw::Raw;
use hearthgate_tests::{Client, Setup, wait};
use serde_json::json;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

const CLIENTS: usize = 1_000;
const EVENTS: u64 = 30;
/// Far above what a thousand writes take, far below any of the gateway's timeouts.
const PROMPT: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_are_served_while_one_does_not_read() {
    let gateway = Setup::new()
        .toml("[connections]\noutbox-frames = 4")
        .start()
        .await;
    let mut stuck = Raw::narrow(gateway.address()).await.upgrade("/ws").await;
    stuck
        .text(r##"{"type":"subscribe","id":1,"data":{"topics":["#"]}}"##)
        .await;
    assert!(
        stuck
            .find(|frame| frame.text().contains("\"subscribed\""))
            .await
            .is_some()
    );
    let mut readers = JoinSet::new();
    for client in crowd(&gateway).await {
        readers.spawn(read(client));
    }
    // The crowd wants only what is in crowd/, the stuck one all of it.
    let heavy = json!("x".repeat(200_000));
    for _ in 0..40 {
        gateway.admin().emit("heavy", heavy.clone()).await;
    }
    let mut worst = Duration::ZERO;
    for n in 0..EVENTS {
        let begun = Instant::now();
        gateway.admin().emit("crowd/n", json!(n)).await;
        worst = worst.max(begun.elapsed());
    }
    let mut served = 0;
    while let Some(reader) = wait::soon("everyone is served", readers.join_next()).await {
        reader.expect("each got every event, in order");
        served += 1;
    }
    assert_eq!(served, CLIENTS);
    assert!(
        worst < PROMPT,
        "a publish took {worst:?} because of the stuck client"
    );
    assert!(
        gateway
            .admin()
            .metric("hearthgate_deliveries_dropped_total", &[])
            .await
            > 0.0,
        "the stuck client was not stuck"
    );
}

async fn crowd(gateway: &hearthgate_tests::Gateway) -> Vec<Client> {
    let mut clients = Vec::with_capacity(CLIENTS);
    for _ in 0..CLIENTS {
        let mut client = gateway.client().await;
        client.subscribe(json!({"topics": ["crowd/#"]})).await;
        clients.push(client);
    }
    clients
}

async fn read(mut client: Client) {
    for n in 0..EVENTS {
        assert_eq!(client.next_on("crowd/n").await["data"], n);
    }
}
