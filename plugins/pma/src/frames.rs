//! What is sent: `{"type", "data", "timestamp"}`.

use hearthgate_plugin::rfc3339;
use serde::Serialize;
use std::time::SystemTime;

#[derive(Serialize)]
struct Frame<'a, T> {
    #[serde(rename = "type")]
    kind: &'a str,
    data: &'a T,
    timestamp: &'a str,
}

/// A frame of that moment.
pub fn at(kind: &str, data: &impl Serialize, timestamp: &str) -> String {
    let frame = Frame {
        kind,
        data,
        timestamp,
    };
    serde_json::to_string(&frame).expect("data of texts and numbers can be JSON")
}

/// A frame of now.
pub fn now(kind: &str, data: &impl Serialize) -> String {
    at(kind, data, &timestamp())
}

/// Now.
pub fn timestamp() -> String {
    rfc3339(SystemTime::now())
}

/// The guide's `error`.
pub fn error(code: &str, message: &str, details: &str) -> String {
    #[derive(Serialize)]
    struct Data<'a> {
        code: &'a str,
        message: &'a str,
        details: &'a str,
    }
    let data = Data {
        code,
        message,
        details,
    };
    now("error", &data)
}

/// `pong`.
pub fn pong() -> String {
    #[derive(Serialize)]
    struct Data<'a> {
        timestamp: &'a str,
    }
    let timestamp = timestamp();
    let data = Data {
        timestamp: &timestamp,
    };
    at("pong", &data, &timestamp)
}
