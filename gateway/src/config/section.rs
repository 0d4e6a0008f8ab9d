//! A table of the file, read by the description of its keys. What is wrong goes into the report, and the
//! default stands in, so that one run finds everything.

use super::keys::{Key, Shape, nearest, quoted};
use super::problem::{Problem, is_secret};
use super::scalar::{self, Scalar};
use super::tree::{Node, Place, Value};
use std::cell::RefCell;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What was found wrong so far, and what relative paths are relative to.
#[derive(Debug, Default)]
pub struct Report {
    problems: RefCell<Vec<Problem>>,
    base: PathBuf,
}

impl Report {
    /// A report for a file in this folder.
    #[must_use]
    pub fn new(base: &Path) -> Self {
        Self {
            problems: RefCell::default(),
            base: base.to_path_buf(),
        }
    }

    /// Notes a problem.
    pub fn add(&self, place: &Place, key: impl Into<String>, message: impl Into<String>) {
        self.problems.borrow_mut().push(Problem {
            place: place.clone(),
            key: key.into(),
            message: message.into(),
        });
    }

    /// Everything that was noted.
    #[must_use]
    pub fn into_problems(self) -> Vec<Problem> {
        self.problems.into_inner()
    }
}

/// A table with known keys.
#[derive(Debug, Clone)]
pub struct Section<'a> {
    node: Option<&'a Node>,
    keys: &'static [Key],
    path: String,
    report: &'a Report,
}

impl<'a> Section<'a> {
    /// Takes a table; unknown keys, and what is no table, are reported. `None`: everything has its default.
    pub fn new(
        node: Option<&'a Node>,
        keys: &'static [Key],
        path: String,
        report: &'a Report,
    ) -> Self {
        let this = Self {
            node,
            keys,
            path,
            report,
        };
        if let Some(node) = node {
            if !matches!(node.value, Value::Table(_)) {
                let found = found(&this.path, node);
                report.add(
                    &node.place,
                    &*this.path,
                    format!("expected a table, found {found}"),
                );
            }
            for entry in node.entries() {
                if keys.iter().all(|k| k.name != entry.key) {
                    let names: Vec<_> = keys.iter().map(|k| k.name).collect();
                    report.add(
                        &entry.place,
                        this.key(&entry.key),
                        unknown_key(&entry.key, &names),
                    );
                }
            }
        }
        this
    }

    /// The full name of the table.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.path
    }

    /// The full name of a key here.
    #[must_use]
    pub fn key(&self, name: &str) -> String {
        join(&self.path, name)
    }

    /// Where a key's value stands, else where the table stands.
    #[must_use]
    pub fn place(&self, name: &str) -> Place {
        let node = self.value(name).or(self.node);
        node.map_or(Place::Nowhere, |n| n.place.clone())
    }

    /// Notes a problem with a key's value.
    pub fn problem(&self, name: &str, message: impl Into<String>) {
        self.report.add(&self.place(name), self.key(name), message);
    }

    /// Whether the file (or the environment) says something about a key.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    fn value(&self, name: &str) -> Option<&'a Node> {
        Some(&self.node?.entry(name)?.node)
    }

    fn describe(&self, name: &str) -> &'static Key {
        let key = self.keys.iter().find(|k| k.name == name);
        key.expect("every key that is read is described in the reference")
    }

    fn default(&self, key: &Key) -> Option<Node> {
        if key.default.is_empty() {
            return None;
        }
        let node = Node::parse_value(key.default, &Place::Nowhere);
        Some(node.expect("defaults are valid TOML"))
    }

    /// The scalar, or its default; `None` where there is neither, or where it is wrong and has no default.
    fn scalar(&self, name: &str) -> Option<Scalar> {
        let key = self.describe(name);
        if let Some(node) = self.value(name) {
            match scalar::read(key.shape, node) {
                Ok(value) => return Some(value),
                Err(_) if is_secret(&self.path) => {
                    self.problem(name, format!("expected {}", key.shape.expected()));
                }
                Err(message) => self.problem(name, message),
            }
        }
        let node = self.default(key)?;
        Some(scalar::read(key.shape, &node).expect("defaults have the shape of their key"))
    }

    /// The value of a flag.
    pub fn flag(&self, name: &str) -> bool {
        matches!(self.scalar(name), Some(Scalar::Flag(true)))
    }

    /// A count or a size, as any unsigned type that holds the upper bound of its key.
    pub fn number<T: TryFrom<u64> + Default>(&self, name: &str) -> T {
        match self.scalar(name) {
            Some(Scalar::Number(number)) => T::try_from(number).unwrap_or_default(),
            _ => T::default(),
        }
    }

    /// A span of time.
    pub fn span(&self, name: &str) -> Duration {
        match self.scalar(name) {
            Some(Scalar::Span(span)) => span,
            _ => Duration::ZERO,
        }
    }

    /// A span of time that may be "never".
    pub fn period(&self, name: &str) -> Option<Duration> {
        Some(self.span(name)).filter(|span| !span.is_zero())
    }

    /// An address.
    pub fn address(&self, name: &str) -> Option<SocketAddr> {
        match self.scalar(name) {
            Some(Scalar::Address(address)) => Some(address),
            _ => None,
        }
    }

    /// A text.
    pub fn text(&self, name: &str) -> Option<String> {
        match self.scalar(name) {
            Some(Scalar::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// A text that must be there.
    pub fn required(&self, name: &str) -> Option<String> {
        if !self.has(name) {
            self.problem(name, "is missing");
        }
        self.text(name)
    }

    /// A path; a relative one becomes relative to the file.
    pub fn path(&self, name: &str) -> PathBuf {
        self.report.base.join(self.text(name).unwrap_or_default())
    }

    /// A list of paths; relative ones begin at the file's folder.
    pub fn paths(&self, name: &str) -> Vec<PathBuf> {
        self.texts(name, |text| Ok(self.report.base.join(text)))
    }

    /// A list of texts, each read by `parse`; those that it refuses are reported where they stand.
    pub fn texts<T>(&self, name: &str, parse: impl Fn(&str) -> Result<T, String>) -> Vec<T> {
        let default = self.default(self.describe(name));
        let Some(node) = self.value(name).or(default.as_ref()) else {
            return Vec::new();
        };
        let Value::List(items) = &node.value else {
            let found = node.describe();
            self.problem(name, format!("expected a list of strings, found {found}"));
            return Vec::new();
        };
        let read = |item: &Node| match &item.value {
            Value::Text(text) => parse(text),
            _ => Err(format!("expected a string, found {}", item.describe())),
        };
        let checked = items.iter().map(|item| (item, read(item)));
        checked
            .filter_map(|(item, read)| {
                read.map_err(|why| self.report.add(&item.place, self.key(name), why))
                    .ok()
            })
            .collect()
    }

    /// A table within.
    pub fn section(&self, name: &str) -> Section<'a> {
        let (Shape::Section(keys) | Shape::Named(keys)) = self.describe(name).shape else {
            unreachable!("{name} is described as a table")
        };
        Section::new(self.value(name), keys, self.key(name), self.report)
    }

    /// A list of tables.
    pub fn sections(&self, name: &str) -> Vec<Section<'a>> {
        let Shape::Sections(keys) = self.describe(name).shape else {
            unreachable!("{name} is described as a list of tables")
        };
        let Some(node) = self.value(name) else {
            return Vec::new();
        };
        let Value::List(items) = &node.value else {
            let found = node.describe();
            self.problem(name, format!("expected a list of tables, found {found}"));
            return Vec::new();
        };
        let items = items.iter().enumerate();
        items
            .map(|(i, item)| {
                let path = format!("{}[{i}]", self.key(name));
                Section::new(Some(item), keys, path, self.report)
            })
            .collect()
    }

    /// What `read` makes of a list of tables, or of its default where the file says nothing of it.
    pub fn sections_or_default<T>(&self, name: &str, read: impl Fn(&[Section<'_>]) -> T) -> T {
        let Shape::Sections(keys) = self.describe(name).shape else {
            unreachable!("{name} is described as a list of tables")
        };
        let default = self.default(self.describe(name));
        let Some(Value::List(items)) = default.as_ref().map(|node| &node.value) else {
            return read(&self.sections(name));
        };
        if self.has(name) {
            return read(&self.sections(name));
        }
        let items = items.iter();
        let items = items.map(|item| Section::new(Some(item), keys, self.key(name), self.report));
        read(&items.collect::<Vec<_>>())
    }

    /// A table of tables: name, where the name stands, and the table.
    pub fn named(&self, name: &str) -> Vec<(&'a str, &'a Place, Section<'a>)> {
        let Shape::Named(keys) = self.describe(name).shape else {
            unreachable!("{name} is described as named tables")
        };
        let Some(node) = self.value(name) else {
            return Vec::new();
        };
        if !matches!(node.value, Value::Table(_)) {
            let found = found(&self.key(name), node);
            self.problem(
                name,
                format!("expected a table of named tables, found {found}"),
            );
        }
        let entries = node.entries().iter();
        entries
            .map(|entry| {
                let path = join(&self.key(name), &entry.key);
                let section = Section::new(Some(&entry.node), keys, path, self.report);
                (entry.key.as_str(), &entry.place, section)
            })
            .collect()
    }

    /// A table that is not ours to judge.
    pub fn free(&self, name: &str) -> serde_json::Map<String, serde_json::Value> {
        let Some(node) = self.value(name) else {
            return serde_json::Map::new();
        };
        match node.to_json() {
            serde_json::Value::Object(map) => map,
            _ => {
                let found = node.describe();
                self.problem(name, format!("expected a table, found {found}"));
                serde_json::Map::new()
            }
        }
    }

    /// The report.
    #[must_use]
    pub fn report(&self) -> &'a Report {
        self.report
    }
}

/// What was found; but what stands where a secret should be named may be the secret itself.
fn found(path: &str, node: &Node) -> String {
    match is_secret(path) {
        true => "something else".to_owned(),
        false => node.describe(),
    }
}

/// Says that a key is unknown, and which one was meant.
#[must_use]
pub fn unknown_key(written: &str, known: &[&str]) -> String {
    match nearest(written, known.iter().copied()) {
        Some(near) => format!("unknown key; did you mean {near:?}?"),
        None => format!("unknown key; known here: {}", quoted(known)),
    }
}

/// A dotted name.
#[must_use]
pub fn join(path: &str, name: &str) -> String {
    match path {
        "" => name.to_owned(),
        _ => format!("{path}.{name}"),
    }
}
