//! Listeners: several addresses and paths, a choice of dialects, and limits that differ.

use hearthgate_tests::raw::{Raw, handshake};
use hearthgate_tests::{Admin, Client, Gateway, Setup};
use serde_json::json;

const SHOUT: &str = "[handlers.shout]\nplugin = \"shout\"\ngrants = { subscribe = [\"#\"] }\n";

async fn start(sections: &str, listener: &str) -> Gateway {
    let gateway = Setup::new()
        .listener(listener)
        .plugin("shout")
        .toml(&format!("{SHOUT}{sections}"))
        .start()
        .await;
    gateway.in_state("shout", "running").await;
    gateway
}

/// The head of the answer to a handshake with one more header.
async fn head(gateway: &Gateway, path: &str, header: &str) -> (String, Raw) {
    let mut raw = Raw::connect(gateway.address()).await;
    let request = handshake(path).replace("\r\n\r\n", &format!("\r\n{header}\r\n\r\n"));
    raw.write(request.as_bytes()).await;
    (raw.head().await.to_lowercase(), raw)
}

#[tokio::test]
async fn a_client_chooses_among_the_dialects_of_a_path() {
    let routes = r#"routes = [{ path = "/ws", dialects = ["shout", "native"] }]"#;
    let gateway = start("", routes).await;
    let mut first = Client::open(gateway.address(), "/ws").await.expect("open");
    assert_eq!(
        first.next_text().await,
        "HELLO STRANGER ON /ws",
        "the first is the default"
    );
    let native = Client::connect(gateway.address(), "/ws?dialect=native").await;
    assert_eq!(native.welcome["protocol"], 1);
    let (answer, mut raw) = head(&gateway, "/ws", "Sec-WebSocket-Protocol: x, hearthgate.v1").await;
    assert!(answer.starts_with("http/1.1 101"), "{answer}");
    assert!(
        answer.contains("sec-websocket-protocol: hearthgate.v1\r\n"),
        "{answer}"
    );
    let greeting = raw.next().await.expect("a greeting");
    assert!(
        greeting.text().contains("\"welcome\""),
        "{}",
        greeting.text()
    );
    let (answer, _) = head(
        &gateway,
        "/ws?dialect=shout",
        "Sec-WebSocket-Protocol: native",
    )
    .await;
    assert!(answer.starts_with("http/1.1 101"), "{answer}");
    assert!(
        !answer.contains("sec-websocket-protocol"),
        "what it does not speak is not chosen: {answer}"
    );
    for (path, header) in [
        ("/ws?dialect=pma", "x: y"),
        ("/ws", "Sec-WebSocket-Protocol: pma"),
    ] {
        let (answer, _) = head(&gateway, path, header).await;
        assert!(
            answer.starts_with("http/1.1 400"),
            "{path} {header}: {answer}"
        );
    }
}

#[tokio::test]
async fn who_asks_for_a_dialect_that_is_not_there_is_told_which_are() {
    let routes = r#"routes = [{ path = "/ws", dialects = ["shout", "native"] }]"#;
    let gateway = start("", routes).await;
    let upgrade = [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let public = Admin::new(gateway.address());
    let answer = public
        .ask_with(hyper::Method::GET, "/ws?dialect=pma", &upgrade, None)
        .await;
    assert_eq!(answer.status, 400);
    let error = answer.json()["error"].clone();
    assert_eq!(error["code"], "UNKNOWN_DIALECT");
    assert_eq!(
        error["message"],
        "this path speaks \"shout\", \"native\"; \"pma\" is none of them"
    );
}

#[tokio::test]
async fn a_dialect_has_limits_of_its_own_and_a_reload_changes_those_of_open_connections() {
    let sections = "[dialects.shout]\nmax-message = \"64B\"\nmax-connections = 1\n";
    let routes = r#"routes = [{ path = "/ws", dialects = ["native", "shout"] }]
[listener.limits]
max-subscriptions = 1
max-connections = 3"#;
    let gateway = start(sections, routes).await;
    let mut native = gateway.client().await;
    assert_eq!(
        native.welcome["limits"]["max_subscriptions"], 1,
        "the listener's"
    );
    assert_eq!(
        native.welcome["limits"]["max_message_bytes"], 65_536,
        "not the dialect's"
    );
    native.watch(&["a"]).await;
    native
        .refused(
            "subscribe",
            json!({"topics": ["b"]}),
            "TOO_MANY_SUBSCRIPTIONS",
        )
        .await;
    let mut shout = Client::open(gateway.address(), "/ws?dialect=shout")
        .await
        .expect("open");
    assert_eq!(shout.next_text().await, "HELLO STRANGER ON /ws");
    let refused = Client::open(gateway.address(), "/ws?dialect=shout").await;
    assert!(refused.is_err(), "the dialect is full");
    let _third = gateway.client().await;
    assert!(
        Client::open(gateway.address(), "/ws").await.is_err(),
        "the listener is full"
    );
    for reason in ["dialect", "listener"] {
        let reason = format!("reason=\"{reason}\"");
        let counted = gateway
            .admin()
            .metric("hearthgate_connections_refused_total", &[&reason])
            .await;
        assert_eq!(counted, 1.0, "{reason}");
    }
    gateway.configure(|text| {
        text.replace("max-subscriptions = 1\n", "max-subscriptions = 2\n")
            .replace("64B", "80B")
    });
    let report = gateway
        .admin()
        .post("/api/v1/config/reload", &json!(null))
        .await;
    assert_eq!(report.status, 200, "{}", report.text());
    native.watch(&["b"]).await;
    native
        .refused(
            "subscribe",
            json!({"topics": ["c"]}),
            "TOO_MANY_SUBSCRIPTIONS",
        )
        .await;
    shout.send_text("x".repeat(80)).await;
    assert_eq!(shout.next_text().await, format!("1 {}", "X".repeat(80)));
    shout.send_text("x".repeat(81)).await;
    assert_eq!(shout.closed().await.code, Some(1009));
}

#[tokio::test]
async fn a_dialect_can_be_without_heartbeats_and_end_idle_connections_with_a_code_of_its_own() {
    let sections = "[dialects.shout]\nheartbeat-interval = \"never\"\nping-interval = \"never\"\npong-timeout = \"never\"\n\
                    idle-timeout = \"1500ms\"\nidle-close = 4000\n[connections]\nheartbeat-interval = \"100ms\"\n";
    let routes = r#"routes = [{ path = "/ws", dialects = ["native", "shout"] }]"#;
    let gateway = start(sections, routes).await;
    let mut native = gateway.client().await;
    let mut quiet = Client::open(gateway.address(), "/ws?dialect=shout")
        .await
        .expect("open");
    assert_eq!(quiet.next_text().await, "HELLO STRANGER ON /ws");
    for _ in 0..3 {
        assert_eq!(native.next_of("heartbeat").await["type"], "heartbeat");
    }
    // All frames until the close: there is none.
    let message = quiet.message("the close").await.expect("a close frame");
    let tokio_tungstenite::tungstenite::Message::Close(Some(close)) = message else {
        panic!("no close: {message:?}");
    };
    assert_eq!(u16::from(close.code), 4000);
}
