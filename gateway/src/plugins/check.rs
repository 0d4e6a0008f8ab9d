//! Whether a configuration fits the plugins that it names. The same rules hold for `hearthgate check` and for an
//! instance that is about to start.

mod grants;

use super::configuration;
use super::interfaces::Role;
use super::manifest::{Manifest, nearest};
use super::package::{LoadError, Package};
use crate::config::{Config, DialectName, Instance, Mount};
use crate::event::InstanceName;
use std::collections::BTreeMap;
use std::path::Path;

/// One thing about an instance that does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The instance.
    pub instance: InstanceName,
    /// The key below the instance, dotted: `config.interval`, `grants.publish`.
    pub key: String,
    /// One sentence: what is wrong and what would be right.
    pub message: String,
    /// Whether the gateway starts all the same.
    pub severity: Severity,
}

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The configuration is refused.
    Error,
    /// The plugin's file is not there or can't be loaded. The configuration is right, and the instance starts as soon
    /// as the file is: the gateway runs without it.
    NoPlugin,
    /// The configuration is taken; the operator is told.
    Warning,
}

/// Holds a configuration against the plugins in its folder. Reads every plugin that an enabled instance names.
#[must_use]
pub fn check(config: &Config) -> Vec<Problem> {
    let mut problems = Vec::new();
    for instance in config.instances.iter().filter(|i| i.enabled) {
        problems.extend(check_file(config, instance));
        problems.extend(check_messages(config, instance));
    }
    problems
}

/// A message has one answer, so a type may be granted once.
fn check_messages(config: &Config, instance: &Instance) -> Vec<Problem> {
    let before = config
        .instances
        .iter()
        .take_while(|i| i.name != instance.name);
    let mut problems = Vec::new();
    for other in before.filter(|i| i.enabled) {
        for message in other
            .grants
            .handle
            .iter()
            .filter(|m| instance.grants.handle.contains(m))
        {
            problems.push(Problem {
                instance: instance.name.clone(),
                key: "grants.handle".to_owned(),
                message: format!(
                    "messages of type {message:?} are answered by {} already",
                    other.name
                ),
                severity: Severity::Error,
            });
        }
    }
    problems
}

fn check_file(config: &Config, instance: &Instance) -> Vec<Problem> {
    let directory = &config.plugins.directory;
    let path = file_of(directory, &instance.plugin);
    match Package::read(&path, config.plugins.max_file_bytes) {
        Ok(package) => check_instance(&package, instance),
        Err(error) => {
            let message = match error {
                LoadError::Missing(_) => missing(directory, &instance.plugin),
                other => format!("{}: {other}", path.display()),
            };
            vec![Problem {
                instance: instance.name.clone(),
                key: "plugin".to_owned(),
                message,
                severity: Severity::NoPlugin,
            }]
        }
    }
}

/// Routes that lead to instances whose plugins don't have the role: every client would be turned away there. The steps
/// to each of them in the file, and what is wrong. A plugin whose file can't be read is told of by [`check`].
#[must_use]
pub fn check_routes(config: &Config) -> Vec<(Vec<String>, String)> {
    let mut read: BTreeMap<&InstanceName, Option<Package>> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (l, listener) in config.listeners.iter().enumerate() {
        for (r, route) in listener.routes.iter().enumerate() {
            let needed: Vec<_> = match &route.mount {
                Mount::Plugin(name) => vec![(name, Role::Routes)],
                Mount::Dialects(dialects) => {
                    let plugins = dialects.iter().filter_map(|dialect| match dialect {
                        DialectName::Plugin(name) => Some((name, Role::Dialect)),
                        DialectName::Native => None,
                    });
                    plugins.collect()
                }
            };
            for (name, role) in needed {
                let Some(instance) = config.instances.iter().find(|i| i.name == *name) else {
                    continue;
                };
                let file = || {
                    let path = file_of(&config.plugins.directory, &instance.plugin);
                    Package::read(&path, config.plugins.max_file_bytes).ok()
                };
                let Some(package) = read.entry(name).or_insert_with(file) else {
                    continue;
                };
                if let Some(why) = lacks(package, instance, role) {
                    let steps = ["listener", &l.to_string(), "routes", &r.to_string()];
                    wrong.push((steps.map(str::to_owned).to_vec(), why));
                }
            }
        }
    }
    wrong
}

fn lacks(package: &Package, instance: &Instance, role: Role) -> Option<String> {
    let has = package.roles.contains(&role);
    (!has).then(|| {
        let (name, plugin) = (&instance.name, &instance.plugin);
        let roles: Vec<_> = package.roles.iter().map(|r| r.word()).collect();
        format!(
            "leads to {name}, but its plugin {plugin} does not have the role {:?}; it has {}",
            role.word(),
            roles.join(", ")
        )
    })
}

/// Where the file of a plugin is.
#[must_use]
pub fn file_of(directory: &Path, plugin: &str) -> std::path::PathBuf {
    directory.join(format!("{plugin}.wasm"))
}

fn missing(directory: &Path, plugin: &str) -> String {
    let names: Vec<String> = std::fs::read_dir(directory)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(".wasm").map(str::to_owned))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    format!(
        "there is no plugin {plugin:?} in {}{}",
        directory.display(),
        nearest(plugin, &names)
    )
}

/// Holds one instance against its plugin.
#[must_use]
pub fn check_instance(package: &Package, instance: &Instance) -> Vec<Problem> {
    let mut found = Findings {
        instance,
        problems: Vec::new(),
    };
    let manifest = &package.manifest;
    let config = match configuration::complete(manifest.config.as_ref(), &instance.config) {
        Ok(config) => config,
        Err(misfits) => {
            for misfit in misfits {
                found.error(&misfit.key, misfit.message);
            }
            instance.config.clone()
        }
    };
    grants::check(manifest, &config, &mut found);
    if package.roles.contains(&Role::Handler) && manifest.messages.is_empty() {
        let message = "the plugin has the role handler, but its manifest has no offers.messages: nobody can send it any";
        found.warning("plugin", message.to_owned());
    }
    found.problems
}

/// Collects what is found about one instance.
struct Findings<'a> {
    instance: &'a Instance,
    problems: Vec<Problem>,
}

impl Findings<'_> {
    fn error(&mut self, key: &str, message: String) {
        self.add(key, message, Severity::Error);
    }

    fn warning(&mut self, key: &str, message: String) {
        self.add(key, message, Severity::Warning);
    }

    fn add(&mut self, key: &str, message: String, severity: Severity) {
        self.problems.push(Problem {
            instance: self.instance.name.clone(),
            key: key.to_owned(),
            message,
            severity,
        });
    }
}

/// A manifest's request with `${config.KEY}` replaced: one text for each value, none where the key has no value.
#[must_use]
pub fn expand(request: &str, config: &serde_json::Map<String, serde_json::Value>) -> Vec<String> {
    let Some((before, rest)) = request.split_once("${config.") else {
        return vec![request.to_owned()];
    };
    let Some((key, after)) = rest.split_once('}') else {
        return vec![request.to_owned()];
    };
    let path: Vec<&str> = key.split('.').collect();
    let value = path.split_first();
    let value = value.and_then(|(first, rest)| Some((config.get(*first)?, rest)));
    let texts = value.map_or_else(Vec::new, |(value, rest)| texts_at(value, rest));
    texts
        .into_iter()
        .flat_map(|text| {
            expand(after, config)
                .into_iter()
                .map(move |rest| (text.clone(), rest))
        })
        .map(|(text, rest)| format!("{before}{text}{rest}"))
        .collect()
}

/// The texts at a path; a list on the way stands for all of its items.
fn texts_at(value: &serde_json::Value, path: &[&str]) -> Vec<String> {
    use serde_json::Value;
    match (value, path) {
        (Value::Array(items), _) => items.iter().flat_map(|item| texts_at(item, path)).collect(),
        (Value::Object(fields), [first, rest @ ..]) => fields
            .get(*first)
            .map_or_else(Vec::new, |value| texts_at(value, rest)),
        (Value::String(text), []) => vec![text.clone()],
        (Value::Number(number), []) => vec![number.to_string()],
        _ => Vec::new(),
    }
}

/// All requests of one sort, expanded.
pub(super) fn expanded(
    manifest: &Manifest,
    config: &serde_json::Map<String, serde_json::Value>,
    sort: impl Fn(&super::manifest::Requests) -> &[String],
) -> Vec<String> {
    let required = sort(&manifest.required).iter();
    let required = required.flat_map(|r| expand(r, config));
    // What it can do without is not asked for where the configuration leaves it empty.
    let given = without_empty(config);
    let optional = sort(&manifest.optional).iter();
    let optional = optional.flat_map(|r| expand(r, &given));
    required.chain(optional).collect()
}

fn without_empty(
    config: &serde_json::Map<String, serde_json::Value>,
) -> serde_json::Map<String, serde_json::Value> {
    use serde_json::Value;
    let is_given = |value: &Value| value.as_str() != Some("");
    let keep = |(key, value): (&String, &Value)| {
        let value = match value {
            Value::Object(inner) => Value::Object(without_empty(inner)),
            Value::Array(items) => items.iter().filter(|i| is_given(i)).cloned().collect(),
            other => other.clone(),
        };
        is_given(&value).then(|| (key.clone(), value))
    };
    config.iter().filter_map(keep).collect()
}

#[cfg(test)]
mod tests;
