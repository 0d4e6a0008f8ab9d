//! The plugin against the SDK's test host.
#![allow(clippy::unwrap_used)]

mod told;

use super::*;
use hearthgate_plugin::net::{HttpResponse, NetError};
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

/// A configuration with a target and a threshold on it.
fn with_target(change: Value) -> Config {
    let mut target = json!({"name": "nas", "url": "http://nas:9100/metrics", "interval": "10s"});
    target
        .as_object_mut()
        .unwrap()
        .extend(change.as_object().unwrap().clone());
    let config = json!({
        "interval": "1s", "target": "host", "cores": true, "skip-networks": [], "skip-disks": [], "targets": [target],
        "thresholds": [{"name": "gone", "metric": "up", "target": "nas", "below": 1.0}],
    });
    serde_json::from_value(config).unwrap()
}

fn started(config: Config) -> Metrics {
    let mut start = testing::start("fresh", None, vec![], vec![]);
    Metrics::init(&mut start, config).unwrap()
}

/// Answers the request that was made last, and tells what was published: kind and data.
fn answer(
    metrics: &mut Metrics,
    request: u64,
    answer: Result<(u16, &str, bool), NetError>,
) -> Vec<(String, Value)> {
    testing::published();
    let answer = answer.map(|(status, body, truncated)| HttpResponse {
        status,
        headers: vec![],
        body: body.as_bytes().to_vec(),
        truncated,
    });
    metrics
        .on_input(Input::HttpDone((request, answer)))
        .unwrap();
    let published = testing::published().into_iter();
    published
        .map(|e| (e.kind, serde_json::from_str(&e.data).unwrap()))
        .collect()
}

/// Makes the timer of the target tick, and gives the request's id.
fn asked(metrics: &mut Metrics) -> u64 {
    metrics.on_timer(2, "scrape:nas").unwrap();
    let calls = testing::calls();
    assert!(
        calls
            .iter()
            .any(|call| call == "http.start GET http://nas:9100/metrics"),
        "{calls:?}"
    );
    testing::last_id()
}

#[test]
fn a_target_is_scraped_and_told_of() {
    let _next = machine_tells();
    let mut metrics = started(with_target(json!({"select": ["load"]})));
    let request = metrics.targets[0]
        .asked()
        .expect("it is asked at the start");
    let published = answer(
        &mut metrics,
        request,
        Ok((200, "load 1.5\nother 2\n", false)),
    );
    let kinds: Vec<&str> = published.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds, ["metrics.sample", "adapter.status"]);
    assert_eq!(
        (
            &published[0].1["target"],
            &published[0].1["metrics"]["load"]
        ),
        (&json!("nas"), &json!(1.5))
    );
    assert_eq!(published[0].1["metrics"].get("other"), None);
    assert_eq!(published[1].1["status"], "connected");
    testing::calls();
    let request = asked(&mut metrics);
    let published = answer(&mut metrics, request, Ok((200, "load 2\n", false)));
    assert_eq!(published.len(), 1, "as before: no news of the adapter");
}

#[test]
fn a_target_that_fails_is_told_once_and_raises_its_alert() {
    let _next = machine_tells();
    let mut metrics = started(with_target(json!({})));
    let request = metrics.targets[0]
        .asked()
        .expect("it is asked at the start");
    testing::calls();
    let published = answer(&mut metrics, request, Err(NetError::Refused));
    let kinds: Vec<&str> = published.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds, ["metrics.sample", "alert.raised", "adapter.status"]);
    assert_eq!(published[0].1["metrics"], json!({"up": 0.0}));
    assert_eq!(
        (&published[2].1["status"], &published[2].1["message"]),
        (&json!("disconnected"), &json!("down: nas"))
    );
    testing::logged();
    let bad = [
        (404, "", false, "refuses: HTTP 404"),
        (
            200,
            "<html>\n",
            false,
            "answers with no metrics: no name: \"<html>\"",
        ),
        (
            200,
            "a 1\n",
            true,
            "answers with too much: only 4 bytes of it are taken (limits.receive-size)",
        ),
    ];
    for (status, body, truncated, expected) in bad {
        let request = asked(&mut metrics);
        let published = answer(&mut metrics, request, Ok((status, body, truncated)));
        let report = &published.last().unwrap().1["health"]["targets"]["nas"];
        assert_eq!(report["message"], expected);
    }
    assert_eq!(testing::logged().len(), 3, "once for each cause");
    let request = asked(&mut metrics);
    answer(&mut metrics, request, Ok((404, "", false)));
    assert_eq!(testing::logged(), Vec::<String>::new());
    let request = asked(&mut metrics);
    let published = answer(&mut metrics, request, Ok((200, "a 1\nb{c=\"\n", false)));
    let kinds: Vec<&str> = published.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(
        kinds,
        ["metrics.sample", "alert.cleared", "adapter.status"],
        "a truncated line is skipped"
    );
    assert_eq!(
        published[2].1["health"]["targets"]["nas"]["message"],
        "1 lines can't be read"
    );
}

#[test]
fn an_upgrade_keeps_counters_and_alerts() {
    let _next = machine_tells();
    let mut metrics = started(with_target(json!({})));
    let request = metrics.targets[0]
        .asked()
        .expect("it is asked at the start");
    answer(&mut metrics, request, Ok((200, "a_total 10\n", false)));
    let state = metrics.save().unwrap();
    let mut start = testing::start("upgraded", state, vec![], vec![]);
    let next = Metrics::init(&mut start, with_target(json!({}))).unwrap();
    let before = next.targets[0].before.as_ref().expect("its counters");
    assert_eq!(before.counters["a_rate"], 10.0);
}

#[test]
fn the_state_of_the_version_before_is_understood() {
    let _next = machine_tells();
    let counters = State::json(1, &json!({"taken_at": 5, "networks": {"eth0": [1, 2]}})).unwrap();
    let mut start = testing::start("upgraded", Some(counters), vec![], vec![]);
    let metrics = Metrics::init(&mut start, config("1s")).unwrap();
    assert_eq!(metrics.before.map(|counters| counters.taken_at), Some(5));
}

#[test]
fn targets_that_can_not_work_are_named() {
    let _next = machine_tells();
    let check = |change: Value, key: &str| {
        let mut start = testing::start("fresh", None, vec![], vec![]);
        match Metrics::init(&mut start, with_target(change)).err() {
            Some(Failure::Misconfigured(problems)) => assert_eq!(problems[0].0, key),
            other => panic!("{other:?}"),
        }
    };
    check(json!({"name": "host"}), "targets.0.name");
    check(json!({"interval": "500ms"}), "targets.0.interval");
    check(json!({"timeout": "11s"}), "targets.0.timeout");
}
