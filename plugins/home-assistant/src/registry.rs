//! Home Assistant's registries: which entity belongs to which device, which of the two lies in which area, and which area
//! on which floor. Its area is a room here, and its floor an area.

use crate::wire;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// Where something is, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// Its room: Home Assistant's area.
    pub room: Option<Rc<str>>,
    /// Its area: Home Assistant's floor.
    pub area: Option<Rc<str>>,
    /// Its device.
    pub device: Option<Rc<str>>,
}

/// A room as the registry knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Room {
    pub name: String,
    pub icon: Option<String>,
    pub area: Option<String>,
}

/// An entity's entry; those that say nothing are not kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    pub room: Option<Rc<str>>,
    pub device: Option<Rc<str>>,
    pub name: Option<Box<str>>,
}

/// Ids that many things share, each once in memory.
#[derive(Debug, Default)]
struct Names(BTreeSet<Rc<str>>);

impl Names {
    fn intern(&mut self, name: &str) -> Rc<str> {
        if let Some(known) = self.0.get(name) {
            return known.clone();
        }
        let name: Rc<str> = name.into();
        self.0.insert(name.clone());
        name
    }
}

/// All four registries.
#[derive(Debug, Default)]
pub struct Registry {
    /// Floors and their names.
    pub areas: BTreeMap<Rc<str>, String>,
    /// Areas.
    pub rooms: BTreeMap<Rc<str>, Room>,
    /// Devices with the room that they are in.
    pub devices: BTreeMap<Rc<str>, Option<Rc<str>>>,
    /// Entities.
    pub entities: BTreeMap<Box<str>, Entry>,
    names: Names,
}

impl Registry {
    /// Where an entity is: its own room, else its device's.
    pub fn place(&self, entity: &str) -> Place {
        let Some(entry) = self.entities.get(entity) else {
            return Place::default();
        };
        let of_device = || self.devices.get(entry.device.as_ref()?)?.clone();
        let room = entry.room.clone().or_else(of_device);
        let floor = room
            .as_ref()
            .and_then(|room| self.rooms.get(room)?.area.as_deref());
        // One that the registry of floors does not know is none.
        let area = floor.and_then(|floor| self.areas.get_key_value(floor));
        let area = area.map(|(id, _)| id.clone());
        Place {
            room,
            area,
            device: entry.device.clone(),
        }
    }

    /// What the registry calls an entity; a state's `friendly_name` is better.
    pub fn name(&self, entity: &str) -> Option<&str> {
        self.entities.get(entity)?.name.as_deref()
    }

    /// An id, shared.
    pub fn intern(&mut self, name: &str) -> Rc<str> {
        self.names.intern(name)
    }

    /// Takes a floor.
    pub fn add_floor(&mut self, floor: wire::Floor) {
        let id = self.intern(&floor.floor_id);
        let name = floor.name.unwrap_or(floor.floor_id);
        self.areas.insert(id, name);
    }

    /// Takes an area.
    pub fn add_area(&mut self, area: wire::Area) {
        let id = self.intern(&area.area_id);
        let room = Room {
            name: area.name.unwrap_or(area.area_id),
            icon: area.icon,
            area: area.floor_id,
        };
        self.rooms.insert(id, room);
    }

    /// Takes a device.
    pub fn add_device(&mut self, device: &wire::Device<'_>) {
        let id = self.intern(&device.id);
        let room = device.area_id.as_deref().map(|area| self.intern(area));
        self.devices.insert(id, room);
    }

    /// Takes an entity's entry.
    pub fn add_entity(&mut self, entity: &wire::Entity<'_>) {
        let entry = Entry {
            room: entity.area_id.as_deref().map(|area| self.intern(area)),
            device: entity.device_id.as_deref().map(|id| self.intern(id)),
            name: entity
                .name
                .as_deref()
                .or(entity.original_name.as_deref())
                .map(Box::from),
        };
        if entry != Entry::default() {
            self.entities
                .insert(entity.entity_id.as_ref().into(), entry);
        }
    }

    /// Takes one registry out of another, read anew.
    pub fn replace(&mut self, which: Which, mut new: Self) {
        match which {
            Which::Floors => self.areas = std::mem::take(&mut new.areas),
            Which::Areas => self.rooms = std::mem::take(&mut new.rooms),
            Which::Devices => self.devices = std::mem::take(&mut new.devices),
            Which::Entities => self.entities = std::mem::take(&mut new.entities),
        }
        self.share();
    }

    /// Forgets ids that nobody has any more.
    fn share(&mut self) {
        self.names.0.retain(|name| Rc::strong_count(name) > 1);
    }

    /// How many entries a registry has.
    pub fn len(&self, which: Which) -> usize {
        match which {
            Which::Floors => self.areas.len(),
            Which::Areas => self.rooms.len(),
            Which::Devices => self.devices.len(),
            Which::Entities => self.entities.len(),
        }
    }
}

/// One of the registries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Which {
    Floors,
    Areas,
    Devices,
    Entities,
}

impl Which {
    /// All, in the order in which they are read: each before what refers to it.
    pub const ALL: [Self; 4] = [Self::Floors, Self::Areas, Self::Devices, Self::Entities];

    /// The command that lists it.
    pub fn command(self) -> &'static str {
        match self {
            Self::Floors => "config/floor_registry/list",
            Self::Areas => "config/area_registry/list",
            Self::Devices => "config/device_registry/list",
            Self::Entities => "config/entity_registry/list",
        }
    }

    /// The event that tells of its changes.
    pub fn event(self) -> &'static str {
        match self {
            Self::Floors => "floor_registry_updated",
            Self::Areas => "area_registry_updated",
            Self::Devices => "device_registry_updated",
            Self::Entities => "entity_registry_updated",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry() -> Registry {
        let mut registry = Registry::default();
        let floor = r#"{"floor_id":"ground","name":"Ground floor"}"#;
        registry.add_floor(serde_json::from_str(floor).expect("a floor"));
        for area in [
            r#"{"area_id":"kitchen","name":"Kitchen","floor_id":"ground","icon":"mdi:stove"}"#,
            r#"{"area_id":"shed"}"#,
        ] {
            registry.add_area(serde_json::from_str(area).expect("an area"));
        }
        for device in [r#"{"id":"d1","area_id":"kitchen"}"#, r#"{"id":"d2"}"#] {
            registry.add_device(&serde_json::from_str(device).expect("a device"));
        }
        for entity in [
            r#"{"entity_id":"light.own","area_id":"shed","device_id":"d1","name":"Mine"}"#,
            r#"{"entity_id":"light.devices","device_id":"d1","original_name":"Given"}"#,
            r#"{"entity_id":"light.nowhere","device_id":"d2"}"#,
            r#"{"entity_id":"light.lost","device_id":"gone","area_id":"gone"}"#,
            r#"{"entity_id":"light.bare"}"#,
        ] {
            registry.add_entity(&serde_json::from_str(entity).expect("an entity"));
        }
        registry
    }

    #[test]
    fn an_entity_is_in_its_own_area_else_in_its_devices() {
        let registry = registry();
        for (entity, room, area, device) in [
            ("light.own", Some("shed"), None, Some("d1")),
            ("light.devices", Some("kitchen"), Some("ground"), Some("d1")),
            ("light.nowhere", None, None, Some("d2")),
            // Ids of nothing: told as they are, and they lead nowhere.
            ("light.lost", Some("gone"), None, Some("gone")),
            ("light.bare", None, None, None),
            ("light.unknown", None, None, None),
        ] {
            let place = registry.place(entity);
            let seen = (
                place.room.as_deref(),
                place.area.as_deref(),
                place.device.as_deref(),
            );
            assert_eq!(seen, (room, area, device), "{entity}");
        }
        assert_eq!(registry.name("light.own"), Some("Mine"));
        assert_eq!(registry.name("light.devices"), Some("Given"));
        assert_eq!(registry.rooms["shed"].name, "shed", "without a name its id");
    }

    #[test]
    fn one_registry_is_replaced_without_the_others() {
        let mut registry = registry();
        let mut new = Registry::default();
        new.add_device(&serde_json::from_str(r#"{"id":"d1","area_id":"shed"}"#).expect("a device"));
        registry.replace(Which::Devices, new);
        assert_eq!(
            registry.place("light.devices").room.as_deref(),
            Some("shed")
        );
        assert_eq!(registry.len(Which::Devices), 1);
        assert_eq!(registry.len(Which::Areas), 2);
    }
}
