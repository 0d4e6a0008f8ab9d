//! PMA's HTTP routes about its WebSocket clients.

mod stats;

use crate::frames::timestamp;
use crate::session;
use hearthgate_plugin::events::BroadcastSent;
use hearthgate_plugin::{Caller, Event, HttpCall, HttpReply, gateway};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Connections of one answer, where the request names no number.
const DEFAULT_LIMIT: u32 = 100;
/// Most connections of one answer.
const MAX_LIMIT: u32 = 1000;

/// What the routes tell of the service.
pub struct Service {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// Why a request is refused: the status and the sentence that PMA's clients know.
struct Refusal(u16, String);

type Answer = Result<Value, Refusal>;

/// Answers a request.
pub fn serve(service: &Service, call: &HttpCall) -> HttpReply {
    let path = call.path.trim_end_matches('/');
    if path == "/health" && call.method == "GET" {
        let health =
            json!({"status": "healthy", "service": service.name, "version": service.version});
        return HttpReply::json(200, &health);
    }
    let (method, answer): (&str, fn(&HttpCall) -> Answer) = match path {
        "/health" => ("GET", |_| Ok(Value::Null)),
        "/api/v1/websocket/stats" => ("GET", |_| Ok(stats::stats(&figures()?))),
        "/api/v1/websocket/metrics" => ("GET", |_| Ok(stats::metrics(&figures()?))),
        "/api/v1/websocket/clients" => ("GET", clients),
        "/api/v1/websocket/broadcast" => ("POST", broadcast),
        _ => return reply(identified(call).and(Err(Refusal(404, "Not found".to_owned())))),
    };
    if path != "/health"
        && let Err(refusal) = identified(call)
    {
        return reply(Err(refusal));
    }
    if call.method != method {
        let mut refused = reply(Err(Refusal(405, "Method not allowed".to_owned())));
        refused
            .headers
            .push(("allow".to_owned(), method.to_owned()));
        return refused;
    }
    reply(answer(call))
}

fn reply(answer: Answer) -> HttpReply {
    let timestamp = timestamp();
    match answer {
        Ok(data) => HttpReply::json(
            200,
            &json!({"success": true, "data": data, "timestamp": timestamp}),
        ),
        Err(Refusal(status, error)) => {
            let body = json!({"success": false, "error": error, "timestamp": timestamp});
            let mut reply = HttpReply::json(status, &body);
            if status == 401 {
                // RFC 9110, section 15.5.2: such an answer names a challenge.
                let challenge = ("www-authenticate".to_owned(), "Bearer".to_owned());
                reply.headers.push(challenge);
            }
            reply
        }
    }
}

fn identified(call: &HttpCall) -> Result<(), Refusal> {
    let why = match &call.caller {
        Caller::Identified(_) => return Ok(()),
        Caller::Anonymous => "Authorization header required",
        Caller::Invalid(_) => "Invalid token",
    };
    Err(Refusal(401, why.to_owned()))
}

fn figures() -> Result<Value, Refusal> {
    told(&gateway::stats())
}

/// What the gateway told; `null` where that is not granted.
fn told(json: &str) -> Result<Value, Refusal> {
    let told: Value = serde_json::from_str(json).unwrap_or_default();
    match told.is_null() {
        true => Err(Refusal(
            503,
            "The gateway does not tell: grants.gateway is missing".to_owned(),
        )),
        false => Ok(told),
    }
}

fn broadcast(call: &HttpCall) -> Answer {
    #[derive(Deserialize)]
    struct Body {
        #[serde(rename = "type")]
        kind: String,
        data: Map<String, Value>,
    }
    let body = match call.body.trim_ascii_start().first() {
        Some(b'{') => serde_json::from_slice::<Body>(&call.body).ok(),
        _ => None,
    };
    let Some(body) = body.filter(|body| !body.kind.trim().is_empty()) else {
        return Err(Refusal(400, "Invalid request body".to_owned()));
    };
    let sent = BroadcastSent::new(body.kind.clone(), body.data);
    let count =
        gateway::send(&[], Event::of(&sent)).map_err(|error| Refusal(503, error.to_string()))?;
    Ok(json!({
        "message": "Message broadcasted successfully",
        "clients_count": count,
        "message_type": body.kind,
    }))
}

fn clients(call: &HttpCall) -> Answer {
    let number = |name: &str, default: u32| {
        let given = call.query.iter().find(|(key, _)| key == name);
        match given.map(|(_, value)| value.parse::<u32>()) {
            None => Ok(default),
            Some(Ok(number)) => Ok(number),
            Some(Err(_)) => Err(Refusal(400, format!("Invalid {name}"))),
        }
    };
    let limit = number("limit", DEFAULT_LIMIT)?.min(MAX_LIMIT);
    let offset = number("offset", 0)?;
    let listed = told(&gateway::clients(offset, limit))?;
    let connections = listed["connections"].as_array().into_iter().flatten();
    Ok(json!({
        "connections": connections.map(connection).collect::<Vec<_>>(),
        "total": listed["total"],
        "limit": limit,
        "offset": offset,
    }))
}

/// A connection as PMA lists it. Its own id and its sets are known of this dialect's clients only.
fn connection(told: &Value) -> Value {
    let kept = told["session"].as_str().unwrap_or_default();
    let client_id = Some(session::client_id(kept)).filter(|id| !id.is_empty());
    json!({
        "id": told["id"],
        "user_agent": told["user_agent"].as_str().unwrap_or_default(),
        "ip_address": stats::host(told["address"].as_str().unwrap_or_default()),
        "connected_at": told["connected_at"],
        "last_seen": told["last_seen"],
        "authenticated": told["authenticated"].as_bool().unwrap_or(false),
        "subscriptions": session::Session::read(kept).items(),
        "metadata": {
            "client_id": client_id,
            "dialect": told["dialect"],
            "user_id": told["subject"],
            "messages_sent": told["sent"],
            "messages_received": told["received"],
        },
    })
}
