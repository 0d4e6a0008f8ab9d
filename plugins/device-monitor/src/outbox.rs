//! Events on their way to the host. What is over the granted rate waits here; when there is no more room the oldest are dropped
//! and counted in `events_dropped_total`: later states of the same device follow.

use hearthgate_plugin::events::EventKind;
use hearthgate_plugin::log::Level;
use hearthgate_plugin::{Event, PublishError, instance_name, log_with, metrics, publish_all};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

/// Most events that wait.
pub const CAPACITY: usize = 4096;
/// Most events of one call.
const BATCH: usize = 100;

/// An event that is not sent yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Draft {
    kind: String,
    topic: String,
    labels: Vec<(String, String)>,
    data: Value,
    retain: bool,
}

impl Draft {
    /// An event of the catalogue.
    pub fn of<E: EventKind>(data: &E) -> Self {
        Self {
            kind: E::KIND.to_owned(),
            topic: data.topic(&instance_name()),
            labels: Vec::new(),
            // The catalogue's types have string keys and no failing parts.
            data: serde_json::to_value(data).unwrap_or_default(),
            retain: E::RETAINED,
        }
    }

    /// A label, if its value is known.
    #[must_use]
    pub fn label(mut self, name: &str, value: Option<&str>) -> Self {
        self.labels
            .extend(value.map(|value| (name.to_owned(), value.to_owned())));
        self
    }

    fn event(&self) -> Event {
        let event = Event::new(&*self.kind, &*self.topic, &self.data).retain(self.retain);
        self.labels
            .iter()
            .fold(event, |event, (name, value)| event.label(name, value))
    }
}

/// The queue.
#[derive(Debug, Default)]
pub struct Outbox {
    waiting: VecDeque<Draft>,
    /// Kinds of which a refusal has been logged: one line each is enough.
    refused: BTreeSet<String>,
}

impl Outbox {
    /// What an earlier instance could not send.
    #[must_use]
    pub fn resume(waiting: Vec<Draft>) -> Self {
        Self {
            waiting: waiting.into(),
            refused: BTreeSet::new(),
        }
    }

    /// What waits, for the next instance; the newest, as its state has a limit.
    #[must_use]
    pub fn kept(&self) -> Vec<Draft> {
        let newest = self.waiting.len().saturating_sub(BATCH * 5);
        self.waiting.iter().skip(newest).cloned().collect()
    }

    /// One more.
    pub fn push(&mut self, draft: Draft) {
        if self.waiting.len() >= CAPACITY {
            self.waiting.pop_front();
            metrics::add("events_dropped_total", 1, &[]);
        }
        self.waiting.push_back(draft);
    }

    /// Sends what waits. Returns when to go on, where the rate is used up.
    pub fn flush(&mut self) -> Option<Duration> {
        let mut batch = BATCH;
        while !self.waiting.is_empty() {
            let count = batch.min(self.waiting.len());
            match publish_all(self.waiting.iter().take(count).map(Draft::event)) {
                Ok(_) => drop(self.waiting.drain(..count)),
                Err(PublishError::Throttled(after)) => return Some(after),
                Err(PublishError::Invalid { index, reason }) => self.refused(index, &reason),
                Err(PublishError::TooLarge { index }) => {
                    self.refused(index, "larger than the limit")
                }
                // It does not say which: one by one, those that are granted still go out.
                Err(PublishError::NotGranted(_)) if batch > 1 => batch = 1,
                Err(PublishError::NotGranted(reason)) => self.refused(0, &reason),
            }
        }
        None
    }

    fn refused(&mut self, index: usize, reason: &str) {
        metrics::add("events_refused_total", 1, &[]);
        if let Some(draft) = self.waiting.remove(index)
            && self.refused.insert(draft.kind.clone())
        {
            log_with(
                Level::Warn,
                "event refused",
                &[("topic", &draft.topic), ("reason", &reason)],
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hearthgate_plugin::events::DeviceMetrics;
    use hearthgate_plugin::testing;

    #[test]
    fn all_go_out_in_order_and_the_oldest_are_dropped_when_there_is_no_room() {
        let _host = testing::start("fresh", None, vec![], vec![]);
        let mut outbox = Outbox::default();
        for i in 0..CAPACITY + 3 {
            outbox.push(
                Draft::of(&DeviceMetrics::new(format!("d{i}"), []))
                    .label("device", Some("x"))
                    .label("room", None),
            );
        }
        assert_eq!(
            testing::calls().len(),
            3,
            "three were dropped, each is counted"
        );
        assert_eq!(outbox.kept().len(), 500);
        assert_eq!(outbox.flush(), None);
        let topics: Vec<_> = testing::published()
            .into_iter()
            .map(|event| event.topic)
            .collect();
        assert_eq!(topics.len(), CAPACITY);
        assert_eq!(
            (topics[0].as_str(), topics[CAPACITY - 1].as_str()),
            ("device/d3/metrics", "device/d4098/metrics")
        );
    }
}
