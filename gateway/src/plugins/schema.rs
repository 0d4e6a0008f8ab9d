//! Which JSON Schemas a plugin may bring along. The host holds data against them on its own threads, where no limit of a
//! guest's cuts anything short, so one that could take for ever is refused with the plugin.
//!
//! A chain of forty definitions that each name the next one twice is validated 2^40 times; one that names itself within
//! `anyOf` does so for every level of the data; a backtracking pattern does so for every character. Defaults that are
//! filled in grow in the same way.

use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

/// Most schemas that one schema becomes with its references written out.
const MOST_NODES: usize = 20_000;
/// Most memory of one compiled pattern, in bytes.
pub const MOST_PATTERN_BYTES: usize = 64 * 1024;
/// Keywords that lead to other places than `#/…`.
const FOREIGN: [&str; 5] = [
    "$id",
    "$anchor",
    "$dynamicRef",
    "$recursiveRef",
    "$dynamicAnchor",
];

/// Checks a schema that came with a plugin.
///
/// # Errors
/// Why it is none, or can't be taken.
pub fn check(schema: &Value) -> Result<(), String> {
    let mut sizer = Sizer {
        root: schema,
        open: Vec::new(),
        nodes: 0,
    };
    sizer.visit(schema)?;
    compile(schema).map(drop)
}

/// Compiles a schema; its patterns take time in proportion to the text.
///
/// # Errors
/// Why it is none.
pub fn compile(schema: &Value) -> Result<Validator, String> {
    jsonschema::options()
        .with_pattern_options(PatternOptions::regex().size_limit(MOST_PATTERN_BYTES))
        .build(schema)
        .map_err(|error| error.to_string())
}

/// Walks a schema as a validator would that tries everything.
struct Sizer<'a> {
    root: &'a Value,
    /// The references that are being followed.
    open: Vec<&'a str>,
    nodes: usize,
}

impl<'a> Sizer<'a> {
    fn visit(&mut self, schema: &'a Value) -> Result<(), String> {
        self.count(1)?;
        match schema {
            Value::Object(members) => {
                for (key, value) in members {
                    match (key.as_str(), value) {
                        ("$defs" | "definitions", _) => {}
                        // Data: a default is filled in wherever its schema stands, so its size counts each time.
                        ("const" | "enum" | "default", data) => self.count(length(data) / 64)?,
                        ("examples", _) => {}
                        // Here the keys are names, whatever they are.
                        (
                            "properties" | "patternProperties" | "dependentSchemas",
                            Value::Object(named),
                        ) => named.values().try_for_each(|one| self.visit(one))?,
                        ("$ref", Value::String(target)) => self.follow(target)?,
                        (key, Value::String(_)) if FOREIGN.contains(&key) => {
                            return Err(format!(
                                "{key} is not supported: use \"$ref\": \"#/$defs/…\""
                            ));
                        }
                        (_, value) => self.visit(value)?,
                    }
                }
            }
            Value::Array(items) => items.iter().try_for_each(|item| self.visit(item))?,
            _ => {}
        }
        Ok(())
    }

    fn count(&mut self, nodes: usize) -> Result<(), String> {
        self.nodes += nodes;
        if self.nodes > MOST_NODES {
            return Err(format!(
                "with its references written out it has more than {MOST_NODES} parts"
            ));
        }
        Ok(())
    }

    fn follow(&mut self, target: &'a str) -> Result<(), String> {
        if self.open.contains(&target) {
            return Err(format!("{target:?} refers to itself"));
        }
        let place = target.strip_prefix('#').filter(|p| p.starts_with('/'));
        let found = place.and_then(|place| self.root.pointer(place));
        let Some(found) = found else {
            return Err(format!(
                "\"$ref\": {target:?} is not a place in it, as \"#/$defs/…\" is"
            ));
        };
        self.open.push(target);
        self.visit(found)?;
        self.open.pop();
        Ok(())
    }
}

/// The length of some data as text, more or less.
fn length(data: &Value) -> usize {
    match data {
        Value::Object(members) => members.iter().map(|(k, v)| k.len() + length(v) + 6).sum(),
        Value::Array(items) => items.iter().map(|item| length(item) + 1).sum(),
        Value::String(text) => text.len() + 2,
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refused(schema: &Value, expected: &str) {
        let reason = check(schema).expect_err(expected);
        assert!(reason.contains(expected), "{reason}");
    }

    #[test]
    fn schemas_that_take_for_ever_are_refused() {
        let mut definitions = serde_json::Map::new();
        for n in 0..40 {
            let next = json!({ "$ref": format!("#/$defs/a{}", n + 1) });
            definitions.insert(format!("a{n}"), json!({ "allOf": [next, next] }));
        }
        definitions.insert("a40".to_owned(), json!({ "type": "string" }));
        let chain = json!({ "$ref": "#/$defs/a0", "$defs": definitions });
        refused(&chain, "more than 20000 parts");
        let named = json!({ "properties": { "const": { "$ref": "#/$defs/a0" } } });
        let mut hidden = named;
        hidden["$defs"] = chain["$defs"].clone();
        refused(&hidden, "more than 20000 parts");
        let own = json!({ "$ref": "#/$defs/a" });
        let tree = json!({ "anyOf": [{ "items": own }, { "items": own }] });
        let tree = json!({ "$ref": "#/$defs/a", "$defs": { "a": tree } });
        refused(&tree, "refers to itself");
        let whole = json!({ "properties": { "a": { "$ref": "#", "default": {} } } });
        refused(&whole, "is not a place in it");
        refused(&json!({ "$ref": "file:///etc/passwd" }), "is not a place");
        refused(
            &json!({ "$dynamicRef": "#a" }),
            "$dynamicRef is not supported",
        );
        refused(&json!({ "pattern": "(a)\\1" }), "");
        refused(&json!({ "pattern": "((a{100}){100}){100}" }), "");
        let default = json!({ "default": "x".repeat(100_000) });
        let uses: Vec<_> = (0..100).map(|_| json!({ "$ref": "#/$defs/a" })).collect();
        let bomb = json!({ "allOf": uses, "$defs": { "a": default } });
        refused(&bomb, "more than 20000 parts");
        refused(&json!({ "type": 3 }), "");
    }

    #[test]
    fn patterns_take_no_longer_than_the_text() {
        let schema = json!({ "pattern": "^(a+)+$" });
        check(&schema).expect("a pattern like others");
        let validator = compile(&schema).expect("a schema");
        assert!(!validator.is_valid(&json!(format!("{}b", "a".repeat(100_000)))));
    }

    #[test]
    fn references_within_the_schema_are_followed() {
        let room = json!({ "type": "object", "properties": { "name": { "type": "string" } } });
        let list = json!({ "type": "array", "items": { "$ref": "#/$defs/room" } });
        let schema = json!({ "properties": { "a": list, "b": list }, "$defs": { "room": room } });
        assert_eq!(check(&schema), Ok(()));
    }
}
