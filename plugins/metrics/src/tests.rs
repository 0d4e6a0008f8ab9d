//! The plugin against the SDK's test host.
#![allow(clippy::unwrap_used)]

use super::*;
use hearthgate_plugin::testing;
use serde_json::{Value, json};
use std::cell::Cell;
use std::rc::Rc;

fn config(interval: &str) -> Config {
    let config = json!({
        "interval": interval, "target": "host", "cores": true,
        "skip-networks": ["lo", "veth*"], "skip-disks": ["/boot*"],
    });
    serde_json::from_value(config).unwrap()
}

/// A machine whose eth0 received and sent so many bytes at so many milliseconds.
fn machine(taken_at: u64, received: u64, sent: u64) -> String {
    json!({
        "taken_at": taken_at, "host": "hearth", "uptime_seconds": 86400, "processes": 214,
        "cpu": {"percent": 12.5, "cores": [10.0, 15.004]},
        "load": {"one": 0.52, "five": 0.4, "fifteen": 0.3},
        "memory": {"total": 8000, "used": 2000, "available": 6000},
        "swap": {"total": 0, "used": 0},
        "disks": [
            {"mount": "/", "device": "/dev/sda1", "file_system": "ext4", "total": 1000, "available": 250},
            {"mount": "/boot/efi", "total": 10, "available": 5},
        ],
        "networks": [
            {"interface": "eth0", "received": received, "sent": sent, "receive_errors": 0, "send_errors": 0},
            {"interface": "lo", "received": 5, "sent": 5},
            {"interface": "veth12", "received": 5, "sent": 5},
        ],
        "temperatures": [{"label": "coretemp Core 0", "celsius": 46.0, "critical": 100.0}, {"label": "dead", "celsius": null}],
    })
    .to_string()
}

/// Sets what the machine tells next.
fn machine_tells() -> Rc<Cell<(u64, u64, u64)>> {
    let next = Rc::new(Cell::new((1_000_000, 5_000, 700)));
    let told = next.clone();
    testing::on_system(move || {
        let (at, received, sent) = told.get();
        Ok(machine(at, received, sent))
    });
    next
}

fn data() -> Value {
    let events = testing::published();
    let [event] = &events[..] else {
        panic!("one sample, not {events:?}")
    };
    assert_eq!(
        (event.kind.as_str(), event.topic.as_str()),
        ("metrics.sample", "metrics/host")
    );
    assert!(event.retain);
    serde_json::from_str(&event.data).unwrap()
}

fn fresh() -> Metrics {
    Metrics::init(
        &mut testing::start("fresh", None, vec![], vec![]),
        config("1s"),
    )
    .unwrap()
}

#[test]
fn the_first_sample_has_every_figure_but_rates() {
    let _next = machine_tells();
    fresh();
    assert_eq!(testing::calls(), ["timers.every 1000 sample"]);
    let expected = json!({
        "cpu.percent": 12.5, "cpu.core.0.percent": 10.0, "cpu.core.1.percent": 15.0,
        "load.1": 0.52, "load.5": 0.4, "load.15": 0.3,
        "memory.total": 8000.0, "memory.used": 2000.0, "memory.available": 6000.0, "memory.percent": 25.0,
        "swap.total": 0.0, "swap.used": 0.0,
        "disk./.total": 1000.0, "disk./.used": 750.0, "disk./.available": 250.0, "disk./.percent": 75.0,
        "network.eth0.received": 5000.0, "network.eth0.sent": 700.0,
        "temperature.coretemp Core 0": 46.0, "uptime": 86400.0, "processes": 214.0,
    });
    let data = data();
    assert_eq!(data["metrics"], expected);
    let names = |value: &Value| {
        value
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(
        names(&data["units"]),
        names(&expected),
        "each figure has a unit"
    );
    assert_eq!(data["units"]["disk./.percent"], "percent");
}

#[test]
fn rates_are_per_second_whatever_the_interval_really_was() {
    let next = machine_tells();
    let mut metrics = fresh();
    testing::published();
    next.set((1_002_500, 5_000 + 2_500, 700 + 250));
    metrics.on_timer(1, "sample").unwrap();
    let data = data();
    assert_eq!(data["metrics"]["network.eth0.received_rate"], 1_000.0);
    assert_eq!(data["metrics"]["network.eth0.sent_rate"], 100.0);
    assert_eq!(data["units"]["network.eth0.sent_rate"], "bytes_per_second");
}

#[test]
fn a_counter_that_began_anew_gives_no_rate() {
    let next = machine_tells();
    let mut metrics = fresh();
    testing::published();
    next.set((1_001_000, 10, 800));
    metrics.on_timer(1, "sample").unwrap();
    let first = data();
    assert_eq!(first["metrics"].get("network.eth0.received_rate"), None);
    assert_eq!(first["metrics"]["network.eth0.sent_rate"], 100.0);
    // The same snapshot again: no time has passed to divide by.
    metrics.on_timer(1, "sample").unwrap();
    assert_eq!(data()["metrics"].get("network.eth0.sent_rate"), None);
}

#[test]
fn an_upgrade_keeps_the_rhythm_and_the_counters() {
    let next = machine_tells();
    let state = fresh().save().unwrap();
    testing::published();
    testing::calls();
    let mut start = testing::start("upgraded", state, vec![], vec![(7, "sample".to_owned())]);
    let mut metrics = Metrics::init(&mut start, config("1s")).unwrap();
    assert_eq!(
        testing::calls(),
        Vec::<String>::new(),
        "the timer is adopted"
    );
    assert_eq!(testing::published(), [], "no sample out of the rhythm");
    next.set((1_001_000, 6_000, 700));
    metrics.on_timer(7, "sample").unwrap();
    assert_eq!(data()["metrics"]["network.eth0.received_rate"], 1_000.0);
}

#[test]
fn an_interval_that_is_too_short_is_named() {
    let _next = machine_tells();
    let mut start = testing::start("fresh", None, vec![], vec![]);
    let failure = Metrics::init(&mut start, config("249ms")).err().unwrap();
    assert_eq!(
        failure,
        Failure::misconfigured("interval", "must be at least 250ms")
    );
}

#[test]
fn without_the_grant_it_says_so() {
    let mut start = testing::start("fresh", None, vec![], vec![]);
    let Err(Failure::Fatal(reason)) = Metrics::init(&mut start, config("1s")) else {
        panic!("it started")
    };
    assert!(reason.starts_with("system.snapshot: "), "{reason}");
}
