//! `refresh_data`: the retained states of what a client is subscribed to.

use crate::encode::encode;
use crate::topics::devices;
use hearthgate_plugin::events::topic;
use hearthgate_plugin::retained;
use std::collections::BTreeSet;

/// Most states of one answer: a dialect may take 256 actions for a message.
const MOST: u32 = 250;

/// Longest topic of the gateway's, in bytes.
const LONGEST_TOPIC: usize = 512;

/// The gateway's topics whose state belongs to these topics.
fn sources(topics: &BTreeSet<String>) -> Vec<String> {
    let mut all: BTreeSet<String> = BTreeSet::new();
    for (prefix, state) in [("device_", "status"), ("metrics_", "metrics")] {
        let ids = devices(topics, prefix).into_iter();
        // No event can be on a longer one, and asking for it would spoil the answer for all the others.
        let possible = ids.map(|id| topic(&["device", &id, state]));
        all.extend(possible.filter(|topic| topic.len() <= LONGEST_TOPIC));
    }
    let whole = [
        ("device_status", "device/+/status"),
        ("security", "alert/security/+"),
        ("security", "alert/network/+"),
    ];
    let whole = whole.iter().filter(|(name, _)| topics.contains(*name));
    all.extend(whole.map(|(_, filter)| (*filter).to_owned()));
    all.into_iter().collect()
}

/// The messages, in the order of the gateway's topics.
///
/// # Errors
/// The operator does not grant it.
pub fn states(topics: &BTreeSet<String>) -> Result<Vec<String>, String> {
    let filters = sources(topics);
    let filters: Vec<&str> = filters.iter().map(String::as_str).collect();
    if filters.is_empty() {
        return Ok(Vec::new());
    }
    let found = retained::read(&filters, None, MOST).map_err(|error| error.to_string())?;
    // What is for some only is not shown to all.
    let open = found
        .iter()
        .filter(|published| published.event.audience.is_empty());
    Ok(open.flat_map(encode).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_follows_from_the_topics() {
        let check = |topics: &[&str], expected: &[&str]| {
            let topics = topics.iter().map(|topic| (*topic).to_owned()).collect();
            assert_eq!(sources(&topics), expected);
        };
        check(
            &["device_a", "metrics_b/c"],
            &["device/a/status", "device/b%2Fc/metrics"],
        );
        check(&["device_status"], &["device/+/status"]);
        check(
            &["security", "performance", "mine"],
            &["alert/network/+", "alert/security/+"],
        );
        check(&[], &[]);
        let impossible = format!("device_{}", "/".repeat(190));
        check(&[&impossible, "device_a"], &["device/a/status"]);
    }
}
