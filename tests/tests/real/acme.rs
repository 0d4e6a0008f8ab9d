//! Certificates ordered from Pebble, the test server of Let's Encrypt's makers: it refuses one nonce in twenty, and
//! looks for proofs as Let's Encrypt does.

mod pebble;

use hearthgate_tests::secure::SecureClient;
use hearthgate_tests::{Gateway, Setup, wait};
use pebble::Pebble;
use serde_json::json;
use std::net::SocketAddr;
use tokio_rustls::TlsConnector;

/// A gateway to be whose listener orders a certificate, and where it listens.
struct Ordering {
    setup: Setup,
    tls: SocketAddr,
}

impl Ordering {
    fn new(pebble: &Pebble, name: &str, challenge: &str) -> Self {
        let place = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
        let (http, tls) = (place(pebble.http_port), place(pebble.tls_port));
        let directory = pebble.directory();
        let setup = Setup::new().toml(&format!(
            r#"
[acme]
directory = "{directory}"
ca = "server-ca.pem"
terms-of-service-agreed = true
contact = ["mailto:someone@example.org"]
retry = "1s"

[[listener]]
address = "{http}"
routes = []

[[listener]]
address = "{tls}"
routes = [{{ path = "/ws", dialect = "native" }}]
tls = {{ acme = ["{name}"], challenge = "{challenge}" }}
"#
        ));
        pebble
            .authority
            .write(&setup.folder().join("server-ca.pem"));
        Self { setup, tls }
    }
}

async fn client(place: SocketAddr, connector: &TlsConnector) -> SecureClient {
    wait::until("a client connects over TLS", || async {
        SecureClient::open(connector, place).await.ok()
    })
    .await
}

async fn orders(gateway: &Gateway, outcome: &str) -> f64 {
    let admin = gateway.admin();
    let name = "hearthgate_acme_orders_total";
    admin.metric(name, &[outcome]).await
}

/// Orders, connects, and restarts with the server gone.
async fn ordered_by(challenge: &str) {
    let pebble = Pebble::start(90 * 86_400).await;
    let connector = pebble.connector().await;
    let Ordering { setup, tls } = Ordering::new(&pebble, "localhost", challenge);
    let mut gateway = setup.start().await;
    let mut first = client(tls, &connector).await;
    let pong = first.command("ping", json!("hello")).await;
    assert_eq!(pong["data"], "hello");
    assert_eq!(orders(&gateway, "issued").await, 1.0);
    gateway.stop().await;
    drop(pebble);
    gateway.start_again().await;
    let again = SecureClient::open(&connector, tls).await;
    let again = again.expect("the kept certificate is served at once");
    assert_eq!(again.shown(), first.shown());
}

#[tokio::test]
async fn over_http_and_kept_over_a_restart() {
    ordered_by("http-01").await;
}

#[tokio::test]
async fn over_tls_and_kept_over_a_restart() {
    ordered_by("tls-alpn-01").await;
}

#[tokio::test]
async fn a_renewal_drops_nobody() {
    let pebble = Pebble::start(20).await;
    let connector = pebble.connector().await;
    let Ordering { setup, tls } = Ordering::new(&pebble, "localhost", "tls-alpn-01");
    let gateway = setup.start().await;
    let mut early = client(tls, &connector).await;
    let before = early.shown();
    wait::until("a renewed certificate is shown", || async {
        // A client that was here before would resume its session, which shows no certificate.
        let fresh = pebble.connector().await;
        let late = SecureClient::open(&fresh, tls).await.ok()?;
        (late.shown() != before).then_some(())
    })
    .await;
    let pong = early.command("ping", json!("still here")).await;
    assert_eq!(pong["data"], "still here");
    assert!(orders(&gateway, "issued").await >= 2.0);
}

#[tokio::test]
async fn an_order_that_is_refused_is_told() {
    let pebble = Pebble::start(90 * 86_400).await;
    let blocked = pebble::BLOCKED;
    let Ordering { setup, .. } = Ordering::new(&pebble, blocked, "http-01");
    let gateway = setup.start().await;
    let line = gateway.journal.line("a refused order", |line| {
        line.message == "a certificate could not be had"
    });
    let line = line.await;
    let error = line.field("error");
    assert!(error.contains("rejectedIdentifier"), "{error}");
    assert!(
        line.field("advice").contains("public name"),
        "{}",
        line.text
    );
    wait::until("it is tried again, and counted", || async {
        (orders(&gateway, "refused").await >= 2.0).then_some(())
    })
    .await;
}
