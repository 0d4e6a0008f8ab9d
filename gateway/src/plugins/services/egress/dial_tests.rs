//! Real connections on loopback: rebinding, own listeners, TLS.

use super::*;
use crate::plugins::services::egress::ConnectGrant;
use futures_util::future::BoxFuture;
use rustls::pki_types::PrivateKeyDer;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

fn policy(grants: &[String]) -> Policy {
    let read = |text: &String| ConnectGrant::parse(text).expect("a grant");
    let grants: Vec<ConnectGrant> = grants.iter().map(read).collect();
    Policy::new(grants.clone(), grants)
}

async fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let port = listener.local_addr().expect("its address").port();
    (listener, port)
}

/// Answers in turn, and counts how often it was asked.
#[derive(Debug, Clone)]
struct Alternating(Arc<AtomicUsize>, Vec<Vec<IpAddr>>);

impl Resolver for Alternating {
    fn resolve<'a>(&'a self, _name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        let turn = self.0.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move { Ok(self.1[turn % self.1.len()].clone()) })
    }
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

async fn connect(network: &Network, policy: &Policy, to: &Destination) -> Result<Stream, NetError> {
    let verification = policy.admit(to)?;
    network.connect(policy, to, verification, &[]).await
}

#[tokio::test]
async fn a_name_is_asked_for_once_and_rebinding_gains_nothing() {
    let (listener, port) = listener().await;
    let asked = Arc::new(AtomicUsize::new(0));
    // First an address that is allowed here, then (for whoever asks again) one that is not.
    let answers = vec![vec![address("127.0.0.1")], vec![address("127.0.0.2")]];
    let network = Network::new(vec![]).with_resolver(Alternating(asked.clone(), answers));
    let policy = policy(&[
        format!("tcp://rebind.test:{port}"),
        format!("tcp://127.0.0.1:{port}"),
    ]);
    let to = Destination::of_host("rebind.test", port, false).expect("a destination");
    let stream = connect(&network, &policy, &to)
        .await
        .map_err(|e| e.to_string());
    assert_eq!(stream.map(|s| s.peer.ip()), Ok(address("127.0.0.1")));
    assert_eq!(
        asked.load(Ordering::SeqCst),
        1,
        "one connection, one look-up"
    );
    listener.accept().await.expect("the connection");
    let refused = connect(&network, &policy, &to).await.err();
    assert!(
        matches!(refused, Some(NetError::NotGranted(_))),
        "{refused:?}"
    );
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn refused_addresses_of_a_mixed_answer_are_never_tried() {
    let (listener, port) = listener().await;
    let (forbidden, _) = (
        TcpListener::bind(("127.0.0.3", port))
            .await
            .expect("a listener"),
        (),
    );
    let answers = vec![vec![address("127.0.0.3"), address("127.0.0.1")]];
    let network = Network::new(vec![]).with_resolver(Alternating(Arc::default(), answers));
    let policy = policy(&[
        format!("tcp://mixed.test:{port}"),
        format!("tcp://127.0.0.1:{port}"),
    ]);
    let to = Destination::of_host("mixed.test", port, false).expect("a destination");
    let stream = connect(&network, &policy, &to)
        .await
        .map_err(|e| e.to_string());
    assert_eq!(stream.map(|s| s.peer.ip()), Ok(address("127.0.0.1")));
    listener.accept().await.expect("the connection");
    let waiting = futures_util::FutureExt::now_or_never(forbidden.accept());
    assert!(waiting.is_none(), "the forbidden address was connected to");
}

#[tokio::test]
async fn the_gateway_itself_is_never_connected_to() {
    let (_listener, port) = listener().await;
    for (own, to, allowed) in [
        ("127.0.0.1", "127.0.0.1", false),
        ("0.0.0.0", "127.0.0.1", false),
        ("::", "127.0.0.1", false),
        ("127.0.0.1", "0.0.0.0", false),
        ("0.0.0.0", "0.0.0.0", false),
        ("::ffff:127.0.0.1", "127.0.0.1", false),
        ("127.0.0.9", "127.0.0.1", true),
    ] {
        let network = Network::new(vec![SocketAddr::new(address(own), port)]);
        let policy = policy(&[format!("tcp://{to}:{port}")]);
        let destination = Destination::of_host(to, port, false).expect("a destination");
        let outcome = connect(&network, &policy, &destination).await.err();
        let refused = matches!(outcome, Some(NetError::NotGranted(_)));
        assert_eq!(refused, !allowed, "own {own}, to {to}: {outcome:?}");
    }
    // Another port of the same machine is not the gateway.
    let network = Network::new(vec![SocketAddr::new(
        address("0.0.0.0"),
        port.wrapping_add(1),
    )]);
    let policy = policy(&[format!("tcp://127.0.0.1:{port}")]);
    let destination = Destination::of_host("127.0.0.1", port, false).expect("a destination");
    assert!(connect(&network, &policy, &destination).await.is_ok());
}

#[tokio::test]
async fn failures_have_their_names() {
    let (closed, port) = listener().await;
    drop(closed);
    let network = Network::new(vec![]).with_resolver(Alternating(Arc::default(), vec![vec![]]));
    let policy = policy(&[
        format!("tcp://127.0.0.1:{port}"),
        format!("tcp://nowhere.test:{port}"),
    ]);
    let to = Destination::of_host("127.0.0.1", port, false).expect("a destination");
    assert_eq!(
        connect(&network, &policy, &to).await.err(),
        Some(NetError::Refused)
    );
    let to = Destination::of_host("nowhere.test", port, false).expect("a destination");
    assert!(matches!(
        connect(&network, &policy, &to).await.err(),
        Some(NetError::Dns(_))
    ));
}

/// A TLS server for `home.test` that echoes four bytes per connection, the roots that trust it, and its
/// certificate as PEM.
async fn tls_server() -> (u16, rustls::RootCertStore, String) {
    let made =
        rcgen::generate_simple_self_signed(vec!["home.test".to_owned()]).expect("a certificate");
    let pem = made.cert.pem();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).expect("a root");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("a server's configuration");
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let (listener, port) = listener().await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut bytes = [0; 4];
            if stream.read_exact(&mut bytes).await.is_ok() {
                let _ = stream.write_all(&bytes).await;
                let _ = stream.shutdown().await;
            }
        }
    });
    (port, roots, pem)
}

#[tokio::test]
async fn an_instance_can_trust_certificates_of_its_own() {
    let (port, _, pem) = tls_server().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, pem).expect("a file");
    let answers = Alternating(Arc::default(), vec![vec![address("127.0.0.1")]]);
    let network = Network::new(vec![])
        .with_resolver(answers)
        .with_roots(rustls::RootCertStore::empty());
    let grants = [
        format!("tls://home.test:{port}"),
        format!("tls://127.0.0.1:{port}"),
    ];
    let to = Destination::of_host("home.test", port, true).expect("a destination");
    let refused = connect(&network, &policy(&grants), &to).await.err();
    assert!(matches!(refused, Some(NetError::Tls(_))), "{refused:?}");
    let trusted = super::super::tls::read_certificates(&file).expect("a certificate");
    let trusting = policy(&grants).trusting(trusted);
    connect(&network, &trusting, &to).await.expect("trusted");
    let refused = connect(&network, &policy(&grants), &to).await.err();
    assert!(refused.is_some(), "the others trust it as little as before");
    for (text, why) in [
        ("", "no certificate in it"),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "tls-ca",
        ),
    ] {
        std::fs::write(&file, text).expect("a file");
        let error = super::super::tls::read_certificates(&file).expect_err(why);
        assert!(error.contains(why) && error.contains("ca.pem"), "{error}");
    }
}

#[tokio::test]
async fn certificates_are_verified_by_name_unless_waived() {
    let (port, roots, _) = tls_server().await;
    let answers = Alternating(Arc::default(), vec![vec![address("127.0.0.1")]]);
    let trusting = Network::new(vec![])
        .with_resolver(answers.clone())
        .with_roots(roots);
    let stranger = Network::new(vec![])
        .with_resolver(answers)
        .with_roots(rustls::RootCertStore::empty());
    for (network, grant, host, works) in [
        (&trusting, "tls", "home.test", true),
        (&trusting, "tls", "other.test", false),
        (&stranger, "tls", "home.test", false),
        (&stranger, "tls+unverified", "home.test", true),
        (&trusting, "tls+unverified", "other.test", true),
    ] {
        let policy = policy(&[
            format!("{grant}://{host}:{port}"),
            format!("tls://127.0.0.1:{port}"),
        ]);
        let to = Destination::of_host(host, port, true).expect("a destination");
        match connect(network, &policy, &to).await {
            Ok(mut stream) => {
                assert!(works, "{grant} {host}");
                let certificate = stream.certificate.take().expect("a certificate");
                assert!(certificate.subject.contains("rcgen"), "{certificate:?}");
                assert!(certificate.not_after > certificate.not_before);
                stream.io.write_all(b"ping").await.expect("sent");
                let mut bytes = [0; 4];
                stream.io.read_exact(&mut bytes).await.expect("echoed");
                assert_eq!(&bytes, b"ping");
            }
            Err(error) => assert!(
                !works && matches!(error, NetError::Tls(_)),
                "{grant} {host}: {error}"
            ),
        }
    }
}
