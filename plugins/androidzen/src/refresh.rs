//! `refresh_data`: the retained states of what a client is subscribed to.

use crate::encode::encode;
use crate::topics::devices;
use hearthgate_plugin::events::topic;
use hearthgate_plugin::retained;
use std::collections::BTreeSet;

/// Most states of one answer: a dialect may take 256 actions for a message.
const MOST: u32 = 250;

/// The gateway's topics whose state belongs to these topics.
fn sources(topics: &BTreeSet<String>) -> Vec<String> {
    let mut all: BTreeSet<String> = BTreeSet::new();
    for id in devices(topics, "device_") {
        all.insert(topic(&["device", &id, "status"]));
    }
    for id in devices(topics, "metrics_") {
        all.insert(topic(&["device", &id, "metrics"]));
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
    }
}
