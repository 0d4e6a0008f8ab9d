//! The HTTP routes below `/ws`: reading is open, everything else an administrator's, unless the operator opens it.

mod connections;
mod monitoring;
mod send;

use crate::Config;
use hearthgate_plugin::{Caller, HttpCall, HttpReply, Identity};
use serde_json::{Map, Value, json};

/// An answer that is no success: its status, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal(pub u16, pub String);

/// What a route answers.
pub type Outcome = Result<Value, Refusal>;

/// Which route a request is for.
enum Route<'a> {
    Stats,
    Broadcast,
    SendToUser(&'a str),
    DeviceAlert,
    LiveMetrics,
    Notification,
    PerformanceData,
    DeviceAction(&'a str),
    AnalyticsUpdate,
    SecurityAlert,
    StartMonitoring(&'a str),
    Cleanup,
    Close(&'a str),
}

/// Answers a request.
#[must_use]
pub fn serve(call: &HttpCall, config: &Config) -> HttpReply {
    match answer(call, config) {
        Ok(body) => HttpReply::json(200, &body),
        Err(Refusal(status, detail)) => HttpReply::json(status, &json!({"detail": detail})),
    }
}

fn answer(call: &HttpCall, config: &Config) -> Outcome {
    let path = decoded(call.path.trim_end_matches('/'));
    let route = route(&call.method, &path)?;
    let body = || body(call);
    if matches!(route, Route::Stats) {
        return connections::stats();
    }
    let who = administrator(&call.caller, config)?;
    match route {
        Route::Stats => connections::stats(),
        Route::Broadcast => send::broadcast(&body()?),
        Route::SendToUser(user) => send::to_user(user, &body()?),
        Route::DeviceAlert => send::device_alert(&body()?),
        Route::LiveMetrics => send::live_metrics(&body()?),
        Route::Notification => send::notification(&body()?),
        Route::PerformanceData => send::performance_data(body()?),
        Route::DeviceAction(device) => send::device_action(device, &body()?),
        Route::AnalyticsUpdate => send::analytics_update(&body()?),
        Route::SecurityAlert => send::security_alert(&body()?),
        Route::StartMonitoring(device) => monitoring::start(device, &body()?, who),
        Route::Cleanup => connections::cleanup(),
        Route::Close(client) => connections::close(client),
    }
}

fn route<'a>(method: &str, path: &'a str) -> Result<Route<'a>, Refusal> {
    let rest = path.strip_prefix("/ws/").unwrap_or_default();
    let (name, id) = rest.split_once('/').unwrap_or((rest, ""));
    let (expected, route) = match (name, id) {
        ("stats", "") => ("GET", Route::Stats),
        ("broadcast", "") => ("POST", Route::Broadcast),
        ("device-alert", "") => ("POST", Route::DeviceAlert),
        ("live-metrics", "") => ("POST", Route::LiveMetrics),
        ("notification", "") => ("POST", Route::Notification),
        ("performance-data", "") => ("POST", Route::PerformanceData),
        ("analytics-update", "") => ("POST", Route::AnalyticsUpdate),
        ("security-alert", "") => ("POST", Route::SecurityAlert),
        ("cleanup", "") => ("POST", Route::Cleanup),
        ("send-to-user", id) if !id.is_empty() => ("POST", Route::SendToUser(id)),
        ("device-action", id) if !id.is_empty() => ("POST", Route::DeviceAction(id)),
        ("start-monitoring", id) if !id.is_empty() => ("POST", Route::StartMonitoring(id)),
        ("connections", id) if !id.is_empty() => ("DELETE", Route::Close(id)),
        _ => return Err(Refusal(404, "Not Found".to_owned())),
    };
    match method == expected {
        true => Ok(route),
        false => Err(Refusal(405, "Method Not Allowed".to_owned())),
    }
}

fn administrator<'a>(caller: &'a Caller, config: &Config) -> Result<Option<&'a Identity>, Refusal> {
    match caller {
        Caller::Identified(identity)
            if config.open_management || identity.roles.contains(&config.admin_role) =>
        {
            Ok(Some(identity))
        }
        _ if config.open_management => Ok(None),
        Caller::Identified(_) => Err(Refusal(403, "Admin access required".to_owned())),
        Caller::Invalid(_) => Err(Refusal(401, "Invalid token".to_owned())),
        Caller::Anonymous => Err(Refusal(401, "Not authenticated".to_owned())),
    }
}

/// An object; no body at all is an empty one.
fn body(call: &HttpCall) -> Result<Map<String, Value>, Refusal> {
    if call.body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Map::new());
    }
    serde_json::from_slice(&call.body).map_err(|_| Refusal(400, "Invalid request body".to_owned()))
}

/// A field that must be there.
fn required(body: &Map<String, Value>, field: &str) -> Result<String, Refusal> {
    let text = crate::speech::text(body, field).filter(|text| !text.is_empty());
    text.ok_or_else(|| Refusal(400, format!("{field} is required")))
}

/// A text that may be left out.
fn text_or(body: &Map<String, Value>, field: &str, default: &str) -> String {
    crate::speech::text(body, field).unwrap_or_else(|| default.to_owned())
}

/// An object that may be left out.
fn object(body: &Map<String, Value>, field: &str) -> Result<Map<String, Value>, Refusal> {
    match body.get(field) {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(object)) => Ok(object.clone()),
        Some(_) => Err(Refusal(400, format!("{field} must be an object"))),
    }
}

/// A path without its percent-encoding; what is none stays as it is.
fn decoded(path: &str) -> String {
    let bytes = path.as_bytes();
    let (mut out, mut i) = (Vec::with_capacity(bytes.len()), 0);
    while i < bytes.len() {
        let digits = (bytes[i] == b'%').then(|| path.get(i + 1..i + 3)).flatten();
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                i += 3;
            }
            None => {
                out.push(bytes[i]);
                i += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests;
