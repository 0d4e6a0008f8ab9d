#![allow(clippy::unwrap_used)]
use super::*;
use serde_json::{Value, json};

fn threshold(change: Value) -> Threshold {
    let mut config = json!({"name": "hot", "metric": "temp*", "for": "10s"});
    config
        .as_object_mut()
        .unwrap()
        .extend(change.as_object().unwrap().clone());
    serde_json::from_value(config).unwrap()
}

/// What becomes of values, one each second: `+` raised, `-` cleared, `.` nothing.
fn judged(threshold: &Threshold, values: &[f64]) -> String {
    let mut standings = Standings::default();
    let judge = |(i, value): (usize, &f64)| {
        let metrics = [("temp".to_owned(), *value), ("other".to_owned(), 1e9)].into();
        let events = standings.judge(
            std::slice::from_ref(threshold),
            "host",
            &metrics,
            i as u64 * 1_000,
        );
        let raised = standings
            .0
            .values()
            .any(|s| matches!(s, Standing::Raised(_)));
        match events.len() {
            0 => '.',
            _ if raised => '+',
            _ => '-',
        }
    };
    values.iter().enumerate().map(judge).collect()
}

#[test]
fn an_alert_is_raised_and_cleared_with_hysteresis() {
    let above = threshold(json!({"above": 80.0, "clear": 70.0, "for": "0s"}));
    assert_eq!(
        judged(&above, &[80.0, 81.0, 90.0, 75.0, 85.0, 70.0, 75.0, 81.0]),
        ".+...-.+"
    );
    let below = threshold(json!({"below": 10.0, "clear": 20.0, "for": "0s"}));
    assert_eq!(
        judged(&below, &[15.0, 9.0, 15.0, 9.0, 20.0, 15.0]),
        ".+..-."
    );
    let plain = threshold(json!({"above": 80.0, "for": "0s"}));
    assert_eq!(judged(&plain, &[81.0, 80.0, 81.0]), "+-+");
}

#[test]
fn it_must_hold_for_its_time() {
    let held = threshold(json!({"above": 80.0, "for": "2s"}));
    assert_eq!(judged(&held, &[81.0, 82.0, 83.0, 79.0]), "..+-");
    assert_eq!(
        judged(&held, &[81.0, 82.0, 79.0, 81.0, 82.0, 83.0]),
        ".....+"
    );
    let mut standings = Standings::default();
    let metrics = [("temp".to_owned(), 99.0)].into();
    let mut at = |now| {
        standings
            .judge(std::slice::from_ref(&held), "host", &metrics, now)
            .len()
    };
    assert_eq!(
        (at(10_000), at(1_000), at(2_000), at(3_000)),
        (0, 0, 0, 1),
        "the clock was put back"
    );
}

#[test]
fn an_alert_says_what_it_is_about() {
    let held = threshold(json!({"above": 80.0, "for": "0s", "severity": "high", "target": "ho*"}));
    let mut standings = Standings::default();
    let metrics = [("temp{cpu=0}".to_owned(), 99.0)].into();
    assert!(
        standings
            .judge(std::slice::from_ref(&held), "nas", &metrics, 1)
            .is_empty()
    );
    for event in standings.judge(std::slice::from_ref(&held), "host", &metrics, 1) {
        event.publish().unwrap();
    }
    let published = hearthgate_plugin::testing::published();
    let data: Value = serde_json::from_str(&published[0].data).unwrap();
    assert_eq!(published[0].topic, "alert/device/hot:host:temp{cpu=0}");
    assert_eq!(data["title"], "host: temp{cpu=0} is above 80");
    assert_eq!(
        (
            &data["severity"],
            &data["status"],
            &data["details"]["value"]
        ),
        (&json!("high"), &json!("open"), &json!(99.0))
    );
    assert_eq!(standings.keep_only(std::slice::from_ref(&held)).len(), 0);
    assert_eq!(standings.keep_only(&[]).len(), 1, "its threshold is gone");
    assert_eq!(standings, Standings::default());
}

#[test]
fn a_threshold_that_can_not_work_is_refused() {
    for bad in [
        json!({}),
        json!({"above": 1.0, "below": 2.0}),
        json!({"above": 1.0, "clear": 2.0}),
        json!({"below": 2.0, "clear": 1.0}),
        json!({"above": 1.0, "name": ""}),
    ] {
        assert!(threshold(bad.clone()).check().is_err(), "{bad}");
    }
    let twice = [
        threshold(json!({"above": 1.0})),
        threshold(json!({"above": 2.0})),
    ];
    assert!(check(&twice).is_err());
}
