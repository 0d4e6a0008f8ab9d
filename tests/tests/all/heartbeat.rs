//! Signs of life in both directions.

use hearthgate_tests::raw::Raw;
use hearthgate_tests::{Setup, wait};

#[tokio::test]
async fn heartbeats_come_and_tell_how_many_clients_there_are() {
    let gateway = Setup::new()
        .toml("[connections]\nheartbeat-interval = \"100ms\"")
        .start()
        .await;
    let mut client = gateway.client().await;
    let _other = gateway.client().await;
    let beat = client
        .find("a heartbeat with both clients", |frame| {
            frame["type"] == "heartbeat" && frame["data"]["clients"] == 2
        })
        .await;
    assert!(
        beat["timestamp"].is_string() && beat["data"]["timestamp"].is_string(),
        "{beat}"
    );
    client.next_of("heartbeat").await;
}

#[tokio::test]
async fn a_client_that_says_nothing_at_all_is_taken_for_gone() {
    let keys = "[connections]\nping-interval = \"100ms\"\npong-timeout = \"400ms\"";
    let gateway = Setup::new().toml(keys).start().await;
    // Tungstenite answers pings while it reads; this one does not.
    let mut silent = Raw::connect(gateway.address()).await.upgrade("/ws").await;
    let mut lively = gateway.client().await;
    assert!(
        silent.find(|frame| frame.opcode == 9).await.is_some(),
        "a ping"
    );
    assert_eq!(silent.close_code().await, Some(4409));
    // Outlived several timeouts by its pongs alone.
    for _ in 0..8 {
        let ping = lively
            .message("a ping")
            .await
            .expect("the connection is open");
        assert!(!ping.is_close(), "{ping:?}");
    }
    assert_eq!(
        lively.command("ping", serde_json::json!(1)).await["type"],
        "pong"
    );
}

#[tokio::test]
async fn whoever_hangs_up_is_forgotten() {
    let gateway = Setup::new().start().await;
    let client = gateway.client().await;
    assert_eq!(
        gateway.admin().json("/api/v1/stats").await["connections"],
        1
    );
    drop(client);
    let gone = || async {
        (gateway.admin().json("/api/v1/stats").await["connections"] == 0).then_some(())
    };
    wait::until("the connection is gone", gone).await;
}
