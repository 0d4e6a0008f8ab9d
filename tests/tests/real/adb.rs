//! The plugin `device-monitor` with the real adb server, to which stand-in devices are connected over adb's own protocol.

use crate::part;
use hearthgate_tests::peers::{AdbDevice, Android, Consent};
use hearthgate_tests::{Client, Setup, wait};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::process::Stdio;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// The real server on a port of its own, with keys of its own. Dropping it kills it.
struct Server {
    address: SocketAddr,
    home: TempDir,
    process: Child,
}

impl Server {
    async fn start() -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let address = free.local_addr().expect("a bound socket has an address");
        drop(free);
        let home = TempDir::new().expect("a temporary folder can be made");
        let process = spawn(address, &home);
        let mut server = Self {
            address,
            home,
            process,
        };
        server.listens().await;
        server
    }

    async fn listens(&mut self) {
        wait::until("the adb server listens", || async {
            TcpStream::connect(self.address).await.ok()
        })
        .await;
    }

    async fn restart(&mut self) {
        self.process.kill().await.expect("it can be killed");
        self.process = spawn(self.address, &self.home);
        self.listens().await;
    }
}

fn spawn(address: SocketAddr, home: &TempDir) -> Child {
    let mut command = Command::new(part("HEARTHGATE_ADB"));
    command
        .args([
            "-L",
            &format!("tcp:localhost:{}", address.port()),
            "server",
            "nodaemon",
        ])
        .env("HOME", home.path())
        .env("TMPDIR", home.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
        .kill_on_drop(true)
        .spawn()
        .expect("the adb server can be started")
}

async fn event(client: &mut Client, kind: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let what = format!("a {kind} as wanted");
    let found = client
        .find(&what, |frame| {
            frame["type"] == kind && wanted(&frame["data"])
        })
        .await;
    found["data"].clone()
}

#[tokio::test]
async fn devices_of_the_real_server() {
    let mut server = Server::start().await;
    let android = Android::new();
    let device = AdbDevice::start(&android, Consent::Given).await;
    let shy = AdbDevice::start(&Android::new(), Consent::Awaited).await;
    let (adb, id, other) = (
        server.address,
        device.address().to_string(),
        shy.address().to_string(),
    );
    let sections = format!(
        "[sources.devices]\nplugin = \"device-monitor\"\n\
         grants = {{ publish = [\"device/#\", \"adapter/#\"], connect = [\"tcp://{adb}\"], handle = [\"device_action\", \"scan_devices\"] }}\n\
         config = {{ adb = \"tcp://{adb}\", interval = \"1s\", connect = [\"{id}\", \"{other}\"], actions = {{ screen-on = true, start-app = [\"org.example.kiosk\"] }} }}\n"
    );
    let gateway = Setup::new()
        .plugin("device-monitor")
        .toml(&sections)
        .start()
        .await;
    let mut client = gateway.client().await;
    client.watch(&["device/#", "adapter/#"]).await;
    let named = |data: &Value| data["device_id"] == id.as_str();
    // The server connects to both; one lets it in.
    event(&mut client, "device.connected", named).await;
    let read = event(&mut client, "device.status", |data| {
        named(data) && data["cpu_usage"].is_number()
    })
    .await;
    let found = json!([
        read["status"],
        read["name"],
        read["battery_level"],
        read["memory_usage"],
        read["storage_usage"],
        read["cpu_usage"]
    ]);
    assert_eq!(
        found,
        json!(["online", "Pixel 4", 84.0, 25.0, 25.0, 25.0]),
        "{read}"
    );
    event(&mut client, "device.status", |data| {
        data["device_id"] == other.as_str() && data["status"] == "unauthorized"
    })
    .await;
    // What is done to it arrives, and its outcome comes back.
    for (action, package, end) in [
        ("screen_on", Value::Null, "completed"),
        ("start_app", json!("org.example.kiosk"), "failed"),
    ] {
        let ask = json!({"device_id": id, "action_type": action, "package": package});
        let reply = client.command("device_action", ask).await;
        assert_eq!(reply["data"]["status"], "queued", "{reply}");
        event(&mut client, "device.action", |data| data["status"] == end).await;
    }
    assert_eq!(android.input(), "keyevent 224\n");
    // A reload goes on over the same link; a change of the battery is seen after it.
    gateway.install("device-monitor", 1);
    let outcome = gateway.reload_after("devices", &Value::Null).await;
    assert_eq!(outcome["outcome"], "reloaded", "{outcome}");
    android.charge(42);
    event(&mut client, "device.status", |data| {
        data["battery_level"] == 42.0
    })
    .await;
    // The server is killed and started again: nothing stale, and all is read anew.
    client.take_kept();
    server.restart().await;
    event(&mut client, "adapter.status", |data| {
        data["status"] == "disconnected"
    })
    .await;
    event(&mut client, "device.status", |data| {
        named(data) && data["status"] == "offline"
    })
    .await;
    event(&mut client, "device.connected", named).await;
    // Unplugged: told at once, well before the next sample would find out.
    client.take_kept();
    drop(device);
    event(&mut client, "device.disconnected", named).await;
    event(&mut client, "device.status", |data| {
        named(data) && data["status"] == "offline"
    })
    .await;
}
