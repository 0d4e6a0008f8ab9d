//! A plugin's own configuration: checked against the JSON Schema of its manifest, with the defaults filled in, so that
//! the guest sees a whole and valid document.

use super::manifest::nearest;
use jsonschema::error::ValidationErrorKind;
use serde_json::{Map, Value};

/// How deep defaults are looked for: schemas may refer to themselves.
const MAX_DEPTH: usize = 16;

/// One value of the configuration that does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// Dotted path, starting at `config`.
    pub key: String,
    /// What is wrong.
    pub message: String,
}

/// The configuration as the guest sees it: checked, with defaults.
///
/// # Errors
/// Every value that does not fit.
pub fn complete(
    schema: Option<&Value>,
    config: &Map<String, Value>,
) -> Result<Map<String, Value>, Vec<Misfit>> {
    let Some(schema) = schema else {
        return match config.keys().next() {
            None => Ok(Map::new()),
            Some(key) => Err(vec![Misfit {
                key: format!("config.{key}"),
                message: "the plugin takes no configuration".to_owned(),
            }]),
        };
    };
    let mut whole = Value::Object(config.clone());
    fill(schema, schema, &mut whole, 0);
    let validator = super::schema::compile(schema).map_err(|e| {
        vec![Misfit {
            key: "config".to_owned(),
            message: format!("the manifest's schema is not valid: {e}"),
        }]
    })?;
    let misfits: Vec<Misfit> = validator
        .iter_errors(&whole)
        .flat_map(|e| describe(schema, &e))
        .collect();
    match whole {
        Value::Object(whole) if misfits.is_empty() => Ok(whole),
        _ => Err(misfits),
    }
}

/// Values are masked: a secret that was pasted into the configuration must not reach a log.
fn describe(schema: &Value, error: &jsonschema::ValidationError<'_>) -> Vec<Misfit> {
    let mut key = String::from("config");
    for segment in error.instance_path().as_str().split('/').skip(1) {
        key.push('.');
        key.push_str(&segment.replace("~1", "/").replace("~0", "~"));
    }
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            let known = known_keys(schema, error.instance_path().as_str());
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            let misfit = |name: &String| Misfit {
                key: format!("{key}.{name}"),
                message: format!("unknown key{}", nearest(name, &known)),
            };
            unexpected.iter().map(misfit).collect()
        }
        ValidationErrorKind::Required { property } => vec![Misfit {
            key: format!("{key}.{}", property.as_str().unwrap_or_default()),
            message: "is required".to_owned(),
        }],
        _ => {
            let message = error.masked().to_string();
            let meaning = schema_at(schema, error.instance_path().as_str());
            let meaning = meaning.get("description").and_then(Value::as_str);
            vec![Misfit {
                key,
                message: meaning.map_or(message.clone(), |m| format!("{message} ({m})")),
            }]
        }
    }
}

/// The schema of a place of the document.
fn schema_at<'a>(schema: &'a Value, pointer: &str) -> &'a Value {
    let mut at = schema;
    for segment in pointer.split('/').skip(1) {
        at = resolve(schema, at);
        at = match at.pointer(&format!("/properties/{segment}")) {
            Some(inner) => inner,
            None => at.get("items").unwrap_or(&Value::Null),
        };
    }
    at
}

/// The properties that the schema knows at a place of the document.
fn known_keys(schema: &Value, pointer: &str) -> Vec<String> {
    let at = schema_at(schema, pointer);
    match resolve(schema, at).get("properties") {
        Some(Value::Object(properties)) => properties.keys().cloned().collect(),
        _ => Vec::new(),
    }
}

/// Follows a reference within the document, as schemars writes them.
fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let reference = schema.get("$ref").and_then(Value::as_str);
    match reference.and_then(|r| r.strip_prefix('#')) {
        Some(pointer) => root.pointer(pointer).unwrap_or(schema),
        None => schema,
    }
}

fn fill(root: &Value, schema: &Value, value: &mut Value, depth: usize) {
    if depth > MAX_DEPTH {
        return;
    }
    let resolved = resolve(root, schema);
    match value {
        Value::Object(object) => {
            let Some(Value::Object(properties)) = resolved.get("properties") else {
                return;
            };
            for (name, property) in properties {
                let default = property
                    .get("default")
                    .or_else(|| resolve(root, property).get("default"));
                if let (false, Some(default)) = (object.contains_key(name), default) {
                    object.insert(name.clone(), default.clone());
                }
                if let Some(inner) = object.get_mut(name) {
                    fill(root, property, inner, depth + 1);
                }
            }
        }
        Value::Array(items) => {
            if let Some(schema) = resolved.get("items") {
                items
                    .iter_mut()
                    .for_each(|item| fill(root, schema, item, depth + 1));
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(map) => map,
            other => panic!("{other} is no object"),
        }
    }

    fn schema() -> Value {
        json!({
            "type": "object",
            "additionalProperties": false,
            "required": ["url"],
            "properties": {
                "url": { "type": "string" },
                "interval": { "type": "integer", "minimum": 1, "default": 5 },
                "rooms": { "type": "array", "items": { "$ref": "#/$defs/room" } }
            },
            "$defs": { "room": {
                "type": "object",
                "additionalProperties": false,
                "properties": { "name": { "type": "string" }, "floor": { "type": "integer", "default": 0 } }
            } }
        })
    }

    #[test]
    fn defaults_are_filled_in_at_every_depth() {
        let config = object(json!({ "url": "ws://x", "rooms": [{ "name": "a" }, { "floor": 2 }] }));
        let whole = complete(Some(&schema()), &config).expect("fits");
        let expected = json!({
            "url": "ws://x", "interval": 5,
            "rooms": [{ "name": "a", "floor": 0 }, { "floor": 2 }]
        });
        assert_eq!(Value::Object(whole), expected);
    }

    fn misfits(config: Value, expected: &[(&str, &str)]) {
        let found = complete(Some(&schema()), &object(config)).expect_err("does not fit");
        let found: Vec<_> = found
            .iter()
            .map(|m| (m.key.as_str(), m.message.as_str()))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn what_does_not_fit_is_named_by_its_path() {
        misfits(json!({}), &[("config.url", "is required")]);
        misfits(
            json!({ "url": "x", "intervall": 3 }),
            &[(
                "config.intervall",
                "unknown key; did you mean \"interval\"?",
            )],
        );
        misfits(
            json!({ "url": "x", "interval": 0 }),
            &[("config.interval", "value is less than the minimum of 1")],
        );
        misfits(
            json!({ "url": "x", "rooms": [{ "nam": "a" }] }),
            &[("config.rooms.0.nam", "unknown key; did you mean \"name\"?")],
        );
    }

    #[test]
    fn a_plugin_without_schema_takes_nothing() {
        assert!(complete(None, &Map::new()).is_ok());
        let found = complete(None, &object(json!({ "a": 1 }))).expect_err("takes none");
        assert_eq!(found[0].key, "config.a");
    }
}
