//! What the adb server's lists mean: devices that come, change and go, and the link itself.

use super::jobs::Job;
use super::{ListWait, Monitor, Synchronisation};
use crate::adb::list::{self, Listed};
use crate::adb::script::Mark;
use crate::clock;
use crate::device::{Device, LONGEST_ID, Sampling};
use crate::pace::Pace;
use hearthgate_plugin::events::{AdapterState, AdapterStatus, DeviceState, SyncState, SyncStatus};
use hearthgate_plugin::{Event, store};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// Most devices that are remembered.
pub(super) const MOST_DEVICES: usize = 1000;
/// The key in the store under which devices are remembered.
const STORED: &str = "devices";

/// What is remembered of a device over a restart of the gateway.
#[derive(Debug, Serialize, Deserialize)]
struct Seen {
    first_seen: String,
    model: Option<String>,
}

impl Monitor {
    /// Devices of earlier lives: not there until a list says so.
    pub fn recall(&mut self, now: u64) {
        let stored: BTreeMap<String, Seen> = match store::get_json(STORED) {
            Ok(stored) => stored.unwrap_or_default(),
            Err(error) => return self.complaints.note("store", "", &format!("{error:?}")),
        };
        for (serial, seen) in stored.into_iter().take(MOST_DEVICES) {
            let facts = seen
                .model
                .map(|model| ("model".to_owned(), model))
                .into_iter()
                .collect();
            let listed = Listed {
                serial: serial.clone(),
                state: "gone".to_owned(),
                facts,
            };
            let pace = self.pace(&serial, now);
            self.devices
                .insert(serial, Device::new(listed, seen.first_seen, pace));
        }
    }

    fn remember(&mut self) {
        let seen = self.devices.values().map(|device| {
            let model = device.model().map(str::to_owned);
            (
                device.id(),
                Seen {
                    first_seen: device.first_seen().to_owned(),
                    model,
                },
            )
        });
        let seen: BTreeMap<&str, Seen> = seen.collect();
        if let Err(error) = store::set_json(STORED, &seen) {
            self.complaints.note("store", "", &format!("{error:?}"));
        }
    }

    /// The pace that the configuration gives a device.
    pub(super) fn pace(&self, serial: &str, now: u64) -> Pace {
        let known = self.known(serial);
        let interval = known
            .and_then(|known| known.interval)
            .unwrap_or(self.config.interval);
        let monitor = known.and_then(|known| known.monitor).unwrap_or(true);
        Pace::new(interval.millis(), !monitor, now)
    }

    /// The server's list: every device there is.
    pub(super) fn listed(&mut self, list: Vec<Listed>, skipped: usize, now: u64) {
        (0..skipped).for_each(|_| {
            self.complaints
                .note("device list", "", "a line without a serial or a state")
        });
        let first = self
            .adb
            .as_mut()
            .is_some_and(|adb| !std::mem::replace(&mut adb.listed, true));
        let serials: BTreeSet<String> = list.iter().map(|listed| listed.serial.clone()).collect();
        let known: Vec<String> = self.devices.keys().cloned().collect();
        for serial in known.iter().filter(|serial| !serials.contains(*serial)) {
            self.device_gone(serial, "no longer listed by the adb server", first);
        }
        // Version 29 of the server tells by its tracker that a device is offline, and not that it is unauthorised then.
        let undecided = list
            .iter()
            .any(|listed| listed.status() == DeviceState::Offline);
        self.next_list =
            undecided.then(|| now + self.list_wait.step(self.config.interval.millis()));
        if !undecided {
            self.list_wait = ListWait::default();
        }
        let mut added = false;
        for listed in list {
            added |= self.device_listed(listed, now);
        }
        if added {
            self.remember();
        }
        if first {
            self.adapter_is(AdapterState::Connected, None);
            self.jobs.push(Job::Version);
            self.begin_synchronisation();
        }
    }

    /// The server's list, asked for. It is nothing once the link is down.
    pub(super) fn listed_again(&mut self, text: &str, now: u64) {
        if self.adb.as_ref().is_some_and(|adb| adb.listed) {
            let (list, skipped) = list::parse(text);
            self.listed(list, skipped, now);
        }
    }

    /// Has the server connect to the configured addresses that it does not list.
    pub(super) fn connect_configured(&mut self) -> usize {
        let missing = self.config.connect.iter().filter(|address| {
            self.devices
                .get(*address)
                .is_none_or(|device| !device.is_online())
        });
        let jobs: Vec<Job> = missing
            .map(|address| Job::Connect {
                address: address.clone(),
            })
            .collect();
        let new: Vec<Job> = jobs.into_iter().filter(|job| !self.jobs.has(job)).collect();
        let count = new.len();
        new.into_iter().for_each(|job| self.jobs.push(job));
        count
    }

    /// Returns whether it is new.
    fn device_listed(&mut self, listed: Listed, now: u64) -> bool {
        let serial = listed.serial.clone();
        if serial.len() > LONGEST_ID {
            self.complaints.note(
                "device list",
                &serial[..serial.floor_char_boundary(40)],
                "the serial is too long",
            );
            return false;
        }
        let new = !self.devices.contains_key(&serial);
        if new && !self.make_room() {
            self.complaints.note("too many devices", &serial, "");
            return false;
        }
        let pace = self.pace(&serial, now);
        let known = self.config.devices.get(&serial);
        let gone = || Listed {
            state: "gone".to_owned(),
            ..listed.clone()
        };
        let device = self
            .devices
            .entry(serial)
            .or_insert_with(|| Device::new(gone(), clock::timestamp(), pace));
        let was_online = device.is_online();
        if !device.relisted(listed) {
            return new;
        }
        let events = match (was_online, device.is_online()) {
            (false, true) => {
                device.pace.at_once(now);
                vec![
                    device.connection_event(known, None),
                    device.status_event(known),
                ]
            }
            (true, false) => vec![
                device.connection_event(known, Some("the device takes no commands any more")),
                device.status_event(known),
            ],
            _ => vec![device.status_event(known)],
        };
        events.into_iter().for_each(|event| self.outbox.push(event));
        new
    }

    /// Forgets a device that is not there, if there are too many to take one more.
    fn make_room(&mut self) -> bool {
        if self.devices.len() < MOST_DEVICES {
            return true;
        }
        let absent = self
            .devices
            .values()
            .find(|device| !device.is_online() && !self.config.devices.contains_key(device.id()));
        let absent = absent.map(|device| device.id().to_owned());
        absent.is_some_and(|serial| self.devices.remove(&serial).is_some())
    }

    fn device_gone(&mut self, serial: &str, reason: &str, tell_anyway: bool) {
        let known = self.config.devices.get(serial);
        let Some(device) = self.devices.get_mut(serial) else {
            return;
        };
        let (was_online, before) = (device.is_online(), device.status());
        device.gone();
        if was_online {
            self.outbox
                .push(device.connection_event(known, Some(reason)));
        }
        if before != device.status() || tell_anyway {
            self.outbox.push(device.status_event(known));
        }
        self.synchronised(serial, false);
    }

    /// Nobody knows how devices are any more.
    pub(super) fn adb_lost(&mut self, reason: &str) {
        if let Some(adb) = &mut self.adb {
            adb.listed = false;
        }
        self.synchronisation = None;
        self.next_list = None;
        let serials: Vec<String> = self.devices.keys().cloned().collect();
        for serial in serials {
            self.device_gone(&serial, "the adb server is away", false);
        }
        self.adapter_is(AdapterState::Disconnected, Some(reason.to_owned()));
    }

    /// `adapter.status`, where it is another than before.
    pub(super) fn adapter_is(&mut self, state: AdapterState, message: Option<String>) {
        let now = (state, message);
        if self.adapter.as_ref() == Some(&now) {
            return;
        }
        let online = self
            .devices
            .values()
            .filter(|device| device.is_online())
            .count();
        let health = json!({"devices": self.devices.len(), "online": online, "probes": self.probes.len(), "adb_version": self.server_version});
        let status = AdapterStatus {
            message: now.1.clone(),
            health: health.as_object().cloned(),
            ..AdapterStatus::new("device-monitor", "Device monitor", state)
        };
        self.outbox.push(Event::of(&status));
        self.adapter = Some(now);
    }

    fn begin_synchronisation(&mut self) {
        let sampled = self
            .devices
            .values()
            .filter(|device| device.is_online() && device.pace.is_on());
        let waiting: BTreeSet<String> = sampled.map(|device| device.id().to_owned()).collect();
        self.synchronisation = Some(Synchronisation {
            total: waiting.len(),
            waiting,
            errors: 0,
        });
        self.tell_synchronisation();
    }

    /// A device has been read for the first time since the link is up, or can't be.
    fn synchronised(&mut self, serial: &str, well: bool) {
        let Some(synchronisation) = &mut self.synchronisation else {
            return;
        };
        if synchronisation.waiting.remove(serial) {
            synchronisation.errors += usize::from(!well);
            self.tell_synchronisation();
        }
    }

    fn tell_synchronisation(&mut self) {
        let Some(synchronisation) = &self.synchronisation else {
            return;
        };
        let Synchronisation {
            waiting,
            total,
            errors,
        } = synchronisation;
        let done = total - waiting.len();
        let state = match (waiting.is_empty(), errors) {
            (false, _) => SyncState::Syncing,
            (true, 0) => SyncState::Completed,
            (true, _) => SyncState::CompletedWithErrors,
        };
        let progress = if *total == 0 {
            100.0
        } else {
            100.0 * done as f64 / *total as f64
        };
        let count = u32::try_from(done - errors).unwrap_or(u32::MAX);
        let message = format!("{} of {total} devices read", done - errors);
        self.outbox.push(Event::of(&SyncStatus::new(
            state, message, count, 0u32, progress,
        )));
        if waiting.is_empty() {
            self.synchronisation = None;
        }
    }

    /// A session with a device is over.
    pub(super) fn sampled(
        &mut self,
        serial: &str,
        mark: &Mark,
        outcome: Result<String, String>,
        now: u64,
    ) {
        let known = self.config.devices.get(serial);
        let Some(device) = self.devices.get_mut(serial) else {
            return;
        };
        device.sampling = Sampling::Idle;
        let parts = outcome.as_ref().ok().and_then(|output| mark.split(output));
        let Some(parts) = parts else {
            let reason = outcome
                .err()
                .unwrap_or_else(|| "the session was cut off".to_owned());
            self.complaints.note("sample", serial, &reason);
            return self.synchronised(serial, false);
        };
        // What was asked before the device went away is no state of it any more.
        if !device.is_online() {
            return;
        }
        device.sampled(&parts, now);
        let events = [
            Some(device.status_event(known)),
            device.metrics_event(known),
        ];
        events
            .into_iter()
            .flatten()
            .for_each(|event| self.outbox.push(event));
        self.synchronised(serial, true);
    }
}
