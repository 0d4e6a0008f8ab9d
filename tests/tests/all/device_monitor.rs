//! The plugin `device-monitor` against a stand-in adb server whose devices have a real shell.

use hearthgate_tests::peers::{AdbServer, Android};
use hearthgate_tests::{Client, Gateway, Setup};
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
