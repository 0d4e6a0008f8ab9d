//! What a client may not use up.

use hearthgate_tests::client::error_code;
use hearthgate_tests::raw::{Raw, handshake};
use hearthgate_tests::{Setup, wait};
use serde_json::json;

#[tokio::test]
async fn beyond_the_connection_limit_the_answer_is_503() {
    let gateway = Setup::new()
        .toml("[connections]\nmax-connections = 2")
        .start()
        .await;
    let first = gateway.client().await;
    let mut second = gateway.client().await;
    let mut third = Raw::connect(gateway.address()).await;
    third.write(handshake("/ws").as_bytes()).await;
    let head = third.head().await.to_lowercase();
    assert!(
        head.starts_with("http/1.1 503") && head.contains("retry-after:"),
        "{head}"
    );
    assert_eq!(second.command("ping", json!(1)).await["type"], "pong");
    drop(first);
    let room = || async {
        hearthgate_tests::Client::open(gateway.address(), "/ws")
            .await
            .ok()
    };
    wait::until("there is room again", room).await;
}

#[tokio::test]
async fn too_many_messages_are_refused_and_then_the_connection_is_closed() {
    let gateway = Setup::new()
        .toml("[connections]\nmessages-per-second = 5")
        .start()
        .await;
    let mut witness = gateway.client().await;
    let mut client = gateway.client().await;
    for id in 0..6 {
        client
            .send_text(json!({"type": "ping", "id": id}).to_string())
            .await;
    }
    let refused = client.answer(&json!(5)).await;
    assert_eq!(error_code(&refused), Some("RATE_LIMITED"), "{refused}");
    assert!(
        refused["data"]["retry_after_ms"]
            .as_u64()
            .is_some_and(|wait| wait <= 1000),
        "{refused}"
    );
    assert_eq!(refused["data"]["temporary"], true);
    client.take_kept();
    // One at a time: nothing is under way when the gateway closes, so that no reset can overtake the close frame.
    let flood = async {
        loop {
            client.send_text(r#"{"type":"ping"}"#).await;
            let frame = client.next().await;
            if frame["type"] == "disconnect" {
                return frame;
            }
        }
    };
    let farewell = wait::soon("the flood is stopped", flood).await;
    assert_eq!(farewell["data"]["code"], 4429, "{farewell}");
    let closed = client.closed().await;
    assert_eq!(closed.code, Some(4429), "{closed:?}");
    assert!(
        gateway
            .admin()
            .metric("hearthgate_connections_closed_total", &["4429"])
            .await
            >= 1.0
    );
    assert_eq!(witness.command("ping", json!(1)).await["type"], "pong");
}
