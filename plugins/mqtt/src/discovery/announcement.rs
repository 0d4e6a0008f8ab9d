//! What one announcement says: of one entity, or of a device with several.

use super::entity::{Availability, Entity, Mode};
use super::words::write_out;
use crate::devices::Device;
use crate::expression::Template;
use crate::topics::is_topic;
use hearthgate_plugin::events::Object;
use serde_json::{Map, Value};

/// So many entities one announcement may have.
const MOST_COMPONENTS: usize = 256;

/// Components that are no entities: they have no state.
const NO_ENTITIES: [&str; 2] = ["device_automation", "tag"];

/// What an entity's attributes are taken from.
const ATTRIBUTES: [&str; 7] = [
    "unit_of_measurement",
    "device_class",
    "state_class",
    "icon",
    "entity_category",
    "suggested_display_precision",
    "options",
];

/// An announcement, understood.
#[derive(Debug)]
pub struct Announcement {
    pub entities: Vec<Entity>,
    pub device: Option<DeviceInfo>,
    /// What could not be understood of it.
    pub troubles: Vec<String>,
}

/// The device block.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DeviceInfo {
    pub id: String,
    name: Option<String>,
    mac: Option<String>,
    area: Option<String>,
    properties: Object,
}

impl Announcement {
    /// Reads an announcement.
    ///
    /// # Errors
    /// It is no JSON object, or names no entity.
    pub fn parse(topic: &str, component: &str, payload: &[u8]) -> Result<Self, String> {
        let mut config: Map<String, Value> =
            serde_json::from_slice(payload).map_err(|error| format!("no JSON object: {error}"))?;
        write_out(&mut config);
        let device = config
            .get("device")
            .and_then(Value::as_object)
            .and_then(device);
        let mut found = Self {
            entities: Vec::new(),
            device,
            troubles: Vec::new(),
        };
        if component == "device" {
            found.several(topic, &mut config)?;
        } else if !NO_ENTITIES.contains(&component) {
            found.one(topic.to_owned(), component, &ids_of(topic), &config);
        }
        Ok(found)
    }

    fn several(&mut self, topic: &str, config: &mut Map<String, Value>) -> Result<(), String> {
        let components = config.remove("components");
        let components = components.as_ref().and_then(Value::as_object);
        let components = components.ok_or("it has no components")?;
        if components.len() > MOST_COMPONENTS {
            return Err(format!(
                "{} components; {MOST_COMPONENTS} are taken",
                components.len()
            ));
        }
        let shared = [
            "state_topic",
            "availability",
            "availability_mode",
            "availability_topic",
            "availability_template",
            "payload_available",
            "payload_not_available",
            "~",
        ];
        for (id, component) in components {
            let mut own = component.as_object().cloned().unwrap_or_default();
            for key in shared {
                if let (None, Some(value)) = (own.get(key), config.get(key)) {
                    own.insert(key.to_owned(), value.clone());
                }
            }
            write_out(&mut own);
            // Only a platform: the component was removed.
            let platform = own
                .get("platform")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned();
            let described = component.as_object().is_some_and(|own| own.len() > 1);
            if platform.is_empty() && described {
                self.troubles.push(format!("{id} has no platform"));
            } else if described && !NO_ENTITIES.contains(&platform.as_str()) {
                self.one(
                    format!("{topic} {id}"),
                    &platform,
                    &format!("{}_{id}", ids_of(topic)),
                    &own,
                );
            }
        }
        Ok(())
    }

    fn one(&mut self, key: String, component: &str, ids: &str, config: &Map<String, Value>) {
        let text = |key: &str| config.get(key).and_then(Value::as_str);
        let topic = |key: &str| text(key).filter(|topic| is_topic(topic)).map(str::to_owned);
        let id = text("default_entity_id").and_then(|id| Some(id.split_once('.')?.1));
        let id = id
            .or(text("object_id"))
            .or(text("unique_id"))
            .unwrap_or(ids);
        let own_name = text("name").map(str::to_owned);
        let device_name = self.device.as_ref().and_then(|device| device.name.clone());
        let name = match (device_name, own_name) {
            (Some(device), Some(own)) if !own.starts_with(&device) => format!("{device} {own}"),
            (_, Some(own)) => own,
            (Some(device), None) => device,
            (None, None) => id.to_owned(),
        };
        let template = text("value_template")
            .or(text("state_value_template"))
            .or(text("state_template"));
        let mut usable = |template: Option<&str>| {
            let template = template.filter(|text| !text.is_empty())?;
            match Template::parse(template) {
                Ok(_) => Some(template.to_owned()),
                Err(trouble) => {
                    self.troubles
                        .push(format!("the template of {id}: {trouble}"));
                    None
                }
            }
        };
        let understood =
            template.is_none_or(|text| text.is_empty() || Template::parse(text).is_ok());
        let template = usable(template);
        let attributes_template = usable(text("json_attributes_template"));
        let attributes = attributes(config);
        self.entities.push(Entity {
            key,
            id: format!("{component}.{}", slug(id)),
            component: component.to_owned(),
            name,
            // A state that can't be understood is none, rather than a wrong one.
            state_topic: topic("state_topic").filter(|_| understood),
            template,
            attributes_topic: topic("json_attributes_topic"),
            attributes_template,
            on: text("state_on")
                .or(text("payload_on"))
                .unwrap_or("ON")
                .to_owned(),
            off: text("state_off")
                .or(text("payload_off"))
                .unwrap_or("OFF")
                .to_owned(),
            json_schema: text("schema") == Some("json"),
            availability: availability(config),
            mode: match text("availability_mode") {
                Some("all") => Mode::All,
                Some("any") => Mode::Any,
                _ => Mode::Latest,
            },
            device: self.device.as_ref().map(|device| device.id.clone()),
            area: self.device.as_ref().and_then(|device| device.area.clone()),
            announced: attributes,
            ..Entity::default()
        });
    }
}

/// What the announcement itself says of an entity.
fn attributes(config: &Map<String, Value>) -> Object {
    let given = ATTRIBUTES
        .iter()
        .filter_map(|key| Some((*key, config.get(*key)?)));
    let given = given.filter(|(_, value)| !value.is_null());
    given
        .map(|(key, value)| (key.to_owned(), value.clone()))
        .collect()
}

impl DeviceInfo {
    /// Says what it knows; what it doesn't know stays.
    pub fn describe(&self, device: &mut Device) {
        device.name = self.name.clone().or_else(|| device.name.take());
        device.mac = self.mac.clone().or_else(|| device.mac.take());
        device.area = self.area.clone().or_else(|| device.area.take());
        let properties = self.properties.iter();
        device
            .properties
            .extend(properties.map(|(k, v)| (k.clone(), v.clone())));
    }
}

/// The ids in a topic: `node_object` of `homeassistant/sensor/node/object/config`.
fn ids_of(topic: &str) -> String {
    let levels: Vec<&str> = topic.split('/').collect();
    let ids = levels.len().saturating_sub(3).min(2);
    let end = levels.len().saturating_sub(1);
    // The prefix may have several levels: the component is what precedes one id or two, so the last ones are taken.
    levels[end.saturating_sub(ids.max(1))..end].join("_")
}

fn device(block: &Map<String, Value>) -> Option<DeviceInfo> {
    let text = |key: &str| block.get(key).and_then(Value::as_str).map(str::to_owned);
    let connections = block.get("connections").and_then(Value::as_array);
    let mac = connections.into_iter().flatten().find_map(|pair| {
        let is_mac = pair.get(0)?.as_str() == Some("mac");
        is_mac
            .then(|| pair.get(1)?.as_str().map(str::to_lowercase))
            .flatten()
    });
    let identifier = match block.get("identifiers") {
        Some(Value::String(id)) => Some(id.clone()),
        Some(Value::Array(ids)) => ids.iter().find_map(Value::as_str).map(str::to_owned),
        _ => None,
    };
    let id = identifier.or_else(|| mac.clone())?;
    // Both of zigbee2mqtt's ways to tell of a device mean the same one.
    let id = id.strip_prefix("zigbee2mqtt_").unwrap_or(&id).to_owned();
    let keys = [
        "manufacturer",
        "model",
        "model_id",
        "serial_number",
        "sw_version",
        "hw_version",
        "via_device",
    ];
    let properties = keys
        .into_iter()
        .filter_map(|key| Some((key.to_owned(), block.get(key)?.clone())));
    Some(DeviceInfo {
        id,
        name: text("name"),
        mac,
        area: text("suggested_area"),
        properties: properties.collect(),
    })
}

fn availability(config: &Map<String, Value>) -> Vec<Availability> {
    let read = |map: &Map<String, Value>, topic: &str, template: &str| {
        let text = |key: &str| map.get(key).and_then(Value::as_str);
        let template = text(template)
            .or(text("value_template"))
            .filter(|_| topic == "topic" || map.contains_key(template));
        Some(Availability {
            topic: text(topic).filter(|topic| is_topic(topic))?.to_owned(),
            available: text("payload_available").unwrap_or("online").to_owned(),
            not_available: text("payload_not_available")
                .unwrap_or("offline")
                .to_owned(),
            template: template.map(str::to_owned),
            said: None,
        })
    };
    match config.get("availability") {
        Some(Value::Array(list)) => {
            let list = list.iter().filter_map(Value::as_object);
            list.filter_map(|one| read(one, "topic", "value_template"))
                .collect()
        }
        Some(Value::Object(one)) => read(one, "topic", "value_template").into_iter().collect(),
        _ => read(config, "availability_topic", "availability_template")
            .into_iter()
            .collect(),
    }
}

/// An id as Home Assistant would write it.
fn slug(text: &str) -> String {
    let mut slug = String::new();
    for c in text.chars() {
        if c.is_alphanumeric() {
            slug.extend(c.to_lowercase());
        } else if !slug.ends_with('_') {
            slug.push('_');
        }
    }
    slug.trim_matches('_').to_owned()
}
