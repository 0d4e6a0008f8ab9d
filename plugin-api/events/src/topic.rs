//! Topics out of ids.

use std::fmt::Write;

/// Joins levels to a topic. Ids are another system's own and may hold anything, so what a topic can't hold
/// (`/`, `+`, `#`, control characters, an empty level) is written as in a URL: `%2F`. So is `%` itself, which
/// keeps different ids on different topics.
#[must_use]
pub fn topic(levels: &[&str]) -> String {
    let mut topic = String::new();
    for (i, level) in levels.iter().enumerate() {
        if i > 0 {
            topic.push('/');
        }
        push_level(&mut topic, level);
    }
    topic
}

fn push_level(topic: &mut String, level: &str) {
    if level.is_empty() {
        // A level can't be empty; the NUL that this spells is in no id that a system has.
        topic.push_str("%00");
    }
    for c in level.chars() {
        if matches!(c, '/' | '+' | '#' | '%') || c.is_control() {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                // Writing to a String does not fail.
                let _ = write!(topic, "%{byte:02X}");
            }
        } else {
            topic.push(c);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::topic;

    #[test]
    fn levels_are_joined_and_what_a_topic_can_not_hold_is_escaped() {
        let check = |levels: &[&str], expected: &str| assert_eq!(topic(levels), expected);
        check(
            &["entity", "light.kitchen", "state"],
            "entity/light.kitchen/state",
        );
        check(&["room", "Küche 2"], "room/Küche 2");
        check(&["room", "a/b"], "room/a%2Fb");
        check(&["room", "a%2Fb"], "room/a%252Fb");
        check(&["device", "+", "status"], "device/%2B/status");
        check(&["device", "x#", "status"], "device/x%23/status");
        check(&["device", "", "status"], "device/%00/status");
        check(&["device", "a\n\u{85}"], "device/a%0A%C2%85");
    }
}
