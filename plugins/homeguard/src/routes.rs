//! HomeGuard's HTTP API.

use crate::reply::Problem;
use crate::request::{number, parts, query};
use crate::shapes;
use hearthgate_plugin::events::DeviceStatus;
use hearthgate_plugin::gateway::{self, LoginError};
use hearthgate_plugin::{Caller, HttpCall, HttpReply, Identity, calls};
use serde::Deserialize;
use serde_json::{Value, json};

/// Most alerts of one answer.
const MOST_ALERTS: u32 = 1000;

type Answer = Result<Value, Problem>;

#[derive(Deserialize)]
struct Credentials {
    username: String,
    password: String,
}

/// Answers a request: the one place where paths are told apart.
#[must_use]
pub fn serve(call: &HttpCall) -> HttpReply {
    let parts = parts(&call.path);
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let answer = match (call.method.as_str(), &parts[..]) {
        ("GET" | "HEAD", ["health"]) => Ok(json!({"status": "healthy"})),
        ("POST", ["api", "auth", "login"]) => login(call),
        (method, path) => identified(call).and_then(|user| known(call, method, path, user)),
    };
    match answer {
        Ok(answer) => HttpReply::json(200, &answer),
        Err(problem) => problem.into(),
    }
}

/// What needs a user.
fn known(call: &HttpCall, method: &str, path: &[&str], user: &Identity) -> Answer {
    match (method, path) {
        ("GET", ["api", "auth", "me"]) => Ok(me(user)),
        ("GET", ["api", "devices"]) => devices(user),
        ("GET", ["api", "devices", id]) => device(id, user),
        ("POST", ["api", "devices", id, "block"]) => block(id, true, user),
        ("POST", ["api", "devices", id, "unblock"]) => block(id, false, user),
        ("POST", ["api", "devices", id, "name"]) => rename(call, id, user),
        ("GET", ["api", "alerts"]) => alerts(call, user),
        ("GET", ["api", "alerts", "stats", "summary"]) => summary(call, user),
        ("PATCH", ["api", "alerts", id, "acknowledge"]) => acknowledge(id, user),
        (_, path) if is_known(path) => Err(Problem::new(405, "Method Not Allowed")),
        _ => Err(Problem::new(404, "Not Found")),
    }
}

fn is_known(path: &[&str]) -> bool {
    matches!(
        path,
        ["health"]
            | ["api", "auth", "login" | "me"]
            | ["api", "devices"]
            | ["api", "devices", _]
            | ["api", "devices", _, "block" | "unblock" | "name"]
            | ["api", "alerts"]
            | ["api", "alerts", "stats", "summary"]
            | ["api", "alerts", _, "acknowledge"]
    )
}

/// Who asks. FastAPI's bearer scheme answers a missing credential with 403, and HomeGuard a bad one with 401.
fn identified(call: &HttpCall) -> Result<&Identity, Problem> {
    match &call.caller {
        Caller::Identified(identity) => Ok(identity),
        Caller::Anonymous => Err(Problem::new(403, "Not authenticated")),
        Caller::Invalid(_) => Err(Problem::new(401, "Could not validate credentials")),
    }
}

fn login(call: &HttpCall) -> Answer {
    let credentials: Credentials = serde_json::from_slice(&call.body)
        .map_err(|_| Problem::new(422, "username and password are required"))?;
    let session = gateway::login(&credentials.username, &credentials.password, &call.address);
    match session {
        Ok(session) => Ok(json!({
            "access_token": session.access_token, "refresh_token": session.refresh_token, "token_type": "bearer",
        })),
        Err(LoginError::InvalidCredentials) => {
            Err(Problem::new(401, "Incorrect username or password"))
        }
        Err(LoginError::Throttled(millis)) => Err(Problem::throttled(millis)),
        Err(LoginError::Unavailable(why)) => Err(Problem::new(503, why)),
    }
}

fn me(user: &Identity) -> Value {
    let claims: Value = serde_json::from_str(&user.claims).unwrap_or_default();
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    json!({
        "id": user.subject,
        "username": text("username").or(text("name")).unwrap_or(&user.subject),
        "roles": user.roles,
    })
}

/// Asks a handler on the user's behalf.
fn ask(kind: &str, data: &Value, user: &Identity, failed: &str) -> Answer {
    let reply =
        calls::call(kind, data, Some(user)).map_err(|error| Problem::of_call(error, failed))?;
    serde_json::from_str(&reply).map_err(|error| Problem::new(500, format!("{failed}: {error}")))
}

fn all_devices(user: &Identity) -> Result<Vec<DeviceStatus>, Problem> {
    let mut answer = ask("list_devices", &json!({}), user, "Failed to list devices")?;
    let devices = answer
        .get_mut("devices")
        .map(Value::take)
        .unwrap_or_default();
    serde_json::from_value(devices)
        .map_err(|error| Problem::new(500, format!("Failed to list devices: {error}")))
}

fn devices(user: &Identity) -> Answer {
    let devices = all_devices(user)?;
    Ok(devices.iter().map(shapes::device).collect())
}

/// By `_id`, IP address or hardware address.
fn device(id: &str, user: &Identity) -> Answer {
    let devices = all_devices(user)?;
    let found = devices.iter().find(|device| is_called(device, id));
    found
        .map(shapes::device)
        .ok_or_else(|| Problem::new(404, "Device not found"))
}

fn is_called(device: &DeviceStatus, id: &str) -> bool {
    let same = |other: Option<&String>| other.is_some_and(|other| other.eq_ignore_ascii_case(id));
    let addresses = device
        .properties
        .as_ref()
        .and_then(|properties| properties.get("ips")?.as_array());
    let has = addresses.is_some_and(|addresses| addresses.iter().any(|address| address == id));
    same(Some(&device.device_id)) || same(device.ip.as_ref()) || same(device.mac.as_ref()) || has
}

fn block(id: &str, block: bool, user: &Identity) -> Answer {
    let (kind, word) = if block {
        ("block_device", "block")
    } else {
        ("unblock_device", "unblock")
    };
    let failed = format!("Failed to {word} device");
    let device = ask(kind, &json!({"device_id": id}), user, &failed)?;
    let device: DeviceStatus = serde_json::from_value(device)
        .map_err(|error| Problem::new(500, format!("{failed}: {error}")))?;
    Ok(json!({
        "message": format!("Device {word}ed successfully"),
        "device_id": device.device_id,
        "is_blocked": device.is_blocked,
        "status": shapes::status(device.status),
    }))
}

fn rename(call: &HttpCall, id: &str, user: &Identity) -> Answer {
    let name = query(call, "name").ok_or_else(|| Problem::new(422, "name is required"))?;
    let renamed = json!({"device_id": id, "name": name});
    let device = ask("rename_device", &renamed, user, "Failed to rename device")?;
    Ok(json!({
        "message": "Device name updated successfully", "device_id": device.get("device_id"), "name": device.get("name"),
    }))
}

fn alerts(call: &HttpCall, user: &Identity) -> Answer {
    let mut asked = json!({
        "days": number(call, "days", 7, 1, 3650)?,
        "limit": number(call, "limit", 100, 1, MOST_ALERTS)?,
    });
    if let Some(severity) = query(call, "severity") {
        asked["severity"] = json!(severity.to_ascii_lowercase());
    }
    if let Some(device) = query(call, "device_id") {
        asked["device_id"] = json!(device);
    }
    let answer = ask("list_alerts", &asked, user, "Failed to list alerts")?;
    let listed = answer.get("alerts").and_then(Value::as_array);
    Ok(listed
        .into_iter()
        .flatten()
        .filter_map(shapes::listed_alert)
        .collect())
}

fn acknowledge(id: &str, user: &Identity) -> Answer {
    let asked = json!({"alert_id": id});
    let alert = ask(
        "acknowledge_alert",
        &asked,
        user,
        "Failed to acknowledge alert",
    )?;
    Ok(json!({
        "message": "Alert acknowledged successfully", "alert_id": alert.get("alert_id"), "acknowledged": true,
    }))
}

fn summary(call: &HttpCall, user: &Identity) -> Answer {
    let days = number(call, "days", 7, 1, 3650)?;
    let mut stats = ask(
        "alert_stats",
        &json!({"days": days}),
        user,
        "Failed to summarise alerts",
    )?;
    let top = stats.get("top_devices").and_then(Value::as_array);
    let device =
        |device: &Value| json!({"_id": device.get("device_id"), "count": device.get("count")});
    let top: Vec<Value> = top.into_iter().flatten().map(device).collect();
    stats["top_devices"] = json!(top);
    Ok(stats)
}
