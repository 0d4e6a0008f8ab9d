//! A broker that speaks TLS, with a certificate of an authority of its own.

use super::broker::{self, Broker};
use super::{adapter, source, started, synced};
use hearthgate_tests::{Client, Gateway, Setup};
use std::path::Path;
use tempfile::TempDir;

fn certificates(folder: &Path) {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
    let write = |name: &str, text: String| {
        std::fs::write(folder.join(name), text).expect("the folder can be written")
    };
    let authority_key = KeyPair::generate().expect("a key");
    let mut authority = CertificateParams::new(Vec::new()).expect("no names");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = authority
        .self_signed(&authority_key)
        .expect("a certificate");
    write("ca.pem", root.pem());
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().expect("a key");
    let server = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("an address");
    let server = server.signed_by(&key, &issuer).expect("a certificate");
    write("server.pem", server.pem());
    write("server.key", key.serialize_pem());
}

/// A mosquitto with a TLS listener, and that one's URL.
async fn secured() -> (Broker, String) {
    let folder = TempDir::new().expect("a temporary folder");
    certificates(folder.path());
    let at = folder.path().display().to_string();
    let secure = broker::free_port().await;
    let configuration = format!(
        "allow_anonymous true\nlistener {secure} 127.0.0.1\nallow_anonymous true\ncafile {at}/ca.pem\ncertfile {at}/server.pem\nkeyfile {at}/server.key\n"
    );
    let broker = Broker::with(&configuration, folder).await;
    (broker, format!("tls://127.0.0.1:{secure}"))
}

/// What the broker has is read, and what comes later.
async fn works(broker: &Broker, client: &mut Client) {
    synced(client).await;
    broker.publish("count/tls", "1", &[]).await;
    client.next_on("mqtt/count/tls").await;
}

async fn is_not_trusted(client: &mut Client) {
    let refused = adapter(client, "disconnected").await;
    let message = refused["data"]["message"].as_str().unwrap_or_default();
    assert!(message.contains("TLS"), "{message}");
}

#[tokio::test]
async fn mqtt_speaks_tls() {
    let (broker, url) = secured().await;
    let authority = broker.folder().join("ca.pem").display().to_string();
    // An authority that nobody told us to trust.
    let (_gateway, mut client) = started(Setup::new(), &url, "").await;
    is_not_trusted(&mut client).await;
    let setup = Setup::new().variable("SSL_CERT_FILE", &authority);
    let (_gateway, mut client) = started(setup, &url, "").await;
    works(&broker, &mut client).await;
}

/// A gateway whose instance has this `tls-ca`.
async fn trusting(url: &str, authority: &Path) -> (Gateway, Client) {
    let keys = format!("plugin = \"mqtt\"\ntls-ca = [\"{}\"]", authority.display());
    let text = source(url, "").replace("plugin = \"mqtt\"", &keys);
    super::running(Setup::new(), &text).await
}

#[tokio::test]
async fn mqtt_trusts_the_authority_of_its_grant() {
    let (broker, url) = secured().await;
    let (_gateway, mut client) = trusting(&url, &broker.folder().join("ca.pem")).await;
    works(&broker, &mut client).await;
    // Another broker's authority is none of this one's.
    let (other, _) = secured().await;
    let (_gateway, mut client) = trusting(&url, &other.folder().join("ca.pem")).await;
    is_not_trusted(&mut client).await;
}
