//! `security-alerts` against the real thing: nftables and the kernel's neighbours in a network namespace of the test's
//! own, logrotate, and fail2ban. Needs root, as a namespace does.

use crate::part;
use hearthgate_tests::{Client, Gateway, Setup, Signal, wait};
use serde_json::{Value, json};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

const GRANTS: &str = r#"
publish = ["alert/#", "device/#", "adapter/#"]
handle = ["acknowledge_alert", "list_alerts", "alert_stats", "list_devices", "rename_device", "block_device", "unblock_device"]
"#;

/// A gateway to be, with the plugin; FOLDER stands for its folder.
fn setup(config: &str, grants: &str) -> (PathBuf, Setup) {
    let setup = Setup::new().plugin("security-alerts");
    let folder = setup.folder().to_path_buf();
    let text = format!(
        "[sources.guard]\nplugin = \"security-alerts\"\n[sources.guard.config]\n{config}\n[sources.guard.grants]\n{GRANTS}\n{grants}\n"
    );
    let text = text.replace("FOLDER", folder.to_str().expect("a path"));
    (folder, setup.toml(&text))
}

async fn client(gateway: &Gateway) -> Client {
    gateway.in_state("guard", "running").await;
    let mut client = gateway.client().await;
    client.watch(&["adapter/guard/sync"]).await;
    let done =
        |frame: &Value| frame["type"] == "sync.status" && frame["data"]["status"] == "completed";
    client.find("the first reading is done", done).await;
    client
}

async fn ask(client: &mut Client, kind: &str, data: Value) -> Value {
    let reply = client.command(kind, data).await;
    assert_eq!(reply["type"], "reply", "{reply}");
    reply["data"].clone()
}

fn run(program: &Path, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .expect("the program starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{} {arguments:?}: {text}{errors}",
        program.display()
    );
    text
}

/// A network namespace with a firewall and two neighbours. It goes with this.
pub struct Home {
    name: String,
    ip: PathBuf,
    nft: PathBuf,
}

impl Home {
    pub fn new() -> Self {
        let home = Self {
            name: format!("hearthgate-{}", std::process::id()),
            ip: part("HEARTHGATE_IP"),
            nft: part("HEARTHGATE_NFT"),
        };
        run(&home.ip, &["netns", "add", &home.name]);
        for arguments in [
            "link add lan0 type veth peer name lan1",
            "addr add 192.168.77.1/24 dev lan0",
            "link set lan0 up",
            "link set lan1 up",
            "neigh add 192.168.77.20 lladdr aa:bb:cc:00:11:20 dev lan0 nud permanent",
            "neigh add 192.168.77.21 lladdr aa:bb:cc:00:11:21 dev lan0 nud stale",
        ] {
            home.ip(&arguments.split(' ').collect::<Vec<_>>());
        }
        home.nft(&["add", "table", "inet", "homefw"]);
        home.nft(&[
            "add",
            "set",
            "inet",
            "homefw",
            "malicious_devices",
            "{ type ipv4_addr; }",
        ]);
        home
    }

    fn ip(&self, arguments: &[&str]) -> String {
        run(&self.ip, &[&["-n", &self.name], arguments].concat())
    }

    pub fn nft(&self, arguments: &[&str]) -> String {
        let nft = self.nft.to_str().expect("a path");
        run(
            &self.ip,
            &[&["netns", "exec", &self.name, nft], arguments].concat(),
        )
    }

    pub fn set(&self) -> String {
        self.nft(&["list", "set", "inet", "homefw", "malicious_devices"])
    }

    /// The command templates as in `config/security-alerts.toml`, inside the namespace.
    pub fn commands(&self) -> String {
        let inside = |program: &Path, arguments: &str| {
            let (ip, program) = (self.ip.display(), program.display());
            let name = &self.name;
            format!(
                "{{ program = \"{ip}\", arguments = [\"netns\", \"exec\", \"{name}\", \"{program}\", {arguments}], timeout = \"3s\" }}"
            )
        };
        let element = |verb: &str| {
            format!(
                r#""{verb}", "element", "inet", "homefw", "malicious_devices", "{{ {{address}} }}""#
            )
        };
        let list = r#""-j", "list", "set", "inet", "homefw", "malicious_devices""#;
        format!(
            "[sources.guard.grants.commands]\nneighbours = {}\nblock = {}\nunblock = {}\nlist-blocked = {}\n",
            inside(&self.ip, r#""-j", "neigh""#),
            inside(&self.nft, &element("add")),
            inside(&self.nft, &element("delete")),
            inside(&self.nft, list),
        )
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = Command::new(&self.ip)
            .args(["netns", "del", &self.name])
            .status();
    }
}

#[tokio::test]
async fn nftables_and_the_kernel_s_neighbours() {
    let home = Home::new();
    let config = "neighbours = true\nneighbour-interval = \"300ms\"\noffline-after = \"300ms\"";
    let (_, setup) = setup(config, &home.commands());
    let mut gateway = setup.start().await;
    let mut observer = client(&gateway).await;
    observer.watch(&["device/#"]).await;
    let camera = "device/aa:bb:cc:00:11:20/status";
    assert_eq!(observer.next_on(camera).await["data"]["status"], "online");
    assert_eq!(
        observer.next_on("device/aa:bb:cc:00:11:21/status").await["data"]["status"],
        "idle"
    );

    let blocked = ask(
        &mut observer,
        "block_device",
        json!({"device_id": "192.168.77.20"}),
    )
    .await;
    assert_eq!(blocked["is_blocked"], true, "{blocked}");
    assert!(home.set().contains("192.168.77.20"), "{}", home.set());
    let is = |status: &'static str| {
        move |frame: &Value| frame["topic"] == camera && frame["data"]["status"] == status
    };
    observer.find("it is told", is("blocked")).await;

    gateway.signal(Signal::Kill);
    gateway.start_again().await;
    let mut observer = client(&gateway).await;
    observer.watch(&["device/#"]).await;
    observer.find("it is still so", is("blocked")).await;
    observer.take_kept();
    ask(
        &mut observer,
        "unblock_device",
        json!({"device_id": "AA:BB:CC:00:11:20"}),
    )
    .await;
    assert!(!home.set().contains("192.168.77.20"), "{}", home.set());
    observer.find("it is free", is("online")).await;
    // Twice is no failure: what was asked for is so.
    ask(
        &mut observer,
        "unblock_device",
        json!({"device_id": "192.168.77.20"}),
    )
    .await;

    // Somebody blocks it by hand.
    observer.take_kept();
    home.nft(&[
        "add",
        "element",
        "inet",
        "homefw",
        "malicious_devices",
        "{ 192.168.77.20 }",
    ]);
    observer.find("the set is the truth", is("blocked")).await;
    observer.take_kept();
    home.nft(&[
        "delete",
        "element",
        "inet",
        "homefw",
        "malicious_devices",
        "{ 192.168.77.20 }",
    ]);
    observer.find("the set is the truth", is("online")).await;

    // Without its table nothing can be blocked, and nothing is told to be.
    home.nft(&["delete", "table", "inet", "homefw"]);
    let refused = observer
        .refused(
            "block_device",
            json!({"device_id": "192.168.77.20"}),
            "HANDLER_UNAVAILABLE",
        )
        .await;
    assert!(
        refused.to_string().contains("No such file or directory"),
        "{refused}"
    );
    let devices = ask(&mut observer, "list_devices", json!({})).await;
    assert_eq!(devices["devices"][0]["is_blocked"], false, "{devices}");

    home.ip(&["neigh", "del", "192.168.77.20", "dev", "lan0"]);
    observer.find("it is gone", is("offline")).await;
}

/// Appends alerts to `eve.json` as Suricata does: it keeps the file open until it is told to open it again.
struct Writer {
    path: PathBuf,
    file: File,
    written: u64,
}

impl Writer {
    fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            file: open(path),
            written: 0,
        }
    }

    fn write(&mut self, seconds: u64) {
        let alert = json!({
            "timestamp": timestamp(seconds), "event_type": "alert", "src_ip": "10.0.0.1", "dest_ip": "203.0.113.9",
            "alert": {"action": "allowed", "gid": 1, "signature_id": 7, "rev": 1, "signature": "rotated",
                      "category": "Test", "severity": 2},
        });
        self.file
            .write_all(format!("{alert}\n").as_bytes())
            .expect("written");
        self.written += 1;
    }

    fn reopen(&mut self) {
        self.file = open(&self.path);
    }
}

fn open(path: &Path) -> File {
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.expect("the log can be opened")
}

fn timestamp(ago: u64) -> String {
    let now = hearthgate::event::Timestamp::now().as_millis() - ago * 1000;
    let now = hearthgate::event::Timestamp::from_millis(now).to_string();
    format!("{}.000000+0000", &now[..19])
}

/// Rotates once, whatever the file's size.
fn rotate(folder: &Path, directives: &str) {
    let log = folder.join("eve.json");
    let rules = folder.join("rotate.conf");
    let text = format!(
        "\"{}\" {{\n  rotate 5\n  nocompress\n  missingok\n  su root root\n  {directives}\n}}\n",
        log.display()
    );
    std::fs::write(&rules, text).expect("written");
    let state = folder.join("rotate.state");
    let path = |path: &Path| path.to_str().expect("a path").to_owned();
    run(
        &part("HEARTHGATE_LOGROTATE"),
        &["-f", "-s", &path(&state), &path(&rules)],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn logrotate_while_a_writer_goes_on() {
    let (folder, setup) = setup(
        "suricata = \"FOLDER/eve.json\"\nstart = \"beginning\"",
        "files = [\"FOLDER/eve.json\"]",
    );
    let log = folder.join("eve.json");
    let mut gateway = setup.start().await;
    let mut observer = client(&gateway).await;
    observer.watch(&["alert/#"]).await;
    // It writes in a thread of its own through every rotation, and opens the file again when it is told to.
    let (stop, reopen, written) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
    );
    let thread = std::thread::spawn({
        let (stop, reopen, written, log) =
            (stop.clone(), reopen.clone(), written.clone(), log.clone());
        move || {
            let mut writer = Writer::new(&log);
            while !stop.load(Ordering::SeqCst) {
                if reopen.swap(false, Ordering::SeqCst) {
                    writer.reopen();
                }
                writer.write(0);
                written.store(writer.written, Ordering::SeqCst);
                std::thread::park_timeout(std::time::Duration::from_millis(1));
            }
            writer
        }
    });
    for _ in 0..4 {
        // One rotation is caught up with before the next, as in a log's life; the writer does not wait for it.
        let before = written.load(Ordering::SeqCst);
        reached(&mut observer, before + 100).await;
        rotate(&folder, "create 0644 root root");
        reopen.store(true, Ordering::SeqCst);
        wait::until("it was told", || async {
            (!reopen.load(Ordering::SeqCst)).then_some(())
        })
        .await;
    }
    let before = written.load(Ordering::SeqCst);
    reached(&mut observer, before + 100).await;
    gateway.signal(Signal::Kill);
    rotate(&folder, "create 0644 root root");
    reopen.store(true, Ordering::SeqCst);
    gateway.start_again().await;
    let mut observer = client(&gateway).await;
    observer.watch(&["alert/#"]).await;
    stop.store(true, Ordering::SeqCst);
    let mut writer = thread.join().expect("the writer ends");
    // Copied and cut: what is written between the two is lost by logrotate itself, so nothing is written then.
    for _ in 0..3 {
        for _ in 0..50 {
            writer.write(0);
        }
        rotate(&folder, "copytruncate");
        writer.write(0);
        accounted(&mut observer, writer.written).await;
    }
    let list = ask(&mut observer, "list_alerts", json!({})).await;
    assert_eq!(
        (&list["total"], &list["alerts"][0]["count"]),
        (&json!(1), &json!(writer.written))
    );
}

async fn reached(observer: &mut Client, count: u64) {
    let what = format!("{count} lines are accounted for");
    let enough = |frame: &Value| {
        frame["data"]["details"]["count"]
            .as_u64()
            .is_some_and(|seen| seen >= count)
    };
    observer.find(&what, enough).await;
}

async fn accounted(observer: &mut Client, count: u64) {
    let what = format!("{count} lines are accounted for");
    let all = |frame: &Value| frame["data"]["details"]["count"] == count;
    observer.find(&what, all).await;
}

const JAIL: &str = "[DEFAULT]\nbackend = polling\nusedns = no\nbantime = 2\nfindtime = 600\nmaxretry = 3\nignoreip =\n\
    [sshd]\nenabled = true\nfilter = sshd\nlogpath = FOLDER/auth.log\naction = nothing\n";
const SERVER: &str = "[Definition]\nloglevel = INFO\nlogtarget = FOLDER/fail2ban.log\nsyslogsocket = none\n\
    socket = FOLDER/f2b.sock\npidfile = FOLDER/f2b.pid\ndbfile = :memory:\ndbpurgeage = 1d\nallowipv6 = auto\n";

#[tokio::test]
async fn fail2ban_and_sshd_s_lines() {
    let config =
        "auth = \"FOLDER/auth.log\"\nfail2ban = \"FOLDER/fail2ban.log\"\nbrute-force-failures = 3";
    let (folder, setup) = setup(
        config,
        "files = [\"FOLDER/auth.log\", \"FOLDER/fail2ban.log\"]",
    );
    let rules = folder.join("fail2ban");
    for place in ["action.d", "filter.d"] {
        std::fs::create_dir_all(rules.join(place)).expect("made");
    }
    let text = |text: &str| text.replace("FOLDER", folder.to_str().expect("a path"));
    for name in ["sshd.conf", "common.conf"] {
        std::fs::copy(
            Path::new("/etc/fail2ban/filter.d").join(name),
            rules.join("filter.d").join(name),
        )
        .expect("a filter of fail2ban's");
    }
    std::fs::write(rules.join("jail.conf"), text(JAIL)).expect("written");
    std::fs::write(rules.join("fail2ban.conf"), text(SERVER)).expect("written");
    let action = "[Definition]\nactionban = true\nactionunban = true\n";
    std::fs::write(rules.join("action.d/nothing.conf"), action).expect("written");
    let auth = folder.join("auth.log");
    drop(open(&auth));
    let gateway = setup.start().await;
    let mut observer = client(&gateway).await;
    observer.watch(&["alert/#"]).await;
    let mut server = Command::new(part("HEARTHGATE_FAIL2BAN"));
    server
        .args(["-c", rules.to_str().expect("a path"), "-f", "start"])
        .env("TZ", "UTC");
    let server = server
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let _server = Ends(server);
    let log = folder.join("fail2ban.log");
    wait::until("fail2ban watches", || async {
        std::fs::read_to_string(&log)
            .ok()?
            .contains("Jail 'sshd' started")
            .then_some(())
    })
    .await;
    for n in 0..3 {
        let said = format!(
            "{}+00:00 hearth sshd[{n}]: Failed password for root from 203.0.113.7 port 1 ssh2\n",
            &timestamp(0)[..26]
        );
        open(&auth).write_all(said.as_bytes()).expect("written");
    }
    let titled = |title: &'static str, kind: &'static str| {
        move |frame: &Value| frame["type"] == kind && frame["data"]["title"] == title
    };
    let ban = "203.0.113.7 was banned (sshd)";
    observer
        .find(
            "sshd's lines",
            titled("Failed logins from 203.0.113.7", "alert.raised"),
        )
        .await;
    observer.find("the ban", titled(ban, "alert.raised")).await;
    observer.find("its end", titled(ban, "alert.cleared")).await;
}

/// A process of ours, ended with this.
struct Ends(std::process::Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
