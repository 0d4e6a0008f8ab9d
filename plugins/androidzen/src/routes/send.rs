//! Messages that somebody sends over HTTP. Each becomes an event, so that clients of other protocols see it too.

use super::{Outcome, Refusal, connections, object, required, text_or};
use crate::session::Session;
use crate::topics::{CHANNEL, LONGEST, USER};
use hearthgate_plugin::events::{
    ActionStatus, Alert, AlertDevice, AlertRaised, AlertSeverity, AlertStatus, BroadcastSent,
    DeviceAction, DeviceMetrics, NotificationSent, topic,
};
use hearthgate_plugin::{Event, gateway};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};

/// The types that the protocol knows.
const TYPES: [&str; 14] = [
    "device_status",
    "live_metrics",
    "performance_data",
    "analytics_update",
    "notification",
    "security_alert",
    "device_action",
    "system_message",
    "heartbeat",
    "device_connected",
    "device_disconnected",
    "subscription",
    "unsubscription",
    "error",
];

type Body = Map<String, Value>;

/// Sends an event to everyone whose topics it fits, or to one user; returns how many of this protocol's connections that were.
/// They are counted by their sessions: the gateway's own count knows nothing of a dialect's topics.
fn send(to: &To<'_>, event: Event) -> Result<usize, Refusal> {
    let audience: Vec<String> = match to {
        To::User(user) => vec![format!("user:{user}")],
        To::All | To::Topics(_) => Vec::new(),
    };
    let recipients = connections::count(|session| to.reaches(session))?;
    gateway::send(&audience, event).map_err(|error| Refusal(500, error.to_string()))?;
    Ok(recipients)
}

/// Whom a message is for.
enum To<'a> {
    /// Everybody.
    All,
    /// A user's connections.
    User(&'a str),
    /// Those who subscribed to one of these.
    Topics(&'a [&'a str]),
}

impl To<'_> {
    fn reaches(&self, session: &Session) -> bool {
        match self {
            Self::All => true,
            Self::User(user) => session.user.as_deref() == Some(*user),
            Self::Topics(topics) => topics.iter().any(|topic| session.topics.contains(*topic)),
        }
    }
}

fn random_id() -> String {
    format!("{:016x}", RandomState::new().hash_one(0))
}

/// A message of a type, for one of the clients' topics or for all.
pub fn custom(kind: &str, data: Body, channel: Option<&str>) -> Event {
    Event::of(&BroadcastSent::new(kind, data)).label_if(CHANNEL, channel)
}

pub fn broadcast(body: &Body) -> Outcome {
    let kind = text_or(body, "type", "analytics_update");
    if !TYPES.contains(&kind.as_str()) {
        return Err(Refusal(400, format!("Invalid message type: {kind}")));
    }
    let channel =
        crate::speech::text(body, "subscription_filter").filter(|channel| !channel.is_empty());
    if channel
        .as_ref()
        .is_some_and(|channel| channel.len() > LONGEST)
    {
        return Err(Refusal(
            400,
            format!("subscription_filter has at most {LONGEST} bytes"),
        ));
    }
    let event = custom(&kind, object(body, "data")?, channel.as_deref());
    let recipients = match channel.as_deref() {
        Some(channel) => send(&To::Topics(&[channel]), event)?,
        None => send(&To::All, event)?,
    };
    Ok(json!({"message": "Broadcast sent successfully", "recipients": recipients, "type": kind}))
}

pub fn to_user(user: &str, body: &Body) -> Outcome {
    let kind = text_or(body, "type", "notification");
    if !TYPES.contains(&kind.as_str()) {
        return Err(Refusal(400, format!("Invalid message type: {kind}")));
    }
    let event = custom(&kind, object(body, "data")?, None);
    let recipients = send(&To::User(user), event)?;
    let message = match recipients {
        0 => "User not connected or no active sessions",
        _ => "Message sent successfully",
    };
    Ok(json!({"message": message, "user_id": user, "recipients": recipients}))
}

pub fn device_alert(body: &Body) -> Outcome {
    let device = required(body, "device_id")?;
    let kind = text_or(body, "alert_type", "general");
    let event = alert(
        "device",
        &kind,
        &device,
        &text_or(body, "message", "Device alert"),
        body,
    )?;
    let recipients = send(&To::Topics(&[&format!("device_{device}")]), event)?;
    Ok(
        json!({"message": "Device alert sent successfully", "device_id": device, "alert_type": kind, "recipients": recipients}),
    )
}

pub fn security_alert(body: &Body) -> Outcome {
    let device = required(body, "device_id")?;
    let kind = text_or(body, "alert_type", "general");
    let event = alert(
        "security",
        &kind,
        &device,
        &text_or(body, "message", "Security alert"),
        body,
    )?;
    let recipients = send(
        &To::Topics(&["security", &format!("device_{device}")]),
        event,
    )?;
    Ok(
        json!({"message": "Security alert sent successfully", "device_id": device, "alert_type": kind, "recipients": recipients}),
    )
}

/// News, not a state: nobody could clear it.
fn alert(
    category: &str,
    kind: &str,
    device: &str,
    message: &str,
    body: &Body,
) -> Result<Event, Refusal> {
    let severity = text_or(body, "severity", "medium");
    let words = [
        AlertSeverity::Low,
        AlertSeverity::Medium,
        AlertSeverity::High,
        AlertSeverity::Critical,
    ];
    let Some(severity) = words.into_iter().find(|word| word.as_str() == severity) else {
        return Err(Refusal(
            400,
            "severity is one of low, medium, high, critical".to_owned(),
        ));
    };
    let mut details = object(body, "alert_details")?;
    details.insert("alert_type".to_owned(), kind.into());
    let title = text_or(body, "title", message);
    let data = Alert {
        message: Some(message.to_owned()),
        device: Some(AlertDevice {
            id: Some(device.to_owned()),
            ..AlertDevice::new()
        }),
        details: Some(details),
        ..Alert::new(random_id(), category, severity, title, AlertStatus::Open)
    };
    let event = Event::of(&AlertRaised(data)).retain(false);
    Ok(event
        .label("device", device)
        .label("severity", severity.as_str())
        .label("category", category))
}

pub fn live_metrics(body: &Body) -> Outcome {
    let device = required(body, "device_id")?;
    let metrics = object(body, "metrics")?;
    let numbers: BTreeMap<String, f64> = metrics
        .iter()
        .filter_map(|(name, value)| Some((name.clone(), value.as_f64()?)))
        .collect();
    if numbers.len() < metrics.len() {
        return Err(Refusal(400, "metrics must be numbers".to_owned()));
    }
    let count = numbers.len();
    let event = Event::of(&DeviceMetrics::new(device.as_str(), numbers)).label("device", &*device);
    let recipients = send(&To::Topics(&[&format!("metrics_{device}")]), event)?;
    Ok(
        json!({"message": "Live metrics sent successfully", "device_id": device, "metrics_count": count, "recipients": recipients}),
    )
}

pub fn notification(body: &Body) -> Outcome {
    let (title, message) = (required(body, "title")?, required(body, "message")?);
    let (kind, severity) = (
        text_or(body, "type", "info"),
        text_or(body, "severity", "info"),
    );
    let (user, device) = (
        crate::speech::text(body, "user_id"),
        crate::speech::text(body, "device_id"),
    );
    let id = random_id();
    let data = NotificationSent {
        device_id: device.clone(),
        data: Some(object(body, "data")?).filter(|data| !data.is_empty()),
        ..NotificationSent::new(
            id.as_str(),
            kind.as_str(),
            title,
            message,
            severity.as_str(),
            false,
        )
    };
    let event = Event::of(&data)
        .label("severity", &*severity)
        .label_if("device", device)
        .label_if(USER, user.as_deref());
    let recipients = match user.as_deref() {
        Some(user) => send(&To::User(user), event)?,
        None => send(&To::Topics(&["notifications"]), event)?,
    };
    Ok(
        json!({"message": "Notification sent successfully", "notification_id": id, "type": kind, "recipients": recipients}),
    )
}

pub fn performance_data(body: Body) -> Outcome {
    let points = body.len();
    let scope = text_or(&body, "device_id", "androidzen");
    let device = crate::speech::text(&body, "device_id");
    let event = Event::new(
        "performance.updated",
        topic(&["performance", &scope]),
        &body,
    )
    .label_if("device", device);
    let recipients = send(&To::Topics(&["performance"]), event)?;
    Ok(
        json!({"message": "Performance data sent successfully", "data_points": points, "recipients": recipients}),
    )
}

pub fn analytics_update(body: &Body) -> Outcome {
    let device = crate::speech::text(body, "device_id");
    let metrics = match body.contains_key("metrics") {
        true => object(body, "metrics")?,
        false => body
            .iter()
            .filter(|(name, _)| *name != "device_id")
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect(),
    };
    let scope = device.as_deref().unwrap_or("androidzen");
    let data = json!({"device_id": device, "metrics": metrics});
    let event = Event::new("analytics.updated", topic(&["analytics", scope]), &data)
        .label_if("device", device.clone());
    let recipients = send(&To::Topics(&["analytics"]), event)?;
    Ok(
        json!({"message": "Analytics update sent successfully", "device_id": device, "recipients": recipients}),
    )
}

pub fn device_action(device: &str, body: &Body) -> Outcome {
    let (id, kind) = (required(body, "action_id")?, required(body, "action_type")?);
    let status = required(body, "status")?;
    let words = [
        ActionStatus::Queued,
        ActionStatus::InProgress,
        ActionStatus::Completed,
        ActionStatus::Failed,
    ];
    let Some(status) = words.into_iter().find(|word| word.as_str() == status) else {
        return Err(Refusal(
            400,
            "status is one of queued, in_progress, completed, failed".to_owned(),
        ));
    };
    let data = DeviceAction {
        result: body
            .get("result")
            .filter(|result| !result.is_null())
            .cloned(),
        ..DeviceAction::new(id.as_str(), device, kind.as_str(), status)
    };
    let event = Event::of(&data).label("device", device);
    let recipients = send(&To::Topics(&[&format!("device_{device}")]), event)?;
    Ok(
        json!({"message": "Device action sent successfully", "device_id": device, "action_id": id, "action_type": kind, "status": status.as_str(), "recipients": recipients}),
    )
}
