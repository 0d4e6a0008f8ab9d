//! The manifest of a plugin: what it is, what it offers, what it asks for.
//!
//! Unknown keys are errors that name the nearest key, so a misspelt request can't silently ask for nothing.

use crate::event::{Kind, TopicFilter};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Version of the plugin contract that this gateway speaks: that of the WIT package.
pub const API_VERSION: &str = "0.2.0";

/// Longest manifest, in bytes: the gateway compiles every schema in it.
pub const LONGEST_BYTES: usize = 256 * 1024;

/// Name of the custom section that holds the manifest.
pub const SECTION: &str = "hearthgate:manifest";

/// What a plugin says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// The plugin's id, which is also the file's name without `.wasm`.
    pub id: String,
    /// Its version.
    pub version: String,
    /// The contract's version that it was built against.
    pub api: String,
    /// One sentence for operators.
    pub description: String,
    /// Message types that it can answer.
    pub messages: Vec<String>,
    /// Every kind that it may publish.
    pub publishes: Vec<Kind>,
    /// Kinds of its own with the JSON Schema of their data.
    pub kinds: BTreeMap<Kind, Value>,
    /// What it can't do without.
    pub required: Requests,
    /// What it can do without.
    pub optional: Requests,
    /// The JSON Schema of its configuration; `None`: it takes none.
    pub config: Option<Value>,
}

/// What a plugin asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requests {
    /// Topics to publish on.
    pub publish: Vec<TopicFilter>,
    /// Topics to be told of.
    pub subscribe: Vec<TopicFilter>,
    /// Destinations; `${config.KEY}` stands for a value of the configuration.
    pub connect: Vec<String>,
    /// Files; `${config.KEY}` stands for a value of the configuration.
    pub files: Vec<String>,
    /// Commands by name.
    pub commands: Vec<String>,
    /// Secrets for templates.
    pub secrets: Vec<String>,
    /// Secrets in plain text.
    pub reveal: Vec<String>,
    /// Message types to send to handlers.
    pub call: Vec<String>,
    /// `stats`, `clients`, `send`, `disconnect`, `login`.
    pub gateway: Vec<String>,
    /// The machine's figures.
    pub system: bool,
}

/// Why a manifest is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ManifestError(pub String);

#[derive(Deserialize)]
struct Raw {
    plugin: RawPlugin,
    #[serde(default)]
    offers: RawOffers,
    #[serde(default)]
    publishes: RawPublishes,
    #[serde(default)]
    kinds: BTreeMap<String, Value>,
    #[serde(default)]
    requests: RawRequests,
    config: Option<Value>,
}

#[derive(Deserialize)]
struct RawPlugin {
    id: String,
    version: String,
    api: String,
    #[serde(default)]
    description: String,
}

#[derive(Deserialize, Default)]
struct RawOffers {
    #[serde(default)]
    messages: Vec<String>,
}

#[derive(Deserialize, Default)]
struct RawPublishes {
    #[serde(default)]
    kinds: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawRequests {
    publish: Vec<String>,
    subscribe: Vec<String>,
    connect: Vec<String>,
    files: Vec<String>,
    commands: Vec<String>,
    secrets: Vec<String>,
    reveal: Vec<String>,
    call: Vec<String>,
    gateway: Vec<String>,
    system: bool,
    optional: Option<Box<RawRequests>>,
}

const REQUEST_KEYS: &[&str] = &[
    "publish",
    "subscribe",
    "connect",
    "files",
    "commands",
    "secrets",
    "reveal",
    "call",
    "gateway",
    "system",
];

/// The tables with fixed keys; `kinds` and `config` hold schemas and are free.
const TABLES: &[(&str, &[&str])] = &[
    ("plugin", &["id", "version", "api", "description"]),
    ("offers", &["messages"]),
    ("publishes", &["kinds"]),
];

/// What `gateway` requests and grants may name.
pub const GATEWAY_VERBS: &[&str] = &["stats", "clients", "send", "disconnect", "login"];

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// One sentence with the key that is wrong, and the nearest right one.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        if text.len() > LONGEST_BYTES {
            let message = format!("the manifest has more than {LONGEST_BYTES} bytes");
            return Err(ManifestError(message));
        }
        let table: toml::Table = toml::from_str(text)
            .map_err(|e| ManifestError(format!("the manifest is not TOML: {}", e.message())))?;
        check_keys(&table)?;
        let raw: Raw = toml::Value::Table(table)
            .try_into()
            .map_err(|e: toml::de::Error| ManifestError(format!("manifest: {}", e.message())))?;
        Self::from_raw(raw)
    }

    fn from_raw(raw: Raw) -> Result<Self, ManifestError> {
        check_id(&raw.plugin.id)?;
        let mut kinds = BTreeMap::new();
        for (name, schema) in raw.kinds {
            let kind = kind("kinds", &name)?;
            super::schema::check(&schema).map_err(|e| {
                ManifestError(format!("kinds.{name:?} is not a valid JSON Schema: {e}"))
            })?;
            kinds.insert(kind, schema);
        }
        if let Some(schema) = &raw.config {
            super::schema::check(schema)
                .map_err(|e| ManifestError(format!("config is not a valid JSON Schema: {e}")))?;
        }
        let mut requests = raw.requests;
        let optional = requests.optional.take().unwrap_or_default();
        Ok(Self {
            id: raw.plugin.id,
            version: raw.plugin.version,
            api: raw.plugin.api,
            description: raw.plugin.description,
            messages: raw.offers.messages,
            publishes: raw
                .publishes
                .kinds
                .iter()
                .map(|k| kind("publishes.kinds", k))
                .collect::<Result<_, _>>()?,
            kinds,
            required: Requests::from_raw(requests, "requests")?,
            optional: Requests::from_raw(*optional, "requests.optional")?,
            config: raw.config,
        })
    }

    /// Required and optional requests of one sort.
    pub fn all<'a, T: 'a>(
        &'a self,
        sort: impl Fn(&'a Requests) -> &'a [T],
    ) -> impl Iterator<Item = &'a T> {
        sort(&self.required).iter().chain(sort(&self.optional))
    }
}

impl Requests {
    fn from_raw(raw: RawRequests, at: &str) -> Result<Self, ManifestError> {
        let filters = |key: &str, texts: &[String]| -> Result<Vec<TopicFilter>, ManifestError> {
            let parse = |t: &String| {
                TopicFilter::parse(t).map_err(|e| ManifestError(format!("{at}.{key}: {e}")))
            };
            texts.iter().map(parse).collect()
        };
        for verb in &raw.gateway {
            if !GATEWAY_VERBS.contains(&verb.as_str()) {
                let hint = nearest(verb, GATEWAY_VERBS);
                return Err(ManifestError(format!(
                    "{at}.gateway: unknown {verb:?}{hint}"
                )));
            }
        }
        Ok(Self {
            publish: filters("publish", &raw.publish)?,
            subscribe: filters("subscribe", &raw.subscribe)?,
            connect: raw.connect,
            files: raw.files,
            commands: raw.commands,
            secrets: raw.secrets,
            reveal: raw.reveal,
            call: raw.call,
            gateway: raw.gateway,
            system: raw.system,
        })
    }
}

/// Checks a plugin's id before it touches a path.
///
/// # Errors
/// Says what an id is.
pub fn check_id(id: &str) -> Result<(), ManifestError> {
    let ok = (1..=64).contains(&id.len())
        && id
            .bytes()
            .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    if ok {
        return Ok(());
    }
    Err(ManifestError(format!(
        "plugin id {id:?} must be 1 to 64 characters of a-z, 0-9 and -"
    )))
}

/// `; did you mean "…"?` for the nearest of the known words, or what there is.
#[must_use]
pub fn nearest(word: &str, known: &[&str]) -> String {
    let close = known
        .iter()
        .map(|k| (strsim::damerau_levenshtein(word, k), k))
        .filter(|(distance, k)| *distance <= 1 + k.len() / 3)
        .min();
    match close {
        Some((_, k)) => format!("; did you mean {k:?}?"),
        None if known.is_empty() => String::new(),
        None => format!("; known are {}", known.join(", ")),
    }
}

fn check_keys(table: &toml::Table) -> Result<(), ManifestError> {
    let top = [
        "plugin",
        "offers",
        "publishes",
        "kinds",
        "requests",
        "config",
    ];
    known("", table, &top)?;
    for (name, keys) in TABLES {
        if let Some(inner) = table.get(*name).and_then(toml::Value::as_table) {
            known(&format!("{name}."), inner, keys)?;
        }
    }
    let Some(requests) = table.get("requests").and_then(toml::Value::as_table) else {
        return Ok(());
    };
    let with_optional: Vec<&str> = REQUEST_KEYS.iter().copied().chain(["optional"]).collect();
    known("requests.", requests, &with_optional)?;
    match requests.get("optional").and_then(toml::Value::as_table) {
        Some(optional) => known("requests.optional.", optional, REQUEST_KEYS),
        None => Ok(()),
    }
}

fn known(prefix: &str, table: &toml::Table, keys: &[&str]) -> Result<(), ManifestError> {
    match table.keys().find(|k| !keys.contains(&k.as_str())) {
        None => Ok(()),
        Some(key) => Err(ManifestError(format!(
            "manifest: unknown key {prefix}{key}{}",
            nearest(key, keys)
        ))),
    }
}

fn kind(at: &str, text: &str) -> Result<Kind, ManifestError> {
    let kind = Kind::parse(text).map_err(|e| ManifestError(format!("{at}: {e}")))?;
    if kind.is_reserved() {
        let message = format!("{at}: kind {text:?} is the gateway's own");
        return Err(ManifestError(message));
    }
    Ok(kind)
}

#[cfg(test)]
mod tests;
