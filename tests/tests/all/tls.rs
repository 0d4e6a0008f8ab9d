//! TLS: WebSocket over it end to end, certificates that change, and those who come without or with the wrong one.

use hearthgate_tests::raw::Raw;
use hearthgate_tests::secure::{Authority, SecureClient, connect};
use hearthgate_tests::{Gateway, Setup, wait};
use rustls::version::{TLS12, TLS13};
use serde_json::{Value, json};
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::Message;

const ROUTES: &str =
    r#"routes = [{ path = "/ws", dialect = "native" }, { path = "/api", plugin = "polly" }]"#;
const POLLY: &str = r#"
[handlers.polly]
plugin = "parrot"
grants = { handle = ["parrot", "parrot.refuse", "parrot.trap", "parrot.loop"] }
"#;

/// A gateway with a certificate of the authority.
async fn start(authority: &Authority, tls: &str, limits: &str, sections: &str) -> Gateway {
    let listener = format!(
        "{ROUTES}\n[listener.tls]\ncertificate = \"gate.pem\"\nkey = \"gate.key\"\n{tls}\n[listener.limits]\n{limits}"
    );
    let setup = Setup::new().listener(&listener).plugin("parrot");
    let setup = setup.toml(&format!("{POLLY}{sections}"));
    let folder = setup.folder().to_owned();
    authority.write(&folder.join("ca.pem"));
    let signed = authority.sign(None);
    signed.write(&folder.join("gate.pem"), &folder.join("gate.key"));
    setup.start().await
}

#[tokio::test]
async fn websocket_over_both_versions_end_to_end() {
    let authority = Authority::new();
    let gateway = start(&authority, "", "", "").await;
    for version in [&TLS13, &TLS12] {
        let connector = authority.connector(&[version], None);
        let mut client = SecureClient::open(&connector, gateway.address())
            .await
            .expect("open");
        let subscribed = client.command("subscribe", json!({"topics": ["a"]})).await;
        assert_eq!(subscribed["type"], "subscribed", "{subscribed}");
        gateway.admin().emit("a", json!({"n": 1})).await;
        let event = client.next().await.expect("an event");
        assert_eq!(event["data"], json!({"n": 1}));
        let large = "x".repeat(60_000);
        let pong = client.command("ping", json!(large)).await;
        assert_eq!(pong["data"], json!(large), "more than one record each way");
        client.send(Message::Ping("hello".into())).await;
        assert_eq!(client.message().await, Some(Message::Pong("hello".into())));
        client.send(Message::Close(None)).await;
        assert!(matches!(
            client.message().await,
            Some(Message::Close(_)) | None
        ));
    }
}

#[tokio::test]
async fn a_plugins_route_is_served_over_https() {
    let authority = Authority::new();
    let gateway = start(&authority, "", "", "").await;
    gateway.in_state("polly", "running").await;
    let connector = authority.connector(&[&TLS13], None);
    let stream = TcpStream::connect(gateway.address())
        .await
        .expect("it listens");
    let mut stream = connect(&connector, stream).await.expect("a handshake");
    let request = b"GET /api?status=418 HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(request).await.expect("written");
    let mut answer = String::new();
    wait::soon("the answer", stream.read_to_string(&mut answer))
        .await
        .expect("with TLS's goodbye");
    assert!(answer.starts_with("HTTP/1.1 418"), "{answer}");
}

#[tokio::test]
async fn a_slow_reader_is_told_what_it_missed_and_holds_nobody_up() {
    let authority = Authority::new();
    let limits = "outbox-frames = 20\nwrite-timeout = \"60s\"";
    let gateway = start(&authority, "", limits, "").await;
    let connector = authority.connector(&[&TLS13], None);
    let socket = TcpSocket::new_v4().expect("a socket");
    SockRef::from(&socket)
        .set_recv_buffer_size(4096)
        .expect("a small buffer");
    let stream = socket.connect(gateway.address()).await.expect("it listens");
    let mut slow = SecureClient::over(&connector, stream).await.expect("open");
    slow.command("subscribe", json!({"topics": ["big"]})).await;
    let mut quick = SecureClient::open(&connector, gateway.address())
        .await
        .expect("open");
    quick.command("subscribe", json!({"topics": ["big"]})).await;
    let padding = "x".repeat(48 * 1024);
    let mut last = 0;
    for n in 0..300 {
        last = gateway
            .admin()
            .emit("big", json!({"n": n, "padding": padding}))
            .await;
        let event = quick.next().await.expect("an event");
        assert_eq!(event["seq"], last, "the quick one gets each at once");
    }
    let (mut events, mut missed) = (0, 0);
    loop {
        let frame = slow.next().await.expect("it is not closed");
        if frame["type"] == "gap" {
            missed += frame["data"]["dropped"].as_u64().expect("a number");
        } else if frame["topic"] == "big" {
            events += 1;
            if frame["seq"] == last {
                break;
            }
        }
    }
    assert!(missed > 0, "it was slow");
    assert_eq!(events + missed, 300, "each came, or was said to be missing");
}

#[tokio::test]
async fn a_changed_certificate_is_taken_over_and_open_connections_stay() {
    let authority = Authority::new();
    let gateway = start(&authority, "", "", "").await;
    let connector = authority.connector(&[&TLS13, &TLS12], None);
    let mut before = SecureClient::open(&connector, gateway.address())
        .await
        .expect("open");
    let (certificate, key) = (
        gateway.folder().join("gate.pem"),
        gateway.folder().join("gate.key"),
    );
    std::fs::write(&certificate, "this is no certificate").expect("written");
    let refused = || async {
        let refused = gateway
            .admin()
            .metric("hearthgate_certificate_reloads_total", &["refused"])
            .await;
        (refused >= 1.0).then_some(())
    };
    wait::until("the bad file is noticed", refused).await;
    let still = SecureClient::open(&connector, gateway.address())
        .await
        .expect("the old one serves on");
    assert_eq!(still.shown(), before.shown());
    let renewed = authority.sign(None);
    renewed.write(&certificate, &key);
    let shown = || async {
        let client = SecureClient::open(&connector, gateway.address())
            .await
            .ok()?;
        (client.shown() == *renewed.der()).then_some(())
    };
    wait::until("new clients see the new certificate", shown).await;
    let pong = before.command("ping", json!("still here")).await;
    assert_eq!(pong["data"], "still here");
}

#[tokio::test]
async fn who_has_no_certificate_of_the_authority_is_kept_out_where_one_is_required() {
    let authority = Authority::new();
    let tls =
        "client-ca = \"ca.pem\"\nclient-certificates = \"required\"\nclient-roles = [\"device\"]";
    let gateway = start(&authority, tls, "", "").await;
    let stranger = Authority::new();
    let (own, foreign) = (authority.sign(Some("lamp")), stranger.sign(Some("lamp")));
    for (certificate, passes) in [(None, false), (Some(&foreign), false), (Some(&own), true)] {
        for version in [&TLS13, &TLS12] {
            let connector = authority.connector(&[version], certificate);
            let opened = SecureClient::open(&connector, gateway.address()).await;
            assert_eq!(opened.is_ok(), passes, "{:?}", opened.err());
        }
    }
    let failed = gateway
        .admin()
        .metric("hearthgate_handshakes_failed_total", &["tls"])
        .await;
    assert_eq!(failed, 4.0);
}

#[tokio::test]
async fn a_certificate_says_who_its_bearer_is() {
    let authority = Authority::new();
    let tls = "client-ca = \"ca.pem\"\nclient-roles = [\"device\"]";
    let gateway = start(&authority, tls, "max-connections-per-subject = 1", "").await;
    let lamp = authority.sign(Some("lamp"));
    let nobody = authority.connector(&[&TLS13], None);
    let anonymous = SecureClient::open(&nobody, gateway.address())
        .await
        .expect("open");
    assert_eq!(anonymous.welcome["identity"], Value::Null);
    let connector = authority.connector(&[&TLS13], Some(&lamp));
    let client = SecureClient::open(&connector, gateway.address())
        .await
        .expect("open");
    assert_eq!(
        client.welcome["identity"],
        json!({"subject": "lamp", "roles": ["device"]})
    );
    let second = SecureClient::open(&connector, gateway.address()).await;
    let why = second.err().expect("a subject has one connection here");
    assert!(why.contains("429"), "{why}");
    assert!(
        SecureClient::open(&nobody, gateway.address()).await.is_ok(),
        "anonymous clients are no subject"
    );
}

#[tokio::test]
async fn who_speaks_no_tls_or_stops_half_way_is_let_go_and_counted() {
    let authority = Authority::new();
    let gateway = start(&authority, "", "tls-handshake-timeout = \"500ms\"", "").await;
    let connector = authority.connector(&[&TLS13], None);
    let mut witness = SecureClient::open(&connector, gateway.address())
        .await
        .expect("open");
    let mut plain = Raw::connect(gateway.address()).await;
    plain.write(b"GET /ws HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let rest = plain.rest().await;
    assert!(!rest.starts_with(b"HTTP"), "an alert at most: {rest:?}");
    // A record that says it is long, and then nothing.
    let mut half = Raw::connect(gateway.address()).await;
    half.write(&[0x16, 3, 1, 2, 0, 1]).await;
    assert_eq!(half.rest().await, [0; 0]);
    let failed = gateway
        .admin()
        .metric("hearthgate_handshakes_failed_total", &["tls"])
        .await;
    assert_eq!(failed, 2.0);
    assert_eq!(witness.command("ping", json!(1)).await["type"], "pong");
}

#[tokio::test]
async fn an_idle_connection_holds_little_memory() {
    const COUNT: u64 = 400;
    const MOST: u64 = 20_000;
    let authority = Authority::new();
    let gateway = start(&authority, "", "", "").await;
    let connector = authority.connector(&[&TLS13], None);
    let resident = || async {
        let bytes = gateway
            .admin()
            .metric("process_resident_memory_bytes", &[])
            .await;
        bytes as u64
    };
    let mut clients = Vec::new();
    // The first ones fill caches that are everyone's.
    for _ in 0..50 {
        clients.push(
            SecureClient::open(&connector, gateway.address())
                .await
                .expect("open"),
        );
    }
    let before = resident().await;
    for _ in 0..COUNT {
        clients.push(
            SecureClient::open(&connector, gateway.address())
                .await
                .expect("open"),
        );
    }
    let each = resident().await.saturating_sub(before) / COUNT;
    println!("an idle TLS connection: {each} bytes");
    assert!(each <= MOST, "{each} bytes for each idle connection");
    let stats: Value = gateway.admin().json("/api/v1/stats").await;
    assert_eq!(stats["connections"], COUNT + 50);
}

#[tokio::test]
async fn a_certificate_that_is_not_there_stops_the_start_and_changes_nothing_in_a_reload() {
    let authority = Authority::new();
    let gateway = start(&authority, "", "", "").await;
    gateway.configure(|text| text.replace("gate.pem", "gone.pem"));
    let report = gateway
        .admin()
        .post("/api/v1/config/reload", &json!(null))
        .await;
    assert_eq!(report.status, 409, "{}", report.text());
    let text = report.text();
    assert!(
        text.contains("listener[0].tls") && text.contains("gone.pem"),
        "{text}"
    );
    let connector = authority.connector(&[&TLS13], None);
    assert!(
        SecureClient::open(&connector, gateway.address())
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn the_admin_listener_can_speak_it_too() {
    let authority = Authority::new();
    let tls = "[admin.tls]\ncertificate = \"gate.pem\"\nkey = \"gate.key\"";
    let gateway = start(&authority, "", "", tls).await;
    let connector = authority.connector(&[&TLS13], None);
    let stream = TcpStream::connect(gateway.admin_address())
        .await
        .expect("it listens");
    let mut stream = connect(&connector, stream).await.expect("a handshake");
    let request = b"GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(request).await.expect("written");
    let mut answer = String::new();
    wait::soon("the answer", stream.read_to_string(&mut answer))
        .await
        .expect("with TLS's goodbye");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}
