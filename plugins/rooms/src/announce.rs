//! What is told of rooms: `room.*` events, retained, in their order and however long the gateway lets us wait.

use crate::book::{Done, Entry};
use hearthgate_plugin::events::{RoomCreated, RoomDeleted, RoomUpdated};
use hearthgate_plugin::{Event, HostError, Outbox, log, metrics, timers};
use std::time::Duration;

/// The timer after which publishing goes on.
pub const TAG: &str = "publish";
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
#[derive(Debug)]
pub struct Announcer {
    outbox: Outbox,
    /// A timer is set.
    resting: bool,
}

impl Default for Announcer {
    fn default() -> Self {
        Self {
            outbox: Outbox::new(MAX_WAITING),
            resting: false,
        }
    }
}

impl Announcer {
    /// Tells of an entry, now or as soon as it may.
    ///
    /// # Errors
    /// A timer can't be set.
    pub fn tell(&mut self, entry: Entry, cause: Cause) -> Result<(), HostError> {
        self.outbox.push(event(&entry, &cause));
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
        let wait = self.outbox.flush(|event, reason| {
            metrics::add("events_dropped_total", 1, &[]);
            log::warn!("{event} can't be told: {reason}");
        });
        match wait {
            None => Ok(()),
            Some(wait) => {
                self.resting = true;
                timers::after(wait.max(Duration::from_millis(1)), TAG).map(drop)
            }
        }
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
