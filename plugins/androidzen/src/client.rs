//! What clients say, and what they are answered: always at once, and nothing before.

use crate::session::{MAX_BYTES, Session, identity, username};
use crate::topics::{self, LONGEST};
use crate::{refresh, speech};
use hearthgate_plugin::{Action, CallError, DialectClient, Rejection};
use serde_json::{Map, Value, json};

/// The greeting, and the subscriptions that everyone has.
#[must_use]
pub fn opened(client: &DialectClient) -> Vec<Action> {
    let session = Session::new(client);
    let who = identity(&client.caller);
    let name = who.map(username);
    let user = who.and_then(|who| Some((who.subject.as_str(), name.as_deref()?)));
    let greeting = speech::greeting(&session.client_id, user);
    let mut actions = vec![Action::SetSession(session.to_text())];
    actions.extend(topics::everyone(user.map(|(subject, _)| subject)));
    actions.push(Action::Send(greeting));
    actions
}

/// The answer to a text.
#[must_use]
pub fn said(client: &DialectClient, text: &str, max_topics: usize) -> Vec<Action> {
    let send = |text: String| vec![Action::Send(text)];
    let Ok(message) = serde_json::from_str::<Map<String, Value>>(text) else {
        return send(speech::error("Invalid JSON message"));
    };
    let kind = match message.get("type") {
        Some(Value::String(kind)) => kind.as_str(),
        // As the clients' own server wrote it.
        None | Some(Value::Null) => return send(speech::unknown("None")),
        Some(other) => return send(speech::unknown(&other.to_string())),
    };
    match kind {
        "heartbeat" => send(speech::message("heartbeat", json!({"status": "alive"}))),
        "ping" => send(speech::message("pong", json!({}))),
        "pong" => Vec::new(),
        "subscription" | "unsubscription" => {
            subscription(client, kind, topic(&message), max_topics)
        }
        "subscribe_device" | "unsubscribe_device" => {
            let kind = if kind == "subscribe_device" {
                "subscription"
            } else {
                "unsubscription"
            };
            subscription(
                client,
                kind,
                device(&message).map(|id| format!("device_{id}")),
                max_topics,
            )
        }
        "refresh_data" => refreshed(client),
        // Whatever some plugin answers; what nobody answers comes back as unknown.
        other => vec![Action::Call((other.to_owned(), data(&message).to_string()))],
    }
}

/// A handler answered, or nobody did.
#[must_use]
pub fn replied(kind: &str, outcome: Result<String, CallError>) -> Vec<Action> {
    let text = match outcome {
        Ok(data) => {
            let data: Value = serde_json::from_str(&data).unwrap_or_default();
            speech::message(kind, data)
        }
        Err(CallError::UnknownType) => speech::unknown(kind),
        Err(CallError::Rejected(rejection)) => speech::error(&match rejection {
            Rejection::BadRequest(reason)
            | Rejection::Forbidden(reason)
            | Rejection::NotFound(reason)
            | Rejection::Unavailable(reason) => reason,
        }),
        Err(CallError::Failed(_)) => speech::error(&format!("{kind} failed")),
        Err(CallError::Unavailable(_)) => {
            speech::error(&format!("{kind} is not available at the moment"))
        }
    };
    vec![Action::Send(text)]
}

fn subscription(
    client: &DialectClient,
    kind: &str,
    topic: Option<String>,
    max_topics: usize,
) -> Vec<Action> {
    let refused = |text: &str| vec![Action::Send(speech::error(text))];
    let Some(topic) = topic.filter(|topic| !topic.is_empty()) else {
        return refused("Topic is required");
    };
    if topic.len() > LONGEST {
        return refused(&format!("A topic has at most {LONGEST} bytes"));
    }
    let mut session = Session::of(client);
    let (status, is_new) = match kind {
        "subscription"
            if session.topics.len() >= max_topics && !session.topics.contains(&topic) =>
        {
            return refused(&format!("Too many subscriptions: at most {max_topics}"));
        }
        "subscription" => ("subscribed", session.topics.insert(topic.clone())),
        _ => ("unsubscribed", session.topics.remove(&topic)),
    };
    let mut actions = Vec::new();
    if is_new {
        let kept = session.to_text();
        // Control characters and quotes grow when they are written down.
        if kept.len() > MAX_BYTES {
            return refused("Too many subscriptions: their topics are too long together");
        }
        actions.push(Action::SetSession(kept));
        actions.extend(topics::changed(&session.topics, &topic));
    }
    actions.push(Action::Send(speech::message(
        kind,
        json!({"topic": topic, "status": status}),
    )));
    actions
}

fn refreshed(client: &DialectClient) -> Vec<Action> {
    let states = match refresh::states(&Session::of(client).topics) {
        Ok(states) => states,
        Err(_) => return vec![Action::Send(speech::unknown("refresh_data"))],
    };
    let answer = speech::message(
        "refresh_data",
        json!({"status": "completed", "count": states.len()}),
    );
    std::iter::once(answer)
        .chain(states)
        .map(Action::Send)
        .collect()
}

fn topic(message: &Map<String, Value>) -> Option<String> {
    let inner = message.get("data").and_then(|data| data.get("topic"));
    let topic = inner.or_else(|| message.get("topic"))?;
    Some(topic.as_str()?.to_owned())
}

fn device(message: &Map<String, Value>) -> Option<String> {
    let places = ["payload", "data"]
        .iter()
        .filter_map(|place| message.get(*place)?.as_object());
    let mut ids = places.filter_map(|place| {
        speech::text(place, "deviceId").or_else(|| speech::text(place, "device_id"))
    });
    ids.next().filter(|id| !id.is_empty())
}

/// What a handler is told. The web client writes some of its messages without `data`: then it is their other fields.
fn data(message: &Map<String, Value>) -> Value {
    let data = message.get("data").or_else(|| message.get("payload"));
    data.cloned().unwrap_or_else(|| {
        let fields = message.iter();
        let beside = fields.filter(|(key, _)| !["type", "timestamp"].contains(&key.as_str()));
        let own = beside.map(|(key, value)| (key.clone(), value.clone()));
        Value::Object(own.collect())
    })
}

#[cfg(test)]
mod tests;
