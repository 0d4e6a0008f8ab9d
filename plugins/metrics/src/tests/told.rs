//! A gateway that takes nothing for a while, and one that forgot.

use super::*;

/// A processor that is always too busy.
fn busy() -> Config {
    let mut config = config("1s");
    let threshold = json!({"name": "busy", "metric": "cpu.percent", "above": 10.0});
    config.thresholds = vec![serde_json::from_value(threshold).unwrap()];
    config
}

fn start(reason: &str, state: Option<State>) -> Metrics {
    let mut start = testing::start(reason, state, vec![], vec![]);
    Metrics::init(&mut start, busy()).unwrap()
}

fn kinds() -> Vec<String> {
    let events = testing::published().into_iter();
    events.map(|event| event.kind).collect()
}

fn throttle() {
    let wait = Duration::from_millis(70);
    testing::on_publish(move |_| Err(PublishError::Throttled(wait)));
}

#[test]
fn over_the_rate_samples_and_alerts_wait_and_alerts_go_first() {
    let _next = machine_tells();
    throttle();
    let mut metrics = start("fresh", None);
    metrics.on_timer(0, "sample").unwrap();
    let calls = testing::calls();
    let timers = calls.iter().filter(|call| call.starts_with("timers.after"));
    assert_eq!(
        timers.collect::<Vec<_>>(),
        ["timers.after 70 send"],
        "one timer is enough"
    );
    assert!(kinds().is_empty());
    testing::on_publish(|_| Ok(()));
    metrics.on_timer(0, "send").unwrap();
    assert_eq!(
        kinds(),
        ["alert.raised", "metrics.sample", "metrics.sample"]
    );
}

#[test]
fn alerts_that_wait_are_handed_over() {
    let _next = machine_tells();
    throttle();
    let metrics = start("fresh", None);
    let state = metrics.save().unwrap();
    testing::on_publish(|_| Ok(()));
    start("upgraded", state);
    assert_eq!(kinds(), ["alert.raised"]);
}

#[test]
fn alerts_that_stand_are_raised_again_after_a_restart_of_the_gateway_and_only_then() {
    let _next = machine_tells();
    let mut metrics = start("fresh", None);
    assert_eq!(kinds(), ["metrics.sample", "alert.raised"]);
    metrics.on_timer(0, "sample").unwrap();
    assert_eq!(kinds(), ["metrics.sample"]);
    let state = metrics.save().unwrap();
    for (reason, expected) in [
        ("upgraded", &["metrics.sample"][..]),
        ("fresh", &["metrics.sample", "alert.raised"]),
    ] {
        let mut next = start(reason, state.clone());
        next.on_timer(0, "sample").unwrap();
        assert_eq!(kinds(), expected, "{reason}");
        next.on_timer(0, "sample").unwrap();
        assert_eq!(kinds(), ["metrics.sample"], "{reason}");
    }
}

#[test]
fn samples_that_are_not_granted_end_it() {
    let _next = machine_tells();
    testing::on_publish(|_| Err(PublishError::NotGranted("no".to_owned())));
    let mut start = testing::start("fresh", None, vec![], vec![]);
    assert!(Metrics::init(&mut start, busy()).is_err());
}
