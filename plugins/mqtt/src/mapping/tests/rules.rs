//! The operator's rules among what is understood out of the box.

use super::*;

#[test]
fn rules_come_in_order_and_what_is_ignored_is_not_looked_at() {
    let mut mapping = mapping(json!({
        "ignore": ["a/secret"],
        "rules": [
            {"topic": "a/{x}", "kind": "mqtt.message"},
            {"topic": "a/#", "kind": "metrics.sample", "id": "never"},
        ],
    }));
    assert_eq!(
        take(&mut mapping, "a/b", "1", &["/payload"]),
        ["mqtt.message mqtt/a/b 1"]
    );
    assert_eq!(
        take(&mut mapping, "a/secret", "1", &[]),
        Vec::<String>::new()
    );
    let filters: Vec<String> = mapping.filters().iter().map(Pattern::filter).collect();
    assert_eq!(filters[..2], ["a/+", "a/#"]);
    assert!(filters.contains(&"homeassistant/+/+/config".to_owned()));
}
