//! An event: kind, topic, labels and data, and what the gateway stamps on it.
//!
//! Every name is a type of its own whose constructor validates, so past the edge of the gateway
//! nothing is checked twice.

mod audience;
mod filter;
mod identity;
mod kind;
mod label;
mod name;
mod timestamp;
mod topic;

pub use audience::Audience;
pub use filter::{Condition, Filter};
pub use identity::Identity;
pub use kind::Kind;
pub use label::Labels;
pub use name::InstanceName;
pub use timestamp::Timestamp;
pub use topic::{Topic, TopicFilter};

use bytes::Bytes;
use serde_json::value::RawValue;
use std::sync::OnceLock;

/// A name or a value that does not fit the rules of its type: one sentence for the one who sent it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(pub String);

/// What a publisher says; the gateway adds source, sequence number and time of receipt.
#[derive(Debug, Clone)]
pub struct Draft {
    /// What happened.
    pub kind: Kind,
    /// What it happened to.
    pub topic: Topic,
    /// What clients may filter on.
    pub labels: Labels,
    /// One JSON document, already checked to be one.
    pub data: Box<RawValue>,
    /// When it happened, where that is not the time of receipt.
    pub occurred_at: Option<Timestamp>,
    /// Keep it as the topic's current state.
    pub retain: bool,
    /// Who may see it; empty: whoever may read the topic.
    pub audience: Vec<Audience>,
}

/// An accepted event: a draft with the gateway's stamps.
#[derive(Debug)]
pub struct Event {
    /// Its place in the stream of this `epoch`: rises by one for each accepted event.
    pub seq: u64,
    /// The instance that published it.
    pub source: InstanceName,
    /// When the gateway accepted it.
    pub received_at: Timestamp,
    /// What the publisher said.
    pub draft: Draft,
    /// The native protocol's whole WebSocket frame, encoded by the first shard that needs it and shared by all.
    pub native: OnceLock<Bytes>,
}

impl Event {
    /// When it happened: the publisher's time, else the time of receipt.
    #[must_use]
    pub fn timestamp(&self) -> Timestamp {
        self.draft.occurred_at.unwrap_or(self.received_at)
    }
}
