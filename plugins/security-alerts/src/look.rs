//! The look at the neighbours, the names and the set, from time to time.

use crate::config::millis;
use crate::devices::Happening;
use crate::finding::{Bad, Feed, Finding};
use crate::instant::Instant;
use crate::journal::Disk;
use crate::neighbours::{self, Neighbour};
use crate::{Security, announce, blocked, firewall, names};
use hearthgate_plugin::events::AlertSeverity;
use hearthgate_plugin::{commands, files};

/// Devices that are stored in one go: each takes the disk's time.
const STORED_AT_ONCE: usize = 50;
/// Largest table of neighbours, and largest file of names.
const LARGEST: u32 = 1024 * 1024;

impl Security {
    /// Looks who is there.
    pub(crate) fn look(&mut self, now: Instant) {
        match self.neighbours() {
            Ok(None) => {}
            Ok(Some(seen)) => {
                self.status.neighbours = true;
                self.take_neighbours(&seen, now);
            }
            Err((bad, example)) => {
                self.status.neighbours = false;
                self.causes.count(Feed::Neighbours, bad, &example, now);
            }
        }
        self.read_set(now);
    }

    /// Who the table shows; `None` where nobody is to look.
    fn neighbours(&self) -> Result<Option<Vec<Neighbour>>, (Bad, String)> {
        if self.config.neighbours {
            let outcome = commands::run("neighbours", &[]).map_err(|error| {
                (
                    Bad("the command neighbours can't be run"),
                    error.to_string(),
                )
            })?;
            if outcome.exit_code != 0 {
                let errors = String::from_utf8_lossy(&outcome.stderr).into_owned();
                return Err((Bad("the command neighbours failed"), errors));
            }
            return neighbours::of_ip(&outcome.stdout)
                .map(Some)
                .map_err(|bad| (bad, String::from_utf8_lossy(&outcome.stdout).into_owned()));
        }
        if self.config.arp.is_empty() {
            return Ok(None);
        }
        let table = files::read(&self.config.arp, 0, LARGEST).map_err(|error| {
            (
                Bad("the table of neighbours can't be read"),
                format!("{error:?}"),
            )
        })?;
        let table = String::from_utf8_lossy(&table);
        neighbours::of_arp(&table)
            .map(Some)
            .map_err(|bad| (bad, table.into_owned()))
    }

    fn take_neighbours(&mut self, seen: &[Neighbour], now: Instant) {
        let is_first = !self.progress.looked;
        let happened = self
            .devices
            .look(seen, now, millis(self.config.offline_after));
        for (mac, happening) in happened {
            self.outbox.device(&mac);
            let reason = match happening {
                Happening::New => "new",
                Happening::Back => "back",
                Happening::Gone => "gone",
                Happening::Changed => continue,
            };
            if let Some(device) = self.devices.find(&mac) {
                self.outbox.put(announce::connection_event(device, reason));
            }
            if happening == Happening::New && self.config.new_device_alerts && !is_first {
                self.alert_new(&mac, now);
            }
        }
        if is_first {
            self.progress.looked = true;
            self.dirty = true;
        }
        self.apply_names();
    }

    fn alert_new(&mut self, mac: &str, now: Instant) {
        let Some(device) = self.devices.find(mac) else {
            return;
        };
        let name = device.name();
        let key = format!("new-device:{mac}");
        let mut finding =
            Finding::new(Feed::Neighbours, key, "new_device", AlertSeverity::Low, now).told(
                &format!("A new device is on the network: {name}"),
                &format!("{name} ({mac}) was never seen before"),
            );
        (finding.ip, finding.mac) = (device.ip(), Some(mac.to_owned()));
        self.take_finding(finding, now);
    }

    /// Reads what is blocked.
    pub(crate) fn read_set(&mut self, now: Instant) {
        let anybody = self.config.neighbours || !self.config.arp.is_empty();
        if !anybody || self.no_set {
            return;
        }
        match firewall::read() {
            // It is not asked for again: each time would be a line in the log.
            Ok(None) => self.no_set = true,
            Ok(Some(set)) => {
                self.status.blocking = true;
                self.take_set(&set);
            }
            Err((bad, example)) => {
                self.status.blocking = false;
                self.causes.count(Feed::Blocking, bad, &example, now);
            }
        }
    }

    pub(crate) fn take_set(&mut self, set: &blocked::Blocked) {
        for mac in self.devices.set_blocked(set, self.config.block_by) {
            self.outbox.device(&mac);
        }
    }

    /// Reads the file of names.
    pub(crate) fn read_names(&mut self, now: Instant) {
        if self.config.names.is_empty() {
            return;
        }
        let read = match files::read(&self.config.names, 0, LARGEST) {
            Ok(bytes) => names::read(&bytes),
            Err(_) => Err(Bad("the file of names can't be read")),
        };
        match read {
            Ok(names) => {
                self.names = names;
                self.apply_names();
            }
            // A file that is half written has forgotten nobody's name.
            Err(bad) => self.causes.count(Feed::Names, bad, &self.config.names, now),
        }
    }

    fn apply_names(&mut self) {
        if self.config.names.is_empty() {
            return;
        }
        for mac in self.devices.set_names(&self.names) {
            self.outbox.device(&mac);
        }
    }

    /// Stores devices that changed.
    pub(crate) fn store_devices(&mut self, now: Instant) {
        for (mac, device) in self.devices.take_unsaved(STORED_AT_ONCE) {
            let key = format!("device/{mac}");
            let stored = match device {
                Some(device) => {
                    let bytes = serde_json::to_vec(&device).unwrap_or_default();
                    self.journal.disk().set(&key, &bytes)
                }
                None => self.journal.disk().delete(&key),
            };
            if let Err(error) = stored {
                self.devices.put_back(mac);
                self.store_failed(&error, now);
                return;
            }
        }
    }
}
