//! SIGTERM drains: clients are told when to come back, and get what was already theirs.

use hearthgate_tests::{Client, Setup, Signal};
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

#[tokio::test]
async fn everyone_is_told_when_to_come_back() {
    let mut gateway = Setup::new()
        .toml("[shutdown]\ndeadline = \"10s\"\nreconnect-spread = \"7s\"")
        .start()
        .await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        let mut client = gateway.client().await;
        client.watch(&["test/#"]).await;
        clients.push(client);
    }
    for n in 0..50 {
        gateway.admin().emit("test/n", json!(n)).await;
    }
    let begun = Instant::now();
    gateway.signal(Signal::Terminate);
    for client in &mut clients {
        for n in 0..50 {
            assert_eq!(
                client.next_on("test/n").await["data"],
                n,
                "what was accepted is delivered"
            );
        }
        let farewell = client.next_of("disconnect").await;
        let reconnect = &farewell["data"]["reconnect"];
        assert!(
            reconnect["after_ms_max"].as_u64() >= reconnect["after_ms_min"].as_u64(),
            "{farewell}"
        );
        assert!(
            reconnect["after_ms_max"]
                .as_u64()
                .is_some_and(|max| max > 0 && max <= 7_000),
            "{farewell}"
        );
        let closed = client.closed().await;
        assert_eq!(closed.code, Some(1012), "{closed:?}");
        assert_eq!(farewell["data"]["code"], 1012, "{farewell}");
    }
    let address = gateway.address();
    assert!(gateway.ended().await.success());
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
    assert!(
        Client::open(address, "/ws").await.is_err(),
        "nobody listens"
    );
}

#[tokio::test]
async fn a_client_that_does_not_read_can_not_hold_up_the_stop() {
    let mut gateway = Setup::new()
        .toml("[shutdown]\ndeadline = \"2s\"")
        .start()
        .await;
    let mut stuck = hearthgate_tests::raw::Raw::narrow(gateway.address())
        .await
        .upgrade("/ws")
        .await;
    stuck
        .text(r##"{"type":"subscribe","id":1,"data":{"topics":["#"]}}"##)
        .await;
    assert!(
        stuck
            .find(|frame| frame.text().contains("\"subscribed\""))
            .await
            .is_some()
    );
    for _ in 0..60 {
        gateway
            .admin()
            .emit("heavy", json!("x".repeat(200_000)))
            .await;
    }
    let begun = Instant::now();
    gateway.stop().await;
    assert!(
        begun.elapsed() < Duration::from_secs(6),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn a_client_that_got_everything_but_never_answers_the_close_is_waited_for_shortly() {
    let mut gateway = Setup::new()
        .toml("[shutdown]\ndeadline = \"20s\"")
        .start()
        .await;
    let mut mute = hearthgate_tests::raw::Raw::connect(gateway.address())
        .await
        .upgrade("/ws")
        .await;
    mute.text(r##"{"type":"subscribe","id":1,"data":{"topics":["#"]}}"##)
        .await;
    let subscribed = mute
        .find(|frame| frame.text().contains("\"subscribed\""))
        .await;
    assert!(subscribed.is_some());
    gateway.admin().emit("last", json!("words")).await;
    let begun = Instant::now();
    assert!(gateway.stop().await.success());
    assert!(
        begun.elapsed() < Duration::from_secs(4),
        "{:?}",
        begun.elapsed()
    );
    // It reads only now, and everything is there.
    assert!(
        mute.find(|frame| frame.text().contains("words"))
            .await
            .is_some()
    );
    assert_eq!(mute.close_code().await, Some(1012));
}

#[tokio::test]
async fn the_address_is_free_at_once() {
    let mut gateway = Setup::new().start().await;
    let _client = gateway.client().await;
    assert!(gateway.stop().await.success());
    gateway.start_again().await;
    gateway.client().await;
}
