//! A plugin's sockets are the gateway's: a reload of the plugin does not touch them, and the peer sees nothing of it.

use hearthgate_tests::peers::{TcpPeer, TlsPeer, WebSocketPeer};
use hearthgate_tests::{Client, Gateway, Setup, wait};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

fn source(url: &str) -> String {
    format!(
        "[sources.socket]\nplugin = \"echo-socket\"\nconfig = {{ url = \"{url}\", hello = \"hi\" }}\ngrants = {{ publish = [\"socket/#\"], connect = [\"{url}\"] }}\n"
    )
}

async fn start(setup: Setup, url: &str) -> (Gateway, Client) {
    let gateway = setup.plugin("echo-socket").toml(&source(url)).start().await;
    let mut client = gateway.client().await;
    client.watch(&["socket/#"]).await;
    (gateway, client)
}

/// Replaces the plugin, which must adopt its one connection.
async fn reloaded(gateway: &Gateway, client: &mut Client) {
    gateway.install("echo-socket", 1);
    let outcome = gateway.reload_after("socket", &Value::Null).await;
    assert_eq!(
        (&outcome["outcome"], &outcome["connections"]),
        (&json!("reloaded"), &json!(1)),
        "{outcome}"
    );
    client.next_on("socket/adopted").await;
}

/// The next message that the plugin publishes: its number and its text.
async fn message(client: &mut Client) -> (Value, Value) {
    let mut event = client.next_on("socket/message").await;
    (event["data"]["n"].take(), event["data"]["text"].take())
}

/// What a peer of bytes sees of a reload: nothing.
async fn spans_a_reload<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    gateway: &Gateway,
    client: &mut Client,
) {
    let mut hello = [0; 2];
    wait::soon("the plugin's hello", stream.read_exact(&mut hello))
        .await
        .expect("the connection is open");
    assert_eq!(&hello, b"hi");
    stream.write_all(b"one").await.expect("it is open");
    assert_eq!(message(client).await, (json!(1), json!("one")));
    reloaded(gateway, client).await;
    stream.write_all(b"two").await.expect("it is open");
    assert_eq!(
        message(client).await,
        (json!(2), json!("two")),
        "on the same connection, with the state"
    );
    let mut byte = [0];
    let nothing = futures_util::poll!(std::pin::pin!(stream.read(&mut byte)));
    assert!(nothing.is_pending(), "neither an end nor a second hello");
}

#[tokio::test]
async fn tcp() {
    let peer = TcpPeer::start().await;
    let (gateway, mut client) = start(Setup::new(), &format!("tcp://{}", peer.address())).await;
    let mut stream = peer.accept().await;
    spans_a_reload(&mut stream, &gateway, &mut client).await;
    // The end, when it comes, is told to the new guest.
    drop(stream);
    client.next_on("socket/down").await;
}

#[tokio::test]
async fn tls() {
    let peer = TlsPeer::start().await;
    let setup = Setup::new();
    let file = setup.folder().join("peer.pem");
    peer.write_certificate(&file);
    let trusting = setup.variable("SSL_CERT_FILE", file.to_str().expect("a path of ours"));
    let (gateway, mut client) = start(trusting, &format!("tls://{}", peer.address())).await;
    let mut stream = peer.accept().await.expect("it is trusted");
    spans_a_reload(&mut stream, &gateway, &mut client).await;
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused() {
    let peer = TlsPeer::start().await;
    let (_gateway, mut client) = start(Setup::new(), &format!("tls://{}", peer.address())).await;
    assert!(peer.accept().await.is_err(), "the handshake is broken off");
    let failed = client.next_on("socket/failed").await;
    let reason = failed["data"]["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("Tls"), "{reason}");
}

#[tokio::test]
async fn a_websocket() {
    let peer = WebSocketPeer::start().await;
    let (gateway, mut client) = start(Setup::new(), &peer.url()).await;
    let mut session = peer.accept().await;
    assert_eq!(session.next().await.as_deref(), Some("hi"));
    session.send("one").await;
    assert_eq!(message(&mut client).await, (json!(1), json!("one")));
    reloaded(&gateway, &mut client).await;
    session.send("two").await;
    assert_eq!(
        message(&mut client).await,
        (json!(2), json!("two")),
        "on the same connection, with the state"
    );
    assert!(session.is_quiet(), "neither an end nor a second hello");
}
