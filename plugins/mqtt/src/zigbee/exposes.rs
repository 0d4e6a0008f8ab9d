//! What a device says it has: `definition.exposes` (zigbee2mqtt.io, "Exposes").

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Deepest nesting of features: a light's colour, and its parts.
const DEEPEST: u32 = 3;
/// So many properties are taken of one device.
const MOST: usize = 100;

/// A property that a device has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exposed {
    /// `sensor`, `binary_sensor`, `light`, ….
    pub domain: String,
    pub unit: Option<String>,
    /// What stands for on, where it is on or off.
    on: Option<Value>,
    off: Option<Value>,
}

impl Exposed {
    /// A value as an entity's state.
    pub fn state(&self, value: &Value) -> Option<String> {
        if self.on.as_ref() == Some(value) {
            return Some("on".to_owned());
        }
        if self.off.as_ref() == Some(value) {
            return Some("off".to_owned());
        }
        match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(value) => Some(value.to_string()),
            _ => None,
        }
    }
}

/// The properties of a definition.
pub fn exposed(definition: &Value) -> BTreeMap<String, Exposed> {
    let mut found = BTreeMap::new();
    collect(definition.get("exposes"), None, 0, &mut found);
    found
}

fn collect(
    list: Option<&Value>,
    within: Option<&str>,
    depth: u32,
    found: &mut BTreeMap<String, Exposed>,
) {
    if depth > DEEPEST {
        return;
    }
    for one in list.and_then(Value::as_array).into_iter().flatten() {
        let kind = one["type"].as_str().unwrap_or_default();
        // `light`, `switch`, `cover`, …: their own `state` is what they are, the rest is told apart.
        if one.get("features").is_some() {
            collect(one.get("features"), Some(kind), depth + 1, found);
            continue;
        }
        let Some(property) = one["property"].as_str() else {
            continue;
        };
        if found.len() >= MOST {
            return;
        }
        let state_of = within.filter(|_| one["name"] == "state" && kind == "binary");
        let domain = match (state_of, kind) {
            (Some(device @ ("light" | "switch" | "fan")), _) => device,
            (_, "binary") => "binary_sensor",
            _ => "sensor",
        };
        let exposed = Exposed {
            domain: domain.to_owned(),
            unit: one["unit"].as_str().map(str::to_owned),
            on: one.get("value_on").cloned(),
            off: one.get("value_off").cloned(),
        };
        found.entry(property.to_owned()).or_insert(exposed);
    }
}
