//! Filters: which events a subscription asks for.

use super::{Event, Kind, TopicFilter};
use std::sync::Arc;

/// Which events a subscription asks for: AND across its parts, OR within one; an empty part passes everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Any of these topics.
    pub topics: Vec<TopicFilter>,
    /// Any of these kinds.
    pub kinds: Vec<Kind>,
    /// All of these conditions.
    pub conditions: Vec<Condition>,
}

/// A condition on one label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The label's key.
    pub label: Arc<str>,
    /// Values, any of which will do.
    pub any_of: Vec<Arc<str>>,
    /// Whether an event without the label passes.
    pub matches_when_absent: bool,
}

impl Filter {
    /// Whether the filter asks for an event. The index in `shard/` answers the same for many at once.
    #[must_use]
    pub fn matches(&self, event: &Event) -> bool {
        let draft = &event.draft;
        (self.topics.is_empty() || self.topics.iter().any(|t| t.matches(&draft.topic)))
            && (self.kinds.is_empty() || self.kinds.contains(&draft.kind))
            && self
                .conditions
                .iter()
                .all(|c| c.matches(event.label(&c.label)))
    }
}

impl Condition {
    /// Whether a label's value (or its absence) passes.
    #[must_use]
    pub fn matches(&self, value: Option<&str>) -> bool {
        match value {
            Some(value) => self.any_of.iter().any(|v| **v == *value),
            None => self.matches_when_absent,
        }
    }
}
