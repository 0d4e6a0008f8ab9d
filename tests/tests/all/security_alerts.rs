//! The plugin `security-alerts` with real files: each line counts once, whatever happens to file, plugin or gateway.

use hearthgate_tests::{Client, Gateway, Setup, Signal};
use serde_json::{Value, json};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Files of one test, beside the gateway's.
struct Scene {
    folder: PathBuf,
}

const PUBLISH: &str = r#"publish = ["alert/#", "device/#", "adapter/#"]"#;
const HANDLE: &str = r#"handle = ["acknowledge_alert", "list_alerts", "alert_stats", "list_devices", "rename_device", "block_device", "unblock_device"]"#;

impl Scene {
    /// A gateway to be, whose plugin has the configuration `config` and the grants `grants`; FOLDER stands for the folder.
    fn new(config: &str, grants: &str) -> (Self, Setup) {
        let setup = Setup::new().plugin("security-alerts");
        let folder = setup.folder().to_path_buf();
        let section = format!(
            "[sources.guard]\nplugin = \"security-alerts\"\nlimits = {{ log-rate = 1000 }}\n\
             [sources.guard.config]\n{config}\n[sources.guard.grants]\n{PUBLISH}\n{HANDLE}\nfiles = [\"FOLDER/*\"]\n{grants}\n"
        );
        let section = section.replace("FOLDER", folder.to_str().expect("a path"));
        (Self { folder }, setup.toml(&section))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn append(&self, name: &str, text: &str) {
        append(&self.path(name), text);
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("the folder can be written");
    }

    /// A program for a command template.
    fn script(&self, name: &str, text: &str) {
        self.write(name, &format!("#!/bin/sh\n{text}\n"));
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(self.path(name), executable).expect("a file of ours");
    }
}

fn append(path: &Path, text: &str) {
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .expect("a log can be opened");
    file.write_all(text.as_bytes())
        .expect("a log can be written");
}

/// `YYYY-MM-DDTHH:MM:SS.000000+0000`, now, as Suricata writes it.
fn now() -> String {
    let now = hearthgate::event::Timestamp::now().to_string();
    format!("{}.000000+0000", &now[..19])
}

/// An alert of Suricata's.
fn eve(signature: u64, source: &str) -> String {
    let alert = json!({
        "timestamp": now(), "event_type": "alert", "src_ip": source, "src_port": 4444, "dest_ip": "203.0.113.9",
        "dest_port": 80, "proto": "TCP",
        "alert": {"action": "allowed", "gid": 1, "signature_id": signature, "rev": 1,
                  "signature": format!("signature {signature}"), "category": "Test", "severity": 1},
    });
    format!("{alert}\n")
}

async fn running(setup: Setup) -> (Gateway, Client) {
    let gateway = setup.start().await;
    gateway.in_state("guard", "running").await;
    let mut client = gateway.client().await;
    client.watch(&["adapter/guard/sync"]).await;
    synced(&mut client).await;
    (gateway, client)
}

async fn synced(client: &mut Client) {
    let done =
        |frame: &Value| frame["type"] == "sync.status" && frame["data"]["status"] == "completed";
    client.find("the first reading is done", done).await;
}

/// Waits until the alert of that title was told with that count.
async fn counted(client: &mut Client, title: &str, count: u64) -> Value {
    let what = format!("{title} with count {count}");
    client
        .find(&what, |frame| {
            frame["data"]["title"] == title && frame["data"]["details"]["count"] == count
        })
        .await
}

async fn ask(client: &mut Client, kind: &str, data: Value) -> Value {
    let reply = client.command(kind, data).await;
    assert_eq!(reply["type"], "reply", "{reply}");
    reply["data"].clone()
}

/// What the book says: title → count.
async fn counts(client: &mut Client) -> Value {
    let answer = ask(client, "list_alerts", json!({"limit": 1000})).await;
    let alerts = answer["alerts"].as_array().expect("a list").iter();
    let counts = alerts.map(|alert| {
        (
            alert["title"].as_str().unwrap_or_default().to_owned(),
            alert["count"].clone(),
        )
    });
    Value::Object(counts.collect())
}

#[tokio::test]
async fn alerts_are_raised_folded_acknowledged_and_kept() {
    let (scene, setup) = Scene::new("suricata = \"FOLDER/eve.json\"", "");
    scene.append("eve.json", &eve(1, "192.168.1.66"));
    let (mut gateway, mut client) = running(setup).await;
    client
        .subscribe(json!({"topics": ["alert/#"], "where": {"severity": ["high"]}}))
        .await;
    let three = eve(2, "192.168.1.66").repeat(3);
    scene.append(
        "eve.json",
        &format!("{three}no record\n{{\"event_type\":\"dns\"}}\n"),
    );
    let raised = client.next_of("alert.raised").await;
    assert_eq!(
        (
            &raised["data"]["title"],
            &raised["data"]["severity"],
            &raised["data"]["status"],
            &raised["data"]["device"]["ip"],
        ),
        (
            &json!("signature 2"),
            &json!("high"),
            &json!("open"),
            &json!("192.168.1.66")
        ),
        "what the file held before is not told: {raised}"
    );
    let id = raised["data"]["alert_id"]
        .as_str()
        .expect("an id")
        .to_owned();
    assert_eq!(raised["topic"], format!("alert/security/{id}"));
    scene.append("eve.json", &eve(2, "192.168.1.66"));
    let updated = client.next_of("alert.updated").await;
    assert_eq!(updated["data"]["details"]["count"], 4, "{updated}");

    let acknowledged = ask(&mut client, "acknowledge_alert", json!({"alert_id": id})).await;
    assert_eq!(acknowledged["status"], "acknowledged", "{acknowledged}");
    let told = client.next_of("alert.updated").await;
    assert_eq!(told["data"]["status"], "acknowledged", "{told}");
    client
        .refused(
            "acknowledge_alert",
            json!({"alert_id": "none"}),
            "INVALID_FIELD",
        )
        .await;
    client
        .refused("list_alerts", json!({"limit": 0}), "INVALID_FIELD")
        .await;

    gateway.signal(Signal::Kill);
    gateway.start_again().await;
    gateway.in_state("guard", "running").await;
    let mut client = gateway.client().await;
    client.watch(&["alert/#", "adapter/guard/sync"]).await;
    synced(&mut client).await;
    let again = client.next_on(&format!("alert/security/{id}")).await;
    assert_eq!(
        (
            &again["type"],
            &again["data"]["status"],
            &again["data"]["details"]["count"]
        ),
        (&json!("alert.updated"), &json!("acknowledged"), &json!(4)),
        "told again, and not as new"
    );
    assert_eq!(counts(&mut client).await, json!({"signature 2": 4}));
    let logged = gateway.journal.lines();
    let about =
        |line: &&hearthgate_tests::journal::Line| line.text.contains("input that can't be used");
    assert_eq!(
        logged.iter().filter(about).count(),
        0,
        "the bad line was of the life before"
    );
}

#[tokio::test]
async fn each_line_counts_once_over_rotation_reload_and_a_kill() {
    let (scene, setup) = Scene::new("suricata = \"FOLDER/eve.json\"\nstart = \"beginning\"", "");
    scene.append("eve.json", &eve(1, "10.0.0.1"));
    let (mut gateway, mut client) = running(setup).await;
    client.watch(&["alert/#"]).await;
    counted(&mut client, "signature 1", 1).await;
    let mut written = 1;
    for round in 0..4u32 {
        for _ in 0..25 {
            scene.append("eve.json", &eve(1, "10.0.0.1"));
        }
        match round {
            // Renamed, with a late line from the writer that has it open still.
            0 => {
                std::fs::rename(scene.path("eve.json"), scene.path("eve.json.1")).expect("renamed");
                scene.append("eve.json.1", &eve(1, "10.0.0.1"));
                scene.append("eve.json", &eve(1, "10.0.0.1"));
            }
            // A new version of the plugin, in the middle of it.
            1 => {
                gateway.install("security-alerts", round);
                for _ in 0..2 {
                    scene.append("eve.json", &eve(1, "10.0.0.1"));
                }
            }
            // Copied and cut.
            2 => {
                std::fs::copy(scene.path("eve.json"), scene.path("eve.json.1")).expect("copied");
                scene.write("eve.json", "");
                scene.append("eve.json", &eve(1, "10.0.0.1").repeat(2));
            }
            // The machine is lost; lines come while it is down.
            _ => {
                gateway.signal(Signal::Kill);
                scene.append("eve.json", &eve(1, "10.0.0.1").repeat(2));
                gateway.start_again().await;
                client = gateway.client().await;
                client.watch(&["alert/#"]).await;
            }
        }
        written += 27;
        counted(&mut client, "signature 1", written).await;
    }
    assert_eq!(counts(&mut client).await, json!({"signature 1": written}));
}

#[tokio::test]
async fn a_detector_s_file_is_read_in_each_of_its_forms() {
    let (scene, setup) = Scene::new("detector = \"FOLDER/alerts.json\"", "");
    let alert = |id: u32, timestamp: Value| {
        json!({"alert_id": id, "device_ip": "192.168.1.66", "severity": "HIGH", "reason": format!("reason {id}"),
               "timestamp": timestamp, "action_taken": "logged"})
    };
    let seconds = || json!(hearthgate::event::Timestamp::now().as_millis() / 1000);
    let dated = || json!(now()[..19].replace('T', " "));
    scene.write(
        "alerts.json",
        &json!([alert(1, seconds()), alert(2, dated())]).to_string(),
    );
    let (_gateway, mut client) = running(setup).await;
    client.watch(&["alert/#"]).await;
    let array = json!([
        alert(1, seconds()),
        alert(2, dated()),
        alert(3, dated()),
        alert(4, seconds())
    ]);
    // The first two were there at the start: their times differ by now, so that they happened again.
    scene.write("alerts.json", &json!([array[2], array[3]]).to_string());
    let topics = [
        "alert/security/3:192.168.1.66",
        "alert/security/4:192.168.1.66",
    ];
    for topic in topics {
        let raised = client.next_on(topic).await;
        assert_eq!(raised["type"], "alert.raised", "{raised}");
        assert_eq!(raised["data"]["severity"], "high");
    }
    // Rewritten with one more; those before are not told again.
    scene.write(
        "alerts.json",
        &json!([array[2], array[3], alert(5, seconds())]).to_string(),
    );
    client.next_on("alert/security/5:192.168.1.66").await;
    // A single object.
    scene.write("alerts.json", &alert(6, seconds()).to_string());
    client.next_on("alert/security/6:192.168.1.66").await;
    // JSON lines, one of them broken.
    let lines = format!(
        "{}\n{{\"alert_id\": 7, \"device_ip\n{}\n",
        alert(8, seconds()),
        alert(9, dated())
    );
    scene.write("alerts.json", &lines);
    client.next_on("alert/security/8:192.168.1.66").await;
    client.next_on("alert/security/9:192.168.1.66").await;
    scene.append("alerts.json", &format!("{}\n", alert(10, seconds())));
    client.next_on("alert/security/10:192.168.1.66").await;
    let counts = counts(&mut client).await;
    let expected: serde_json::Map<_, _> = [3, 4, 5, 6, 8, 9, 10]
        .iter()
        .map(|id| (format!("reason {id}"), json!(1)))
        .collect();
    assert_eq!(counts, Value::Object(expected));
}

#[tokio::test]
async fn logins_notices_connections_and_bans() {
    let config = "auth = \"FOLDER/auth.log\"\nfail2ban = \"FOLDER/fail2ban.log\"\nzeek-notice = \"FOLDER/notice.log\"\n\
                  zeek-conn = \"FOLDER/conn.log\"\nport-scan-targets = 10\n[sources.guard.config.severities]\nban = \"critical\"";
    let (scene, setup) = Scene::new(config, "");
    let header = "#separator \\x09\n#unset_field\t-\n#fields\tts\tnote\tmsg\tsrc\tdst\n";
    scene.append(
        "notice.log",
        &format!("{header}1.0\tOld::Note\told\t10.0.0.9\t-\n"),
    );
    let (_gateway, mut client) = running(setup).await;
    client.watch(&["alert/#"]).await;
    let stamp = now();
    for _ in 0..5 {
        let said = "Failed password for root from 203.0.113.7 port 52211 ssh2";
        scene.append(
            "auth.log",
            &format!("{}+00:00 hearth sshd[9]: {said}\n", &stamp[..19]),
        );
    }
    let attack = counted(&mut client, "Failed logins from 203.0.113.7", 5).await;
    assert_eq!(attack["data"]["severity"], "high");
    let seconds = hearthgate::event::Timestamp::now().as_millis() / 1000;
    scene.append(
        "notice.log",
        &format!("{seconds}.5\tSSH::Password_Guessing\tguessing\t10.0.0.66\t-\n"),
    );
    counted(&mut client, "guessing", 1).await;
    for port in 1..=10 {
        let connection = json!({"ts": seconds, "id.orig_h": "10.0.0.66", "id.resp_h": "10.0.0.1", "id.resp_p": port,
                                "conn_state": "REJ", "orig_pkts": 1, "resp_pkts": 1});
        scene.append("conn.log", &format!("{connection}\n"));
    }
    counted(&mut client, "10.0.0.66 scans for open ports", 1).await;
    let line = |said: &str| {
        format!(
            "{},100 fail2ban.actions        [7]: NOTICE  [sshd] {said}\n",
            stamp[..19].replace('T', " ")
        )
    };
    scene.append("fail2ban.log", &line("Ban 203.0.113.7"));
    let ban = counted(&mut client, "203.0.113.7 was banned (sshd)", 1).await;
    assert_eq!(
        (&ban["data"]["severity"], &ban["data"]["action_taken"]),
        (&json!("critical"), &json!("banned by fail2ban"))
    );
    scene.append("fail2ban.log", &line("Unban 203.0.113.7"));
    let cleared = client.next_of("alert.cleared").await;
    assert_eq!(cleared["data"]["title"], "203.0.113.7 was banned (sshd)");
    let stats = ask(&mut client, "alert_stats", json!({"days": 1})).await;
    assert_eq!(
        (
            &stats["total_alerts"],
            &stats["by_type"]["port_scan"],
            &stats["by_severity"]["critical"]
        ),
        (&json!(4), &json!(1), &json!(1)),
        "{stats}"
    );
    let none = ask(&mut client, "list_alerts", json!({"device_id": "10.9.9.9"})).await;
    assert_eq!(none["total"], 0, "{none}");
    let about = ask(
        &mut client,
        "list_alerts",
        json!({"device_id": "10.0.0.66", "severity": "high"}),
    )
    .await;
    assert_eq!(about["alerts"][0]["title"], "guessing", "{about}");
}

/// Commands of a make-believe firewall: a file is the set.
const COMMANDS: &str = r#"
[sources.guard.grants.commands]
neighbours = { program = "/bin/cat", arguments = ["FOLDER/neigh.json"] }
block = { program = "FOLDER/block", arguments = ["{address}"] }
unblock = { program = "FOLDER/unblock", arguments = ["{address}"] }
list-blocked = { program = "/bin/cat", arguments = ["FOLDER/set"] }
"#;

fn neighbour(last: u8, state: &str) -> Value {
    json!({"dst": format!("192.168.1.{last}"), "dev": "lan", "lladdr": format!("aa:bb:cc:00:11:{last:02}"), "state": [state]})
}

fn at_home(scene: &Scene) {
    let folder = scene.folder.to_str().expect("a path");
    scene.write("set", "");
    scene.script(
        "block",
        &format!(
            "test -e {folder}/broken && echo 'no such set' >&2 && exit 1; echo $1 >> {folder}/set"
        ),
    );
    scene.script("unblock", &format!("sed -i \"/^$1$/d\" {folder}/set"));
    scene.write(
        "neigh.json",
        &json!([neighbour(20, "REACHABLE"), neighbour(21, "STALE")]).to_string(),
    );
    scene.write(
        "names.json",
        &json!({"192.168.1.20": {"name": "Camera", "type": "camera"}}).to_string(),
    );
}

#[tokio::test]
async fn devices_come_and_go_and_are_named() {
    let config = "neighbours = true\nneighbour-interval = \"200ms\"\noffline-after = \"200ms\"\nnames = \"FOLDER/names.json\"\nnew-device-alerts = true";
    let (scene, setup) = Scene::new(config, COMMANDS);
    at_home(&scene);
    let (mut gateway, mut client) = running(setup).await;
    client.watch(&["device/#", "alert/#"]).await;
    let camera = "device/aa:bb:cc:00:11:20/status";
    let status = client.next_on(camera).await;
    assert_eq!(
        (
            &status["data"]["name"],
            &status["data"]["status"],
            &status["data"]["device_type"],
            &status["data"]["is_blocked"]
        ),
        (
            &json!("Camera"),
            &json!("online"),
            &json!("camera"),
            &json!(false)
        ),
        "{status}"
    );
    assert_eq!(
        client.next_on("device/aa:bb:cc:00:11:21/status").await["data"]["status"],
        "idle"
    );
    scene.write(
        "neigh.json",
        &json!([neighbour(21, "REACHABLE"), neighbour(22, "DELAY")]).to_string(),
    );
    assert_eq!(
        client.next_of("device.disconnected").await["data"]["device_id"],
        "aa:bb:cc:00:11:20"
    );
    let found = client.next_of("alert.raised").await;
    assert_eq!(
        found["data"]["device"]["mac"], "aa:bb:cc:00:11:22",
        "those of the first look raise nothing: {found}"
    );
    let gone = client.find("the camera is gone", |frame| {
        frame["topic"] == camera && frame["data"]["status"] == "offline"
    });
    gone.await;
    let renamed = ask(
        &mut client,
        "rename_device",
        json!({"device_id": "192.168.1.21", "name": "Laptop"}),
    )
    .await;
    assert_eq!(renamed["name"], "Laptop");
    gateway.stop().await;
    gateway.start_again().await;
    gateway.in_state("guard", "running").await;
    let mut client = gateway.client().await;
    let devices = ask(&mut client, "list_devices", json!({})).await;
    let names: Vec<&Value> = devices["devices"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|d| &d["name"])
        .collect();
    assert_eq!(names, ["Camera", "Laptop", "192.168.1.22"]);
}

#[tokio::test]
async fn blocking_tells_the_truth() {
    let (scene, setup) = Scene::new(
        "neighbours = true\nneighbour-interval = \"200ms\"",
        COMMANDS,
    );
    at_home(&scene);
    let (mut gateway, mut client) = running(setup).await;
    client.watch(&["device/#"]).await;
    let camera = "device/aa:bb:cc:00:11:20/status";
    client.next_on(camera).await;
    let blocked = ask(
        &mut client,
        "block_device",
        json!({"device_id": "192.168.1.20"}),
    )
    .await;
    assert_eq!(
        (&blocked["is_blocked"], &blocked["status"]),
        (&json!(true), &json!("blocked")),
        "{blocked}"
    );
    assert_eq!(
        std::fs::read_to_string(scene.path("set")).expect("the set"),
        "192.168.1.20\n"
    );
    let told = client.find("blocked", |frame| {
        frame["topic"] == camera && frame["data"]["is_blocked"] == true
    });
    assert_eq!(told.await["data"]["status"], "blocked");
    let action = client.next_of("device.action").await;
    assert_eq!(
        (&action["data"]["action_type"], &action["data"]["status"]),
        (&json!("block"), &json!("completed"))
    );
    // It is kept over a reload and a restart.
    gateway.install("security-alerts", 7);
    gateway.reload_after("guard", &Value::Null).await;
    let list = ask(&mut client, "list_devices", json!({})).await;
    assert_eq!(list["devices"][0]["is_blocked"], true, "{list}");
    gateway.signal(Signal::Kill);
    gateway.start_again().await;
    gateway.in_state("guard", "running").await;
    let mut client = gateway.client().await;
    let list = ask(&mut client, "list_devices", json!({})).await;
    assert_eq!(list["devices"][0]["is_blocked"], true, "{list}");
    client.watch(&["device/#"]).await;
    // The command fails: an error, an unchanged device, and an action that says so.
    scene.write("broken", "");
    let refused = client
        .refused(
            "block_device",
            json!({"device_id": "aa:bb:cc:00:11:21"}),
            "HANDLER_UNAVAILABLE",
        )
        .await;
    assert!(refused.to_string().contains("no such set"), "{refused}");
    assert_eq!(
        client.next_of("device.action").await["data"]["status"],
        "failed"
    );
    let list = ask(&mut client, "list_devices", json!({})).await;
    assert_eq!(list["devices"][1]["is_blocked"], false, "{list}");
    client
        .refused(
            "block_device",
            json!({"device_id": "10.9.9.9"}),
            "INVALID_FIELD",
        )
        .await;
    // Somebody empties the set behind our back: the set is the truth.
    scene.write("set", "");
    let told = client.find("free again", |frame| {
        frame["topic"] == camera && frame["data"]["is_blocked"] == false
    });
    told.await;
}

#[tokio::test]
async fn bad_input_is_logged_once_and_counted() {
    let config = "suricata = \"FOLDER/eve.json\"\nauth = \"FOLDER/auth.log\"\nstart = \"beginning\"\nneighbours = true\nneighbour-interval = \"200ms\"";
    let (scene, setup) = Scene::new(config, COMMANDS);
    at_home(&scene);
    scene.write("neigh.json", "nonsense");
    let huge = format!(
        "{{\"event_type\":\"alert\",\"x\":\"{}\"}}\n",
        "x".repeat(10_000_000)
    );
    scene.append("eve.json", &huge);
    scene.append("eve.json", &"{\"half\n".repeat(500));
    scene.append(
        "eve.json",
        "{\"timestamp\":\"9999-99-99\",\"event_type\":\"alert\",\"alert\":{\"signature_id\":1}}\n",
    );
    scene.append("eve.json", &eve(1, "10.0.0.1"));
    scene.append("auth.log", "\u{0}\u{ff}garbage\n");
    let (gateway, mut client) = running(setup).await;
    client.watch(&["alert/#", "adapter/guard/status"]).await;
    counted(&mut client, "signature 1", 1).await;
    let down = |frame: &Value| {
        frame["type"] == "adapter.status" && frame["data"]["status"] == "disconnected"
    };
    let status = client.find("it says what is wrong", down).await;
    assert_eq!(
        status["data"]["message"], "the neighbours can't be read",
        "{status}"
    );
    scene.write("neigh.json", "[]");
    let up = |frame: &Value| {
        frame["type"] == "adapter.status"
            && frame["data"]["status"] == "connected"
            && frame["data"]["health"]["feeds"]["suricata"]["bad"] == 502
    };
    let status = client.find("it is well again, and counts", up).await;
    assert_eq!(
        status["data"]["health"]["feeds"]["suricata"]["lines"], 503,
        "{status}"
    );
    let lines = gateway.journal.lines();
    let half = lines
        .iter()
        .filter(|line| line.text.contains("a line is no eve.json record"));
    assert_eq!(half.count(), 1, "once per cause");
    assert_eq!(
        gateway.status("guard").await["restarts"]
            .as_u64()
            .unwrap_or(0),
        0
    );
}
