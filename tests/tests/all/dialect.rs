//! Clients of another protocol, which a plugin speaks.

use hearthgate_tests::{Client, Gateway, Setup};
use serde_json::json;

async fn start() -> Gateway {
    let handlers = "[handlers.shout]\nplugin = \"shout\"\ngrants = { subscribe = [\"#\"] }\n\
                    [handlers.polly]\nplugin = \"parrot\"\ngrants = { handle = [\"parrot\", \"parrot.refuse\", \"parrot.trap\", \"parrot.loop\"] }\n";
    let routes = r#"routes = [{ path = "/ws", dialect = "native" }, { path = "/shout", dialect = "shout" }]"#;
    let gateway = Setup::new()
        .listener(routes)
        .plugin("shout")
        .plugin("parrot")
        .toml(handlers)
        .start()
        .await;
    gateway.in_state("shout", "running").await;
    gateway.in_state("polly", "running").await;
    gateway
}

async fn open(gateway: &Gateway) -> Client {
    let mut client = Client::open(gateway.address(), "/shout")
        .await
        .expect("the handshake succeeds");
    assert_eq!(client.next_text().await, "HELLO STRANGER ON /shout");
    client
}

#[tokio::test]
async fn it_is_spoken_from_the_first_frame_to_the_last() {
    let gateway = start().await;
    let (mut native, mut client) = (gateway.client().await, open(&gateway).await);
    native.watch(&["test/#"]).await;
    client.send_text("hello").await;
    assert_eq!(client.next_text().await, "1 HELLO");
    client.send_text("again").await;
    assert_eq!(
        client.next_text().await,
        "2 AGAIN",
        "the session is kept between calls"
    );
    client
        .send_text(r#"{"do":"subscribe","name":"a","topics":["test/#"]}"#)
        .await;
    assert_eq!(client.next_text().await, "SUBSCRIBED A");
    client.send_text("done").await;
    assert_eq!(client.next_text().await, "4 DONE", "every text is counted");
    let admin = gateway.admin();
    for kind in ["test.event", "test.silent", "test.twice"] {
        admin
            .publish(json!({"kind": kind, "topic": "test/a", "data": {"word": kind}}))
            .await;
    }
    let first = client.next_text().await;
    assert!(
        first.contains("TEST/A") && first.contains("TEST.EVENT"),
        "{first}"
    );
    let (second, third) = (client.next_text().await, client.next_text().await);
    assert!(
        second.contains("TEST.TWICE") && third.contains("TEST.TWICE"),
        "{second} {third}"
    );
    for kind in ["test.event", "test.silent", "test.twice"] {
        assert_eq!(native.next_on("test/a").await["type"], kind);
    }
    client
        .send_text(r#"{"do":"call","type":"parrot","data":{"n":1}}"#)
        .await;
    let reply = client.next_text().await;
    assert!(
        reply.starts_with("REPLY PARROT") || reply.starts_with("REPLY parrot"),
        "{reply}"
    );
    client
        .send_text(r#"{"do":"close","code":4321,"reason":"enough"}"#)
        .await;
    let closed = client.closed().await;
    assert_eq!(
        (closed.code, closed.reason.as_str()),
        (Some(4321), "enough")
    );
}

#[tokio::test]
async fn a_reload_drops_none_of_its_clients_nor_their_sessions() {
    let gateway = start().await;
    let mut client = open(&gateway).await;
    client.send_text("before").await;
    assert_eq!(client.next_text().await, "1 BEFORE");
    gateway.install("shout", 1);
    let outcome = gateway.reload_after("shout", &json!(null)).await;
    assert_eq!(outcome["outcome"], "reloaded", "{outcome}");
    client.send_text("after").await;
    assert_eq!(client.next_text().await, "2 AFTER");
}
