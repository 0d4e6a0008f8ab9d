//! The plugin `device-monitor` and the certificates of HTTPS servers: days left, and which are good for nothing.

use hearthgate_tests::peers::TlsPeer;
use hearthgate_tests::{Client, Gateway, Setup};
use serde_json::json;
use std::net::SocketAddr;

/// The key that has an instance trust the authority of a server.
fn trust(setup: &Setup, peer: &TlsPeer) -> String {
    let file = setup.folder().join("ca.pem");
    peer.write_certificate(&file);
    format!("tls-ca = [\"{}\"]\n", file.display())
}

/// A gateway that probes an HTTPS server, and a client that watches.
async fn probing(setup: Setup, address: SocketAddr, trust: &str) -> (Gateway, Client) {
    let source = format!(
        "[sources.devices]\nplugin = \"device-monitor\"\n{trust}\
         grants = {{ publish = [\"device/#\", \"adapter/#\"], connect = [\"https://{address}\", \"tls://{address}\"] }}\n\
         [[sources.devices.config.probes]]\nid = \"nas\"\nurl = \"https://{address}/health\"\n\
         expect-body = \"well\"\ninterval = \"1s\"\nretries = 0\n"
    );
    let gateway = setup.plugin("device-monitor").toml(&source).start().await;
    // It is a large plugin: on a busy machine its compilation takes most of the patience.
    gateway.in_state("devices", "running").await;
    let mut client = gateway.client().await;
    client.watch(&["device/nas/#"]).await;
    (gateway, client)
}

/// It is offline, and says this of its certificate; of days nothing is told.
async fn refused(client: &mut Client, why: &str) {
    let offline = client.next_of("device.status").await;
    let reason = offline["data"]["properties"]["reason"].as_str();
    let reason = reason.unwrap_or_default();
    assert_eq!(offline["data"]["status"], "offline", "{offline}");
    assert!(reason.contains("TLS") && reason.contains(why), "{reason}");
    client.next_of("device.status").await;
    let kept = client.take_kept();
    let days = |frame: &serde_json::Value| frame["data"]["metrics"]["certificate_days"].is_number();
    assert!(!kept.iter().any(days), "{kept:?}");
}

#[tokio::test]
async fn the_days_left_of_an_https_certificate_are_told() {
    for days in [1, 30, 400] {
        let (setup, peer) = (Setup::new(), TlsPeer::ending_in(days).await);
        let trust = trust(&setup, &peer);
        let serving = peer.answer("all is well");
        let (_gateway, mut client) = probing(setup, serving.address, &trust).await;
        let told = client.find("the days left", |frame| {
            frame["data"]["metrics"]["certificate_days"].is_number()
        });
        let told = told.await;
        let metrics = &told["data"]["metrics"];
        let left = metrics["certificate_days"].as_f64().unwrap_or_default();
        let days = f64::from(days);
        assert!((days - 0.1..=days).contains(&left), "{told}");
        assert_eq!(metrics["status_code"], json!(200.0), "{told}");
    }
}

#[tokio::test]
async fn an_https_certificate_that_has_ended_is_told_as_that() {
    let (setup, peer) = (Setup::new(), TlsPeer::ending_in(-1).await);
    let trust = trust(&setup, &peer);
    let serving = peer.answer("all is well");
    let (_gateway, mut client) = probing(setup, serving.address, &trust).await;
    refused(&mut client, "xpired").await;
}

#[tokio::test]
async fn an_https_certificate_that_nobody_trusts_is_told_as_that() {
    let serving = TlsPeer::ending_in(30).await.answer("all is well");
    let (_gateway, mut client) = probing(Setup::new(), serving.address, "").await;
    refused(&mut client, "UnknownIssuer").await;
}
