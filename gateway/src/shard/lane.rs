//! The data lane of an outbox: events that wait for one connection, bounded by frames and by bytes.

use super::Encoded;
use crate::event::{Event, Topic};
use crate::protocol::push::{self, Gap};
use bytes::Bytes;
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::sync::Arc;

/// What the data lane may hold.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Most events.
    pub frames: usize,
    /// Most bytes of frames.
    pub bytes: usize,
}

/// An event on its way to one connection.
#[derive(Clone)]
pub enum Payload {
    /// In the native protocol.
    Native(Arc<Event>),
    /// As a dialect wrote it.
    Encoded(Encoded),
}

impl Payload {
    /// The event.
    #[must_use]
    pub fn event(&self) -> &Arc<Event> {
        match self {
            Self::Native(event) => event,
            Self::Encoded(encoded) => &encoded.event,
        }
    }

    fn frame(&self) -> &Bytes {
        match self {
            Self::Native(event) => push::event(event),
            Self::Encoded(encoded) => &encoded.frames,
        }
    }
}

enum Item {
    /// `true`: a newer event of its topic takes its place.
    Event(Payload, bool),
    /// Retained state of a subscription that begins here. It holds no copies, and is as long as the snapshot was;
    /// it does not count against the bounds and is not dropped.
    Replay(VecDeque<Arc<Event>>),
    /// A newer event took its place.
    Replaced,
}

/// Events that wait for one connection, and the account of those that were dropped.
#[derive(Default)]
pub struct DataLane {
    items: VecDeque<Item>,
    /// How many items ever left at the front: the number of `items[0]`.
    first: u64,
    events: usize,
    bytes: usize,
    replaced: usize,
    /// Where the waiting event of a topic is, while a slow client asked for the latest only.
    latest: Option<Box<FxHashMap<Topic, u64>>>,
    gap: Option<Box<Gap>>,
}

impl DataLane {
    /// Adds an event; drops the oldest where there is no room, and accounts for them. Returns how many were dropped.
    pub fn push(&mut self, payload: Payload, latest: bool, blocked: bool, bounds: Bounds) -> u64 {
        let size = payload.frame().len();
        let mut dropped = 0;
        if latest && blocked {
            dropped += u64::from(self.replace(payload.event()));
        }
        while self.events > 0 && (self.events >= bounds.frames || self.bytes + size > bounds.bytes)
        {
            self.drop_oldest();
            dropped += 1;
        }
        if let (true, Some(places)) = (latest, &mut self.latest) {
            let place = self.first + self.items.len() as u64;
            places.insert(payload.event().draft.topic.clone(), place);
        }
        self.items.push_back(Item::Event(payload, latest));
        self.events += 1;
        self.bytes += size;
        dropped
    }

    /// Adds the retained state of a subscription.
    pub fn replay(&mut self, events: Vec<Arc<Event>>) {
        if !events.is_empty() {
            self.items.push_back(Item::Replay(events.into()));
        }
    }

    /// Takes the next frame. A gap comes before the events that follow it.
    pub fn pop(&mut self) -> Option<Bytes> {
        loop {
            if let Item::Replay(events) = self.items.front_mut()?
                && let Some(event) = events.pop_front()
            {
                return Some(push::event(&event).clone());
            }
            self.first += 1;
            match self.items.pop_front()? {
                Item::Event(payload, _) => {
                    let frame = payload.frame().clone();
                    self.events -= 1;
                    self.bytes -= frame.len();
                    self.rest();
                    return Some(frame);
                }
                Item::Replaced => self.replaced -= 1,
                Item::Replay(_) => {}
            }
        }
    }

    /// Takes the account of what was dropped, once something that follows can be sent.
    pub fn take_gap(&mut self) -> Option<Box<Gap>> {
        if self.items.is_empty() {
            return None;
        }
        self.gap.take()
    }

    /// How many events wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.events
    }

    /// How many bytes of frames wait.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes out what its client may not have any more; how many events that were. No gap tells of them: it would say
    /// that there was something.
    pub fn keep(&mut self, may: impl Fn(&Event) -> bool) -> u64 {
        let mut gone = 0;
        for item in &mut self.items {
            match item {
                Item::Event(payload, _) if !may(payload.event()) => {
                    self.events -= 1;
                    self.bytes -= payload.frame().len();
                    gone += 1;
                    *item = Item::Replaced;
                }
                Item::Replay(events) => {
                    let before = events.len();
                    events.retain(|event| may(event));
                    gone += before - events.len();
                }
                Item::Event(..) | Item::Replaced => {}
            }
        }
        if gone > 0 {
            self.items.retain(|item| !matches!(item, Item::Replaced));
            self.replaced = 0;
            if self.latest.is_some() {
                self.latest = Some(Box::new(self.places()));
            }
            self.rest();
        }
        gone as u64
    }

    /// Lets everything go.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// An idle connection holds no memory for what it once held.
    fn rest(&mut self) {
        if self.events > 0 || !self.items.is_empty() {
            return;
        }
        self.latest = None;
        if self.items.capacity() > 16 {
            self.items = VecDeque::new();
        }
    }

    /// Makes the waiting event of the same topic give way. Whether there was one.
    fn replace(&mut self, event: &Arc<Event>) -> bool {
        if self.latest.is_none() {
            self.latest = Some(Box::new(self.places()));
        }
        let places = self.latest.as_mut().expect("was just made");
        let Some(place) = places.remove(&event.draft.topic) else {
            return false;
        };
        let Some(at) = place.checked_sub(self.first) else {
            return false;
        };
        let at = usize::try_from(at).expect("is the number of an item in memory");
        let Some(Item::Event(..)) = self.items.get(at) else {
            return false;
        };
        self.take_out(at, "latest");
        true
    }

    fn places(&self) -> FxHashMap<Topic, u64> {
        let events = self.items.iter().zip(self.first..);
        events
            .filter_map(|(item, place)| match item {
                Item::Event(payload, true) => Some((payload.event().draft.topic.clone(), place)),
                _ => None,
            })
            .collect()
    }

    fn drop_oldest(&mut self) {
        let oldest = self.items.iter().position(|i| matches!(i, Item::Event(..)));
        let Some(at) = oldest else { return };
        self.take_out(at, "all");
    }

    /// Takes an event out and accounts for it. Its place stays, so that the numbers of the others stay true; places
    /// that are empty are given back at the front at once, and elsewhere when there are more of them than events.
    fn take_out(&mut self, at: usize, policy: &'static str) {
        let old = std::mem::replace(&mut self.items[at], Item::Replaced);
        self.replaced += 1;
        self.leave(&old, policy);
        while let Some(Item::Replaced) = self.items.front() {
            self.items.pop_front();
            self.first += 1;
            self.replaced -= 1;
        }
        if self.replaced > 64 && self.replaced > self.events {
            self.items.retain(|item| !matches!(item, Item::Replaced));
            self.replaced = 0;
            if self.latest.is_some() {
                self.latest = Some(Box::new(self.places()));
            }
        }
    }

    fn leave(&mut self, old: &Item, policy: &'static str) {
        let Item::Event(payload, _) = old else { return };
        self.events -= 1;
        self.bytes -= payload.frame().len();
        let seq = payload.event().seq;
        match &mut self.gap {
            None => {
                self.gap = Some(Box::new(Gap {
                    dropped: 1,
                    first_seq: seq,
                    last_seq: seq,
                    reason: "slow",
                    policy,
                }));
            }
            Some(gap) => {
                gap.dropped += 1;
                gap.first_seq = gap.first_seq.min(seq);
                gap.last_seq = gap.last_seq.max(seq);
                if policy == "all" {
                    gap.policy = policy;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
