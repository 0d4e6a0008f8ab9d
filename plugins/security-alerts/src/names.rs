//! The file of names: a JSON object keyed by IP (or hardware) address, whose values are a name or an object with
//! `name`, `hostname` and `type`.

use crate::finding::{Bad, clip};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Most names that are taken of a file.
const MOST_NAMES: usize = 4096;

/// What the file knows of a device.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// Its name.
    pub name: Option<String>,
    /// Its name on the network.
    pub hostname: Option<String>,
    /// Its type.
    pub device_type: Option<String>,
}

/// Reads the file.
///
/// # Errors
/// It is no JSON object.
pub fn read(bytes: &[u8]) -> Result<BTreeMap<String, Known>, Bad> {
    let names: Map<String, Value> =
        serde_json::from_slice(bytes).map_err(|_| Bad("the file of names is no JSON object"))?;
    let known = names
        .into_iter()
        .take(MOST_NAMES)
        .filter_map(|(address, value)| {
            let text = |value: Option<&Value>| {
                let text = value?.as_str()?.trim();
                (!text.is_empty()).then(|| clip(text, 100))
            };
            let known = match &value {
                Value::Object(object) => {
                    let first =
                        |names: &[&str]| names.iter().find_map(|name| text(object.get(*name)));
                    Known {
                        name: first(&["name", "device_name"]),
                        hostname: first(&["hostname"]),
                        device_type: first(&["type", "device_type"]),
                    }
                }
                value => Known {
                    name: Some(text(Some(value))?),
                    ..Known::default()
                },
            };
            Some((address.trim().to_ascii_lowercase(), known))
        });
    Ok(known.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_texts_or_objects() {
        let names = read(
            br#"{"192.168.1.5": "TV", "192.168.1.6": {"name": "Door", "hostname": "door.lan", "type": "camera"},
                 "AA:BB:CC:00:11:22": {"device_name": "Phone"}, "192.168.1.7": 5, "192.168.1.8": " "}"#,
        )
        .expect("names");
        assert_eq!(names.len(), 3);
        assert_eq!(names["192.168.1.5"].name.as_deref(), Some("TV"));
        assert_eq!(names["192.168.1.6"].device_type.as_deref(), Some("camera"));
        assert_eq!(names["aa:bb:cc:00:11:22"].name.as_deref(), Some("Phone"));
        for broken in [&b"[]"[..], b"", b"{\"a\":", b"\xff"] {
            assert_eq!(
                read(broken),
                Err(Bad("the file of names is no JSON object"))
            );
        }
    }
}
