//! PMA's clients, unmodified: its WebSocket messages in the form of either of its two documents, and its HTTP
//! routes. See the README beside this crate.

mod change;
mod encode;
mod frames;
mod http;
mod message;
mod names;
mod selection;
mod session;
mod topics;

use change::{Action as Change, Rules, Target};
use hearthgate_plugin::events::Room;
use hearthgate_plugin::{
    Action, CallError, DialectClient, Failure, GatewayStats, HttpAnswer, HttpCall, Identity,
    Plugin, Published, Rejection, Start, log, metrics, retained,
};
use message::{Message, text_of};
use selection::SourceNames;
use serde::Deserialize;
use serde_json::json;
use session::Session;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};

/// Longest text that is kept of a client: the host takes no longer one. What is subscribed to is counted in it
/// afterwards, in a few digits more.
const MAX_SESSION_BYTES: usize = 64 * 1024 - 16;
/// Longest type of a message that is handed to a handler.
const MAX_KIND_BYTES: usize = 64;

/// The configuration.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Config {
    dialect: Form,
    max_items: usize,
    source_names: BTreeMap<String, String>,
    entity_domains: BTreeSet<String>,
    service: String,
}

/// Which of PMA's documents is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Form {
    /// The infrastructure document.
    Legacy,
    /// The guide.
    Guide,
}

/// The plugin.
pub struct Pma {
    form: Form,
    max_items: usize,
    names: SourceNames,
    domains: BTreeSet<String>,
    service: http::Service,
}

impl Plugin for Pma {
    type Config = Config;

    fn init(start: &mut Start, config: Config) -> Result<Self, Failure> {
        Ok(Self {
            form: config.dialect,
            max_items: config.max_items,
            names: SourceNames(config.source_names),
            domains: config.entity_domains,
            service: http::Service {
                name: config.service,
                version: start.host_version.clone(),
            },
        })
    }

    fn on_open(&mut self, client: DialectClient) -> Vec<Action> {
        let client_id = client_id(&client.query);
        let mut session = Session {
            client_id: client_id.into(),
            ..Session::default()
        };
        let mut actions = vec![Action::Send(self.greeting(&session.client_id))];
        // Who has asked for nothing yet never asks for too much.
        let _few = self.select(&mut session, &mut actions);
        actions.push(Action::SetSession(session.write()));
        actions
    }

    fn on_text(&mut self, client: DialectClient, text: String) -> Vec<Action> {
        let message = match Message::parse(&text) {
            Ok(message) => message,
            Err(place) => {
                return self.error("INVALID_MESSAGE_FORMAT", "Invalid JSON format", &place);
            }
        };
        let Some(kind) = message.kind.as_deref() else {
            return self.error(
                "UNKNOWN_MESSAGE_TYPE",
                "Missing message type",
                "The field type must be a text",
            );
        };
        match kind {
            "ping" => vec![Action::Send(frames::pong())],
            "pong" => Vec::new(),
            "authenticate" | "auth" => authenticate(&message),
            _ => match subscription(kind) {
                Some(what) => self.change(&client.session, what, &message),
                None => self.call(kind, &message),
            },
        }
    }

    fn on_reply(
        &mut self,
        _: DialectClient,
        kind: String,
        outcome: Result<String, CallError>,
    ) -> Vec<Action> {
        let (code, message) = match outcome {
            Ok(data) => return reply(&kind, &data),
            Err(CallError::UnknownType) => return self.unknown_type(&kind),
            Err(CallError::Rejected(rejection)) => rejected(rejection),
            Err(CallError::Failed(reason)) => ("HANDLER_FAILED", reason),
            Err(CallError::Unavailable(reason)) => ("HANDLER_UNAVAILABLE", reason),
        };
        vec![Action::Send(frames::error(code, &message, &kind))]
    }

    fn on_authenticated(
        &mut self,
        _: DialectClient,
        outcome: Result<Identity, String>,
    ) -> Vec<Action> {
        let frame = match outcome {
            Ok(identity) => {
                let message = "Authentication successful";
                let data = json!({"user_id": identity.subject, "message": message});
                frames::now("authentication_success", &data)
            }
            Err(reason) => authentication_failure(&reason),
        };
        vec![Action::Send(frame)]
    }

    fn encode(&mut self, events: Vec<Published>) -> Vec<Vec<String>> {
        let encode = |published: &Published| {
            encode::event(published, self.form, &self.names).unwrap_or_else(|error| {
                metrics::add("events_skipped_total", 1, &[]);
                let (kind, topic) = (&published.event.kind, &published.event.topic);
                log::warn!("an event can't be told to clients: {kind} on {topic}: {error}");
                Vec::new()
            })
        };
        events.iter().map(encode).collect()
    }

    fn heartbeat(&mut self, stats: GatewayStats) -> Vec<String> {
        let timestamp = frames::timestamp();
        let (clients, uptime) = (stats.connections, stats.uptime_ms / 1000);
        match self.form {
            Form::Legacy => {
                let data = json!({"timestamp": timestamp, "clients": clients});
                vec![frames::at("heartbeat", &data, &timestamp)]
            }
            Form::Guide => {
                let beat = json!({
                    "timestamp": timestamp,
                    "clients": clients,
                    "server_time": timestamp,
                    "connected_clients": clients,
                    "uptime": uptime,
                });
                let ping = json!({"timestamp": timestamp});
                vec![
                    frames::at("ping", &ping, &timestamp),
                    frames::at("heartbeat", &beat, &timestamp),
                ]
            }
        }
    }

    fn serve(&mut self, call: HttpCall) -> HttpAnswer {
        http::serve(&self.service, &call).into()
    }
}

impl Pma {
    fn greeting(&self, client_id: &str) -> String {
        let timestamp = frames::timestamp();
        match self.form {
            Form::Legacy => {
                let data =
                    json!({"status": "connected", "client_id": client_id, "timestamp": timestamp});
                frames::at("connection", &data, &timestamp)
            }
            Form::Guide => {
                let data = json!({
                    "client_id": client_id,
                    "server_time": timestamp,
                    "message": "Connected to PMA WebSocket server",
                    "features": ["subscriptions", "heartbeat", "batching"],
                    "status": "connected",
                    "timestamp": timestamp,
                });
                frames::at("welcome", &data, &timestamp)
            }
        }
    }

    /// The guide's error; the infrastructure document has none, its clients are not answered.
    fn error(&self, code: &str, message: &str, details: &str) -> Vec<Action> {
        match self.form {
            Form::Legacy => Vec::new(),
            Form::Guide => vec![Action::Send(frames::error(code, message, details))],
        }
    }

    fn unknown_type(&self, kind: &str) -> Vec<Action> {
        let shown: String = kind.chars().take(MAX_KIND_BYTES).collect();
        self.error("UNKNOWN_MESSAGE_TYPE", "Unknown message type", &shown)
    }

    fn change(&self, kept: &str, what: (Change, Target), message: &Message<'_>) -> Vec<Action> {
        let mut actions = Vec::new();
        let change = match message.fields() {
            Ok(data) => {
                let mut session = Session::read(kept);
                let before = session.clone();
                let rules = Rules {
                    domains: &self.domains,
                    max_items: self.max_items,
                    area_of: &area_of,
                };
                let change = change::apply(&mut session, what, &data, &rules);
                match session == before || self.keep(&mut session, &mut actions).is_some() {
                    true => change,
                    false => change::Change::too_much(what),
                }
            }
            Err(bad) => change::Change::refused(what, &bad),
        };
        // The infrastructure document's own subscription goes without an answer.
        if (self.form, what.1) != (Form::Legacy, Target::Numbered) {
            actions.extend(change.frames().into_iter().map(Action::Send));
        }
        actions
    }

    /// Takes changed sets, unless they are too large.
    fn keep(&self, session: &mut Session<'_>, actions: &mut Vec<Action>) -> Option<()> {
        let mut selected = Vec::new();
        self.select(session, &mut selected)?;
        let text = session.write();
        if text.len() > MAX_SESSION_BYTES {
            return None;
        }
        actions.extend(selected);
        actions.push(Action::SetSession(text));
        Some(())
    }

    /// Subscribes to what the sets ask for, in place of what was subscribed to before. `None`, and nothing done: that
    /// would be too much.
    fn select(&self, session: &mut Session<'_>, actions: &mut Vec<Action>) -> Option<()> {
        let filters = selection::filters(session, &self.names)?;
        let before = std::mem::replace(&mut session.live, filters.len());
        for (nth, filter) in filters.into_iter().enumerate() {
            actions.push(Action::Subscribe((nth.to_string(), filter)));
        }
        for nth in session.live..before {
            actions.push(Action::Unsubscribe(nth.to_string()));
        }
        Some(())
    }

    /// Any other type is a handler's, or nobody's.
    fn call(&self, kind: &str, message: &Message<'_>) -> Vec<Action> {
        if kind.is_empty() || kind.len() > MAX_KIND_BYTES {
            return self.unknown_type(kind);
        }
        let data = message.data.map_or("{}", |data| data.get());
        vec![Action::Call((kind.to_owned(), data.to_owned()))]
    }
}

fn subscription(kind: &str) -> Option<(Change, Target)> {
    let (action, rest) = match kind.strip_prefix("un") {
        Some(rest) => (Change::Unsubscribe, rest),
        None => (Change::Subscribe, kind),
    };
    let target = match rest {
        "subscribe" => Target::Topics,
        "subscribe_room" => Target::Numbered,
        "subscribe_ha_events" => Target::Events,
        "subscribe_ha_entities" => Target::Entities,
        "subscribe_ha_rooms" => Target::Rooms,
        _ => return None,
    };
    Some((action, target))
}

fn authenticate(message: &Message<'_>) -> Vec<Action> {
    let token = message.fields().ok().and_then(|data| data.token);
    match token.and_then(text_of).filter(|token| !token.is_empty()) {
        Some(token) => vec![Action::Authenticate(token.into_owned())],
        None => vec![Action::Send(authentication_failure("Token is required"))],
    }
}

fn authentication_failure(reason: &str) -> String {
    frames::now("authentication_failure", &json!({"error": reason}))
}

/// A handler's reply, under the message's type with `_response` behind it.
fn reply(kind: &str, data: &str) -> Vec<Action> {
    let data: Result<&serde_json::value::RawValue, _> = serde_json::from_str(data);
    let data = data.expect("the host hands replies over only if they are JSON");
    vec![Action::Send(frames::now(
        &format!("{kind}_response"),
        &data,
    ))]
}

fn rejected(rejection: Rejection) -> (&'static str, String) {
    match rejection {
        Rejection::BadRequest(why) => ("INVALID_REQUEST", why),
        Rejection::Forbidden(why) => ("FORBIDDEN", why),
        Rejection::NotFound(why) => ("NOT_FOUND", why),
        Rejection::Unavailable(why) => ("HANDLER_UNAVAILABLE", why),
    }
}

/// The query's `client_id` where it can be one, or a random UUID (RFC 9562, version 4).
fn client_id(query: &[(String, String)]) -> String {
    let ok = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    let given = query.iter().find(|(key, _)| key == "client_id");
    let given = given
        .map(|(_, value)| value)
        .filter(|id| (1..=64).contains(&id.len()));
    if let Some(id) = given.filter(|id| id.bytes().all(ok)) {
        return id.clone();
    }
    let random = || RandomState::new().hash_one(0);
    let (high, low) = (random(), random());
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        0x8000 | (low >> 48) & 0x3fff,
        low & 0xffff_ffff_ffff
    )
}

/// The area behind a numbered room, as the plugin that numbers rooms announces it. Without that plugin, or the
/// grant to read its events, a number stands for itself.
fn area_of(number: i64) -> Option<String> {
    #[derive(Deserialize)]
    struct Data {
        room: Room,
    }
    let topic = format!("room/{number}");
    let found = retained::read(&[&topic], None, 1).ok()?;
    let data: Data = serde_json::from_str(&found.first()?.event.data).ok()?;
    data.room.area
}

hearthgate_plugin::plugin!(Pma: dialect, routes);

#[cfg(test)]
mod tests;
