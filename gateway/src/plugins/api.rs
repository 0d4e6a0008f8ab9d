//! What the rest of the gateway may ask of a plugin, in the gateway's own types.

use crate::auth::{Answering, Caller, Identity};
use crate::event::{Filter, InstanceName};
use serde_json::value::RawValue;
use std::sync::Arc;

/// The client behind a message, as a handler sees it.
#[derive(Debug, Clone)]
pub struct Client {
    /// The connection's id.
    pub id: String,
    /// Who it is, where it said so.
    pub identity: Option<Arc<Identity>>,
    /// Where it comes from: the address without the port.
    pub address: String,
    /// The plugins that the message came through, the first caller first; empty for a client's own message.
    pub via: Vec<InstanceName>,
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

/// Why a dialect's call to a handler gave no reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplyError {
    /// No handler answers messages of that type.
    UnknownType,
    /// The handler's own no.
    Rejected(Rejection),
    /// The handler crashed or was too slow.
    Failed(String),
    /// The handler is away or busy.
    Unavailable(String),
}

impl From<CallError> for ReplyError {
    /// What happened inside the handler is the operator's to know, not the caller's.
    fn from(error: CallError) -> Self {
        match error {
            CallError::Rejected(rejection) => Self::Rejected(rejection),
            CallError::Failed { instance, .. } | CallError::TimedOut { instance, .. } => {
                Self::Failed(format!("the handler {instance} failed at this message"))
            }
            CallError::Internal { .. } => {
                Self::Failed("something in the gateway failed".to_owned())
            }
            CallError::Unavailable { instance, .. } => {
                Self::Unavailable(format!("the handler {instance} is not available"))
            }
        }
    }
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
    /// Something in the gateway itself failed: its engine could not make a guest, or it mistook an answer.
    #[error("the gateway failed at a call to plugin {instance}: {reason}")]
    Internal {
        /// The instance that was called.
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

impl CallError {
    /// A word for it, the same whatever the plugin says.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Rejected(_) => "rejected",
            Self::TimedOut { .. } => "timed out",
            Self::Failed { .. } => "failed",
            Self::Internal { .. } => "internal",
            Self::Unavailable { .. } => "unavailable",
        }
    }
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
    /// Who asks.
    pub caller: Caller,
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
    /// Who it is.
    pub caller: Caller,
    /// Where it comes from: the address without the port.
    pub address: String,
    /// What the dialect last stored with `Action::SetSession`; empty at first.
    pub session: Arc<str>,
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

/// A part of the list of connections.
#[derive(Debug, Clone, Copy)]
pub struct Page<'a> {
    /// How many are left out, the oldest first.
    pub offset: u32,
    /// How many at most.
    pub limit: u32,
    /// Roughly how many bytes at most.
    pub bytes: usize,
    /// The dialect whose connections' sessions are told.
    pub sessions_of: Option<&'a InstanceName>,
}

/// What plugins may be told of the gateway, by the one who knows its connections.
pub trait GatewayView: Send + Sync {
    /// The figures of the gateway, one JSON object.
    fn stats(&self) -> serde_json::Value;
    /// So many connections from `offset` on, one JSON object; fewer where there are more than `page.bytes` of them.
    fn clients(&self, page: Page<'_>) -> serde_json::Value;
    /// Closes a connection by its id. `false`: there is none.
    fn disconnect<'a>(&'a self, client: &'a str, code: u16, reason: &'a str)
    -> Answering<'a, bool>;
    /// What a dialect's heartbeat may tell.
    fn gateway_stats(&self) -> GatewayStats;
}
