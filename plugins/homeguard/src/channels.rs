//! The two channels, `/ws/alerts` and `/ws/devices`: strictly separate, without a greeting, and without anything that
//! was there before.

use crate::{Config, shapes};
use hearthgate_plugin::events::{Alert, DeviceStatus};
use hearthgate_plugin::{Action, Condition, DialectClient, Filter, Published};
use serde_json::{Value, json};

/// What any text of a client's is answered with.
const PONG: &str = r#"{"type":"pong","message":"Connection alive"}"#;
/// No channel: closed as a policy violation.
const NO_CHANNEL: u16 = 1008;

/// What a new connection gets: by its path.
#[must_use]
pub fn open(client: &DialectClient, config: &Config) -> Vec<Action> {
    let path = client.path.trim_end_matches('/');
    let (name, topic, kind, conditions) = if path == config.alerts_path.trim_end_matches('/') {
        let conditions = vec![
            ("source", &config.sources),
            ("category", &config.categories),
        ];
        ("alerts", "alert/#", "alert.raised", conditions)
    } else if path == config.devices_path.trim_end_matches('/') {
        (
            "devices",
            "device/#",
            "device.status",
            vec![("source", &config.sources)],
        )
    } else {
        return vec![Action::Close((NO_CHANNEL, "no such channel".to_owned()))];
    };
    let conditions = conditions
        .into_iter()
        .filter(|(_, any_of)| !any_of.is_empty());
    let condition = |(label, any_of): (&str, &Vec<String>)| Condition {
        label: label.to_owned(),
        any_of: any_of.clone(),
        matches_when_absent: false,
    };
    let filter = Filter {
        topics: vec![topic.to_owned()],
        kinds: vec![kind.to_owned()],
        conditions: conditions.map(condition).collect(),
    };
    vec![Action::Subscribe((name.to_owned(), filter))]
}

/// The answer to any text.
#[must_use]
pub fn pong() -> Vec<Action> {
    vec![Action::Send(PONG.to_owned())]
}

/// An event as the channel's message; none for what no channel carries, or for data that is not of its kind.
#[must_use]
pub fn encode(published: &Published) -> Option<String> {
    let event = &published.event;
    let (kind, data): (&str, Value) = match event.kind.as_str() {
        "alert.raised" => {
            let alert: Alert = serde_json::from_str(&event.data).ok()?;
            let at = event.occurred_at.unwrap_or(published.received_at);
            ("new_alert", shapes::new_alert(&alert, at))
        }
        "device.status" => {
            let device: DeviceStatus = serde_json::from_str(&event.data).ok()?;
            ("device_update", shapes::device(&device))
        }
        _ => return None,
    };
    Some(json!({"type": kind, "data": data}).to_string())
}
