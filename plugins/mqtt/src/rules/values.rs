//! Values out of a message: by JSON pointer, or the whole of it, as a number, a text, whatever.

use super::NotMade;
use crate::expression::number;
use crate::topics::{Captures, fill};
use hearthgate_plugin::events::Object;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Deepest level of a message that is looked at where no pointer says where to look.
const DEEPEST: usize = 4;
/// So many numbers are taken from one message where nothing says which.
const MOST: usize = 200;

/// Where a value is, and what it is.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ValueConfig {
    #[serde(default)]
    pub at: String,
    #[serde(default, rename = "type")]
    pub sort: Option<Sort>,
    #[serde(default)]
    pub unit: Option<String>,
    #[serde(default = "one")]
    pub scale: f64,
    #[serde(default)]
    pub offset: f64,
}

fn one() -> f64 {
    1.0
}

/// What a value is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sort {
    Number,
    Text,
    Boolean,
    Json,
}

impl ValueConfig {
    /// Checks it.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self) -> Result<(), String> {
        match self.at.is_empty() || self.at.starts_with('/') {
            true => Ok(()),
            false => Err(format!(
                "{:?} is no JSON pointer: it begins with /",
                self.at
            )),
        }
    }
}

/// Numbers and their units, by name.
type Figures = (BTreeMap<String, f64>, BTreeMap<String, String>);

/// What was found in a message.
#[derive(Debug)]
pub struct Found {
    whole: Value,
    values: BTreeMap<String, Value>,
    units: BTreeMap<String, String>,
}

impl Found {
    /// Looks for values; where none are configured, everything is taken.
    ///
    /// # Errors
    /// The message is no text, or a value is not there or not what it should be.
    pub fn read(
        payload: &[u8],
        wanted: &BTreeMap<String, ValueConfig>,
        captures: &Captures,
        numbers: bool,
    ) -> Result<Self, NotMade> {
        let text = std::str::from_utf8(payload);
        let text = text.map_err(|_| {
            NotMade(
                "no text",
                format!("{} bytes that are no UTF-8", payload.len()),
            )
        })?;
        // A payload that is no JSON is a text: `ON` and `21.5 °C` are common.
        let whole: Value = serde_json::from_str(text).unwrap_or_else(|_| text.into());
        let mut found = Self {
            whole,
            values: BTreeMap::new(),
            units: BTreeMap::new(),
        };
        match (wanted.is_empty(), numbers) {
            (true, true) => found.take_numbers(captures),
            (true, false) => found.take_fields(),
            (false, _) => found.take(wanted, captures, numbers)?,
        }
        Ok(found)
    }

    fn take(
        &mut self,
        wanted: &BTreeMap<String, ValueConfig>,
        captures: &Captures,
        numbers: bool,
    ) -> Result<(), NotMade> {
        let mut missing = None;
        for (name, config) in wanted {
            let name = fill(name, captures);
            let Some(value) = self.whole.pointer(&config.at) else {
                missing = Some(NotMade(
                    "value not there",
                    format!("{name} at {:?}", config.at),
                ));
                continue;
            };
            let default = if numbers { Sort::Number } else { Sort::Json };
            match config.read(value, config.sort.unwrap_or(default)) {
                Some(value) => drop(self.values.insert(name.clone(), value)),
                None => {
                    missing = Some(NotMade("value of another type", format!("{name}: {value}")));
                    continue;
                }
            }
            if let Some(unit) = &config.unit {
                self.units.insert(name, unit.clone());
            }
        }
        // Sensors leave out what they did not measure; a message with nothing of what is wanted is none.
        match missing {
            Some(missing) if self.values.is_empty() => Err(missing),
            _ => Ok(()),
        }
    }

    fn take_numbers(&mut self, captures: &Captures) {
        let mut path = Vec::new();
        match number(&self.whole) {
            Some(number) => {
                let name = captures
                    .values()
                    .next_back()
                    .map_or("value", String::as_str);
                self.values.insert(name.to_owned(), number.into());
            }
            None => numbers_in(&self.whole, &mut path, &mut self.values),
        }
    }

    fn take_fields(&mut self) {
        if let Value::Object(fields) = &self.whole {
            let fields = fields.iter().take(MOST);
            self.values
                .extend(fields.map(|(k, v)| (k.clone(), v.clone())));
        }
    }

    /// All numbers, with their units.
    ///
    /// # Errors
    /// There are none.
    pub fn metrics(&self) -> Result<Figures, NotMade> {
        let metrics: BTreeMap<_, _> = self
            .values
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), number(value)?)))
            .collect();
        if metrics.is_empty() {
            let text = self.whole.to_string();
            return Err(NotMade("no number", text.chars().take(100).collect()));
        }
        let mut units = self.units.clone();
        units.retain(|name, _| metrics.contains_key(name));
        Ok((metrics, units))
    }

    /// The message.
    pub fn whole(&self) -> &Value {
        &self.whole
    }

    /// A value as a text; without one, the message, or its field `state`.
    pub fn word(&self, name: &str) -> String {
        let value = self.values.get(name).or_else(|| self.whole.get("state"));
        match value.unwrap_or(&self.whole) {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    }

    pub fn unit(&self, name: &str) -> Option<&str> {
        self.units.get(name).map(String::as_str)
    }

    /// All values but this.
    pub fn others(&self, name: &str) -> Object {
        let others = self.values.iter().filter(|(key, _)| *key != name);
        others.map(|(k, v)| (k.clone(), v.clone())).collect()
    }
}

impl ValueConfig {
    fn read(&self, value: &Value, sort: Sort) -> Option<Value> {
        let scaled = |n: f64| {
            let n = n * self.scale + self.offset;
            // What a factor of 0.1 does to a number is no news.
            serde_json::Number::from_f64((n * 1e9).round() / 1e9).map(Value::Number)
        };
        let changes = self.scale != 1.0 || self.offset != 0.0;
        match sort {
            Sort::Number => scaled(number(value)?),
            Sort::Json if changes && number(value).is_some() => scaled(number(value)?),
            Sort::Json => Some(value.clone()),
            Sort::Text => Some(match value {
                Value::String(_) => value.clone(),
                other => other.to_string().into(),
            }),
            Sort::Boolean => boolean(value)
                .map(|b| f64::from(u8::from(b)))
                .map(|n| Value::Bool(n > 0.0)),
        }
    }
}

fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        Value::Number(number) => Some(number.as_f64()? != 0.0),
        Value::String(text) => match text.trim().to_lowercase().as_str() {
            "on" | "true" | "1" | "yes" | "open" | "online" => Some(true),
            "off" | "false" | "0" | "no" | "closed" | "offline" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// Every number, under the path that leads to it: `AM2301.Temperature`.
fn numbers_in(value: &Value, path: &mut Vec<String>, found: &mut BTreeMap<String, Value>) {
    let Value::Object(fields) = value else { return };
    for (name, value) in fields {
        if path.len() >= DEEPEST || found.len() >= MOST {
            return;
        }
        path.push(name.clone());
        match value {
            Value::Number(number) => {
                drop(found.insert(path.join("."), Value::Number(number.clone())))
            }
            other => numbers_in(other, path, found),
        }
        path.pop();
    }
}
