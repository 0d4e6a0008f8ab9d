//! The plugin `security-alerts` finds megabytes of lines waiting, under the limits that it has where nobody names any.

use hearthgate_tests::{Setup, wait};
use serde_json::{Value, json};
use std::fmt::Write;

/// Lines that wait. Together they are some 16 MB, more than an inbox holds.
const LINES: u64 = 24_000;
/// They are of so many alerts.
const SIGNATURES: u64 = 60;

/// What Suricata wrote while nobody read it.
fn waiting() -> String {
    let now = hearthgate::event::Timestamp::now().to_string();
    let mut text = String::new();
    for number in 0..LINES {
        let line = json!({
            "timestamp": format!("{}.{number:06}+0000", &now[..19]), "flow_id": number, "in_iface": "eth0",
            "event_type": "alert", "src_ip": "192.168.1.66", "src_port": 1024 + number % 60_000,
            "dest_ip": "203.0.113.9", "dest_port": 80, "proto": "TCP", "app_proto": "http",
            "alert": {"action": "allowed", "gid": 1, "signature_id": number % SIGNATURES, "rev": 1,
                      "signature": format!("signature {}", number % SIGNATURES), "category": "Test", "severity": 1},
            "http": {"hostname": "example.org", "url": "/a/b/c", "http_user_agent": "agent ".repeat(20),
                     "http_method": "GET", "status": 200, "length": 1234},
            "flow": {"pkts_toserver": 4, "pkts_toclient": 5, "bytes_toserver": 500, "bytes_toclient": 900},
        });
        writeln!(text, "{line}").expect("a string takes all");
    }
    text
}

#[tokio::test]
async fn a_burst_of_waiting_lines_is_taken_under_the_default_limits_and_each_counts_once() {
    let setup = Setup::new().plugin("security-alerts");
    let folder = setup.folder().to_str().expect("a path").to_owned();
    let text = waiting();
    assert!(text.len() > 12 << 20, "{}", text.len());
    std::fs::write(setup.folder().join("eve.json"), text).expect("the folder can be written");
    let setup = setup.toml(&format!(
        "[sources.guard]\nplugin = \"security-alerts\"\n[sources.guard.config]\n\
         suricata = \"{folder}/eve.json\"\nstart = \"beginning\"\n[sources.guard.grants]\n\
         publish = [\"alert/#\", \"device/#\", \"adapter/#\"]\nhandle = [\"list_alerts\"]\nfiles = [\"{folder}/*\"]\n"
    ));
    let gateway = setup.start().await;
    gateway.in_state("guard", "running").await;
    let mut client = gateway.client().await;
    // Until all is counted, or the plugin crashed on some of it.
    let counted = async {
        loop {
            let answer = client.command("list_alerts", json!({"limit": 1000})).await;
            let alerts = answer["data"]["alerts"].as_array().expect("a list");
            let counts: Vec<u64> = alerts.iter().filter_map(|a| a["count"].as_u64()).collect();
            let restarts = gateway.status("guard").await["restarts"].as_u64();
            if counts.iter().sum::<u64>() >= LINES || restarts != Some(0) {
                return counts;
            }
        }
    };
    let counts = tokio::time::timeout(4 * wait::PATIENCE, counted).await;
    let counts = counts.expect("every line is counted, or one was crashed on");
    let status = gateway.status("guard").await;
    assert_eq!(status["restarts"], 0, "{status}");
    let each = LINES / SIGNATURES;
    let expected = usize::try_from(SIGNATURES).expect("a small number");
    assert_eq!(counts, vec![each; expected], "each line once");
    let label = ["instance=\"guard\""];
    for name in [
        "hearthgate_guest_faults_total",
        "hearthgate_guest_poison_inputs_total",
    ] {
        let many = gateway.admin().metric(name, &label).await;
        assert!(many == 0.0, "{name}: {many}");
    }
    client.watch(&["adapter/guard/status"]).await;
    let all = |frame: &Value| frame["data"]["health"]["feeds"]["suricata"]["lines"] == LINES;
    client.find("the plugin's own figure agrees", all).await;
}
