//! Topics and topic filters.

use hearthgate::event::{Topic, TopicFilter};

/// Lines: filters, and as the last a topic. Matching is what its definition says, and a filter that covers another
/// matches all that the other matches.
pub fn filters(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut lines: Vec<&str> = text.lines().take(8).collect();
    let topic = lines.pop().and_then(|line| Topic::parse(line).ok());
    let filters: Vec<TopicFilter> = lines
        .into_iter()
        .filter_map(|line| TopicFilter::parse(line).ok())
        .collect();
    for filter in &filters {
        assert!(filter.covers(filter), "{filter:?} covers itself");
        let Some(topic) = &topic else { continue };
        assert_eq!(
            filter.matches(topic),
            by_definition(filter.as_str(), topic.as_str()),
            "{filter:?} and {topic:?}"
        );
        for other in &filters {
            if filter.covers(other) && other.matches(topic) {
                assert!(filter.matches(topic), "{filter:?}, {other:?}, {topic:?}");
            }
        }
    }
}

/// MQTT 5, section 4.7: `+` stands for one level, `#` for all that follow and for none.
fn by_definition(filter: &str, topic: &str) -> bool {
    match (filter.split_once('/'), topic.split_once('/')) {
        _ if filter == "#" => true,
        (Some((want, rest)), Some((have, more))) => {
            (want == "+" || want == have) && by_definition(rest, more)
        }
        (Some((want, "#")), None) => want == "+" || want == topic,
        (None, None) => filter == "+" || filter == topic,
        _ => false,
    }
}
