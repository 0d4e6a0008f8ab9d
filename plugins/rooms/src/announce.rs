//! What is told of rooms: `room.*` events, retained, in their order and however long the gateway lets us wait.

use crate::book::{Done, Entry};
use hearthgate_plugin::events::{RoomCreated, RoomDeleted, RoomUpdated};
use hearthgate_plugin::{Event, HostError, PublishError, log, metrics, publish_all, timers};
use std::collections::VecDeque;
use std::time::Duration;

/// The timer after which publishing goes on.
pub const TAG: &str = "publish";
/// Events of one call to the host.
const BATCH: usize = 64;
/// Most events that wait.
const MAX_WAITING: usize = 20_000;

/// Why an event is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// Somebody changed the room here.
    People,
    /// It follows what that source told already.
    Source(String),
    /// The gateway started, and nobody holds the room's state.
    Start,
}

/// Tells of changes.
#[derive(Debug, Default)]
pub struct Announcer {
    waiting: VecDeque<(Entry, Cause)>,
    /// A timer is set.
    resting: bool,
}

impl Announcer {
    /// Tells of an entry, now or as soon as it may.
    ///
    /// # Errors
    /// A timer can't be set.
    pub fn tell(&mut self, entry: Entry, cause: Cause) -> Result<(), HostError> {
        if self.waiting.len() >= MAX_WAITING {
            self.waiting.pop_front();
            metrics::add("events_dropped_total", 1, &[]);
            log::warn!("too many events wait for the granted rate: the oldest is dropped");
        }
        self.waiting.push_back((entry, cause));
        match self.resting {
            true => Ok(()),
            false => self.go_on(),
        }
    }

    /// The timer ran out.
    ///
    /// # Errors
    /// A timer can't be set.
    pub fn rested(&mut self) -> Result<(), HostError> {
        self.resting = false;
        self.go_on()
    }

    fn go_on(&mut self) -> Result<(), HostError> {
        while !self.waiting.is_empty() {
            let batch = self.waiting.iter().take(BATCH);
            match publish_all(batch.map(|(entry, cause)| event(entry, cause))) {
                Ok(_) => drop(self.waiting.drain(..self.waiting.len().min(BATCH))),
                Err(PublishError::Throttled(wait)) => {
                    self.resting = true;
                    return timers::after(wait.max(Duration::from_millis(1)), TAG).map(drop);
                }
                Err(error) => {
                    // It will not be taken the next time either.
                    let at = match error {
                        PublishError::Invalid { index, .. } | PublishError::TooLarge { index } => {
                            index
                        }
                        _ => 0,
                    };
                    let dropped = self.waiting.remove(at.min(self.waiting.len() - 1));
                    let room = dropped.map_or(0, |(entry, _)| entry.room.id);
                    metrics::add("events_dropped_total", 1, &[]);
                    log::warn!("what happened to room {room} can't be told: {error}");
                }
            }
        }
        Ok(())
    }
}

/// The event that tells of an entry.
pub fn event(entry: &Entry, cause: &Cause) -> Event {
    let change = entry.room.change();
    let event = match entry.done {
        Done::Created => Event::of(&RoomCreated(change)),
        Done::Updated => Event::of(&RoomUpdated(change)),
        Done::Deleted | Done::Hidden => Event::of(&RoomDeleted(change)),
    };
    let event = event.label("room", entry.room.label());
    match cause {
        Cause::People => event,
        Cause::Source(source) => event.label("mirrors", source),
        Cause::Start => event.label("restored", "true"),
    }
}
