//! What is known of the devices behind the broker, from whoever tells of them.

use crate::draft::Draft;
use hearthgate_plugin::events::{DeviceState, DeviceStatus, Object};
use hearthgate_plugin::rfc3339;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

/// A device as its own messages and the messages about it describe it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Device {
    /// What people call it.
    pub name: Option<String>,
    /// Its hardware address.
    pub mac: Option<String>,
    /// Its IP address.
    pub ip: Option<String>,
    /// `Router`, `EndDevice`, `bridge`, ….
    pub device_type: Option<String>,
    /// Where it is.
    pub area: Option<String>,
    /// Percent.
    pub battery: Option<f64>,
    /// Manufacturer, model, versions, ….
    pub properties: Object,
    /// What each of its sources says: it is there if any of them says so.
    pub said: BTreeMap<String, bool>,
    /// A device that is there only if another is: zigbee2mqtt's, behind its bridge.
    pub behind: Option<String>,
}

impl Device {
    /// Whether it is there; `None`: nobody said so yet.
    fn there(&self) -> Option<bool> {
        let mut said = self.said.values();
        let first = *said.next()?;
        Some(said.fold(first, |there, said| there || *said))
    }
}

/// All of them, by their id.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Devices {
    all: BTreeMap<String, Device>,
    /// What was told last, without the time.
    #[serde(default)]
    told: BTreeMap<String, Value>,
    #[serde(skip)]
    most: usize,
    #[serde(skip)]
    turned_away: bool,
}

impl Devices {
    /// At most so many are known.
    pub fn bound(&mut self, most: usize) {
        self.most = most;
    }

    /// Nothing was told yet.
    pub fn untold(&mut self) {
        self.told.clear();
    }

    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether a device found no place since this was asked last.
    pub fn take_turned_away(&mut self) -> bool {
        std::mem::take(&mut self.turned_away)
    }

    /// Changes what is known of a device, and tells of it where that makes a difference.
    pub fn update(&mut self, id: &str, out: &mut Vec<Draft>, change: impl FnOnce(&mut Device)) {
        if self.all.len() >= self.most && !self.all.contains_key(id) {
            self.turned_away = true;
            return;
        }
        change(self.all.entry(id.to_owned()).or_default());
        self.tell(id, out);
        let behind = self.all.iter();
        let behind = behind.filter(|(_, device)| device.behind.as_deref() == Some(id));
        let behind: Vec<String> = behind.map(|(id, _)| id.clone()).collect();
        behind.iter().for_each(|id| self.tell(id, out));
    }

    /// A device is gone for good.
    pub fn remove(&mut self, id: &str, out: &mut Vec<Draft>) {
        if let Some(device) = self.all.get_mut(id) {
            let sources: Vec<String> = device.said.keys().cloned().collect();
            device
                .said
                .extend(sources.into_iter().map(|source| (source, false)));
            device.behind = None;
            self.tell(id, out);
            self.all.remove(id);
            self.told.remove(id);
        }
    }

    /// What was read is all that there is: sources that said nothing since a link was lost don't vouch for a device.
    pub fn forget_all_but(&mut self, confirmed: &BTreeSet<(String, String)>, out: &mut Vec<Draft>) {
        let ids: Vec<String> = self.all.keys().cloned().collect();
        for id in ids {
            if let Some(device) = self.all.get_mut(&id) {
                for (source, said) in &mut device.said {
                    *said &= confirmed.contains(&(id.clone(), source.clone()));
                }
            }
            self.tell(&id, out);
        }
    }

    /// Publishes how a device is, if that is known and is not what was told before.
    fn tell(&mut self, id: &str, out: &mut Vec<Draft>) {
        let Some(device) = self.all.get(id) else {
            return;
        };
        let Some(there) = device.there() else { return };
        let bridge = device
            .behind
            .as_ref()
            .and_then(|bridge| self.all.get(bridge)?.there());
        let state = match there && bridge != Some(false) {
            true => DeviceState::Online,
            false => DeviceState::Offline,
        };
        let name = device.name.as_deref().unwrap_or(id);
        let status = DeviceStatus {
            battery_level: device.battery,
            ip: device.ip.clone(),
            mac: device.mac.clone(),
            device_type: device.device_type.clone(),
            properties: (!device.properties.is_empty()).then(|| device.properties.clone()),
            ..DeviceStatus::new(id, name, state, rfc3339(SystemTime::now()))
        };
        let draft = Draft::of(&status)
            .label("device", id)
            .label_if("area", device.area.as_deref());
        let mut known = draft.data.clone();
        if let Some(known) = known.as_object_mut() {
            known.remove("last_seen");
        }
        if self.told.get(id) != Some(&known) {
            self.told.insert(id.to_owned(), known);
            out.push(draft);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn devices() -> Devices {
        Devices {
            most: 2,
            ..Devices::default()
        }
    }

    fn statuses(out: &mut Vec<Draft>) -> Vec<String> {
        let drafts = out.drain(..);
        let status = |draft: Draft| {
            format!("{} {}", draft.data["name"], draft.data["status"]).replace('"', "")
        };
        drafts.map(status).collect()
    }

    #[test]
    fn a_device_is_told_of_when_it_changes_and_not_before_it_is_known() {
        let (mut devices, mut out) = (devices(), Vec::new());
        devices.update("d", &mut out, |d| d.name = Some("Lamp".to_owned()));
        assert_eq!(out, [], "nobody said how it is");
        for there in [true, true, false] {
            devices.update("d", &mut out, |d| {
                d.said.insert("a".to_owned(), there);
            });
        }
        assert_eq!(statuses(&mut out), ["Lamp online", "Lamp offline"]);
        devices.update("d", &mut out, |d| {
            d.said.insert("b".to_owned(), true);
        });
        assert_eq!(statuses(&mut out), ["Lamp online"], "one of two says so");
        devices.update("d", &mut out, |d| d.battery = Some(7.0));
        assert_eq!(out[0].data["battery_level"], 7.0);
        out.clear();
        devices.remove("d", &mut out);
        assert_eq!(statuses(&mut out), ["Lamp offline"]);
    }

    #[test]
    fn a_device_is_as_far_as_what_it_is_behind() {
        let (mut devices, mut out) = (devices(), Vec::new());
        devices.update("lamp", &mut out, |d| {
            d.behind = Some("bridge".to_owned());
            d.said.insert("a".to_owned(), true);
        });
        devices.update("bridge", &mut out, |d| {
            d.said.insert("a".to_owned(), false);
        });
        devices.update("bridge", &mut out, |d| {
            d.said.insert("a".to_owned(), true);
        });
        let expected = [
            "lamp online",
            "bridge offline",
            "lamp offline",
            "bridge online",
            "lamp online",
        ];
        assert_eq!(statuses(&mut out), expected);
    }

    #[test]
    fn what_is_not_confirmed_is_offline() {
        let (mut devices, mut out) = (devices(), Vec::new());
        for id in ["a", "b"] {
            devices.update(id, &mut out, |d| {
                d.said.insert("s".to_owned(), true);
            });
        }
        out.clear();
        let confirmed = [("a".to_owned(), "s".to_owned())].into();
        devices.forget_all_but(&confirmed, &mut out);
        assert_eq!(statuses(&mut out), ["b offline"]);
    }

    #[test]
    fn there_is_room_for_so_many() {
        let (mut devices, mut out) = (devices(), Vec::new());
        for id in ["a", "b", "c"] {
            devices.update(id, &mut out, |d| {
                d.said.insert("s".to_owned(), true);
            });
        }
        assert_eq!(statuses(&mut out), ["a online", "b online"]);
        assert!(devices.take_turned_away() && !devices.take_turned_away());
    }
}
