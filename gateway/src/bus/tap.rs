//! Taps: bounded feeds of events for those who read at their own pace (subscriber plugins, dialects' encoders).

use crate::event::{Event, Filter};
use metrics::{Counter, counter};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::Notify;

/// The reading end of a tap; the bus forgets the tap when it is dropped.
pub struct Tap(Arc<Shared>);

/// What a tap held.
#[derive(Debug)]
pub struct TapBatch {
    /// The events, in the order of their numbers.
    pub events: Vec<Arc<Event>>,
    /// How many were dropped just before them because the tap was full.
    pub missed: u64,
}

struct Shared {
    filter: Filter,
    capacity: usize,
    queue: Mutex<Queue>,
    filled: Notify,
}

#[derive(Default)]
struct Queue {
    events: VecDeque<Arc<Event>>,
    missed: u64,
    closed: bool,
}

impl Tap {
    /// Waits for events. `None`: the bus is gone. Safe to drop while it waits: nothing is lost.
    pub async fn next(&mut self) -> Option<TapBatch> {
        loop {
            {
                let mut queue = self.0.queue.lock();
                if !queue.events.is_empty() {
                    return Some(TapBatch {
                        events: std::mem::take(&mut queue.events).into(),
                        missed: std::mem::take(&mut queue.missed),
                    });
                }
                if queue.closed {
                    return None;
                }
            }
            self.0.filled.notified().await;
        }
    }
}

/// All taps, at the bus.
pub(super) struct Taps {
    open: Vec<Arc<Shared>>,
    missed: Counter,
}

impl Default for Taps {
    fn default() -> Self {
        Self {
            open: Vec::new(),
            missed: counter!("hearthgate_tap_missed_total"),
        }
    }
}

impl Taps {
    /// Opens a tap that holds at most so many events.
    pub(super) fn open(&mut self, filter: Filter, capacity: usize) -> Tap {
        let shared = Arc::new(Shared {
            filter,
            capacity: capacity.max(1),
            queue: Mutex::default(),
            filled: Notify::new(),
        });
        self.open.push(shared.clone());
        Tap(shared)
    }

    /// Hands events to the taps that ask for them, and forgets taps that nobody reads any more.
    pub(super) fn push(&mut self, events: &[Arc<Event>]) {
        self.open.retain(|tap| Arc::strong_count(tap) > 1);
        for tap in &self.open {
            let missed = tap.push(events);
            if missed > 0 {
                self.missed.increment(missed);
            }
        }
    }
}

impl Drop for Taps {
    fn drop(&mut self) {
        for tap in &self.open {
            tap.queue.lock().closed = true;
            tap.filled.notify_one();
        }
    }
}

impl Shared {
    fn push(&self, events: &[Arc<Event>]) -> u64 {
        let mut queue = self.queue.lock();
        let before = queue.missed;
        let mut taken = false;
        for event in events.iter().filter(|event| self.filter.matches(event)) {
            if queue.events.len() == self.capacity {
                queue.events.pop_front();
                queue.missed += 1;
            }
            queue.events.push_back(event.clone());
            taken = true;
        }
        let missed = queue.missed - before;
        drop(queue);
        if taken {
            self.filled.notify_one();
        }
        missed
    }
}
