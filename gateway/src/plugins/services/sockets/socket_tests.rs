//! Real sockets on loopback.

use super::*;
use crate::config::SecretSource;
use crate::plugins::input::Inputs;
use crate::plugins::input::{Input, WsMessage};
use crate::plugins::services::Rights;
use crate::plugins::services::egress::{ConnectGrant, Policy};
use crate::plugins::services::secrets::Secrets;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;

fn rights(port: u16, secrets: Secrets) -> Rights {
    let read = |scheme: &str| {
        ConnectGrant::parse(&format!("{scheme}://127.0.0.1:{port}")).expect("a grant")
    };
    let grants = vec![read("ws"), read("tcp")];
    let mut rights = Rights {
        connect: Policy::new(grants.clone(), grants),
        secrets,
        ..Rights::default()
    };
    rights.limits.receive_bytes = 64 * 1024;
    rights
}

struct Scene {
    sockets: Sockets,
    inputs: Inputs,
    listener: TcpListener,
    port: u16,
}

async fn scene(capacity: usize, secrets: Secrets) -> Scene {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let port = listener.local_addr().expect("its address").port();
    let rights = Current::new(arc_swap::ArcSwap::from_pointee(rights(port, secrets)));
    let (inbox, inputs) = Inbox::new(capacity);
    let sockets = Sockets::new(&Arc::new(Network::new(vec![])), &rights, &inbox);
    Scene {
        sockets,
        inputs,
        listener,
        port,
    }
}

impl Scene {
    /// An open TCP connection, with its other end.
    async fn tcp(&mut self) -> (ConnectionId, TcpStream) {
        let id = self
            .sockets
            .connect_tcp("127.0.0.1", self.port, TlsMode::None)
            .expect("an id");
        let (stream, _) = self.listener.accept().await.expect("a connection");
        let Some(Input::ConnectionOpened(opened, info)) = self.inputs.recv().await else {
            panic!("not open")
        };
        assert_eq!(
            (opened, info.peer),
            (id, format!("127.0.0.1:{}", self.port))
        );
        (id, stream)
    }

    /// An open WebSocket, with its other end.
    async fn websocket(&mut self) -> (ConnectionId, WebSocketStream<TcpStream>) {
        let url = format!("ws://127.0.0.1:{}/api", self.port);
        let id = self.sockets.open_websocket(&url, &[], &[]).expect("an id");
        let (stream, _) = self.listener.accept().await.expect("a connection");
        let peer = tokio_tungstenite::accept_async(stream)
            .await
            .expect("a handshake");
        let opened = self.inputs.recv().await;
        assert!(
            matches!(opened, Some(Input::ConnectionOpened(o, _)) if o == id),
            "{opened:?}"
        );
        (id, peer)
    }
}

fn closed(code: u16, reason: &str) -> CloseInfo {
    CloseInfo {
        code,
        reason: reason.to_owned(),
    }
}

#[tokio::test]
async fn messages_go_both_ways_and_ready_ones_arrive_together() {
    let mut scene = scene(1, Secrets::default()).await;
    let (id, mut peer) = scene.websocket().await;
    let messages = vec![
        Outgoing::Text("one".into()),
        Outgoing::Binary(Bytes::from_static(b"two")),
    ];
    scene.sockets.send_messages(id, messages).expect("queued");
    assert_eq!(
        peer.next().await.expect("one").expect("one"),
        Message::text("one")
    );
    assert_eq!(
        peer.next().await.expect("two").expect("two"),
        Message::binary(&b"two"[..])
    );
    for n in 0..600 {
        peer.feed(Message::text(n.to_string())).await.expect("sent");
    }
    peer.flush().await.expect("sent");
    let (mut received, mut inputs) = (Vec::new(), 0);
    while received.len() < 600 {
        let Some(Input::WsMessages(from, batch)) = scene.inputs.recv().await else {
            panic!("no messages")
        };
        assert_eq!(from, id);
        inputs += 1;
        received.extend(batch);
    }
    let expected: Vec<WsMessage> = (0..600)
        .map(|n: i32| WsMessage::Text(n.to_string()))
        .collect();
    assert_eq!(received, expected);
    assert!(inputs < 300, "{inputs} inputs for 600 messages");
}

#[tokio::test]
async fn either_side_closes_and_is_heard() {
    let mut scene = scene(8, Secrets::default()).await;
    let (id, mut peer) = scene.websocket().await;
    scene
        .sockets
        .send_messages(id, vec![Outgoing::Text("last".into())])
        .expect("queued");
    scene.sockets.close_websocket(id, closed(4001, "bye"));
    assert_eq!(
        scene.sockets.send_messages(id, vec![]),
        Err(NetError::Closed)
    );
    assert_eq!(
        peer.next().await.expect("last").expect("last"),
        Message::text("last")
    );
    let Some(Ok(Message::Close(Some(frame)))) = peer.next().await else {
        panic!("no close")
    };
    assert_eq!(
        (u16::from(frame.code), frame.reason.as_str()),
        (4001, "bye")
    );
    assert!(peer.next().await.is_none());
    drop(peer);
    assert_eq!(
        scene.inputs.recv().await,
        Some(Input::ConnectionClosed(id, closed(4001, "bye")))
    );

    let (id, mut peer) = scene.websocket().await;
    let frame = tungstenite::protocol::CloseFrame {
        code: 4002.into(),
        reason: "off".into(),
    };
    peer.close(Some(frame)).await.expect("closed");
    while peer.next().await.is_some() {}
    drop(peer);
    assert_eq!(
        scene.inputs.recv().await,
        Some(Input::ConnectionClosed(id, closed(4002, "off")))
    );

    let (id, peer) = scene.websocket().await;
    drop(peer);
    let end = scene.inputs.recv().await;
    assert!(
        matches!(&end, Some(Input::ConnectionClosed(e, info)) if *e == id && info.code == 1006),
        "{end:?}"
    );
    assert_eq!(scene.sockets.list(), []);
}

#[tokio::test]
async fn a_message_over_the_limit_closes_with_1009() {
    let mut scene = scene(8, Secrets::default()).await;
    let (id, mut peer) = scene.websocket().await;
    peer.send(Message::text("x".repeat(65 * 1024)))
        .await
        .expect("sent");
    let end = scene.inputs.recv().await;
    assert!(
        matches!(&end, Some(Input::ConnectionClosed(e, info)) if *e == id && info.code == 1009),
        "{end:?}"
    );
}

#[tokio::test]
async fn a_full_inbox_stops_the_reading() {
    let mut scene = scene(1, Secrets::default()).await;
    let (_, mut peer) = scene.tcp().await;
    let block = vec![7; 256 * 1024];
    let mut written = 0;
    // Nobody takes inputs: the sockets' buffers fill up, and then the peer can't write any more.
    let stalled = async {
        let patience = std::time::Duration::from_millis(300);
        while let Ok(count) = tokio::time::timeout(patience, peer.write(&block)).await {
            written += count.expect("written");
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), stalled)
        .await
        .expect("a stall");
    let mut received = 0;
    while received < written {
        let Some(Input::TcpData(_, data)) = scene.inputs.recv().await else {
            panic!("no data")
        };
        assert!(data.iter().all(|byte| *byte == 7));
        received += data.len();
    }
    assert_eq!(received, written);
}

#[tokio::test]
async fn bytes_go_both_ways_and_the_rest_is_sent_before_the_end() {
    let mut scene = scene(8, Secrets::default()).await;
    let (id, mut peer) = scene.tcp().await;
    peer.write_all(b"hello").await.expect("sent");
    assert_eq!(
        scene.inputs.recv().await,
        Some(Input::TcpData(id, Bytes::from_static(b"hello")))
    );
    assert!(matches!(
        scene.sockets.send_messages(id, vec![]),
        Err(NetError::Protocol(_))
    ));
    scene
        .sockets
        .send_bytes(id, Bytes::from(vec![1; 60_000]))
        .expect("queued");
    scene.sockets.close_tcp(id);
    let mut all = Vec::new();
    peer.read_to_end(&mut all).await.expect("read");
    assert_eq!(all.len(), 60_000);
    drop(peer);
    assert_eq!(
        scene.inputs.recv().await,
        Some(Input::ConnectionClosed(id, closed(1000, "")))
    );
}

#[tokio::test]
async fn a_full_queue_is_told() {
    let mut scene = scene(8, Secrets::default()).await;
    let (id, mut peer) = scene.tcp().await;
    let block = || Bytes::from(vec![0; 40_000]);
    // One thread runs all of this test, so the connection's task takes nothing between these two.
    scene.sockets.send_bytes(id, block()).expect("queued");
    let refused = scene.sockets.send_bytes(id, block());
    assert_eq!(
        refused,
        Err(NetError::Quota("65536 bytes wait to be sent".into()))
    );
    let mut taken = vec![0; 40_000];
    peer.read_exact(&mut taken).await.expect("read");
    while scene.sockets.send_bytes(id, block()).is_err() {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        scene.sockets.send_bytes(ConnectionId(u64::MAX), block()),
        Err(NetError::Closed)
    );
}

#[tokio::test]
async fn secrets_are_filled_in_on_the_way_out() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("token");
    std::fs::write(&path, "a\"b").expect("written");
    let secrets = Secrets::new([("token".to_owned(), SecretSource::File(path))].into(), []);
    let mut scene = scene(8, secrets).await;
    let (id, mut peer) = scene.websocket().await;
    let auth = r#"{"type":"auth","access_token":"${token}"}"#.to_owned();
    scene
        .sockets
        .send_messages(id, vec![Outgoing::TextTemplate(auth)])
        .expect("queued");
    let sent = peer.next().await.expect("sent").expect("sent");
    assert_eq!(
        sent,
        Message::text(r#"{"type":"auth","access_token":"a\"b"}"#)
    );
    let unknown = scene
        .sockets
        .send_messages(id, vec![Outgoing::TextTemplate("${no}".into())]);
    assert!(
        matches!(unknown, Err(NetError::NotGranted(_))),
        "{unknown:?}"
    );
}

#[tokio::test]
async fn failures_arrive_as_inputs_and_refusals_at_once() {
    let mut scene = scene(8, Secrets::default()).await;
    let refused = scene
        .sockets
        .connect_tcp("127.0.0.2", scene.port, TlsMode::None);
    assert!(
        matches!(refused, Err(NetError::NotGranted(_))),
        "{refused:?}"
    );
    let header = [("Upgrade".to_owned(), HeaderValue::Plain("h2c".to_owned()))];
    let url = format!("ws://127.0.0.1:{}/", scene.port);
    assert!(matches!(
        scene.sockets.open_websocket(&url, &[], &header),
        Err(NetError::Protocol(_))
    ));
    // A redirect of the handshake is a failure, not a journey.
    let id = scene.sockets.open_websocket(&url, &[], &[]).expect("an id");
    let (mut stream, _) = scene.listener.accept().await.expect("a connection");
    let answer = b"HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
    stream.write_all(answer).await.expect("answered");
    let failed = Some(Input::ConnectionFailed(
        id,
        NetError::Protocol("the server answered 302 Found".into()),
    ));
    assert_eq!(scene.inputs.recv().await, failed);
    drop(std::mem::replace(
        &mut scene.listener,
        TcpListener::bind("127.0.0.1:0").await.expect("another"),
    ));
    let id = scene
        .sockets
        .connect_tcp("127.0.0.1", scene.port, TlsMode::None)
        .expect("an id");
    assert_eq!(
        scene.inputs.recv().await,
        Some(Input::ConnectionFailed(id, NetError::Refused))
    );
}

#[tokio::test]
async fn handover_keeps_what_is_adopted_and_the_quota_counts() {
    let mut scene = scene(8, Secrets::default()).await;
    let (kept, mut peer) = scene.tcp().await;
    let (lost, mut silent) = scene.tcp().await;
    let url = format!("tcp://127.0.0.1:{}", scene.port);
    assert_eq!(scene.sockets.list(), [(kept, url.clone()), (lost, url)]);
    scene.sockets.retain(&[kept]);
    let mut rest = Vec::new();
    silent.read_to_end(&mut rest).await.expect("the end");
    peer.write_all(b"on").await.expect("sent");
    assert_eq!(
        scene.inputs.recv().await,
        Some(Input::TcpData(kept, Bytes::from_static(b"on")))
    );
    for _ in 0..7 {
        scene
            .sockets
            .connect_tcp("127.0.0.1", scene.port, TlsMode::None)
            .expect("an id");
    }
    let refused = scene
        .sockets
        .connect_tcp("127.0.0.1", scene.port, TlsMode::None);
    assert_eq!(refused, Err(NetError::Quota("8 connections".into())));
}

#[tokio::test]
async fn a_withdrawn_grant_closes_the_connection() {
    let mut scene = scene(8, Secrets::default()).await;
    let (id, mut peer) = scene.tcp().await;
    scene.sockets.rights.store(Arc::new(Rights::default()));
    scene.sockets.recheck();
    assert_eq!(peer.read(&mut [0]).await.expect("the end"), 0);
    drop(peer);
    assert_eq!(
        scene.inputs.recv().await,
        Some(Input::ConnectionClosed(
            id,
            closed(1001, "no longer granted")
        ))
    );
}

#[tokio::test]
async fn an_address_that_is_withdrawn_closes_the_connection_though_its_name_is_granted() {
    let mut scene = scene(8, Secrets::default()).await;
    let (id, mut peer) = scene.tcp().await;
    scene.sockets.recheck();
    let own = ([127, 0, 0, 1], scene.port).into();
    scene.sockets.network.set_own_addresses(vec![own]);
    scene.sockets.recheck();
    assert_eq!(peer.read(&mut [0]).await.expect("the end"), 0);
    drop(peer);
    let end = closed(1001, "no longer granted");
    let end = Some(Input::ConnectionClosed(id, end));
    assert_eq!(scene.inputs.recv().await, end);
}

#[tokio::test]
async fn a_withdrawn_waiver_closes_the_connection_that_used_it() {
    let mut scene = scene(8, Secrets::default()).await;
    let granted = |scheme: &str| {
        let text = format!("{scheme}://127.0.0.1:{}", scene.port);
        let grant = ConnectGrant::parse(&text).expect("a grant");
        Arc::new(Rights {
            connect: Policy::new(vec![grant.clone()], vec![grant]),
            ..Rights::default()
        })
    };
    let (unverified, verified) = (granted("tls+unverified"), granted("tls"));
    scene.sockets.rights.store(unverified);
    let tls = TlsMode::Unverified;
    let opened = scene.sockets.connect_tcp("127.0.0.1", scene.port, tls);
    let id = opened.expect("an id");
    let _silent = scene.listener.accept().await.expect("a connection");
    scene.sockets.rights.store(verified);
    scene.sockets.recheck();
    let end = closed(1001, "no longer granted");
    let end = Some(Input::ConnectionClosed(id, end));
    assert_eq!(scene.inputs.recv().await, end);
}
