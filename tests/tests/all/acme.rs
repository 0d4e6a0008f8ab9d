//! Certificates from an ACME server: ordered by both challenges, renewed, kept over a restart, and what becomes of
//! orders that are refused. The server is a stand-in that checks what RFC 8555 asks for; `tests/real` has a real one.

use hearthgate_tests::peers::AcmePeer;
use hearthgate_tests::secure::{Authority, SecureClient};
use hearthgate_tests::{Gateway, Setup, wait};
use rustls::version::TLS13;
use serde_json::json;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;
use tokio_rustls::TlsConnector;

const CONTACT: &str = "mailto:someone@example.org";

/// A plain listener, and one with TLS whose certificate is ordered.
fn setup(directory: &str, tls: &str) -> Setup {
    Setup::new().toml(&format!(
        r#"
[acme]
directory = "{directory}"
terms-of-service-agreed = true
contact = ["{CONTACT}"]
retry = "1s"

[[listener]]
address = "127.0.0.1:0"
routes = [{{ path = "/ws", dialect = "native" }}]

[listener.tls]
{tls}
"#
    ))
}

/// Starts it, and has every name lead to it.
async fn start(peer: &AcmePeer, tls: &str) -> Gateway {
    let gateway = setup(&peer.directory(), tls).start().await;
    lead(peer, &gateway);
    gateway
}

fn lead(peer: &AcmePeer, gateway: &Gateway) {
    peer.lead(address(gateway, "ws"), address(gateway, "wss"));
}

fn address(gateway: &Gateway, scheme: &str) -> SocketAddr {
    let lines = gateway.journal.lines();
    let mut serving = lines.iter().filter(|line| line.message == "serving");
    let found = serving.find_map(|line| {
        let url = line.field("url");
        let rest = url.strip_prefix(scheme)?.strip_prefix("://")?;
        rest.split('/').next()?.parse().ok()
    });
    found.unwrap_or_else(|| panic!("no listener speaks {scheme}"))
}

fn connector(authority: &Authority) -> TlsConnector {
    authority.connector(&[&TLS13], None)
}

/// A client that trusts only this authority, as soon as it is served.
async fn client(gateway: &Gateway, connector: &TlsConnector) -> SecureClient {
    let place = address(gateway, "wss");
    wait::until("a client connects over TLS", || async {
        SecureClient::open(connector, place).await.ok()
    })
    .await
}

async fn orders(gateway: &Gateway, outcome: &str) -> f64 {
    let admin = gateway.admin();
    admin
        .metric("hearthgate_acme_orders_total", &[outcome])
        .await
}

#[tokio::test]
async fn a_certificate_is_ordered_over_http_and_clients_connect() {
    let peer = AcmePeer::start().await;
    let tls = r#"acme = ["Home.Example", "localhost"]
challenge = "http-01""#;
    let gateway = start(&peer, tls).await;
    let mut client = client(&gateway, &connector(peer.authority())).await;
    let pong = client.command("ping", json!("hello")).await;
    assert_eq!(pong["data"], "hello");
    assert_eq!(peer.contacts(), [json!([CONTACT])]);
    assert_eq!(orders(&gateway, "issued").await, 1.0);
    let admin = gateway.admin();
    let expires = admin.metric(
        "hearthgate_certificate_expiry_timestamp_seconds",
        &["home.example"],
    );
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let left = expires.await - now.expect("after 1970").as_secs_f64();
    let days = left / 86_400.0;
    assert!((89.0..=90.0).contains(&days), "{days}");
}

#[tokio::test]
async fn a_certificate_is_ordered_over_tls_where_clients_are_refused_until_it_is_there() {
    let peer = AcmePeer::start().await;
    let setup = setup(
        &peer.directory(),
        "acme = [\"localhost\"]\nclient-ca = \"ca.pem\"\nclient-certificates = \"required\"",
    );
    let clients = Authority::new();
    clients.write(&setup.folder().join("ca.pem"));
    let gateway = setup.start().await;
    let own = clients.sign(Some("phone"));
    let connector = peer.authority().connector(&[&TLS13], Some(&own));
    let early = SecureClient::open(&connector, address(&gateway, "wss")).await;
    let why = early.err().expect("there is no certificate yet");
    assert!(why.contains("alert"), "refused by TLS, not cut off: {why}");
    let said = |text: &'static str| {
        gateway
            .journal
            .line(text, move |line| line.message.contains(text))
    };
    said("there is no certificate yet").await;
    said("a TLS client was refused").await;
    // The server brings no certificate of a client, and gets its proof all the same.
    lead(&peer, &gateway);
    let mut client = client(&gateway, &connector).await;
    let pong = client.command("ping", json!(1)).await;
    assert_eq!(pong["data"], 1);
    assert!(
        gateway
            .admin()
            .metric("hearthgate_handshakes_failed_total", &["tls"])
            .await
            >= 1.0
    );
}

#[tokio::test]
async fn a_renewal_drops_nobody() {
    let peer = AcmePeer::start().await;
    peer.issue_for(Duration::from_secs(9));
    let gateway = start(&peer, "acme = [\"localhost\"]").await;
    let connector = connector(peer.authority());
    let mut early = client(&gateway, &connector).await;
    peer.issue_for(Duration::from_secs(90 * 86_400));
    let before = early.shown();
    peer.issued(2).await;
    let place = address(&gateway, "wss");
    wait::until("the new certificate is shown", || async {
        // A client that was here before would resume its session, which shows no certificate.
        let fresh = self::connector(peer.authority());
        let late = SecureClient::open(&fresh, place).await.ok()?;
        (late.shown() != before).then_some(())
    })
    .await;
    let pong = early.command("ping", json!("still here")).await;
    assert_eq!(pong["data"], "still here");
    assert_eq!(orders(&gateway, "issued").await, 2.0);
    assert_eq!(peer.contacts().len(), 1, "one account for both");
}

#[tokio::test]
async fn a_restart_serves_the_kept_certificate_while_the_server_is_away() {
    let peer = AcmePeer::start().await;
    let mut gateway = start(&peer, "acme = [\"localhost\"]").await;
    let connector = connector(peer.authority());
    let before = client(&gateway, &connector).await.shown();
    gateway.stop().await;
    drop(peer);
    gateway.start_again().await;
    let open = SecureClient::open(&connector, address(&gateway, "wss")).await;
    let after = open.expect("the first client is served").shown();
    assert_eq!(before, after);
    let kept = walk(&gateway.folder().join("state/acme"));
    assert!(kept.len() >= 2, "{kept:?}");
    for (path, mode) in kept {
        assert_eq!(mode & 0o077, 0, "{}: {mode:o}", path.display());
    }
}

/// Every file below a folder, and the folder, with their modes.
fn walk(folder: &std::path::Path) -> Vec<(std::path::PathBuf, u32)> {
    let mode = |path: &std::path::Path| {
        std::fs::metadata(path)
            .expect("it is there")
            .permissions()
            .mode()
    };
    let mut found = vec![(folder.to_owned(), mode(folder))];
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => found.extend(walk(&path)),
            false => found.push((path.clone(), mode(&path))),
        }
    }
    found
}

#[tokio::test]
async fn a_server_away_at_the_first_start_is_asked_again() {
    let peer = AcmePeer::start().await;
    let directory = peer.directory();
    drop(peer);
    let gateway = setup(&directory, "acme = [\"localhost\"]").start().await;
    let failed =
        |line: &hearthgate_tests::journal::Line| line.message == "a certificate could not be had";
    let line = gateway.journal.line("a failed order", failed).await;
    assert!(
        line.field("error").contains("can't be asked"),
        "{}",
        line.text
    );
    assert!(
        line.field("advice").contains("acme.directory"),
        "{}",
        line.text
    );
    wait::until("it is tried again", || async {
        (orders(&gateway, "unreachable").await >= 2.0).then_some(())
    })
    .await;
    let answer = gateway.admin().get("/readyz").await;
    assert_eq!(answer.status, 200, "the rest works");
}

#[tokio::test]
async fn a_server_that_wants_to_be_left_alone_is_left_alone_even_after_a_restart() {
    let peer = AcmePeer::start().await;
    peer.refuse(
        429,
        "rateLimited",
        "too many certificates already",
        Some(3600),
    );
    let mut gateway = start(&peer, "acme = [\"localhost\"]").await;
    let failed =
        |line: &hearthgate_tests::journal::Line| line.message == "a certificate could not be had";
    let line = gateway.journal.line("a refused order", failed).await;
    assert!(
        line.text.contains("too many certificates already"),
        "{}",
        line.text
    );
    assert!(
        line.text.contains("urn:ietf:params:acme:error:rateLimited"),
        "{}",
        line.text
    );
    assert!(line.field("advice").contains("staging"), "{}", line.text);
    let wait = line.fields["retry_seconds"].as_u64().expect("a number");
    assert!((3590..=3600).contains(&wait), "{wait}");
    assert_eq!(orders(&gateway, "rate_limited").await, 1.0);
    gateway.stop().await;
    gateway.start_again().await;
    let waits =
        |line: &hearthgate_tests::journal::Line| line.message.contains("wanted no order before");
    gateway.journal.line("it waits", waits).await;
    assert_eq!(peer.orders(), 0);
}

#[tokio::test]
async fn a_refusal_with_a_short_wait_is_followed_by_another_order() {
    let peer = AcmePeer::start().await;
    peer.refuse(503, "serverInternal", "maintenance", Some(1));
    let gateway = start(&peer, "acme = [\"localhost\"]").await;
    client(&gateway, &connector(peer.authority())).await;
    assert_eq!(orders(&gateway, "refused").await, 1.0);
    assert_eq!(orders(&gateway, "issued").await, 1.0);
    let kept = walk(&gateway.folder().join("state/acme"));
    assert!(
        kept.iter()
            .all(|(path, _)| path.extension().is_none_or(|e| e != "wait")),
        "{kept:?}"
    );
}

#[tokio::test]
async fn a_name_that_leads_elsewhere_is_told_and_tried_again() {
    let peer = AcmePeer::start().await;
    let tls = "acme = [\"localhost\"]\nchallenge = \"http-01\"";
    let gateway = setup(&peer.directory(), tls).start().await;
    let elsewhere = gateway.admin_address();
    peer.lead(elsewhere, elsewhere);
    let failed =
        |line: &hearthgate_tests::journal::Line| line.message == "a certificate could not be had";
    let line = gateway.journal.line("a name not proven", failed).await;
    let error = line.field("error");
    assert!(
        error.contains("could not see that localhost leads here"),
        "{error}"
    );
    assert!(error.contains("error:unauthorized"), "{error}");
    assert!(
        line.field("advice").contains("something else answers"),
        "{}",
        line.text
    );
    lead(&peer, &gateway);
    client(&gateway, &connector(peer.authority())).await;
    assert!(orders(&gateway, "unproven").await >= 1.0);
}

#[tokio::test]
async fn a_server_that_forgot_the_account_gets_a_new_one() {
    let peer = AcmePeer::start().await;
    peer.issue_for(Duration::from_secs(9));
    let gateway = start(&peer, "acme = [\"localhost\"]").await;
    client(&gateway, &connector(peer.authority())).await;
    peer.forget_accounts();
    peer.issued(2).await;
    assert_eq!(peer.contacts().len(), 2);
    assert_eq!(orders(&gateway, "refused").await, 0.0, "in one go");
}

#[tokio::test]
async fn a_reload_moves_to_another_server_and_serves_the_old_certificate_until_then() {
    let (staging, real) = (AcmePeer::start().await, AcmePeer::start().await);
    let gateway = start(&staging, "acme = [\"localhost\"]").await;
    let (old, new) = (connector(staging.authority()), connector(real.authority()));
    let mut early = client(&gateway, &old).await;
    gateway.configure(|text| text.replace(&staging.directory(), &real.directory()));
    let report = gateway
        .admin()
        .post("/api/v1/config/reload", &json!(null))
        .await;
    assert_eq!(report.status, 200, "{}", report.text());
    gateway
        .journal
        .line("it goes on", |line| {
            line.message.contains("of the server before is served")
        })
        .await;
    let place = address(&gateway, "wss");
    assert!(SecureClient::open(&old, place).await.is_ok());
    lead(&real, &gateway);
    client(&gateway, &new).await;
    assert_eq!(early.command("ping", json!(2)).await["data"], 2);
}

#[tokio::test]
async fn nothing_is_answered_on_the_path_of_proofs_but_what_is_asked_for() {
    let peer = AcmePeer::start().await;
    let gateway = start(&peer, "acme = [\"localhost\"]\nchallenge = \"http-01\"").await;
    client(&gateway, &connector(peer.authority())).await;
    let proofs = hearthgate_tests::Admin::new(address(&gateway, "ws"));
    for token in ["", "token1", "token3", "../../etc/passwd"] {
        let answer = proofs
            .get(&format!("/.well-known/acme-challenge/{token}"))
            .await;
        assert_eq!(answer.status, 404, "{token}: {}", answer.text());
    }
}

#[tokio::test]
async fn a_certificate_that_is_over_when_it_comes_is_no_reason_for_order_after_order() {
    let peer = AcmePeer::start().await;
    peer.issue_for(Duration::ZERO);
    let gateway = start(&peer, "acme = [\"localhost\"]").await;
    for expected in [1, 2, 4] {
        let line = gateway.journal.line("an overdue certificate", |line| {
            let wait = line.fields.get("retry_seconds").and_then(|w| w.as_u64());
            line.message.contains("check this machine's clock") && wait >= Some(expected)
        });
        line.await;
    }
    assert!(peer.orders() <= 4, "{} orders", peer.orders());
}
