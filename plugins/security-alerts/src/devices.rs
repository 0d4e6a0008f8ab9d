//! The devices of the network: who came, who is back, who is gone, and who is kept off.

use crate::blocked::Blocked;
use crate::config::BlockBy;
use crate::finding::clip;
use crate::instant::Instant;
use crate::journal::Volume;
use crate::names::Known;
use crate::neighbours::{Neighbour, Reach};
use hearthgate_plugin::events::DeviceState;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// How old a stored `last_seen` may get, in milliseconds.
const SEEN_IS_STORED: i64 = 600_000;

/// Whether a device is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Presence {
    /// It answers.
    Active,
    /// It was there a while ago.
    Idle,
    /// It is not.
    Gone,
}

/// A device. Its id is its hardware address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Its hardware address, in lower case.
    pub mac: String,
    /// Its addresses, the one that stands for it first.
    pub addresses: Vec<IpAddr>,
    /// The name that somebody gave it.
    pub given_name: Option<String>,
    /// The name that the file of names has.
    pub known_name: Option<String>,
    /// Its name on the network.
    pub hostname: Option<String>,
    /// `camera`, `phone`, ….
    pub device_type: Option<String>,
    /// Whether it is there.
    pub presence: Presence,
    /// Whether the set holds it.
    pub blocked: bool,
    /// The first time.
    pub first_seen: Instant,
    /// The last time.
    pub last_seen: Instant,
    /// The `last_seen` that is stored.
    #[serde(skip)]
    stored_at: Instant,
}

/// What happened to a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happening {
    /// Never seen before.
    New,
    /// Seen again.
    Back,
    /// Not seen for long enough.
    Gone,
    /// Something else about it changed.
    Changed,
}

/// All devices.
#[derive(Debug, Clone)]
pub struct Devices {
    most: usize,
    devices: BTreeMap<String, Device>,
    unsaved: BTreeSet<String>,
    /// Devices that made room for others.
    pub evicted: u64,
    /// Those of them of which the gateway retains something still.
    departed: BTreeSet<String>,
}

impl Devices {
    /// Those that were stored.
    pub fn new(most: usize, stored: Vec<Device>) -> Self {
        let keyed = stored.into_iter().map(|mut device| {
            device.stored_at = device.last_seen;
            (device.mac.clone(), device)
        });
        Self {
            most,
            devices: keyed.collect(),
            unsaved: BTreeSet::new(),
            evicted: 0,
            departed: BTreeSet::new(),
        }
    }

    /// Takes what the table of neighbours shows now.
    pub fn look(
        &mut self,
        seen: &[Neighbour],
        now: Instant,
        offline_after: i64,
    ) -> Vec<(String, Happening)> {
        let mut happened = Vec::new();
        for neighbour in seen {
            if let Some(happening) = self.see(neighbour, now) {
                happened.push((neighbour.mac.clone(), happening));
            }
        }
        let shown: BTreeSet<&str> = seen
            .iter()
            .map(|neighbour| neighbour.mac.as_str())
            .collect();
        for device in self.devices.values_mut() {
            // The clock was set back: what was seen in its future was seen now.
            device.last_seen = device.last_seen.min(now);
            let missing =
                now - device.last_seen >= offline_after && !shown.contains(device.mac.as_str());
            if missing && device.presence != Presence::Gone {
                device.presence = Presence::Gone;
                self.unsaved.insert(device.mac.clone());
                happened.push((device.mac.clone(), Happening::Gone));
            }
        }
        self.make_room();
        happened.retain(|(mac, _)| self.devices.contains_key(mac));
        happened
    }

    fn see(&mut self, neighbour: &Neighbour, now: Instant) -> Option<Happening> {
        let presence = match neighbour.reach {
            Reach::Active => Presence::Active,
            Reach::Idle => Presence::Idle,
        };
        let Some(device) = self.devices.get_mut(&neighbour.mac) else {
            let device = Device::new(neighbour, presence, now);
            self.unsaved.insert(neighbour.mac.clone());
            self.devices.insert(neighbour.mac.clone(), device);
            return Some(Happening::New);
        };
        let was = (device.presence, device.addresses.first().copied());
        device.presence = presence;
        device.last_seen = now;
        device.move_to(&neighbour.addresses);
        let changed = was != (presence, device.addresses.first().copied());
        if changed || now - device.stored_at >= SEEN_IS_STORED {
            device.stored_at = now;
            self.unsaved.insert(device.mac.clone());
        }
        match was.0 {
            Presence::Gone => Some(Happening::Back),
            _ => changed.then_some(Happening::Changed),
        }
    }

    /// Over the bound, those that are gone the longest go; then those that were not seen the longest. A blocked one stays
    /// as long as there are others.
    fn make_room(&mut self) {
        while self.devices.len() > self.most {
            let rank = |device: &&Device| {
                (
                    device.blocked,
                    device.presence != Presence::Gone,
                    device.last_seen,
                )
            };
            let Some(mac) = self
                .devices
                .values()
                .min_by_key(rank)
                .map(|device| device.mac.clone())
            else {
                return;
            };
            self.devices.remove(&mac);
            self.departed.insert(mac.clone());
            self.unsaved.insert(mac);
            self.evicted += 1;
        }
    }

    /// Devices that are no more, since this was asked last.
    pub fn take_departed(&mut self) -> Vec<String> {
        let departed = std::mem::take(&mut self.departed).into_iter();
        departed
            .filter(|mac| !self.devices.contains_key(mac))
            .collect()
    }

    /// Takes the set as it is.
    pub fn set_blocked(&mut self, blocked: &Blocked, by: BlockBy) -> Vec<String> {
        let mut changed = Vec::new();
        for device in self.devices.values_mut() {
            let is_blocked = device.is_in(blocked, by);
            if device.blocked != is_blocked {
                device.blocked = is_blocked;
                changed.push(device.mac.clone());
            }
        }
        self.unsaved.extend(changed.iter().cloned());
        changed
    }

    /// Where the set can't be read: what a command's success means.
    pub fn mark_blocked(&mut self, mac: &str, blocked: bool) {
        if let Some(device) = self.devices.get_mut(mac) {
            device.blocked = blocked;
            self.unsaved.insert(mac.to_owned());
        }
    }

    /// Takes the file of names.
    pub fn set_names(&mut self, names: &BTreeMap<String, Known>) -> Vec<String> {
        let mut changed = Vec::new();
        for device in self.devices.values_mut() {
            let found = device
                .addresses
                .iter()
                .find_map(|ip| names.get(&ip.to_string()));
            let found = found.or_else(|| names.get(&device.mac));
            let known = found.cloned().unwrap_or_default();
            let new = (known.name, known.hostname, known.device_type);
            let old = (&device.known_name, &device.hostname, &device.device_type);
            if old != (&new.0, &new.1, &new.2) {
                (device.known_name, device.hostname, device.device_type) = new;
                changed.push(device.mac.clone());
            }
        }
        self.unsaved.extend(changed.iter().cloned());
        changed
    }

    /// Gives a device a name; an empty one takes it away.
    pub fn rename(&mut self, mac: &str, name: &str) {
        if let Some(device) = self.devices.get_mut(mac) {
            let name = clip(name.trim(), 100);
            device.given_name = (!name.is_empty()).then_some(name);
            self.unsaved.insert(mac.to_owned());
        }
    }

    /// A device by its id, which is its hardware address, or by an IP address.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<&Device> {
        if let Some(device) = self.devices.get(&id.to_ascii_lowercase().replace('-', ":")) {
            return Some(device);
        }
        let ip: IpAddr = id.parse().ok()?;
        let with = self
            .devices
            .values()
            .filter(|device| device.addresses.contains(&ip));
        // An address that wandered is that of whom it was seen at last.
        with.max_by_key(|device| (device.presence != Presence::Gone, device.last_seen))
    }

    /// All devices.
    pub fn all(&self) -> impl Iterator<Item = &Device> {
        self.devices.values()
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.devices.len()
    }

    /// Takes some of those whose stored form is old: `None` for one that is gone.
    pub fn take_unsaved(&mut self, most: usize) -> Vec<(String, Option<Device>)> {
        let macs: Vec<String> = self.unsaved.iter().take(most).cloned().collect();
        self.unsaved.retain(|mac| !macs.contains(mac));
        macs.into_iter()
            .map(|mac| (mac.clone(), self.devices.get(&mac).cloned()))
            .collect()
    }

    /// It could not be stored: later.
    pub fn put_back(&mut self, mac: String) {
        self.unsaved.insert(mac);
    }
}

impl Device {
    fn new(neighbour: &Neighbour, presence: Presence, now: Instant) -> Self {
        Self {
            mac: neighbour.mac.clone(),
            addresses: neighbour.addresses.clone(),
            given_name: None,
            known_name: None,
            hostname: None,
            device_type: None,
            presence,
            blocked: false,
            first_seen: now,
            last_seen: now,
            stored_at: now,
        }
    }

    /// Other addresses; the one that stands for it stays so while it has it.
    fn move_to(&mut self, addresses: &[IpAddr]) {
        let v4 = addresses.iter().any(IpAddr::is_ipv4);
        let stays = |first: &&IpAddr| addresses.contains(first) && (first.is_ipv4() || !v4);
        let first = self.addresses.first().filter(stays).copied();
        self.addresses = first.into_iter().collect();
        let others = addresses.iter().filter(|address| Some(**address) != first);
        self.addresses.extend(others);
    }

    /// The address that stands for it.
    #[must_use]
    pub fn ip(&self) -> Option<String> {
        self.addresses.first().map(ToString::to_string)
    }

    /// What people call it.
    #[must_use]
    pub fn name(&self) -> String {
        let name = self
            .given_name
            .as_ref()
            .or(self.known_name.as_ref())
            .or(self.hostname.as_ref());
        name.cloned()
            .or_else(|| self.ip())
            .unwrap_or_else(|| self.mac.clone())
    }

    /// How it is, as the catalogue says it.
    #[must_use]
    pub fn state(&self) -> DeviceState {
        match (self.blocked, self.presence) {
            (true, _) => DeviceState::Blocked,
            (false, Presence::Active) => DeviceState::Online,
            (false, Presence::Idle) => DeviceState::Idle,
            (false, Presence::Gone) => DeviceState::Offline,
        }
    }

    /// What the blocking commands call it.
    #[must_use]
    pub fn target(&self, by: BlockBy) -> Option<String> {
        match by {
            BlockBy::Mac => Some(self.mac.clone()),
            BlockBy::Ip => self.ip(),
        }
    }

    /// The traffic of all its addresses.
    #[must_use]
    pub fn volume(&self, traffic: &BTreeMap<String, Volume>) -> Volume {
        let of_all = self
            .addresses
            .iter()
            .filter_map(|ip| traffic.get(&ip.to_string()));
        of_all.fold(Volume::default(), |sum, one| sum.plus(*one))
    }

    /// Whether the set holds it.
    #[must_use]
    pub fn is_in(&self, blocked: &Blocked, by: BlockBy) -> bool {
        match by {
            BlockBy::Mac => blocked.holds(&self.mac),
            BlockBy::Ip => self
                .addresses
                .iter()
                .any(|ip| blocked.holds(&ip.to_string())),
        }
    }
}

#[cfg(test)]
#[path = "devices_tests.rs"]
mod tests;
