//! The plugin metrics against Prometheus' node_exporter.

use crate::part;
use hearthgate_tests::{Setup, wait};
use serde_json::Value;
use std::process::Stdio;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;

#[tokio::test]
async fn metrics_of_node_exporter() {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("there is a free port");
    let address = listener.local_addr().expect("it is bound");
    drop(listener);
    let mut exporter = Command::new(part("HEARTHGATE_NODE_EXPORTER"))
        .arg(format!("--web.listen-address={address}"))
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("node_exporter starts");
    let connect = || async { TcpStream::connect(address).await.ok() };
    wait::until("node_exporter listens", connect).await;
    let url = format!("http://{address}/metrics");
    let source = format!(
        r#"
[sources.metrics]
plugin = "metrics"
grants = {{ publish = ["metrics/#", "alert/#", "adapter/+/status"], system = true, connect = ["http://{address}"] }}

[[sources.metrics.config.targets]]
name = "node"
url = "{url}"
interval = "1s"
timeout = "1s"
select = ["node_load*", "node_memory_MemTotal_bytes", "node_cpu_seconds_total", "node_context_switches_total"]
rename = {{ node_load1 = "load.1" }}

[[sources.metrics.config.thresholds]]
name = "gone"
target = "node"
metric = "up"
below = 1
category = "network"
"#
    );
    let gateway = Setup::new().plugin("metrics").toml(&source).start().await;
    let mut client = gateway.client().await;
    client
        .watch(&["metrics/node", "alert/#", "adapter/#"])
        .await;
    let with_rates =
        |frame: &Value| frame["data"]["metrics"]["node_context_switches_rate"].as_f64() > Some(0.0);
    let sample = client.find("a sample with rates", with_rates).await;
    let metrics = &sample["data"]["metrics"];
    let memory = std::fs::read_to_string("/proc/meminfo").expect("Linux");
    let total = memory
        .lines()
        .next()
        .and_then(|line| line.split_whitespace().nth(1));
    let total: f64 = total.and_then(|kib| kib.parse().ok()).expect("MemTotal");
    assert_eq!(metrics["node_memory_MemTotal_bytes"], total * 1024.0);
    assert!(metrics["load.1"].as_f64() >= Some(0.0), "{metrics}");
    let idle = metrics["node_cpu_seconds_rate{cpu=0,mode=idle}"].as_f64();
    assert!(
        idle.is_some_and(|idle| (0.0..1.5).contains(&idle)),
        "seconds per second: {metrics}"
    );
    let status = client.next_of("adapter.status").await;
    assert_eq!(status["data"]["adapter_id"], "metrics");
    exporter.kill().await.expect("it can be killed");
    let raised = client.next_of("alert.raised").await;
    assert_eq!(raised["topic"], "alert/network/gone:node:up");
    client
        .find("it is down", |f| {
            f["type"] == "adapter.status" && f["data"]["status"] == "disconnected"
        })
        .await;
}
