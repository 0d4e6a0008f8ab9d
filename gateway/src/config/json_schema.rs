//! The JSON Schema of `hearthgate config schema`, from the table of keys: for editors that complete TOML.

use super::keys::{Key, Shape};
use super::reference::TOP;
use super::tree::{Node, Place};
use serde_json::{Map, Value, json};

/// The schema of the whole file.
#[must_use]
pub fn schema() -> Value {
    let mut schema = table(TOP);
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    schema["title"] = "Hearthgate's configuration".into();
    schema
}

fn table(keys: &[Key]) -> Value {
    let properties: Map<_, _> = keys
        .iter()
        .map(|key| {
            let mut schema = value(key.shape);
            schema["description"] = key.doc.into();
            if let Ok(node) = Node::parse_value(key.default, &Place::Nowhere) {
                schema["default"] = node.to_json();
            }
            (key.name.to_owned(), schema)
        })
        .collect();
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}

fn value(shape: Shape) -> Value {
    match shape {
        Shape::Flag => json!({ "type": "boolean" }),
        Shape::Count(min, max) => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Shape::Size(..) => {
            json!({ "type": "string", "pattern": "^[0-9]+ *(B|kB|KB|MB|GB|KiB|MiB|GiB)$" })
        }
        Shape::Span(..) => json!({ "type": "string", "pattern": "^[0-9]+ *(ms|s|m|h|d)$" }),
        Shape::Period(..) => json!({ "anyOf": [
            { "type": "string", "pattern": "^([0-9]+ *(ms|s|m|h|d)|never)$" },
            { "const": 0 },
        ] }),
        Shape::Choice(words) => json!({ "enum": words }),
        Shape::Address | Shape::Path | Shape::Text => json!({ "type": "string" }),
        Shape::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        Shape::Section(keys) => table(keys),
        Shape::Sections(keys) => json!({ "type": "array", "items": table(keys) }),
        Shape::Named(keys) => json!({ "type": "object", "additionalProperties": table(keys) }),
        Shape::Free => json!({ "type": "object" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::describe::default_file;

    fn as_json(text: &str) -> Value {
        let (node, problems) = Node::parse(text);
        assert_eq!(problems, [], "{text}");
        node.to_json()
    }

    #[test]
    fn the_schema_knows_what_the_parser_knows() {
        let schema = jsonschema::validator_for(&schema()).expect("a valid schema");
        let check = |text: &str, expected| {
            assert_eq!(schema.is_valid(&as_json(text)), expected, "{text}");
            assert_eq!(
                crate::config::Config::parse(text).is_ok(),
                expected,
                "{text}"
            );
        };
        check(&default_file(), true);
        check(
            "[sources.host]\nplugin = \"metrics\"\nconfig = { any = 1 }",
            true,
        );
        check("[connections]\nmax-connections = 0", false);
        check("[connections]\nmax-message = \"64\"", false);
        check("[log]\nformat = \"xml\"", false);
        check(
            "[sources.host]\nplugin = \"metrics\"\nlimits = { memoryy = \"1MiB\" }",
            false,
        );
    }
}
