//! Events on their way to the gateway: in order, in batches, and kept where the gateway asks to wait.

use crate::complaints::Complaints;
use hearthgate_plugin::events::EventKind;
use hearthgate_plugin::{Event, PublishError, instance_name};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use std::collections::VecDeque;
use std::time::{Duration, UNIX_EPOCH};

/// Most events of one call.
const LARGEST_BATCH: usize = 250;

/// An event that can be kept over a reload of the plugin.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Draft {
    kind: String,
    topic: String,
    labels: Vec<(String, String)>,
    data: Box<RawValue>,
    at: Option<u64>,
    retain: bool,
}

impl Draft {
    /// An event of the catalogue.
    pub fn of<E: EventKind>(data: &E) -> Self {
        Self::shaped::<E>(data.topic(&instance_name()), data)
    }

    /// An event of the catalogue whose data was put together without its type: of the same shape, but with parts that
    /// are JSON already.
    pub fn shaped<E: EventKind>(topic: String, data: &impl Serialize) -> Self {
        Self {
            kind: E::KIND.to_owned(),
            topic,
            labels: Vec::new(),
            data: to_raw_value(data).expect("our data has no keys that are no strings"),
            at: None,
            retain: E::RETAINED,
        }
    }

    /// A label, where its value is known.
    pub fn label(mut self, key: &str, value: Option<&str>) -> Self {
        if let Some(value) = value {
            self.labels.push((key.to_owned(), value.to_owned()));
        }
        self
    }

    /// When it happened, in milliseconds since the epoch, where that is known.
    pub fn at(mut self, millis: Option<u64>) -> Self {
        self.at = millis;
        self
    }

    fn event(&self) -> Event {
        let mut event = Event::new(&*self.kind, &*self.topic, &self.data).retain(self.retain);
        for (key, value) in &self.labels {
            event = event.label(key, value);
        }
        match self.at {
            Some(millis) => event.occurred_at(UNIX_EPOCH + Duration::from_millis(millis)),
            None => event,
        }
    }
}

/// The way to the gateway: [`hearthgate_plugin::publish_all`], or a test.
pub type Publish<'a> = &'a mut dyn FnMut(Vec<Event>) -> Result<u64, PublishError>;

/// What waits. Nothing is added while it is full, so its size is that of one batch and what one step makes.
#[derive(Debug)]
pub struct Outbox {
    waiting: VecDeque<Draft>,
    /// How many go at once: fewer after a refusal that says not which, more again after a success.
    batch: usize,
}

impl Default for Outbox {
    fn default() -> Self {
        Self::with(Vec::new())
    }
}

impl Outbox {
    /// With what an instance before left.
    pub fn with(waiting: Vec<Draft>) -> Self {
        Self {
            waiting: waiting.into(),
            batch: LARGEST_BATCH,
        }
    }

    pub fn push(&mut self, draft: Draft) {
        self.waiting.push_back(draft);
    }

    /// Whether a batch is together.
    pub fn is_full(&self) -> bool {
        self.waiting.len() >= LARGEST_BATCH
    }

    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// What waits, in order.
    pub fn waiting(&self) -> impl Iterator<Item = &Draft> {
        self.waiting.iter()
    }

    /// Sends what waits. `Some`: the gateway asks to wait so long, and the rest is kept. What it does not take is
    /// skipped, and counted.
    pub fn flush(&mut self, complaints: &mut Complaints, publish: Publish<'_>) -> Option<Duration> {
        while !self.waiting.is_empty() {
            let count = self.batch.min(self.waiting.len());
            let events = self.waiting.iter().take(count).map(Draft::event).collect();
            match publish(events) {
                Ok(_) => {
                    self.waiting.drain(..count);
                    self.batch = (self.batch * 2).min(LARGEST_BATCH);
                }
                Err(PublishError::Throttled(wait)) => return Some(wait),
                Err(PublishError::TooLarge { index }) if index < count => {
                    self.skip(index, "an event larger than limits.event-size", complaints);
                }
                Err(error) if count == 1 => self.skip(0, cause(&error), complaints),
                // It may be one of them, or too many at once: half of them will tell.
                Err(_) => self.batch = count / 2,
            }
        }
        None
    }

    fn skip(&mut self, index: usize, cause: &'static str, complaints: &mut Complaints) {
        if let Some(draft) = self.waiting.remove(index) {
            complaints.add(cause, &draft.topic);
        }
    }
}

fn cause(error: &PublishError) -> &'static str {
    match error {
        PublishError::NotGranted(_) => "an event that grants.publish does not cover",
        _ => "an event that the gateway refused",
    }
}

#[cfg(test)]
mod tests;
