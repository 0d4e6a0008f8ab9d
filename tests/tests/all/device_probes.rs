//! The plugin `device-monitor` with things that have an address: peers of all sorts.

use bytes::Bytes;
use hearthgate_tests::peers::{HttpPeer, TcpPeer, TlsPeer};
use hearthgate_tests::{Client, Gateway, Setup, wait};
use http_body_util::Full;
use serde_json::{Value, json};

/// The next event of a kind about this device whose data is as wanted.
async fn event(client: &mut Client, kind: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let found = client
        .find(&format!("a {kind} as wanted"), |frame| {
            frame["type"] == kind && wanted(&frame["data"])
        })
        .await;
    found["data"].clone()
}

async fn status(client: &mut Client, wanted: &str) -> Value {
    event(client, "device.status", |data| data["status"] == wanted).await
}

fn probes(list: &str, grants: &str) -> String {
    format!(
        "[sources.devices]\nplugin = \"device-monitor\"\ngrants = {{ publish = [\"device/#\", \"adapter/#\"], connect = [{grants}] }}\n{list}\n"
    )
}

fn probe(id: &str, url: &str, more: &str) -> String {
    format!(
        "[[sources.devices.config.probes]]\nid = \"{id}\"\nurl = \"{url}\"\ninterval = \"1s\"\nretries = 0\n{more}\n"
    )
}

async fn watching(setup: Setup) -> (Gateway, Client) {
    let gateway = setup.plugin("device-monitor").start().await;
    let mut client = gateway.client().await;
    client.watch(&["device/#"]).await;
    (gateway, client)
}

#[tokio::test]
async fn what_answers_is_online_and_what_does_not_is_offline() {
    let peer = TcpPeer::start().await;
    let url = format!("tcp://{}", peer.address());
    let ungranted = probe("elsewhere", "tcp://127.0.0.1:9", "");
    let sections = probes(
        &(probe("box", &url, "name = \"Box\"\nroom = \"hall\"\n") + &ungranted),
        &format!("\"{url}\""),
    );
    let (gateway, mut client) = watching(Setup::new().toml(&sections)).await;
    let online = client
        .find("the box is online", |frame| {
            frame["data"]["status"] == "online"
        })
        .await;
    assert_eq!(
        (
            &online["data"]["name"],
            &online["data"]["ip"],
            &online["labels"]["room"]
        ),
        (&json!("Box"), &json!("127.0.0.1"), &json!("hall"))
    );
    let metrics = event(&mut client, "device.metrics", |_| true).await;
    assert!(metrics["metrics"]["latency_ms"].is_number(), "{metrics}");
    drop(peer);
    let offline = status(&mut client, "offline").await;
    assert_eq!(
        (&offline["device_id"], &offline["properties"]["reason"]),
        (&json!("box"), &json!("connection refused"))
    );
    let told = gateway
        .journal
        .line("the missing grant", |line| {
            line.text.contains("input skipped")
                && line
                    .text
                    .contains("no connect grant names tcp://127.0.0.1:9")
        })
        .await;
    assert!(told.text.contains("elsewhere"), "{}", told.text);
    assert!(
        client
            .take_kept()
            .iter()
            .all(|frame| frame["data"]["device_id"] == "box"),
        "what may not be tried is told as nothing"
    );
}

#[tokio::test]
async fn http_is_judged_by_status_and_body() {
    let peer = HttpPeer::start(|asked| {
        let (status, body) = match asked.path.as_str() {
            "/ready" => (200, "state: ready"),
            "/busy" => (200, "state: busy"),
            _ => (404, ""),
        };
        let mut response = hyper::Response::new(Full::new(Bytes::from_static(body.as_bytes())));
        *response.status_mut() = hyper::StatusCode::from_u16(status).expect("a status");
        response
    })
    .await;
    let list: String = ["ready", "busy", "lost"]
        .iter()
        .map(|id| {
            probe(
                id,
                &peer.url(&format!("/{id}")),
                "expect-body = \"ready\"\n",
            )
        })
        .collect();
    let sections = probes(&list, &format!("\"http://{}\"", peer.address()));
    let (_gateway, mut client) = watching(Setup::new().toml(&sections)).await;
    for (id, status, reason, code) in [
        ("ready", "online", Value::Null, 200.0),
        (
            "busy",
            "offline",
            json!("the body does not hold the expected text"),
            200.0,
        ),
        ("lost", "offline", json!("status 404"), 404.0),
    ] {
        let told = event(&mut client, "device.status", |data| data["device_id"] == id).await;
        assert_eq!(
            (&told["status"], &told["properties"]["reason"]),
            (&json!(status), &reason),
            "{told}"
        );
        let metrics = event(&mut client, "device.metrics", |data| {
            data["device_id"] == id
        })
        .await;
        assert_eq!(metrics["metrics"]["status_code"], code, "{metrics}");
    }
}

#[tokio::test]
async fn days_of_a_certificate_are_told() {
    let peer = TlsPeer::start().await;
    let setup = Setup::new();
    let file = setup.folder().join("peer.pem");
    peer.write_certificate(&file);
    let url = format!("tls://{}", peer.address());
    let sections = probes(&probe("mail", &url, ""), &format!("\"{url}\""));
    let setup = setup
        .variable("SSL_CERT_FILE", file.to_str().expect("a path of ours"))
        .toml(&sections);
    let (_gateway, mut client) = watching(setup).await;
    let serving = tokio::spawn(async move {
        loop {
            drop(peer.accept().await);
        }
    });
    let told = wait::soon(
        "its days",
        event(&mut client, "device.metrics", |data| {
            !data["metrics"]["certificate_days"].is_null()
        }),
    )
    .await;
    // rcgen's certificates end in the year 4096.
    let days = told["metrics"]["certificate_days"]
        .as_f64()
        .unwrap_or_default();
    assert!((700_000.0..800_000.0).contains(&days), "{told}");
    serving.abort();
}
