//! RFC 6455, by the suite that everyone holds their WebSocket against: our frame layer under an echo server.

use crate::part;
use hearthgate_tests::plugins;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Compression is not offered, so its cases (12 and 13) would only say that they don't apply.
const NOT_OFFERED: [&str; 2] = ["12.*", "13.*"];

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // It serves until it is killed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The echo server and its address, which is its first line.
fn serve() -> (Server, String) {
    let program = plugins::target().join("debug/examples/ws_echo");
    let mut command = Command::new(program);
    let mut child = command
        .arg("127.0.0.1:0")
        .stdout(Stdio::piped())
        .spawn()
        .expect("the echo server starts");
    let output = child.stdout.take().expect("its output is a pipe");
    let server = Server(child);
    let mut line = String::new();
    BufReader::new(output)
        .read_line(&mut line)
        .expect("it prints its address");
    let address = line
        .split_whitespace()
        .last()
        .expect("an address")
        .trim_start_matches("ws://");
    (server, address.trim_end_matches('/').to_owned())
}

fn run(folder: &Path, address: &str) -> Value {
    let specification = json!({
        "outdir": folder.join("reports"),
        "servers": [{"agent": "hearthgate", "url": format!("ws://{address}")}],
        "cases": ["*"],
        "exclude-cases": NOT_OFFERED,
        "exclude-agent-cases": {},
    });
    let file = folder.join("fuzzingclient.json");
    std::fs::write(&file, specification.to_string()).expect("the folder can be written");
    let status = Command::new(part("HEARTHGATE_WSTEST"))
        .args(["-m", "fuzzingclient", "-s"])
        .arg(&file)
        .stdout(Stdio::null())
        .status();
    assert!(status.expect("wstest starts").success(), "wstest failed");
    let report = std::fs::read(folder.join("reports/index.json")).expect("there is a report");
    let report: Value = serde_json::from_slice(&report).expect("the report is JSON");
    report["hearthgate"].clone()
}

#[test]
fn every_case_passes() {
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let (_server, address) = serve();
    let report = run(folder.path(), &address);
    let cases = report.as_object().expect("cases");
    assert!(cases.len() > 290, "only {} cases ran", cases.len());
    let passed = |verdict: &Value| {
        matches!(
            verdict.as_str(),
            Some("OK" | "NON-STRICT" | "INFORMATIONAL")
        )
    };
    let failed: Vec<String> = cases
        .iter()
        .filter(|(_, case)| !passed(&case["behavior"]) || !passed(&case["behaviorClose"]))
        .map(|(name, case)| {
            format!(
                "{name}: {}, close {}",
                case["behavior"], case["behaviorClose"]
            )
        })
        .collect();
    let count = |verdict: &str| {
        cases
            .values()
            .filter(|case| case["behavior"] == verdict)
            .count()
    };
    println!(
        "{} cases: {} strict, {} non-strict, {} informational",
        cases.len(),
        count("OK"),
        count("NON-STRICT"),
        count("INFORMATIONAL")
    );
    assert!(failed.is_empty(), "{failed:#?}");
}
