//! What somebody may read, publish, call and ask for: the rules of the configuration, compiled for each who fits them.

mod rules;

pub use rules::Rules;

use crate::config::access::KindPattern;
use crate::event::{Event, Filter, Kind, Topic, TopicFilter};
use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

/// What somebody may. Those whom the same rules fit share one.
#[derive(Debug, Default)]
pub struct Access {
    reads_all: bool,
    read: Vec<Grant>,
    publish: Vec<Grant>,
    calls_all: bool,
    calls: BTreeSet<String>,
}

/// Topics, and the kinds on them; no kinds: all.
#[derive(Debug, Clone)]
struct Grant {
    topics: TopicFilter,
    kinds: Vec<KindPattern>,
}

impl Grant {
    fn allows(&self, topic: &Topic, kind: &Kind) -> bool {
        let fits = self.kinds.is_empty() || self.kinds.iter().any(|own| own.matches(kind));
        fits && self.topics.matches(topic)
    }

    fn overlaps(&self, filter: &Filter) -> bool {
        let topic = |wanted: &TopicFilter| self.topics.overlaps(wanted);
        let kind = |wanted: &Kind| self.kinds.iter().any(|own| own.matches(wanted));
        (filter.topics.is_empty() || filter.topics.iter().any(topic))
            && (self.kinds.is_empty() || filter.kinds.is_empty() || filter.kinds.iter().any(kind))
    }
}

impl Access {
    /// All topics and all calls: for tests, and for those parts that work without rules.
    #[must_use]
    pub fn everything() -> Arc<Self> {
        static EVERYTHING: OnceLock<Arc<Access>> = OnceLock::new();
        let everything = || {
            let topics = TopicFilter::parse("#").expect("it is a filter");
            Arc::new(Self {
                reads_all: true,
                calls_all: true,
                publish: vec![Grant {
                    topics,
                    kinds: Vec::new(),
                }],
                ..Self::default()
            })
        };
        EVERYTHING.get_or_init(everything).clone()
    }

    /// Whether it reads whatever there is; then no event needs a look.
    #[must_use]
    pub fn reads_all(&self) -> bool {
        self.reads_all
    }

    /// Whether an event may be read, its audience aside.
    #[must_use]
    pub fn may_read(&self, event: &Event) -> bool {
        let draft = &event.draft;
        let allows = |grant: &Grant| grant.allows(&draft.topic, &draft.kind);
        self.reads_all || self.read.iter().any(allows)
    }

    /// Whether any event that a filter asks for could be read. `false` is certain, `true` is not: a topic and a kind
    /// that never come together may be asked for.
    #[must_use]
    pub fn could_read(&self, filter: &Filter) -> bool {
        self.reads_all || self.read.iter().any(|grant| grant.overlaps(filter))
    }

    /// Whether an event of that kind may be published on that topic.
    #[must_use]
    pub fn may_publish(&self, topic: &Topic, kind: &Kind) -> bool {
        self.publish.iter().any(|grant| grant.allows(topic, kind))
    }

    /// Whether messages of that type may be sent to their handler.
    #[must_use]
    pub fn may_call(&self, kind: &str) -> bool {
        self.calls_all || self.calls.contains(kind)
    }
}

#[cfg(test)]
mod tests;
