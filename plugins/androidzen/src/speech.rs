//! What clients are sent: one envelope, `{type, timestamp, data}`.

use hearthgate_plugin::rfc3339;
use serde_json::{Map, Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The greeting's words.
const WELCOME: &str = "Connected to AndroidZen Pro real-time monitoring";

/// A message, as of now.
#[must_use]
pub fn message(kind: &str, data: Value) -> String {
    at(kind, data, &rfc3339(SystemTime::now()))
}

/// A message about something that happened at that time.
#[must_use]
pub fn at(kind: &str, data: Value, timestamp: &str) -> String {
    json!({"type": kind, "timestamp": timestamp, "data": data}).to_string()
}

/// Milliseconds since the Unix epoch as the clients read them.
#[must_use]
pub fn instant(millis: u64) -> String {
    rfc3339(UNIX_EPOCH + Duration::from_millis(millis))
}

/// The one greeting.
#[must_use]
pub fn greeting(client_id: &str, user: Option<(&str, &str)>) -> String {
    let (user_id, username) = user.unzip();
    let data = json!({"client_id": client_id, "user_id": user_id, "username": username, "message": WELCOME});
    message("device_connected", data)
}

/// An error; the socket stays open.
#[must_use]
pub fn error(text: &str) -> String {
    message("error", json!({"message": text, "code": null}))
}

/// The error for a type that nobody knows.
#[must_use]
pub fn unknown(kind: &str) -> String {
    error(&format!("Unknown message type: {kind}"))
}

/// An object's field as text; numbers too, as ids are sometimes numbers.
#[must_use]
pub fn text(object: &Map<String, Value>, name: &str) -> Option<String> {
    match object.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
