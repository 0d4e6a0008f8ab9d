//! What the rest of the gateway may ask of a plugin, in the gateway's own types.

use crate::auth::Identity;
use crate::event::{Filter, InstanceName};
use serde_json::value::RawValue;

/// The client behind a message, as a handler sees it.
#[derive(Debug, Clone)]
pub struct Client {
    /// The connection's id.
    pub id: String,
    /// Who it is, where it said so.
    pub identity: Option<Identity>,
    /// Where it comes from: the address without the port.
    pub address: String,
}

/// Why a plugin refused a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The request's data does not fit.
    #[error("{0}")]
    BadRequest(String),
    /// This client may not.
    #[error("{0}")]
    Forbidden(String),
    /// What it names does not exist.
    #[error("{0}")]
    NotFound(String),
    /// Not now: the other side is away.
    #[error("{0}")]
    Unavailable(String),
}

/// Why a call into a plugin gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The plugin answered: no.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The plugin did not answer within `limits.call-timeout`, or used up `limits.call-time`.
    #[error("plugin {instance} did not answer in time: {reason}")]
    TimedOut {
        /// The instance that was too slow.
        instance: InstanceName,
        /// Which limit it ran into.
        reason: String,
    },
    /// The plugin trapped or answered with something that is not JSON.
    #[error("plugin {instance} failed: {reason}")]
    Failed {
        /// The instance that failed.
        instance: InstanceName,
        /// What happened.
        reason: String,
    },
    /// The plugin is stopped, parked, restarting or too busy.
    #[error("plugin {instance} is not available: {reason}")]
    Unavailable {
        /// The instance that is away.
        instance: InstanceName,
        /// Why.
        reason: String,
    },
}

/// An HTTP request on its way to a plugin's route.
#[derive(Debug, Clone)]
pub struct HttpCall {
    /// `GET`, `POST`, ….
    pub method: String,
    /// The path, percent-decoding left to the plugin.
    pub path: String,
    /// The query's pairs, decoded.
    pub query: Vec<(String, String)>,
    /// All headers but `Authorization` and `Cookie`, which are the gateway's to judge.
    pub headers: Vec<(String, String)>,
    /// The whole body, bounded by the listener's limit.
    pub body: Vec<u8>,
    /// Who asks, where they said so.
    pub identity: Option<Identity>,
    /// Where the request comes from: the address without the port.
    pub address: String,
}

/// A plugin's answer to an HTTP request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpReply {
    /// The status code.
    pub status: u16,
    /// Headers; `content-length` and `connection` are the gateway's.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

/// A connection of a plugin's dialect, as the plugin sees it.
#[derive(Debug, Clone)]
pub struct DialectClient {
    /// The connection's id.
    pub id: String,
    /// The path it connected to.
    pub path: String,
    /// The query's pairs, decoded.
    pub query: Vec<(String, String)>,
    /// Who it is, where it said so.
    pub identity: Option<Identity>,
    /// What the dialect last stored with `Action::SetSession`; empty at first.
    pub session: String,
}

/// What a dialect wants done for a connection, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Send this text, one frame.
    Send(String),
    /// Subscribe under a name; a name in use is replaced.
    Subscribe(String, Filter),
    /// End the subscription of that name.
    Unsubscribe(String),
    /// Check this token; `on_authenticated` follows.
    Authenticate(String),
    /// Hand the message to the handler of its type; `on_reply` follows.
    Call(String, RawValueEq),
    /// Keep this text with the connection.
    SetSession(String),
    /// Close with a code and a reason.
    Close(u16, String),
}

/// JSON text that compares by its characters.
#[derive(Debug, Clone)]
pub struct RawValueEq(pub Box<RawValue>);

impl PartialEq for RawValueEq {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get()
    }
}

/// What a dialect's heartbeat may tell.
#[derive(Debug, Clone, Copy)]
pub struct GatewayStats {
    /// Open connections, of all dialects.
    pub connections: u64,
    /// Milliseconds since the gateway started.
    pub uptime_ms: u64,
    /// Milliseconds since the Unix epoch.
    pub now_ms: u64,
}

/// What plugins may be told of the gateway, by the one who knows its connections.
pub trait GatewayView: Send + Sync {
    /// The figures of the gateway, one JSON object.
    fn stats(&self) -> serde_json::Value;
    /// So many connections from `offset` on, one JSON object.
    fn clients(&self, offset: u32, limit: u32) -> serde_json::Value;
    /// What a dialect's heartbeat may tell.
    fn gateway_stats(&self) -> GatewayStats;
}
