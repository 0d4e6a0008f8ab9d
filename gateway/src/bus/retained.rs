//! Retained state: the newest retained event of each topic.

use crate::event::{Draft, Event, Filter, InstanceName, Topic, TopicFilter};
use hearthgate_events::Retention;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use tracing::warn;

/// Most topics with retained state. When there are as many, an event on a further topic is delivered but not
/// retained; that is counted in `hearthgate_retained_refused_total` and logged once.
pub const MAX_RETAINED_TOPICS: usize = 100_000;

/// What an event does to retained state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing.
    Nothing,
    /// It becomes its topic's state.
    Keep,
    /// It ends its topic's state, by `retain` with the data `null`, as an empty retained message does in MQTT
    /// (5.0, section 3.3.1.3). Its data is held against no schema.
    Null,
    /// It ends its topic's state, by its kind: a deleted room, a cleared alert.
    Clear,
    /// It ends the state of the topic with this last level: `entity.removed` ends `entity/ID/state`.
    ClearSibling(&'static str),
}

impl Effect {
    /// The rule for a draft: the publisher says whether to retain, the catalogue which kinds clear.
    pub(super) fn of(draft: &Draft, retention: Option<Retention>) -> Self {
        match retention {
            _ if draft.retain && draft.data.get() == "null" => Self::Null,
            Some(Retention::Clear) => Self::Clear,
            Some(Retention::ClearSibling(level)) => Self::ClearSibling(level),
            _ if draft.retain => Self::Keep,
            _ => Self::Nothing,
        }
    }
}

/// The newest retained event of each topic; ordered, so that a filter's literal beginning is a range.
#[derive(Default)]
pub(super) struct Retained {
    by_topic: BTreeMap<Topic, Arc<Event>>,
    full: bool,
}

impl Retained {
    /// Lets an event have its effect.
    pub(super) fn apply(&mut self, event: &Arc<Event>, effect: Effect) {
        let topic = &event.draft.topic;
        match effect {
            Effect::Nothing => {}
            Effect::Keep => self.insert(event),
            Effect::Null | Effect::Clear => {
                self.by_topic.remove(topic);
            }
            Effect::ClearSibling(level) => {
                if let Some((parent, _)) = topic.as_str().rsplit_once('/') {
                    self.by_topic.remove(format!("{parent}/{level}").as_str());
                }
            }
        }
    }

    /// Ends all that a source left.
    pub(super) fn forget(&mut self, source: &InstanceName) {
        self.by_topic.retain(|_, event| event.source != *source);
    }

    /// How many topics have retained state.
    pub(super) fn len(&self) -> usize {
        self.by_topic.len()
    }

    /// What can fit a filter: all topics with one of its literal beginnings, each once. Cheap, because every publisher
    /// waits meanwhile; [`Candidates::matching`] does the rest without the lock.
    pub(super) fn candidates(&self, filter: &Filter) -> Candidates {
        let beginnings = beginnings(&filter.topics).into_iter();
        let found = beginnings.flat_map(|text| self.from(Bound::Included(text), text));
        Candidates(found.cloned().collect())
    }

    fn insert(&mut self, event: &Arc<Event>) {
        let topic = &event.draft.topic;
        if let Some(kept) = self.by_topic.get_mut(topic) {
            *kept = event.clone();
        } else if self.by_topic.len() < MAX_RETAINED_TOPICS {
            self.by_topic.insert(topic.clone(), event.clone());
        } else {
            metrics::counter!("hearthgate_retained_refused_total").increment(1);
            if !std::mem::replace(&mut self.full, true) {
                warn!(limit = MAX_RETAINED_TOPICS, %topic, "no more topics can be retained");
            }
        }
    }

    /// From there on, as long as the topics have this beginning.
    pub(super) fn from<'a>(
        &'a self,
        bound: Bound<&'a str>,
        beginning: &'a str,
    ) -> impl Iterator<Item = &'a Arc<Event>> {
        self.by_topic
            .range::<str, _>((bound, Bound::Unbounded))
            .take_while(move |(topic, _)| topic.as_str().starts_with(beginning))
            .map(|(_, event)| event)
    }
}

/// Retained events of which some fit a filter.
pub(super) struct Candidates(Vec<Arc<Event>>);

impl Candidates {
    /// What a filter asks for, in the order of the sequence numbers.
    pub(super) fn matching(self, filter: &Filter) -> Vec<Arc<Event>> {
        let mut found = self.0;
        found.retain(|event| filter.matches(event));
        found.sort_unstable_by_key(|event| event.seq);
        found
    }
}

/// What the topics begin with that one of the filters matches, in order, each part of the topics once.
pub(super) fn beginnings(topics: &[TopicFilter]) -> Vec<&str> {
    let mut beginnings: Vec<&str> = match topics {
        [] => vec![""],
        topics => topics.iter().map(literal_beginning).collect(),
    };
    // Sorted, so one that another one covers comes behind it: sixty-four times `+/…` is one look at everything.
    beginnings.sort_unstable();
    beginnings.dedup_by(|later, kept| later.starts_with(&**kept));
    beginnings
}

/// What every topic that the filter matches begins with. `a/#` also matches `a`, so the last slash is left out.
fn literal_beginning(filter: &TopicFilter) -> &str {
    let text = filter.as_str();
    text.find(['+', '#'])
        .map_or(text, |wildcard| text[..wildcard].trim_end_matches('/'))
}
