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
use std::time::Instant;

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

/// The label under which filters find an event's source.
const SOURCE_LABEL: &str = "source";

/// An accepted event: a draft with the gateway's stamps.
#[derive(Debug)]
pub struct Event {
    /// Its place in the stream of this `epoch`: rises by one for each accepted event.
    pub seq: u64,
    /// The instance that published it.
    pub source: InstanceName,
    /// When the gateway accepted it.
    pub received_at: Timestamp,
    /// The same moment, for measuring.
    pub accepted: Instant,
    /// What the publisher said.
    pub draft: Draft,
    /// The native protocol's whole WebSocket frame, encoded by the first shard that needs it and shared by all.
    pub native: OnceLock<Bytes>,
}

impl Event {
    /// The value of a label, as filters see it: `source` is the gateway's stamp, whatever the publisher wrote there.
    #[must_use]
    pub fn label(&self, key: &str) -> Option<&str> {
        match key {
            SOURCE_LABEL => Some(self.source.as_str()),
            key => self.draft.labels.get(key),
        }
    }

    /// The labels that filters see.
    pub fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        let said = self.draft.labels.iter();
        let said = said.filter(|(key, _)| *key != SOURCE_LABEL);
        said.chain([(SOURCE_LABEL, self.source.as_str())])
    }

    /// When it happened: the publisher's time, else the time of receipt.
    #[must_use]
    pub fn timestamp(&self) -> Timestamp {
        self.draft.occurred_at.unwrap_or(self.received_at)
    }
}
