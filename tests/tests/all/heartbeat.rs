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
    let keys = "[connections]\nping-interval = \"200ms\"\npong-timeout = \"2s\"";
    let gateway = Setup::new().toml(keys).start().await;
    // Tungstenite answers pings while it reads; this one does not.
    let mut silent = Raw::connect(gateway.address()).await.upgrade("/ws").await;
    let mut lively = gateway.client().await;
    let taken_for_gone = async {
        let ping = silent.find(|frame| frame.opcode == 9).await;
        assert!(ping.is_some(), "a ping");
        assert_eq!(silent.close_code().await, Some(4409));
    };
    let outlives_it = async {
        // Longer than the timeout, by its pongs alone: a ping comes with each tick of a second, or more often.
        let begun = std::time::Instant::now();
        while begun.elapsed() < std::time::Duration::from_secs(3) {
            let ping = lively.message("a ping").await;
            let ping = ping.expect("the connection is open");
            assert!(!ping.is_close(), "{ping:?}");
        }
        assert_eq!(
            lively.command("ping", serde_json::json!(1)).await["type"],
            "pong"
        );
    };
    tokio::join!(taken_for_gone, outlives_it);
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
