//! The plugin `device-monitor` against a stand-in adb server whose devices have a real shell, and peers to probe.

use bytes::Bytes;
use hearthgate_tests::peers::{AdbServer, Android, HttpPeer, TcpPeer, TlsPeer};
use hearthgate_tests::{Client, Gateway, Setup, wait};
use http_body_util::Full;
use serde_json::{Value, json};

const PIXEL: &str = "8A1X0F2QD              device usb:1-1.2 product:flame model:Pixel_4 device:flame transport_id:3\n";

fn source(adb: &AdbServer, config: &str) -> String {
    let address = adb.address();
    format!(
        "[sources.devices]\nplugin = \"device-monitor\"\n\
         grants = {{ publish = [\"device/#\", \"adapter/#\"], connect = [\"tcp://{address}\"], handle = [\"scan_devices\", \"start_monitoring\", \"stop_monitoring\", \"device_action\"] }}\n\
         [sources.devices.config]\nadb = \"tcp://{address}\"\n{config}\n"
    )
}

async fn start(adb: &AdbServer, config: &str) -> (Gateway, Client) {
    let gateway = Setup::new()
        .plugin("device-monitor")
        .toml(&source(adb, config))
        .start()
        .await;
    let mut client = gateway.client().await;
    client.watch(&["device/#", "adapter/#"]).await;
    (gateway, client)
}

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

#[tokio::test]
async fn a_device_is_told_from_its_connection_to_its_end() {
    let adb = AdbServer::start(&Android::new()).await;
    let config =
        "interval = \"1s\"\n[sources.devices.config.devices.8A1X0F2QD]\nroom = \"kitchen\"";
    let (_gateway, mut client) = start(&adb, config).await;
    event(&mut client, "adapter.status", |data| {
        data["status"] == "connected"
    })
    .await;
    adb.list("8A1X0F2QD              unauthorized usb:1-1.2 transport_id:3\n");
    status(&mut client, "unauthorized").await;
    adb.list("8A1X0F2QD              offline usb:1-1.2 transport_id:3\n");
    status(&mut client, "offline").await;
    adb.list(PIXEL);
    event(&mut client, "device.connected", |data| {
        data["name"] == "Pixel 4" && data["connection_type"] == "usb"
    })
    .await;
    let read = event(&mut client, "device.status", |data| {
        data["battery_level"].is_number()
    })
    .await;
    let expected = json!([84.0, 25.0, 25.0, 25.0, "Pixel 4", "13", "charging"]);
    let properties = &read["properties"];
    let found = json!([
        read["battery_level"],
        read["cpu_usage"],
        read["memory_usage"],
        read["storage_usage"],
        read["name"],
        properties["android_version"],
        properties["battery_status"]
    ]);
    assert_eq!(found, expected, "{read}");
    let metrics = client
        .find("figures with rates", |frame| {
            !frame["data"]["metrics"]["network_rx_rate"].is_null()
        })
        .await;
    assert_eq!(
        metrics["labels"],
        json!({"device": "8A1X0F2QD", "room": "kitchen"})
    );
    let figures = &metrics["data"]["metrics"];
    assert_eq!(
        json!([
            figures["battery_temp"],
            figures["cpu_temp"],
            figures["network_rx"],
            figures["network_rx_rate"],
            figures["cpu_usage"]
        ]),
        json!([32.6, 41.5, 1_500_000.0, 0.0, 25.0]),
        "{figures}"
    );
    adb.list("");
    event(&mut client, "device.disconnected", |data| {
        data["reason"] == "no longer listed by the adb server"
    })
    .await;
    status(&mut client, "offline").await;
}

#[tokio::test]
async fn a_server_that_ends_and_comes_back_leaves_nothing_stale() {
    let android = Android::new();
    let adb = AdbServer::start(&android).await;
    adb.list(PIXEL);
    let (_gateway, mut client) = start(&adb, "").await;
    event(&mut client, "sync.status", |data| {
        data["status"] == "completed" && data["entity_count"] == 1
    })
    .await;
    let address = adb.address();
    drop(adb);
    event(&mut client, "adapter.status", |data| {
        data["status"] == "disconnected"
    })
    .await;
    event(&mut client, "device.disconnected", |data| {
        data["reason"] == "the adb server is away"
    })
    .await;
    status(&mut client, "offline").await;
    let adb = AdbServer::start_at(address, &android).await;
    adb.list("other device\n");
    event(&mut client, "adapter.status", |data| {
        data["status"] == "connected"
    })
    .await;
    event(&mut client, "device.connected", |data| {
        data["device_id"] == "other"
    })
    .await;
    event(&mut client, "device.status", |data| {
        data["device_id"] == "8A1X0F2QD" && data["status"] == "offline"
    })
    .await;
    event(&mut client, "sync.status", |data| {
        data["status"] == "completed"
    })
    .await;
}

#[tokio::test]
async fn a_reload_keeps_the_link_and_the_devices() {
    let adb = AdbServer::start(&Android::new()).await;
    adb.list(PIXEL);
    let (gateway, mut client) = start(&adb, "").await;
    event(&mut client, "sync.status", |data| {
        data["status"] == "completed"
    })
    .await;
    gateway.install("device-monitor", 1);
    let outcome = gateway.reload_after("devices", &Value::Null).await;
    assert_eq!(outcome["outcome"], "reloaded", "{outcome}");
    adb.list("");
    event(&mut client, "device.disconnected", |data| {
        data["device_id"] == "8A1X0F2QD"
    })
    .await;
    let links = adb
        .services()
        .into_iter()
        .filter(|service| service == "host:track-devices-l")
        .count();
    assert_eq!(links, 1, "on the same connection");
    let connected = client
        .take_kept()
        .into_iter()
        .filter(|frame| frame["type"] == "adapter.status")
        .filter(|frame| frame["data"]["status"] == "disconnected")
        .count();
    assert_eq!(connected, 0, "the link was never down");
}

#[tokio::test]
async fn actions_are_told_from_queued_to_their_end() {
    let android = Android::new();
    let adb = AdbServer::start(&android).await;
    adb.list(PIXEL);
    let actions = "[sources.devices.config.actions]\nscreen-on = true\nreboot = true\nstart-app = [\"org.example.kiosk\"]\n";
    let (_gateway, mut client) = start(&adb, actions).await;
    event(&mut client, "device.connected", |_| true).await;
    for (id, kind, package, end, exit) in [
        ("a1", "screen_on", None, "completed", json!(0)),
        (
            "a2",
            "start_app",
            Some("org.example.kiosk"),
            "failed",
            json!(252),
        ),
        ("a3", "reboot", None, "completed", Value::Null),
    ] {
        let data = json!({"device_id": "8A1X0F2QD", "action_type": kind, "action_id": id, "package": package});
        let reply = client.command("device_action", data).await;
        assert_eq!(
            (&reply["type"], &reply["data"]["status"]),
            (&json!("reply"), &json!("queued")),
            "{reply}"
        );
        for status in ["queued", "in_progress", end] {
            let told = event(&mut client, "device.action", |_| true).await;
            assert_eq!(
                (&told["action_id"], &told["status"]),
                (&json!(id), &json!(status)),
                "{told}"
            );
            if status == end {
                assert_eq!(told["result"]["exit_code"], exit, "{told}");
            }
        }
    }
    assert_eq!(android.input(), "keyevent 224\n");
    status(&mut client, "offline").await;
    let refused = [
        (
            json!({"device_id": "8A1X0F2QD", "action_type": "screen_off"}),
            "FORBIDDEN",
        ),
        (
            json!({"device_id": "8A1X0F2QD", "action_type": "start_app", "package": "a.b;reboot"}),
            "INVALID_FIELD",
        ),
        (
            json!({"device_id": "8A1X0F2QD", "action_type": "screen_on"}),
            "HANDLER_UNAVAILABLE",
        ),
        (
            json!({"device_id": "nobody", "action_type": "screen_on"}),
            "INVALID_FIELD",
        ),
    ];
    for (data, code) in refused {
        client.refused("device_action", data, code).await;
    }
}

#[tokio::test]
async fn monitoring_is_sped_up_and_stopped() {
    let android = Android::new();
    let adb = AdbServer::start(&android).await;
    adb.list(PIXEL);
    let (_gateway, mut client) = start(&adb, "interval = \"60m\"").await;
    event(&mut client, "device.status", |data| {
        data["battery_level"] == 84.0
    })
    .await;
    android.charge(50);
    let ask = json!({"device_id": "8A1X0F2QD", "type": "battery", "interval": 1});
    let reply = client.command("start_monitoring", ask).await;
    assert_eq!(reply["data"]["interval"], 1.0, "{reply}");
    event(&mut client, "device.status", |data| {
        data["battery_level"] == 50.0
    })
    .await;
    android.charge(49);
    event(&mut client, "device.status", |data| {
        data["battery_level"] == 49.0
    })
    .await;
    let stopped = client
        .command("stop_monitoring", json!({"device_id": "8A1X0F2QD"}))
        .await;
    assert_eq!(stopped["data"]["monitoring"], false, "{stopped}");
    event(&mut client, "device.status", |data| {
        data["properties"]["monitored"] == false
    })
    .await;
    let battery_only =
        |service: &&String| service.contains("dumpsys battery") && !service.contains("df /data");
    let partial = adb.services();
    let partial = partial.iter().filter(battery_only).count();
    assert!(partial >= 1, "only what was asked for is read");
}

#[tokio::test]
async fn the_server_is_told_what_to_connect_to() {
    let adb = AdbServer::start(&Android::new()).await;
    let (_gateway, mut client) = start(&adb, "connect = [\"192.168.1.20:5555\"]").await;
    let connected = event(&mut client, "device.connected", |_| true).await;
    assert_eq!(
        (&connected["device_id"], &connected["connection_type"]),
        (&json!("192.168.1.20:5555"), &json!("network"))
    );
    let read = event(&mut client, "device.status", |data| {
        data["battery_level"].is_number()
    })
    .await;
    assert_eq!(read["ip"], "192.168.1.20");
    adb.list("");
    event(&mut client, "device.disconnected", |_| true).await;
    client.command("scan_devices", json!({})).await;
    event(&mut client, "device.connected", |_| true).await;
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
            line.message == "input skipped"
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
