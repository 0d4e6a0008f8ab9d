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
/// Most events of one call to the host.
const BATCH: usize = 64;
/// Events of one turn: making them takes processor time, of which a call has only so much.
const MOST_AT_ONCE: usize = 128;

/// What waits.
#[derive(Debug)]
pub struct Outbox {
    others: VecDeque<Event>,
    devices: BTreeSet<String>,
    /// Events of one call to the host: fewer after a refusal, which may be of one of them or of so many at once, more again
    /// after a success.
    batch: usize,
}

impl Default for Outbox {
    fn default() -> Self {
        Self {
            others: VecDeque::new(),
            devices: BTreeSet::new(),
            batch: BATCH,
        }
    }
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
            let batch: Vec<Event> = self.others.iter().take(self.batch).cloned().collect();
            let count = batch.len();
            if let Some(sent) = publish(batch, &mut self.batch, &mut broken) {
                return sent;
            }
            self.others.drain(..count);
        }
        if let Some(sent) = self.send_alerts(book, devices, &mut room, &mut broken) {
            return sent;
        }
        while !self.devices.is_empty() {
            let Some(left) = room.checked_sub(BATCH) else {
                return Sent::Later(Duration::ZERO);
            };
            room = left;
            let macs: Vec<String> = self.devices.iter().take(self.batch).cloned().collect();
            let known = macs.iter().filter_map(|mac| devices.find(mac));
            let batch = known.map(|device| announce::device_event(device, device.volume(traffic)));
            if let Some(sent) = publish(batch.collect(), &mut self.batch, &mut broken) {
                return sent;
            }
            self.devices.retain(|mac| !macs.contains(mac));
        }
        Sent::All
    }

    fn send_alerts(
        &mut self,
        book: &mut Book,
        devices: &Devices,
        room: &mut usize,
        broken: &mut impl FnMut(Feed, Bad, &str),
    ) -> Option<Sent> {
        let mut changes: VecDeque<_> = book.take_changes().into();
        while !changes.is_empty() {
            let count = changes.len().min(self.batch);
            let events = changes.iter().take(count);
            let events =
                events.map(|(alert, change)| announce::alert_event(alert, *change, devices));
            let sent = match room.checked_sub(BATCH) {
                Some(left) => {
                    *room = left;
                    publish(events.collect(), &mut self.batch, broken)
                }
                None => Some(Sent::Later(Duration::ZERO)),
            };
            if sent.is_some() {
                changes
                    .into_iter()
                    .for_each(|(alert, change)| book.put_back(alert, change));
                return sent;
            }
            for (alert, _) in changes.drain(..count) {
                book.announced(&alert.alert_id);
            }
        }
        None
    }
}

/// Publishes a batch, or nothing of it. `None`: it is dealt with, as is a single event that does not fit, which is counted.
fn publish(
    batch: Vec<Event>,
    most: &mut usize,
    broken: &mut impl FnMut(Feed, Bad, &str),
) -> Option<Sent> {
    let count = batch.len();
    if count == 0 {
        return None;
    }
    let (cause, reason) = match publish_all(batch) {
        Ok(_) => {
            *most = (*most * 2).min(BATCH);
            return None;
        }
        Err(PublishError::Throttled(after)) => return Some(Sent::Later(after)),
        Err(PublishError::NotGranted(what)) => return Some(Sent::Refused(what)),
        Err(PublishError::Invalid { reason, .. }) => ("an event does not fit its kind", reason),
        Err(PublishError::TooLarge { .. }) => {
            let cause = "an event is larger than limits.event-size";
            (cause, String::new())
        }
    };
    if count > 1 {
        *most = count / 2;
        return Some(Sent::Later(Duration::ZERO));
    }
    broken(Feed::Itself, Bad(cause), &reason);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::Bounds;
    use hearthgate_plugin::testing;

    #[test]
    fn a_rate_smaller_than_a_batch_loses_and_doubles_nothing() {
        testing::on_publish(|events| match events.len() {
            0..=20 => Ok(()),
            _ => Err(PublishError::Invalid {
                index: 20,
                reason: "more than 20 events at once (limits.publish-rate)".to_owned(),
            }),
        });
        let mut outbox = Outbox::default();
        for n in 0..200 {
            outbox.put(Event::new("acme.tick", format!("acme/{n}"), &n));
        }
        let bounds = Bounds {
            alerts: 20,
            days: 7,
            clear_after: 1,
        };
        let mut book = Book::new(bounds, Vec::new(), 1, BTreeSet::new());
        let (devices, traffic) = (Devices::new(10, Vec::new()), BTreeMap::new());
        let mut turns = 0;
        while outbox.send(&mut book, &devices, &traffic, |_, bad, why| {
            panic!("{bad:?} {why}")
        }) != Sent::All
        {
            turns += 1;
            assert!(turns < 100, "it comes to an end");
        }
        let told: Vec<_> = testing::published()
            .into_iter()
            .map(|event| event.topic)
            .collect();
        let expected: Vec<_> = (0..200).map(|n| format!("acme/{n}")).collect();
        assert_eq!(told, expected);
    }
}
