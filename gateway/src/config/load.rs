//! From a file to a configuration, or to everything that is wrong with it.

use super::Config;
use super::build::build;
use super::environment;
use super::problem::{Origin, Problem, Problems};
use super::section::{Report, join};
use super::tree::{Node, Place};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file can't be read.
    #[error("{}: the configuration can't be read: {source}{}", path.display(), advice(source))]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The file is not text.
    #[error("{}:{line}: the configuration must be UTF-8 text, and this line is not", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// It is wrong.
    #[error(transparent)]
    Invalid(#[from] Problems),
}

fn advice(source: &std::io::Error) -> &'static str {
    match source.kind() {
        ErrorKind::NotFound => "; `hearthgate config default` prints a complete one to begin with",
        ErrorKind::IsADirectory => "; name the file in it",
        ErrorKind::PermissionDenied => "; it must be readable for the user that runs the gateway",
        _ => "",
    }
}

/// A configuration that keeps its text, for problems that only others can see (`plugins::check`).
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    origin: Origin,
    root: Node,
}

impl Loaded {
    /// Reads a file; overrides come from `variables`, the process's environment for one.
    ///
    /// # Errors
    /// The file can't be read, or everything that is wrong with it.
    pub fn file(path: &Path, variables: &[(String, String)]) -> Result<Self, LoadError> {
        let bytes = std::fs::read(path).map_err(|source| LoadError::Read {
            path: path.to_path_buf(),
            source,
        })?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            LoadError::NotText {
                path: path.to_path_buf(),
                line: good.iter().filter(|b| **b == b'\n').count() + 1,
            }
        })?;
        let base = path.parent().unwrap_or(Path::new(""));
        Ok(Self::text(&text, path, base, variables)?)
    }

    /// Reads a text that goes by a name; relative paths in it are relative to `base`.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn text(
        text: &str,
        name: &Path,
        base: &Path,
        variables: &[(String, String)],
    ) -> Result<Self, Problems> {
        let origin = Origin {
            name: name.to_path_buf(),
            text: text.into(),
        };
        let (mut root, syntax) = Node::parse(text);
        if !syntax.is_empty() {
            // What follows a broken line is not what its author meant: only the syntax is reported.
            let problems = syntax.into_iter().map(|(place, message)| Problem {
                place,
                key: String::new(),
                message,
            });
            return Err(Problems::new(origin, problems.collect()));
        }
        let report = Report::new(base);
        environment::apply(&mut root, variables, &report);
        let config = build(Some(&root), &report);
        match report.into_problems() {
            none if none.is_empty() => Ok(Self {
                config,
                origin,
                root,
            }),
            problems => Err(Problems::new(origin, problems)),
        }
    }

    /// What it was read from.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.origin.text
    }

    /// Whether the file says nothing at all: not a key, and no override stands for one.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.root.entries().is_empty()
    }

    /// Places problems that others found: an instance's name, a key below it with dots, and what is wrong.
    /// A key that is not in the text (a missing one) is shown at the table in which it would stand.
    #[must_use]
    pub fn problems(&self, found: impl IntoIterator<Item = (String, String, String)>) -> Problems {
        let place = |(instance, key, message): (String, String, String)| {
            let tables = ["sources", "handlers"].iter();
            let table = tables.copied().find(|t| {
                let table = self.root.entry(t);
                table.is_some_and(|t| t.node.entry(&instance).is_some())
            });
            let parts = table.into_iter().chain([instance.as_str()]);
            let parts: Vec<_> = parts
                .chain(key.split('.').filter(|p| !p.is_empty()))
                .collect();
            Problem {
                place: self.locate(&parts),
                key: parts.iter().fold(String::new(), |path, p| join(&path, p)),
                message,
            }
        };
        let problems = found.into_iter().map(place).collect();
        Problems::new(self.origin.clone(), problems)
    }

    /// Places problems of keys that are no instance's: the steps to the key, elements of lists by their number, and what
    /// is wrong.
    #[must_use]
    pub fn problems_at(&self, found: impl IntoIterator<Item = (Vec<String>, String)>) -> Problems {
        let place = |(steps, message): (Vec<String>, String)| {
            let parts: Vec<&str> = steps.iter().map(String::as_str).collect();
            let name = |path: String, step: &&str| match step.parse::<usize>() {
                Ok(item) => format!("{path}[{item}]"),
                Err(_) => join(&path, step),
            };
            Problem {
                place: self.locate(&parts),
                key: parts.iter().fold(String::new(), name),
                message,
            }
        };
        Problems::new(self.origin.clone(), found.into_iter().map(place).collect())
    }

    /// Where a key stands: the deepest part of it that the text has. The last part's value, the others' keys.
    fn locate(&self, parts: &[&str]) -> Place {
        let mut node = &self.root;
        let mut place = Place::Nowhere;
        for (i, part) in parts.iter().enumerate() {
            let item = part.parse::<usize>().ok();
            if let (super::tree::Value::List(items), Some(item)) = (&node.value, item) {
                let Some(item) = items.get(item) else { break };
                (node, place) = (item, item.place.clone());
                continue;
            }
            let Some(entry) = node.entry(part) else { break };
            node = &entry.node;
            let last = i + 1 == parts.len() && entry.node.entries().is_empty();
            place = match last {
                true => entry.node.place.clone(),
                false => entry.place.clone(),
            };
        }
        place
    }
}

impl Config {
    /// Reads a text without a file, for tests and tools: relative paths stay relative, no overrides.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(text: &str) -> Result<Self, Problems> {
        let name = Path::new("hearthgate.toml");
        Ok(Loaded::text(text, name, Path::new(""), &[])?.config)
    }
}
