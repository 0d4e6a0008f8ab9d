//! zigbee2mqtt's own topics (zigbee2mqtt.io, "MQTT Topics and Messages"): its bridge, the devices behind it, what they
//! say, and whether they are there.

mod exposes;

use crate::discovery::Discovery;
use crate::draft::Draft;
use crate::mapping::Context;
use crate::topics::{Pattern, is_topic};
use exposes::{Exposed, exposed};
use hearthgate_plugin::events::{
    Connection, DeviceConnected, DeviceDisconnected, DeviceMetrics, EntityRemoved,
    EntityStateChanged, Object,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Who says whether a device is there.
const SOURCE: &str = "zigbee2mqtt";
/// So many devices are taken from one list.
const MOST: usize = 2_000;

/// One zigbee2mqtt.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Zigbee {
    /// Friendly name → device.
    devices: BTreeMap<String, Item>,
}

/// A device on the Zigbee network.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Item {
    /// Its IEEE address.
    id: String,
    exposed: BTreeMap<String, Exposed>,
    /// Property → the state that was told last.
    states: BTreeMap<String, String>,
}

/// An entry of `bridge/devices`, as far as it is of use.
#[derive(Debug, Deserialize)]
struct Entry {
    ieee_address: String,
    friendly_name: String,
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    power_source: Option<String>,
    #[serde(default)]
    software_build_id: Option<String>,
    #[serde(default)]
    disabled: bool,
    #[serde(default)]
    definition: Option<Value>,
}

impl Zigbee {
    /// What to subscribe to: the bridge, and each device by its name. Names may have several levels, and the topics of
    /// commands are next to them, so a wildcard would bring more than what is meant.
    pub fn filters(&self, base: &str) -> Vec<String> {
        let bridge = ["state", "devices", "event"].map(|topic| format!("{base}/bridge/{topic}"));
        let devices = self.devices.keys().flat_map(|name| topics_of(base, name));
        bridge.into_iter().chain(devices).collect()
    }

    /// No state was told yet.
    pub fn untold(&mut self) {
        self.devices
            .values_mut()
            .for_each(|item| item.states.clear());
    }

    /// How many properties are told as entities.
    pub fn entities(&self) -> usize {
        self.devices.values().map(|item| item.states.len()).sum()
    }

    /// Takes a message below `base`.
    pub fn take(
        &mut self,
        base: &str,
        topic: &str,
        payload: &[u8],
        discovery: &Discovery,
        context: &mut Context<'_>,
    ) {
        let rest = topic
            .strip_prefix(base)
            .and_then(|rest| rest.strip_prefix('/'));
        let Some(rest) = rest else { return };
        match rest {
            "bridge/state" => bridge_state(base, topic, payload, context),
            "bridge/devices" => self.listed(base, topic, payload, context),
            "bridge/event" => self.happened(topic, payload, context),
            _ => {
                let availability = rest.strip_suffix("/availability");
                if let Some(item) = availability.and_then(|name| self.devices.get(name)) {
                    let Some(there) = online(topic, payload, context) else {
                        return;
                    };
                    context.confirmed.insert(&item.id, SOURCE);
                    context.devices.update(&item.id, context.out, |device| {
                        device.said.insert(SOURCE.to_owned(), there);
                    });
                } else if let Some(item) = self.devices.get_mut(rest) {
                    item.said(rest, topic, payload, discovery, context);
                }
            }
        }
    }

    fn listed(&mut self, base: &str, topic: &str, payload: &[u8], context: &mut Context<'_>) {
        let list: Vec<Value> = match serde_json::from_slice(payload) {
            Ok(list) => list,
            Err(error) => {
                let detail = format!("{topic}: {error}");
                return context
                    .problems
                    .tell("list of devices that can't be read", &detail);
            }
        };
        let mut names = BTreeSet::new();
        for entry in list.into_iter().take(MOST) {
            match serde_json::from_value::<Entry>(entry) {
                Ok(entry) => drop(names.insert(self.list(base, entry, context))),
                Err(error) => {
                    let detail = format!("{topic}: {error}");
                    context.problems.tell("device that can't be read", &detail);
                }
            }
        }
        let gone: Vec<String> = self
            .devices
            .keys()
            .filter(|name| !names.contains(*name))
            .cloned()
            .collect();
        for name in gone {
            let Some(mut item) = self.devices.remove(&name) else {
                continue;
            };
            // Under another name it is still there, or was found there.
            if !item.id.is_empty() && self.devices.values().all(|other| other.id != item.id) {
                let connection = Connection {
                    name: Some(name),
                    reason: Some("removed".to_owned()),
                    ..Connection::new(&*item.id)
                };
                let draft = Draft::of(&DeviceDisconnected(connection)).label("device", &item.id);
                context.out.push(draft);
                item.forget(|_| true, context);
                context.devices.remove(&item.id, context.out);
            }
        }
    }

    /// One entry of the list. Returns its name.
    fn list(&mut self, base: &str, entry: Entry, context: &mut Context<'_>) -> String {
        let bridge = bridge_id(base);
        let name = entry.friendly_name.clone();
        if entry.kind.as_deref() == Some("Coordinator") {
            return name;
        }
        let definition = entry.definition.as_ref();
        let text = |key: &str| {
            definition
                .and_then(|d| d.get(key))
                .filter(|value| value.is_string())
                .cloned()
        };
        let mut properties = Object::new();
        let pairs = [
            ("manufacturer", text("vendor")),
            ("model", text("model")),
            ("description", text("description")),
            ("power_source", entry.power_source.map(Value::String)),
            ("sw_version", entry.software_build_id.map(Value::String)),
            ("disabled", entry.disabled.then_some(Value::Bool(true))),
        ];
        properties.extend(
            pairs
                .into_iter()
                .filter_map(|(k, v)| Some((k.to_owned(), v?))),
        );
        let exposed = definition.map(exposed).unwrap_or_default();
        let before = self.devices.remove(&name).or_else(|| {
            // Under its new name a device is the same.
            let mut items = self.devices.values_mut();
            let old = items.find(|item| item.id == entry.ieee_address)?;
            Some(std::mem::take(old))
        });
        let states = before.map(|mut before| {
            let another = before.id != entry.ieee_address;
            before.forget(
                |property| another || !exposed.contains_key(property),
                context,
            );
            before.states
        });
        let item = Item {
            exposed,
            states: states.unwrap_or_default(),
            id: entry.ieee_address,
        };
        context.devices.update(&item.id, context.out, |device| {
            device.name = Some(name.clone());
            device.device_type = entry.kind.clone();
            device.properties.extend(properties);
            device.behind = Some(bridge);
        });
        if is_topic(&name) {
            let filters = topics_of(base, &name);
            context
                .wants
                .extend(filters.iter().map(|filter| Pattern::of_filter(filter)));
        }
        self.devices.insert(name.clone(), item);
        name
    }

    /// `bridge/event`: a device joined or left.
    fn happened(&mut self, topic: &str, payload: &[u8], context: &mut Context<'_>) {
        let event: Value = match serde_json::from_slice(payload) {
            Ok(event) => event,
            Err(error) => {
                return context
                    .problems
                    .tell("no JSON", &format!("{topic}: {error}"));
            }
        };
        let text = |key: &str| event["data"][key].as_str().map(str::to_owned);
        let Some(id) = text("ieee_address") else {
            return;
        };
        let connection = |reason: &str| Connection {
            name: text("friendly_name"),
            connection_type: Some("zigbee".to_owned()),
            reason: Some(reason.to_owned()),
            ..Connection::new(&*id)
        };
        let draft = match event["type"].as_str() {
            Some("device_joined") => Draft::of(&DeviceConnected(connection("joined"))),
            Some("device_leave") => Draft::of(&DeviceDisconnected(connection("left"))),
            _ => return,
        };
        context.out.push(draft.label("device", &id));
    }
}

impl Item {
    /// The device's own message: its properties.
    fn said(
        &mut self,
        name: &str,
        topic: &str,
        payload: &[u8],
        discovery: &Discovery,
        context: &mut Context<'_>,
    ) {
        if payload.is_empty() {
            return;
        }
        let fields: Object = match serde_json::from_slice(payload) {
            Ok(fields) => fields,
            Err(error) => {
                return context
                    .problems
                    .tell("no JSON object", &format!("{topic}: {error}"));
            }
        };
        let figures = fields
            .iter()
            .filter_map(|(key, value)| Some((key.clone(), value.as_f64()?)));
        let metrics: BTreeMap<String, f64> = figures.collect();
        if let Some(battery) = metrics.get("battery") {
            context.devices.update(&self.id, context.out, |device| {
                device.battery = Some(*battery)
            });
        }
        if !metrics.is_empty() {
            let units: BTreeMap<&String, &String> = metrics
                .keys()
                .filter_map(|key| Some((key, self.exposed.get(key)?.unit.as_ref()?)))
                .collect();
            let mut draft = Draft::of(&DeviceMetrics::new(&*self.id, metrics.clone()));
            if !units.is_empty() {
                draft.data["units"] = json!(units);
            }
            context.out.push(draft.label("device", &self.id));
        }
        // Its announcements for Home Assistant say the same, and more.
        if !discovery.knows_device(&self.id) {
            self.tell_states(name, &fields, context);
        }
    }

    /// These properties are no more: their entities are removed.
    fn forget(&mut self, gone: impl Fn(&str) -> bool, context: &mut Context<'_>) {
        let (id, exposed) = (&self.id, &self.exposed);
        self.states.retain(|property, _| {
            let gone = gone(property);
            if gone && let Some(exposed) = exposed.get(property) {
                let entity = entity_id(exposed, id, property);
                let draft = Draft::of(&EntityRemoved::new(&*entity))
                    .label("entity", &entity)
                    .label("domain", &exposed.domain)
                    .label("device", id);
                context.out.push(draft);
            }
            !gone
        });
    }

    fn tell_states(&mut self, name: &str, fields: &Object, context: &mut Context<'_>) {
        for (property, exposed) in &self.exposed {
            let state = fields.get(property).and_then(|value| exposed.state(value));
            let Some(state) = state else { continue };
            let old = self.states.get(property).cloned();
            if old.as_ref() == Some(&state) {
                continue;
            }
            let id = entity_id(exposed, &self.id, property);
            let mut attributes = Object::new();
            if let Some(unit) = &exposed.unit {
                attributes.insert("unit_of_measurement".to_owned(), unit.as_str().into());
            }
            let changed = EntityStateChanged {
                old_state: old,
                new_state: Some(state.clone()),
                name: Some(format!("{name} {property}")),
                ..EntityStateChanged::new(&*id, &*exposed.domain, attributes)
            };
            let draft = Draft::of(&changed)
                .label("entity", &id)
                .label("domain", &exposed.domain)
                .label("device", &self.id);
            context.out.push(draft);
            self.states.insert(property.clone(), state);
        }
    }
}

fn entity_id(exposed: &Exposed, device: &str, property: &str) -> String {
    format!("{}.{device}_{property}", exposed.domain)
}

fn topics_of(base: &str, name: &str) -> [String; 2] {
    [
        format!("{base}/{name}"),
        format!("{base}/{name}/availability"),
    ]
}

/// The bridge is a device too: its last will says whether it is there.
fn bridge_id(base: &str) -> String {
    format!("{base}/bridge")
}

fn bridge_state(base: &str, topic: &str, payload: &[u8], context: &mut Context<'_>) {
    let Some(there) = online(topic, payload, context) else {
        return;
    };
    let id = bridge_id(base);
    context.confirmed.insert(&id, SOURCE);
    context.devices.update(&id, context.out, |device| {
        device
            .name
            .get_or_insert_with(|| "Zigbee2MQTT bridge".to_owned());
        device.device_type = Some("bridge".to_owned());
        device.said.insert(SOURCE.to_owned(), there);
    });
}

/// `online` or `{"state": "online"}`: both were zigbee2mqtt's form in some version.
fn online(topic: &str, payload: &[u8], context: &mut Context<'_>) -> Option<bool> {
    let text = String::from_utf8_lossy(payload);
    let json: Option<Value> = serde_json::from_str(&text).ok();
    let word = json.as_ref().and_then(|json| json.get("state")?.as_str());
    match word.unwrap_or(text.trim()) {
        "online" => Some(true),
        "offline" => Some(false),
        // Retained and empty: it was removed.
        "" => None,
        other => {
            context
                .problems
                .tell("no status", &format!("{topic}: {other:?}"));
            None
        }
    }
}
