//! The home behind it: states and registries.

use serde_json::{Value, json};
use std::collections::BTreeMap;

/// When everything happens.
pub(super) const NOW: &str = "2025-04-11T09:00:00.123456+00:00";

/// A home.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// The token that it takes.
    pub token: String,
    /// `RUNNING`, `STARTING`.
    pub state: String,
    /// States by entity.
    pub states: BTreeMap<String, Value>,
    /// `config/floor_registry/list`.
    pub floors: Vec<Value>,
    /// `config/area_registry/list`.
    pub areas: Vec<Value>,
    /// `config/device_registry/list`.
    pub devices: Vec<Value>,
    /// `config/entity_registry/list`.
    pub entities: Vec<Value>,
}

impl World {
    /// An empty home that takes this token.
    #[must_use]
    pub fn empty(token: &str) -> Self {
        Self {
            token: token.to_owned(),
            state: "RUNNING".to_owned(),
            ..Self::default()
        }
    }

    /// A kitchen with two lights, an attic with one, and the sun.
    #[must_use]
    pub fn small(token: &str) -> Self {
        let mut world = Self::empty(token);
        world.floors = vec![
            json!({"floor_id": "ground", "name": "Ground floor", "level": 0, "icon": null, "aliases": []}),
        ];
        world.area("kitchen", "Kitchen", Some("ground"));
        world.area("attic", "Attic", None);
        world.device("d1", Some("kitchen"));
        for (entity, area, device) in [
            ("light.stove", None, Some("d1")),
            ("light.table", Some("kitchen"), None),
            ("light.attic", Some("attic"), Some("d1")),
        ] {
            world.register(entity, area, device);
            world.set(entity, "off");
        }
        world.set("sun.sun", "above_horizon");
        world
    }

    /// So many sensors in 50 rooms on 3 floors, on a third as many devices, with states and entries of the size that a real
    /// home's have: some 700 bytes each.
    #[must_use]
    pub fn large(token: &str, entities: usize) -> Self {
        let mut world = Self::empty(token);
        for floor in 0..3 {
            world.floors.push(json!({"floor_id": format!("floor_{floor}"), "name": format!("Floor {floor}"), "level": floor}));
        }
        for area in 0..50 {
            world.area(
                &format!("room_{area}"),
                &format!("Room {area}"),
                Some(&format!("floor_{}", area % 3)),
            );
        }
        for device in 0..entities.div_ceil(3) {
            world.device(&device_id(device), Some(&format!("room_{}", device % 50)));
        }
        for n in 0..entities {
            let entity = format!("sensor.value_{n:05}");
            world.register(&entity, None, Some(&device_id(n / 3)));
            world.set(&entity, "20.5");
        }
        world
    }

    /// Adds an area.
    pub fn area(&mut self, id: &str, name: &str, floor: Option<&str>) {
        self.areas.push(json!({
            "area_id": id, "name": name, "floor_id": floor, "icon": null, "aliases": [], "labels": [], "picture": null,
            "humidity_entity_id": null, "temperature_entity_id": null, "created_at": 0.0, "modified_at": 0.0,
        }));
    }

    /// Adds a device.
    pub fn device(&mut self, id: &str, area: Option<&str>) {
        self.devices.push(json!({
            "id": id, "area_id": area, "name": format!("Device {id}"), "name_by_user": null, "manufacturer": "Acme",
            "model": "Sensor 3000", "model_id": null, "sw_version": "1.2.3", "hw_version": null, "serial_number": null,
            "identifiers": [["acme", id]], "connections": [], "config_entries": ["01JRHS2Q5V3M5T5G8E3FQ2YB7A"],
            "configuration_url": null, "disabled_by": null, "entry_type": null, "labels": [], "via_device_id": null,
        }));
    }

    /// Adds an entity to the registry.
    pub fn register(&mut self, entity: &str, area: Option<&str>, device: Option<&str>) {
        self.entities.push(json!({
            "entity_id": entity, "area_id": area, "device_id": device, "name": null, "original_name": "Value",
            "platform": "acme", "unique_id": format!("acme-{entity}"), "config_entry_id": "01JRHS2Q5V3M5T5G8E3FQ2YB7A",
            "config_subentry_id": null, "categories": {}, "created_at": 1744362000.123456, "modified_at": 1744362000.123456,
            "disabled_by": null, "entity_category": null, "has_entity_name": true, "hidden_by": null, "icon": null,
            "id": format!("{:032x}", self.entities.len()), "labels": [], "options": {"conversation": {"should_expose": true}},
            "translation_key": null,
        }));
    }

    /// Sets a state; returns it whole.
    pub fn set(&mut self, entity: &str, state: &str) -> Value {
        let name = entity.split_once('.').map_or(entity, |(_, object)| object);
        let new = json!({
            "entity_id": entity, "state": state,
            "attributes": {
                "state_class": "measurement", "unit_of_measurement": "°C", "device_class": "temperature", "friendly_name": name,
                "options": ["automatic", "manual", "eco", "boost", "away"], "supported_features": 44, "icon": "mdi:thermometer",
                "description": "What a device tells of itself takes some room: firmware, calibration, the last errors, a link",
                "calibration": {"offset": -0.25, "gain": 1.0125, "points": [0.0, 10.0, 20.0, 30.0, 40.0]},
            },
            "last_changed": NOW, "last_reported": NOW, "last_updated": NOW,
            "context": {"id": "01JRHS2Q5V3M5T5G8E3FQ2YB7A", "parent_id": null, "user_id": null},
        });
        self.states.insert(entity.to_owned(), new.clone());
        new
    }

    /// The result of a command without parameters, as JSON.
    pub(super) fn answer(&self, command: &str) -> Option<String> {
        let list = |entries: &[Value]| json!(entries).to_string();
        Some(match command {
            "supported_features" => "null".to_owned(),
            "get_config" => json!({"state": self.state, "version": "2025.4.4"}).to_string(),
            "config/floor_registry/list" => list(&self.floors),
            "config/area_registry/list" => list(&self.areas),
            "config/device_registry/list" => list(&self.devices),
            "config/entity_registry/list" => list(&self.entities),
            "get_states" => {
                let states: Vec<&Value> = self.states.values().collect();
                json!(states).to_string()
            }
            _ => return None,
        })
    }
}

fn device_id(n: usize) -> String {
    format!("{n:032x}")
}
