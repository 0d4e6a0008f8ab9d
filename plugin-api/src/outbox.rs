//! Events that wait until the gateway takes them.

use crate::{Event, PublishError, metrics, publish_all};
use serde::{Serialize, Serializer};
use std::collections::VecDeque;
use std::collections::vec_deque::Iter;
use std::time::Duration;

/// Most events of one call to the gateway.
const LARGEST_BATCH: usize = 128;

/// Events on their way to the gateway: in order, in batches, kept where the granted rate (`limits.publish-rate`) is used
/// up. It can be part of a state, so that the next instance sends what this one could not.
///
/// ```no_run
/// use hearthgate_plugin::{Event, Failure, HostError, Input, Outbox, events::DeviceMetrics, log, timers};
/// # struct Thermometers { outbox: Outbox }
/// # impl Thermometers {
/// fn tell(&mut self, celsius: f64) -> Result<(), HostError> {
///     let figures = [("celsius".to_owned(), celsius)];
///     self.outbox.push(Event::of(&DeviceMetrics::new("attic", figures)));
///     self.send()
/// }
///
/// fn send(&mut self) -> Result<(), HostError> {
///     let refused = |event: Event, why| log::warn!("{event} is refused: {why}");
///     match self.outbox.flush(refused) {
///         // Its input is what calls `send` again.
///         Some(wait) => timers::after(wait, "send").map(drop),
///         None => Ok(()),
///     }
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct Outbox {
    waiting: VecDeque<Event>,
    capacity: usize,
    /// How many go at once: fewer after a refusal that says not which, more again after a success.
    batch: usize,
}

impl Outbox {
    /// An empty one with room for so many events.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            waiting: VecDeque::new(),
            capacity: capacity.max(1),
            batch: LARGEST_BATCH,
        }
    }

    /// With what an earlier instance kept, oldest first.
    #[must_use]
    pub fn resume(capacity: usize, kept: impl IntoIterator<Item = Event>) -> Self {
        let mut outbox = Self::new(capacity);
        kept.into_iter().for_each(|event| outbox.push(event));
        outbox
    }

    /// Puts an event behind the others. Where there is no room, the oldest makes way and is counted in
    /// `events_dropped_total`: what follows tells a newer state.
    pub fn push(&mut self, event: Event) {
        if self.waiting.len() >= self.capacity {
            self.waiting.pop_front();
            metrics::add("events_dropped_total", 1, &[]);
        }
        self.waiting.push_back(event);
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// What waits, oldest first.
    pub fn iter(&self) -> Iter<'_, Event> {
        self.waiting.iter()
    }

    /// Sends what waits. `Some`: the gateway asks to wait so long, and the rest is kept. An event that it will never
    /// take goes to `refused` with the reason; those around it are sent.
    pub fn flush(&mut self, mut refused: impl FnMut(Event, PublishError)) -> Option<Duration> {
        while !self.waiting.is_empty() {
            let count = self.batch.min(self.waiting.len());
            match publish_all(self.waiting.iter().take(count).cloned()) {
                Ok(_) => {
                    self.waiting.drain(..count);
                    self.batch = (self.batch * 2).min(LARGEST_BATCH);
                }
                Err(PublishError::Throttled(wait)) => return Some(wait),
                Err(error) if count == 1 => {
                    if let Some(event) = self.waiting.pop_front() {
                        refused(event, error);
                    }
                }
                // One of them, or too many at once for the rate: half of them will tell.
                Err(_) => self.batch = count / 2,
            }
        }
        None
    }
}

/// As the list of what waits; the capacity is the next instance's own.
impl Serialize for Outbox {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.waiting.serialize(serializer)
    }
}

#[cfg(test)]
mod tests;
