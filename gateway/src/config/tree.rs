//! Plain data: the TOML text as a tree that knows where everything stands.

use std::ops::Range;
use toml::de::{DeTable, DeValue};

/// Where something is written. The order is the order of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In the file, at these bytes.
    Text(Range<usize>),
    /// In this environment variable.
    Environment(String),
    /// Nowhere: it is a default.
    Nowhere,
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where the value stands.
    pub place: Place,
    /// The value.
    pub value: Value,
}

/// A value of TOML.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `true` or `false`
    Flag(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// A string.
    Text(String),
    /// A date or a time, as it is written.
    Moment(String),
    /// A list.
    List(Vec<Node>),
    /// A table.
    Table(Vec<Entry>),
}

/// A key of a table and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub place: Place,
    /// Its value.
    pub node: Node,
}

impl Place {
    fn rank(&self) -> (usize, usize, &str) {
        match self {
            Self::Text(span) => (0, span.start, ""),
            Self::Environment(name) => (1, 0, name),
            Self::Nowhere => (2, 0, ""),
        }
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Place {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.rank().cmp(&other.rank())
    }
}

impl Node {
    /// Reads a whole file; with errors as (where, what).
    pub(crate) fn parse(text: &str) -> (Self, Vec<(Place, String)>) {
        let (table, errors) = DeTable::parse_recoverable(text);
        let problems = errors
            .iter()
            .map(|e| {
                let span = e.span().unwrap_or_default();
                (Place::Text(span), e.message().replace('\n', "; "))
            })
            .collect();
        let span = table.span();
        let root = Self {
            value: read_table(table.get_ref(), &place_in_file),
            place: place_in_file(span),
        };
        (root, problems)
    }

    /// Reads one value that does not come from the file.
    ///
    /// # Errors
    /// What TOML has against it.
    pub(crate) fn parse_value(text: &str, place: &Place) -> Result<Self, String> {
        let value = DeValue::parse(text).map_err(|e| e.message().replace('\n', "; "))?;
        Ok(Self {
            value: read(value.get_ref(), &|_| place.clone()),
            place: place.clone(),
        })
    }

    /// The entries, if it is a table.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Table(entries) => entries,
            _ => &[],
        }
    }

    /// The entry of a key.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|e| e.key == key)
    }

    /// What it is, for an error message.
    #[must_use]
    pub fn describe(&self) -> String {
        match &self.value {
            Value::Flag(flag) => format!("{flag}"),
            Value::Integer(number) => format!("the number {number}"),
            Value::Float(f64::INFINITY) => "a number that is far too large".into(),
            Value::Float(number) => format!("the number {number}"),
            Value::Text(text) => format!("the string {text:?}"),
            Value::Moment(text) => format!("the date {text}"),
            Value::List(_) => "a list".into(),
            Value::Table(_) => "a table".into(),
        }
    }

    /// The same data as JSON; dates become strings.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Flag(flag) => (*flag).into(),
            Value::Integer(number) => (*number).into(),
            Value::Float(number) => (*number).into(),
            Value::Text(text) | Value::Moment(text) => text.clone().into(),
            Value::List(nodes) => nodes.iter().map(Self::to_json).collect(),
            Value::Table(entries) => entries
                .iter()
                .map(|e| (e.key.clone(), e.node.to_json()))
                .collect(),
        }
    }
}

fn place_in_file(span: Range<usize>) -> Place {
    Place::Text(span)
}

fn read_table(table: &DeTable<'_>, place: &dyn Fn(Range<usize>) -> Place) -> Value {
    let entries = table.iter().map(|(key, value)| Entry {
        key: key.get_ref().to_string(),
        place: place(key.span()),
        node: Node {
            place: place(value.span()),
            value: read(value.get_ref(), place),
        },
    });
    Value::Table(entries.collect())
}

fn read(value: &DeValue<'_>, place: &dyn Fn(Range<usize>) -> Place) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Boolean(flag) => Value::Flag(*flag),
        DeValue::Datetime(moment) => Value::Moment(moment.to_string()),
        DeValue::Integer(number) => {
            match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => Value::Integer(number),
                // Too large for TOML's own integers: as a float it fails every check of a whole number.
                Err(_) => Value::Float(f64::INFINITY),
            }
        }
        DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Array(items) => Value::List(
            items
                .iter()
                .map(|item| Node {
                    place: place(item.span()),
                    value: read(item.get_ref(), place),
                })
                .collect(),
        ),
        DeValue::Table(table) => read_table(table, place),
    }
}
