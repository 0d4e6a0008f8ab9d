//! What waits to be published. Alerts and the states of devices wait as what they are, so that only their newest state is
//! sent and the room they take is bounded by their tables; other events wait in a queue, whose oldest is dropped when it is full.

use crate::alerts::Book;
use crate::announce;
use crate::devices::Devices;
use crate::finding::{Bad, Feed};
use crate::journal::Volume;
use hearthgate_plugin::log::Level;
use hearthgate_plugin::{Event, PublishError, log_with, metrics, publish_all};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// Most other events that wait.
const MOST_WAITING: usize = 1000;
/// Events of one call to the host.
const BATCH: usize = 64;
/// Events of one turn: making them takes processor time, of which a call has only so much.
const MOST_AT_ONCE: usize = 128;

/// What waits.
#[derive(Debug, Default)]
pub struct Outbox {
    others: VecDeque<Event>,
    devices: BTreeSet<String>,
}

/// How publishing went.
#[derive(Debug, PartialEq, Eq)]
pub enum Sent {
    /// Nothing waits any more.
    All,
    /// The rate is used up: again after this time.
    Later(Duration),
    /// No grant covers it.
    Refused(String),
}

impl Outbox {
    /// Puts an event behind the others.
    pub fn put(&mut self, event: Event) {
        if self.others.len() >= MOST_WAITING {
            self.others.pop_front();
            metrics::add("events_dropped_total", 1, &[]);
        }
        self.others.push_back(event);
    }

    /// A device's state is to be told.
    pub fn device(&mut self, mac: &str) {
        self.devices.insert(mac.to_owned());
    }

    /// Publishes what waits: other events, then alerts, then devices.
    pub fn send(
        &mut self,
        book: &mut Book,
        devices: &Devices,
        traffic: &BTreeMap<String, Volume>,
        mut broken: impl FnMut(Feed, Bad, &str),
    ) -> Sent {
        let mut room = MOST_AT_ONCE;
        while !self.others.is_empty() {
            let Some(left) = room.checked_sub(BATCH) else {
                return Sent::Later(Duration::ZERO);
            };
            room = left;
            let batch: Vec<Event> = self.others.iter().take(BATCH).cloned().collect();
            let count = batch.len();
            if let Some(sent) = publish(batch, &mut broken) {
                return sent;
            }
            self.others.drain(..count);
        }
        if let Some(sent) = send_alerts(book, devices, &mut room, &mut broken) {
            return sent;
        }
        while !self.devices.is_empty() {
            let Some(left) = room.checked_sub(BATCH) else {
                return Sent::Later(Duration::ZERO);
            };
            room = left;
            let macs: Vec<String> = self.devices.iter().take(BATCH).cloned().collect();
            let known = macs.iter().filter_map(|mac| devices.find(mac));
            let batch = known.map(|device| announce::device_event(device, device.volume(traffic)));
            if let Some(sent) = publish(batch.collect(), &mut broken) {
                return sent;
            }
            self.devices.retain(|mac| !macs.contains(mac));
        }
        Sent::All
    }
}

fn send_alerts(
    book: &mut Book,
    devices: &Devices,
    room: &mut usize,
    broken: &mut impl FnMut(Feed, Bad, &str),
) -> Option<Sent> {
    let mut changes: VecDeque<_> = book.take_changes().into();
    while !changes.is_empty() {
        let events = changes.iter().take(BATCH);
        let events = events.map(|(alert, change)| announce::alert_event(alert, *change, devices));
        let sent = match room.checked_sub(BATCH) {
            Some(left) => {
                *room = left;
                publish(events.collect(), broken)
            }
            None => Some(Sent::Later(Duration::ZERO)),
        };
        if sent.is_some() {
            changes
                .into_iter()
                .for_each(|(alert, change)| book.put_back(alert, change));
            return sent;
        }
        let count = changes.len().min(BATCH);
        for (alert, _) in changes.drain(..count) {
            book.announced(&alert.alert_id);
        }
    }
    None
}

/// Publishes a batch; an event that does not fit is left out and counted. `None`: it is sent.
fn publish(mut batch: Vec<Event>, broken: &mut impl FnMut(Feed, Bad, &str)) -> Option<Sent> {
    while !batch.is_empty() {
        match publish_all(batch.clone()) {
            Ok(_) => return None,
            Err(PublishError::Throttled(after)) => return Some(Sent::Later(after)),
            Err(PublishError::NotGranted(what)) => return Some(Sent::Refused(what)),
            Err(PublishError::Invalid { index, reason }) => {
                broken(Feed::Itself, Bad("an event does not fit its kind"), &reason);
                drop(batch.remove(index.min(batch.len() - 1)));
            }
            Err(PublishError::TooLarge { index }) => {
                broken(
                    Feed::Itself,
                    Bad("an event is larger than limits.event-size"),
                    "",
                );
                drop(batch.remove(index.min(batch.len() - 1)));
            }
        }
    }
    None
}

/// Logs once that nothing may be published.
pub fn tell_refused(what: &str) {
    log_with(
        Level::Error,
        "publishing is not granted",
        &[("reason", &what)],
    );
}
