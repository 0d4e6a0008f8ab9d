//! Whole connections: a real HTTP server, real clients on loopback, the native protocol.

use super::*;
use crate::event::{Draft, InstanceName, Kind, Labels, Topic};
use crate::plugins::Ports;
use futures_util::{SinkExt, StreamExt};
use hyper::service::service_fn;
use serde_json::{Value, json};
use std::convert::Infallible;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tungstenite::Message;

const PATIENCE: Duration = Duration::from_secs(20);

struct Gateway {
    address: SocketAddr,
    bus: Bus,
    connections: Connections,
    registry: Arc<Registry>,
    _folder: tempfile::TempDir,
}

struct Client(WebSocketStream<TcpStream>);

async fn gateway(settings: config::Connections) -> Gateway {
    let shards = Shards::start(&settings);
    let bus = Bus::new(shards.clone());
    let registry = Arc::new(Registry::new(shards.population().clone()));
    let folder = tempfile::tempdir().expect("a folder");
    let plugins = config::Plugins {
        directory: folder.path().join("plugins"),
        state_directory: folder.path().join("state"),
        max_file_bytes: 1 << 20,
        probation: Duration::from_secs(1),
    };
    std::fs::create_dir(&plugins.directory).expect("a folder");
    let ports = Ports {
        bus: bus.clone(),
        view: registry.clone(),
        accounts: Arc::new(crate::auth::NoAccounts),
        own_addresses: Vec::new(),
    };
    let host = PluginHost::start(plugins, Vec::new(), ports).await;
    let host = host.expect("a host without plugins");
    let mut listener = config::Config::default().listeners.remove(0);
    listener.terms = vec![(DialectName::Native, settings.terms.clone())];
    let entrance = Entrance::new(&listener);
    let auth = Auth::open();
    let connections = Connections::new(settings, registry.clone(), bus.clone(), shards, host, auth);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(serve(listener, connections.clone(), Arc::new(entrance)));
    Gateway {
        address,
        bus,
        connections,
        registry,
        _folder: folder,
    }
}

async fn serve(listener: TcpListener, connections: Connections, entrance: Arc<Entrance>) {
    while let Ok((socket, peer)) = listener.accept().await {
        let (connections, entrance) = (connections.clone(), entrance.clone());
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let wanted = Wanted {
                    dialect: &DialectName::Native,
                    subprotocol: None,
                    entrance: &entrance,
                    caller: Caller::Anonymous,
                };
                let response = connections.upgrade(request, peer, wanted);
                async move { Ok::<_, Infallible>(response) }
            });
            let http = hyper::server::conn::http1::Builder::new();
            let _ended = http
                .serve_connection(Io::new(socket.into()), service)
                .with_upgrades()
                .await;
        });
    }
}

impl Gateway {
    async fn connect(&self) -> Client {
        let (mut client, welcome) = self.greeted().await;
        assert_eq!(welcome["type"], "welcome");
        assert!(client.0.get_mut().nodelay().is_ok());
        client
    }

    async fn greeted(&self) -> (Client, Value) {
        let stream = TcpStream::connect(self.address).await.expect("loopback");
        let opened = tokio_tungstenite::client_async("ws://localhost/ws", stream).await;
        let mut client = Client(opened.expect("a handshake").0);
        let welcome = client.next().await;
        (client, welcome)
    }

    async fn publish(&self, topic: &str, data: Value, retain: bool) -> u64 {
        let draft = Draft {
            kind: Kind::parse("acme.blink").expect("a kind"),
            topic: Topic::parse(topic).expect("a topic"),
            labels: Labels::parse([("room", "kitchen")]).expect("labels"),
            data: serde_json::value::to_raw_value(&data).expect("JSON"),
            occurred_at: None,
            retain,
            audience: Vec::new(),
        };
        let source = InstanceName::parse("home").expect("a name");
        self.bus
            .publish(&source, vec![draft])
            .await
            .expect("accepted")
    }
}

impl Client {
    async fn say(&mut self, message: Value) {
        self.say_text(message.to_string()).await;
    }

    async fn say_text(&mut self, text: impl Into<String>) {
        let text: String = text.into();
        self.0.send(Message::text(text)).await.expect("open");
    }

    async fn message(&mut self) -> Option<Message> {
        let message = timeout(PATIENCE, self.0.next())
            .await
            .expect("something in time");
        message.and_then(Result::ok)
    }

    async fn next(&mut self) -> Value {
        loop {
            match self.message().await {
                Some(Message::Text(text)) => return serde_json::from_str(&text).expect("JSON"),
                Some(Message::Ping(_)) => {}
                other => panic!("no text: {other:?}"),
            }
        }
    }

    async fn ask(&mut self, message: Value) -> Value {
        self.say(message).await;
        self.next().await
    }

    async fn closed_with(&mut self) -> u16 {
        loop {
            match self.message().await {
                Some(Message::Close(Some(close))) => return close.code.into(),
                Some(_) => {}
                None => return 0,
            }
        }
    }
}

#[tokio::test]
async fn a_session_by_the_document() {
    let gateway = gateway(config::Connections::default()).await;
    let (mut client, welcome) = gateway.greeted().await;
    let data = &welcome["data"];
    assert_eq!(
        (data["protocol"].as_u64(), &data["identity"]),
        (Some(1), &Value::Null)
    );
    assert_eq!(data["limits"]["max_message_bytes"], 65_536);
    assert_eq!(data["heartbeat_seconds"], 30);
    assert_eq!(data["epoch"].as_str(), Some(&*gateway.bus.position().epoch));

    gateway.publish("acme/1", json!("before"), true).await;
    let wanted =
        json!({ "topics": ["acme/+"], "where": { "room": ["kitchen"] }, "snapshot": true });
    let subscribed = client
        .ask(json!({ "id": "s", "type": "subscribe", "data": wanted }))
        .await;
    assert_eq!(
        (subscribed["type"].as_str(), subscribed["id"].as_str()),
        (Some("subscribed"), Some("s"))
    );
    let number = &subscribed["data"]["subscription"];
    assert_eq!(subscribed["data"]["replayed"], 1);
    assert_eq!(client.next().await["data"], "before");
    let seq = gateway
        .publish("acme/2", json!({ "on": true }), false)
        .await;
    let event = client.next().await;
    let timestamp = event["timestamp"].as_str().expect("a timestamp").to_owned();
    assert!(timestamp.ends_with('Z'));
    let expected = json!({
        "type": "acme.blink", "topic": "acme/2", "data": { "on": true }, "timestamp": timestamp,
        "source": "home", "seq": seq, "labels": { "room": "kitchen" },
    });
    assert_eq!(event, expected);

    let unsubscribe = json!({ "type": "unsubscribe", "data": { "subscription": number } });
    assert_eq!(
        client.ask(unsubscribe.clone()).await["data"]["subscription"],
        *number
    );
    gateway.publish("acme/2", json!(3), false).await;
    let again = client.ask(unsubscribe).await;
    assert_eq!(
        again["data"]["code"], "UNKNOWN_SUBSCRIPTION",
        "and no event came before it"
    );
    let pong = client
        .ask(json!({ "id": 7, "type": "ping", "data": [1] }))
        .await;
    assert_eq!(
        (pong["type"].as_str(), &pong["id"], &pong["data"]),
        (Some("pong"), &json!(7), &json!([1]))
    );
    client.0.close(None).await.expect("open");
    timeout(PATIENCE, gateway.registry.emptied())
        .await
        .expect("it is let go");
}

#[tokio::test]
async fn what_can_not_be_done_is_refused_and_the_socket_stays_open() {
    let mut settings = config::Connections::default();
    settings.terms.max_subscriptions = 1;
    let gateway = gateway(settings).await;
    let mut client = gateway.connect().await;
    let subscribe = json!({ "type": "subscribe", "data": { "topics": ["a"], "since": { "epoch": "old", "seq": 1 } } });
    let subscribed = client.ask(subscribe.clone()).await;
    assert_eq!(subscribed["data"]["recovered"], false);
    assert_eq!(subscribed["data"]["cause"], "epoch_changed");
    for (message, code, temporary) in [
        (json!([1]), "INVALID_MESSAGE_FORMAT", false),
        (subscribe, "TOO_MANY_SUBSCRIPTIONS", false),
        (
            json!({ "type": "authenticate", "data": { "token": "t" } }),
            "AUTHENTICATION_FAILED",
            false,
        ),
        (
            json!({ "type": "publish", "data": { "kind": "a.b", "topic": "a", "data": 1 } }),
            "FORBIDDEN",
            false,
        ),
        (
            json!({ "type": "ack", "data": { "seq": 1 } }),
            "FORBIDDEN",
            false,
        ),
        (json!({ "type": "make_coffee" }), "UNKNOWN_TYPE", false),
        (
            json!({ "type": "unsubscribe", "data": { "subscription": "x" } }),
            "INVALID_FIELD",
            false,
        ),
    ] {
        let answer = client.ask(message.clone()).await;
        assert_eq!(answer["type"], "error", "{message}");
        assert_eq!(answer["data"]["code"], code, "{answer}");
        assert_eq!(answer["data"]["temporary"], temporary);
    }
    let listed = gateway.registry.list(0, 10);
    assert_eq!(
        (listed.len(), listed[0].subscriptions, listed[0].received),
        (1, 1, 8)
    );
}

#[tokio::test]
async fn too_many_messages_are_refused_then_closed() {
    let mut settings = config::Connections::default();
    settings.terms.messages_per_second = 2;
    let gateway = gateway(settings).await;
    let mut client = gateway.connect().await;
    for _ in 0..400 {
        client.say(json!({ "id": 1, "type": "ping" })).await;
    }
    let mut refused = 0;
    loop {
        let answer = client.next().await;
        if answer["type"] == "disconnect" {
            assert_eq!(answer["data"]["code"], 4429);
            break;
        }
        if answer["type"] == "error" {
            assert_eq!(answer["data"]["code"], "RATE_LIMITED");
            assert!(
                answer["data"]["retry_after_ms"]
                    .as_u64()
                    .is_some_and(|ms| ms <= 1000)
            );
            assert_eq!(answer["id"], 1);
            refused += 1;
        }
    }
    assert!(refused >= 20, "{refused} were refused before");
    assert_eq!(client.closed_with().await, 4429);
}

#[tokio::test]
async fn frames_that_break_the_rules_close_with_their_code() {
    let mut settings = config::Connections::default();
    settings.terms.max_message_bytes = 1000;
    let gateway = gateway(settings).await;
    let mut large = gateway.connect().await;
    large.say_text("x".repeat(1001)).await;
    assert_eq!(large.next().await["data"]["code"], 1009);
    assert_eq!(large.closed_with().await, 1009);
    let mut binary = gateway.connect().await;
    let bytes = Message::binary(vec![1, 2, 3]);
    binary.0.send(bytes).await.expect("open");
    assert_eq!(binary.closed_with().await, 1003);
}

#[tokio::test]
async fn there_is_a_limit_to_connections_and_it_says_when_to_come_back() {
    let settings = config::Connections {
        max_connections: 1,
        ..config::Connections::default()
    };
    let gateway = gateway(settings).await;
    let mut first = gateway.connect().await;
    let stream = TcpStream::connect(gateway.address).await.expect("loopback");
    let refused = tokio_tungstenite::client_async("ws://localhost/ws", stream).await;
    let Err(tungstenite::Error::Http(response)) = refused else {
        panic!("not refused");
    };
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "5");
    first.0.close(None).await.expect("open");
    timeout(PATIENCE, gateway.registry.emptied())
        .await
        .expect("it is let go");
}

#[tokio::test]
async fn a_drain_says_goodbye_with_advice_and_takes_nobody_new() {
    let gateway = gateway(config::Connections::default()).await;
    let mut client = gateway.connect().await;
    let advice = ReconnectAdvice::within(Duration::from_secs(30));
    let deadline = Instant::now() + PATIENCE;
    let reader = async {
        let goodbye = client.next().await;
        (goodbye, client.closed_with().await)
    };
    let drain = gateway
        .connections
        .drain(CloseCode::Restart, advice, deadline);
    let ((goodbye, code), ()) = tokio::join!(reader, drain);
    assert_eq!(
        (goodbye["type"].as_str(), goodbye["data"]["code"].as_u64()),
        (Some("disconnect"), Some(1012))
    );
    assert_eq!(
        goodbye["data"]["reconnect"],
        json!({ "after_ms_min": 0, "after_ms_max": 30_000 })
    );
    assert_eq!(code, 1012);
    assert_eq!(gateway.registry.count(), 0);
    let stream = TcpStream::connect(gateway.address).await.expect("loopback");
    assert!(
        tokio_tungstenite::client_async("ws://localhost/ws", stream)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_drain_does_not_wait_for_those_who_never_answer() {
    let gateway = gateway(config::Connections::default()).await;
    let _deaf = gateway.connect().await;
    let deadline = Instant::now() + Duration::from_millis(50);
    let advice = ReconnectAdvice::within(Duration::ZERO);
    let drain = gateway
        .connections
        .drain(CloseCode::GoingAway, advice, deadline);
    timeout(PATIENCE, drain).await.expect("the deadline holds");
    timeout(PATIENCE, gateway.registry.emptied())
        .await
        .expect("cut off");
}
