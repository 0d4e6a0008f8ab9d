//! Folding, acknowledging, clearing, and the bounds.

use super::*;
use crate::finding::Feed;
use hearthgate_plugin::events::AlertSeverity;

const HOUR: Instant = 3_600_000;

fn book() -> Book {
    let bounds = Bounds {
        alerts: 20,
        days: 7,
        clear_after: 24 * HOUR,
    };
    Book::new(bounds, Vec::new(), 1, BTreeSet::new())
}

fn finding(key: &str, at: Instant) -> Finding {
    Finding::new(
        Feed::Suricata,
        key.to_owned(),
        "kind",
        AlertSeverity::Low,
        at,
    )
    .told(&format!("at {at}"), "because")
}

fn detected(id: &str, ip: &str, at: Instant) -> Finding {
    let mut finding = finding(&format!("{id}:{ip}"), at);
    (finding.id, finding.ip) = (Some(id.to_owned()), Some(ip.to_owned()));
    finding
}

/// `id change count` for what was not told yet.
fn told(book: &mut Book) -> Vec<String> {
    let changes = book.take_changes();
    let changes = changes.iter();
    changes
        .map(|(alert, change)| format!("{} {change:?} {}", alert.alert_id, alert.count))
        .collect()
}

#[test]
fn duplicates_fold_until_the_alert_is_over() {
    let mut book = book();
    book.take(finding("a", 0));
    book.take(finding("a", HOUR));
    assert!(book.is_urgent());
    assert_eq!(told(&mut book), ["suricata-1 Raised 2"]);
    let mut worst = finding("a", 2 * HOUR);
    worst.severity = AlertSeverity::High;
    book.take(worst);
    book.take(finding("a", HOUR));
    assert!(!book.is_urgent());
    assert_eq!(told(&mut book), ["suricata-1 Updated 4"]);
    let alert = book.get(1).expect("an alert");
    assert_eq!(
        (alert.severity, alert.first_seen, alert.last_seen),
        (AlertSeverity::High, 0, 2 * HOUR)
    );
    assert_eq!(
        alert.title, "at 7200000",
        "a late record does not overwrite a newer one"
    );
    // A day later it is another one.
    book.take(finding("a", 27 * HOUR));
    assert_eq!(
        told(&mut book),
        ["suricata-1 Cleared 4", "suricata-2 Raised 1"]
    );
    book.over("a", 28 * HOUR);
    book.over("a", 28 * HOUR);
    book.over("never seen", 28 * HOUR);
    assert_eq!(told(&mut book), ["suricata-2 Cleared 1"]);
}

#[test]
fn a_detector_s_alert_is_the_same_by_identity_and_time() {
    let mut book = book();
    assert!(book.take(detected("7", "10.0.0.1", HOUR)));
    assert!(
        !book.take(detected("7", "10.0.0.1", HOUR)),
        "the file was rewritten"
    );
    assert!(book.take(detected("7", "10.0.0.2", HOUR)));
    assert_eq!(
        told(&mut book),
        ["7:10.0.0.1 Raised 1", "7:10.0.0.2 Raised 1"]
    );
    assert!(book.take(detected("7", "10.0.0.1", 2 * HOUR)));
    assert_eq!(told(&mut book), ["7:10.0.0.1 Updated 2"]);
    book.age(30 * HOUR);
    assert_eq!(
        told(&mut book),
        ["7:10.0.0.1 Cleared 2", "7:10.0.0.2 Cleared 1"]
    );
    assert!(
        !book.take(detected("7", "10.0.0.2", HOUR)),
        "over, and still in the file"
    );
    assert!(book.take(detected("7", "10.0.0.2", 31 * HOUR)));
    assert_eq!(told(&mut book), ["7:10.0.0.2 Raised 2"]);
}

#[test]
fn alerts_are_found_by_their_ids_and_acknowledged_once() {
    let mut book = book();
    book.take(detected("7", "10.0.0.1", HOUR));
    book.take(detected("7", "10.0.0.2", HOUR));
    let mut other = finding("x", HOUR);
    other.ip = Some("10.0.0.3".to_owned());
    book.take(other);
    told(&mut book);
    let find = |id: &str| book.find(id).map(|alert| alert.serial);
    assert_eq!(find("7"), Some(2), "the newest of that id");
    assert_eq!(find("7:10.0.0.1"), Some(1));
    assert_eq!(find("suricata-3"), Some(3));
    assert_eq!(find("suricata-3:10.0.0.3"), Some(3));
    assert_eq!(find("8"), None);
    book.acknowledge(3, Some("ann".to_owned()));
    book.acknowledge(3, Some("bob".to_owned()));
    assert_eq!(
        book.get(3)
            .and_then(|alert| alert.acknowledged_by.as_deref()),
        Some("ann")
    );
    assert_eq!(told(&mut book), ["suricata-3 Updated 1"]);
    book.take(finding("x", 2 * HOUR));
    assert_eq!(
        book.get(3).map(|alert| alert.status),
        Some(AlertStatus::Acknowledged)
    );
}

#[test]
fn what_is_over_is_kept_for_its_days_and_the_book_is_bounded() {
    let mut book = book();
    book.take(finding("a", 0));
    book.age(25 * HOUR);
    assert_eq!(told(&mut book), ["suricata-1 Cleared 1"]);
    book.age(7 * DAY - 1);
    assert_eq!(book.alerts().count(), 1);
    book.age(7 * DAY + 1);
    assert_eq!(book.alerts().count(), 0);
    for n in 0..50 {
        book.take(finding(&format!("k{n}"), 8 * DAY));
        if n == 9 {
            told(&mut book);
            let ids: Vec<String> = book.alerts().map(|alert| alert.alert_id.clone()).collect();
            ids.iter().for_each(|id| book.announced(id));
        }
    }
    assert_eq!((book.alerts().count(), book.evicted), (20, 30));
    let told = told(&mut book);
    assert_eq!(
        told.iter().filter(|told| told.contains("Cleared")).count(),
        10,
        "what was told is taken back, and only that"
    );
    let alert = book.alerts().next().expect("an alert");
    assert_eq!(alert.alert_id, "suricata-32", "the newest are kept");
}

#[test]
fn details_are_bounded() {
    let mut book = book();
    let mut large = finding("a", 0);
    for n in 0..100 {
        large.detail(&format!("field-{n:03}"), Some("x".repeat(1000).into()));
    }
    book.take(large);
    let alert = book.alerts().next().expect("an alert");
    assert!(serde_json::to_string(alert).expect("JSON").len() < 2048);
    assert!(alert.details.contains_key("field-000"));
}
