//! Answers to commands, each as a whole frame.

use super::error::Refusal;
use super::{frame, push};
use crate::event::Timestamp;
use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

/// The number or text by which a client tells its commands apart; carried back as it came.
pub type CommandId = Box<RawValue>;

#[derive(Serialize)]
struct Reply<'a, T> {
    r#type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<&'a str>,
    data: T,
    timestamp: Timestamp,
}

/// The data of `welcome`.
#[derive(Debug, Clone, Serialize)]
pub struct Welcome<'a> {
    /// The connection's id.
    pub client_id: &'a str,
    /// The gateway's clock.
    pub server_time: Timestamp,
    /// A sentence for people.
    pub message: &'a str,
    /// What this gateway can do beyond the plain protocol.
    pub features: &'a [&'a str],
    /// The protocol's version.
    pub protocol: u32,
    /// Who the connection is.
    pub identity: Option<IdentityText<'a>>,
    /// What the connection may.
    pub limits: LimitsText,
    /// Time between heartbeats.
    pub heartbeat_seconds: u64,
    /// The life of the sequence numbers.
    pub epoch: &'a str,
}

/// Who a connection is, without its claims.
#[derive(Debug, Clone, Serialize)]
pub struct IdentityText<'a> {
    /// The one it speaks for.
    pub subject: &'a str,
    /// What it is allowed as.
    pub roles: &'a [String],
}

/// What a connection may.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct LimitsText {
    /// Most bytes of one message.
    pub max_message_bytes: usize,
    /// Most subscriptions.
    pub max_subscriptions: usize,
    /// Messages per second.
    pub messages_per_second: u32,
}

/// The data of `subscribed`.
#[derive(Debug, Clone, Serialize)]
pub struct Subscribed<'a> {
    /// The subscription's number.
    pub subscription: u64,
    /// The life of the sequence numbers.
    pub epoch: &'a str,
    /// Events after this one follow.
    pub seq: u64,
    /// Whether everything since the `since` of the command follows.
    pub recovered: bool,
    /// How many retained or missed events come first.
    pub replayed: usize,
    /// Why it was not recovered, where `since` was given.
    pub cause: Option<&'static str>,
}

/// The greeting.
#[must_use]
pub fn welcome(data: &Welcome<'_>) -> Bytes {
    push::push("welcome", data)
}

/// The answer to a command.
#[must_use]
pub fn reply(kind: &str, id: Option<&RawValue>, data: impl Serialize) -> Bytes {
    encode(kind, id, None, data)
}

/// A handler's answer to a message of type `of`.
#[must_use]
pub fn of_handler(of: &str, id: Option<&RawValue>, data: &RawValue) -> Bytes {
    encode("reply", id, Some(of), data)
}

/// A refusal.
#[must_use]
pub fn error(id: Option<&RawValue>, refusal: &Refusal) -> Bytes {
    encode("error", id, None, refusal)
}

/// A handler's refusal of a message of type `of`.
#[must_use]
pub fn error_of_handler(of: &str, id: Option<&RawValue>, refusal: &Refusal) -> Bytes {
    encode("error", id, Some(of), refusal)
}

fn encode(kind: &str, id: Option<&RawValue>, of: Option<&str>, data: impl Serialize) -> Bytes {
    frame::json(&Reply {
        r#type: kind,
        id,
        of,
        data,
        timestamp: Timestamp::now(),
    })
}
