//! Topics: exact strings for clients, filters for the gateway. However many topics a client has, it has at most one subscription
//! of each sort, and gets an event once whichever of them match.

use hearthgate_plugin::{Action, Condition, Filter};
use std::collections::BTreeSet;

/// The label that leads a broadcast to the topic it is for.
pub const CHANNEL: &str = "channel";
/// The label that leads a notification to the user it is for.
pub const USER: &str = "user";
/// Longest topic, in bytes: what a label's value takes.
pub const LONGEST: usize = 200;

/// What a device's own topic brings.
const OF_DEVICE: [&str; 5] = [
    "device.status",
    "device.connected",
    "device.disconnected",
    "device.action",
    "alert.raised",
];

/// The subscriptions that everyone has: what has no topic, and what is for the user.
#[must_use]
pub fn everyone(user: Option<&str>) -> Vec<Action> {
    let all = filter(&["broadcast.sent"], vec![absent(CHANNEL)]);
    let status = filter(&["system.status"], vec![]);
    let mine = user.map(|user| {
        Action::Subscribe((
            "mine".to_owned(),
            filter(
                &["notification.sent"],
                vec![one_of(USER, [user.to_owned()])],
            ),
        ))
    });
    [
        Action::Subscribe(("all".to_owned(), all)),
        Action::Subscribe(("system".to_owned(), status)),
    ]
    .into_iter()
    .chain(mine)
    .collect()
}

/// What follows from a change of topics: the subscriptions of the sorts that a topic belongs to.
#[must_use]
pub fn changed(topics: &BTreeSet<String>, topic: &str) -> Vec<Action> {
    let mut actions = vec![named("channels", channels(topics))];
    actions.push(match topic {
        "device_status" => named(
            "statuses",
            topics.contains(topic).then(|| {
                filter(
                    &["device.status", "device.connected", "device.disconnected"],
                    vec![],
                )
            }),
        ),
        "notifications" => named(
            "notifications",
            topics
                .contains(topic)
                .then(|| filter(&["notification.sent"], vec![absent(USER)])),
        ),
        "security" => named("security", topics.contains(topic).then(security)),
        "performance" => named(
            "performance",
            topics
                .contains(topic)
                .then(|| filter(&["performance.updated"], vec![])),
        ),
        "analytics" => named(
            "analytics",
            topics
                .contains(topic)
                .then(|| filter(&["analytics.updated"], vec![])),
        ),
        other if other.starts_with("device_") => {
            named("devices", of_devices(topics, "device_", &OF_DEVICE))
        }
        other if other.starts_with("metrics_") => named(
            "metrics",
            of_devices(topics, "metrics_", &["device.metrics"]),
        ),
        // A topic of the client's own: only broadcasts lead to it.
        _ => return actions,
    });
    actions
}

fn named(name: &str, filter: Option<Filter>) -> Action {
    match filter {
        Some(filter) => Action::Subscribe((name.to_owned(), filter)),
        None => Action::Unsubscribe(name.to_owned()),
    }
}

/// Alerts of devices' own figures are messages to those who watch the device, not to those who watch security.
fn security() -> Filter {
    let categories = ["security", "network"].map(str::to_owned);
    let condition = Condition {
        matches_when_absent: true,
        ..one_of("category", categories)
    };
    filter(&["alert.raised"], vec![condition])
}

fn of_devices(topics: &BTreeSet<String>, prefix: &str, kinds: &[&str]) -> Option<Filter> {
    let ids = devices(topics, prefix);
    (!ids.is_empty()).then(|| filter(kinds, vec![one_of("device", ids)]))
}

/// The devices that topics with this prefix name.
#[must_use]
pub fn devices(topics: &BTreeSet<String>, prefix: &str) -> Vec<String> {
    let ids = topics.iter().filter(|topic| *topic != "device_status");
    ids.filter_map(|topic| topic.strip_prefix(prefix))
        .map(str::to_owned)
        .collect()
}

fn channels(topics: &BTreeSet<String>) -> Option<Filter> {
    let all: Vec<String> = topics.iter().cloned().collect();
    (!all.is_empty()).then(|| filter(&["broadcast.sent"], vec![one_of(CHANNEL, all)]))
}

fn filter(kinds: &[&str], conditions: Vec<Condition>) -> Filter {
    let kinds = kinds.iter().map(|kind| (*kind).to_owned()).collect();
    Filter {
        topics: Vec::new(),
        kinds,
        conditions,
    }
}

fn one_of(label: &str, any_of: impl Into<Vec<String>>) -> Condition {
    Condition {
        label: label.to_owned(),
        any_of: any_of.into(),
        matches_when_absent: false,
    }
}

fn absent(label: &str) -> Condition {
    Condition {
        label: label.to_owned(),
        any_of: Vec::new(),
        matches_when_absent: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topics(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    /// Name, kinds, and the first condition of each subscription.
    fn shown(actions: Vec<Action>) -> Vec<String> {
        let show = |action: Action| match action {
            Action::Subscribe((name, filter)) => {
                let conditions: Vec<String> = filter
                    .conditions
                    .iter()
                    .map(|c| {
                        format!(
                            "{}={}{}",
                            c.label,
                            c.any_of.join("|"),
                            if c.matches_when_absent { "?" } else { "" }
                        )
                    })
                    .collect();
                format!(
                    "+{name} {} {}",
                    filter.kinds.join(","),
                    conditions.join(" ")
                )
                .trim()
                .to_owned()
            }
            Action::Unsubscribe(name) => format!("-{name}"),
            other => format!("{other:?}"),
        };
        actions.into_iter().map(show).collect()
    }

    #[test]
    fn each_topic_has_its_filter() {
        let check = |all: &[&str], changed_one: &str, expected: &[&str]| {
            assert_eq!(
                shown(changed(&topics(all), changed_one)),
                expected,
                "{all:?} {changed_one}"
            );
        };
        let own = "+channels broadcast.sent channel=";
        check(
            &["device_status"],
            "device_status",
            &[
                &format!("{own}device_status"),
                "+statuses device.status,device.connected,device.disconnected",
            ],
        );
        check(&[], "device_status", &["-channels", "-statuses"]);
        check(
            &["device_a", "device_b", "device_status"],
            "device_b",
            &[
                &format!("{own}device_a|device_b|device_status"),
                "+devices device.status,device.connected,device.disconnected,device.action,alert.raised device=a|b",
            ],
        );
        check(
            &["metrics_a"],
            "metrics_a",
            &[
                &format!("{own}metrics_a"),
                "+metrics device.metrics device=a",
            ],
        );
        check(
            &["device_a"],
            "metrics_a",
            &[&format!("{own}device_a"), "-metrics"],
        );
        check(
            &["notifications"],
            "notifications",
            &[
                &format!("{own}notifications"),
                "+notifications notification.sent user=?",
            ],
        );
        check(
            &["security"],
            "security",
            &[
                &format!("{own}security"),
                "+security alert.raised category=security|network?",
            ],
        );
        check(
            &["performance"],
            "performance",
            &[
                &format!("{own}performance"),
                "+performance performance.updated",
            ],
        );
        check(
            &["analytics"],
            "analytics",
            &[&format!("{own}analytics"), "+analytics analytics.updated"],
        );
        check(&["my own"], "my own", &[&format!("{own}my own")]);
    }

    #[test]
    fn without_a_topic_there_is_what_has_none_and_what_is_mine() {
        assert_eq!(
            shown(everyone(None)),
            ["+all broadcast.sent channel=?", "+system system.status"]
        );
        assert_eq!(
            shown(everyone(Some("42"))).last().map(String::as_str),
            Some("+mine notification.sent user=42")
        );
    }
}
