//! Instances of plugins: configuration, secrets, grants, limits.

use super::reference::instance::LIMITS;
use super::scalar::unknown_word;
use super::section::{Report, Section};
use crate::event::{InstanceName, TopicFilter};
use std::collections::BTreeMap;
use std::path::{Component, PathBuf};
use std::time::Duration;

/// An instance of a plugin, as the operator wrote it down.
#[derive(Debug, Clone, PartialEq)]
pub struct Instance {
    /// Its name: the `source` of its events.
    pub name: InstanceName,
    /// Where it stands in the file.
    pub role: Role,
    /// The plugin's id: the name of its file without `.wasm`.
    pub plugin: String,
    /// Whether it runs.
    pub enabled: bool,
    /// The plugin's own configuration, checked against the schema in its manifest.
    pub config: serde_json::Map<String, serde_json::Value>,
    /// The secrets it may use, and where they come from.
    pub secrets: BTreeMap<String, SecretSource>,
    /// Files of certificates that its TLS connections trust besides those of the operating system.
    pub tls_ca: Vec<PathBuf>,
    /// What it may do.
    pub grants: Grants,
    /// What it may use up.
    pub limits: Limits,
}

/// Where an instance stands in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Under `[sources.NAME]`: it runs all the time and publishes.
    Source,
    /// Under `[handlers.NAME]`: it answers (messages, routes, dialects) or reacts to events.
    Handler,
}

/// Where a secret comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// An environment variable of the gateway.
    Env(String),
    /// A file, whose last line break is cut off.
    File(PathBuf),
    /// A credential that systemd hands to its service, by name: a file, too (systemd.exec(5), CREDENTIALS).
    Credential(String),
}

/// The folder of systemd's credentials.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

impl SecretSource {
    /// Reads one of the ways to say it; `None`: there is none, or more than one.
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        let text = |name| section.text(name).unwrap_or_default();
        match ["env", "file", "credential"].map(|name| section.has(name)) {
            [true, false, false] => Some(Self::Env(text("env"))),
            [false, true, false] => Some(Self::File(section.path("file"))),
            [false, false, true] => {
                let name = text("credential");
                // The name becomes the name of a file: it must not lead out of the folder.
                if matches!(&*name, "" | "." | "..") || name.contains(['/', '\0']) {
                    section.problem("credential", "is no name of a credential");
                }
                Some(Self::Credential(name))
            }
            _ => None,
        }
    }

    /// The file in which a credential is.
    ///
    /// # Errors
    /// This process was given none.
    pub fn credential(name: &str) -> Result<PathBuf, String> {
        let folder = std::env::var_os(CREDENTIALS).ok_or_else(|| {
            format!("credential {name}: {CREDENTIALS} is not set; systemd sets it where the unit has LoadCredential=")
        })?;
        Ok(PathBuf::from(folder).join(name))
    }
}

/// What an instance may do: nothing that is not named here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants {
    /// Topics that it may publish on.
    pub publish: Vec<TopicFilter>,
    /// Topics that it may be told of, as a subscriber.
    pub subscribe: Vec<TopicFilter>,
    /// Destinations: `ws://host:port`, `https://*.example.org`, `tcp://192.168.1.0/24:502`; parsed by the egress policy.
    pub connect: Vec<String>,
    /// Files that it may read: absolute paths, `*` within a name.
    pub files: Vec<PathBuf>,
    /// Commands that it may run, by name.
    pub commands: BTreeMap<String, CommandGrant>,
    /// Secrets that it may see in plain text.
    pub reveal: Vec<String>,
    /// Figures of the machine.
    pub system: bool,
    /// Message types that it may answer.
    pub handle: Vec<String>,
    /// Message types that it may send to handlers, as a client would.
    pub call: Vec<String>,
    /// `stats`, `clients`, `send`, `disconnect`, `login`.
    pub gateway: Vec<String>,
}

/// A command with its argument templates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandGrant {
    /// The program, absolute.
    pub program: PathBuf,
    /// Its arguments; `{name}` is replaced by the guest's argument of that name, whole and as one argument.
    pub arguments: Vec<String>,
    /// When it is killed.
    pub timeout: Duration,
}

/// What an instance may use up. Every queue and every size has a bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory of one guest, all its memories together, in bytes.
    pub memory: u64,
    /// Processor time of one call.
    pub call_time: Duration,
    /// Wall-clock time of one call, host calls included.
    pub call_timeout: Duration,
    /// Wall-clock time of `init`.
    pub init_timeout: Duration,
    /// Events per second; a burst of as many is allowed.
    pub publish_rate: u32,
    /// Most bytes of one event's data.
    pub event_bytes: usize,
    /// Inputs that wait.
    pub mailbox: usize,
    /// Guests of a stateless plugin that work at once.
    pub instances: usize,
    /// Log lines per second.
    pub log_rate: u32,
    /// Bytes in the durable store, keys included.
    pub store: u64,
    /// Most bytes of the state handed over at a reload.
    pub state: u64,
    /// Sockets at once.
    pub connections: usize,
    /// HTTP requests at once.
    pub http_requests: usize,
    /// Most bytes of one received message, HTTP body or file read.
    pub receive_bytes: usize,
    /// Timers at once.
    pub timers: usize,
    /// Metric series.
    pub metric_series: usize,
    /// Followed and watched files at once.
    pub files: usize,
}

impl Default for Limits {
    fn default() -> Self {
        let report = Report::default();
        Self::read(&Section::new(None, LIMITS, String::new(), &report))
    }
}

impl Limits {
    fn read(section: &Section<'_>) -> Self {
        Self {
            memory: section.number("memory"),
            call_time: section.span("call-time"),
            call_timeout: section.span("call-timeout"),
            init_timeout: section.span("init-timeout"),
            publish_rate: section.number("publish-rate"),
            event_bytes: section.number("event-size"),
            mailbox: section.number("mailbox"),
            instances: section.number("instances"),
            log_rate: section.number("log-rate"),
            store: section.number("store"),
            state: section.number("state"),
            connections: section.number("connections"),
            http_requests: section.number("http-requests"),
            receive_bytes: section.number("receive-size"),
            timers: section.number("timers"),
            metric_series: section.number("metric-series"),
            files: section.number("files"),
        }
    }
}

impl Instance {
    /// Reads `[sources.NAME]` or `[handlers.NAME]`.
    pub(super) fn read(name: InstanceName, role: Role, section: &Section<'_>) -> Self {
        let secrets = secrets(section);
        let grants = Grants::read(&section.section("grants"), &secrets);
        Self {
            name,
            role,
            plugin: plugin(section),
            enabled: section.flag("enabled"),
            config: section.free("config"),
            secrets,
            tls_ca: section.paths("tls-ca"),
            grants,
            limits: Limits::read(&section.section("limits")),
        }
    }
}

/// A plugin's id, which becomes the name of a file: it must not lead out of the folder.
fn plugin(section: &Section<'_>) -> String {
    let id = section.required("plugin").unwrap_or_default();
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if section.has("plugin") && !((1..=64).contains(&id.len()) && id.bytes().all(fits)) {
        let why = "is the name of a file in plugins.directory without \".wasm\": 1 to 64 characters of a-z, 0-9 and -";
        section.problem("plugin", why);
    }
    id
}

fn secrets(section: &Section<'_>) -> BTreeMap<String, SecretSource> {
    let mut secrets = BTreeMap::new();
    for (name, place, secret) in section.named("secrets") {
        let Some(source) = SecretSource::read(&secret) else {
            let why = "say where it comes from: { env = \"VARIABLE\" }, { file = \"PATH\" } or { credential = \"NAME\" }";
            section.report().add(place, secret.name(), why);
            continue;
        };
        secrets.insert(name.to_owned(), source);
    }
    secrets
}

impl Grants {
    fn read(section: &Section<'_>, secrets: &BTreeMap<String, SecretSource>) -> Self {
        let topics = |text: &str| TopicFilter::parse(text).map_err(|e| e.to_string());
        let known: Vec<_> = secrets.keys().map(String::as_str).collect();
        Self {
            publish: section.texts("publish", topics),
            subscribe: section.texts("subscribe", topics),
            connect: section.texts("connect", |text| match text.contains("://") {
                true => Ok(text.to_owned()),
                false => Err(format!(
                    "{text:?} is no destination; write it as \"ws://host:port\", \"https://host\" or \"tcp://host:port\""
                )),
            }),
            files: section.texts("files", absolute),
            commands: commands(section),
            reveal: section.texts("reveal", |text| match known.contains(&text) {
                true => Ok(text.to_owned()),
                false if known.is_empty() => Err(format!("no secret is called {text:?}: there is none")),
                false => Err(unknown_word(text, &known)),
            }),
            system: section.flag("system"),
            handle: section.texts("handle", message_type),
            call: section.texts("call", message_type),
            gateway: section.texts("gateway", |text| {
                let known = ["stats", "clients", "send", "disconnect", "login"];
                match known.contains(&text) {
                    true => Ok(text.to_owned()),
                    false => Err(unknown_word(text, &known)),
                }
            }),
        }
    }
}

/// The commands of the protocol itself are not for plugins to answer (PROTOCOL.md).
fn message_type(text: &str) -> Result<String, String> {
    const OWN: [&str; 6] = [
        "subscribe",
        "unsubscribe",
        "authenticate",
        "publish",
        "ack",
        "ping",
    ];
    if OWN.contains(&text) {
        return Err(format!("{text:?} is a command of the protocol itself"));
    }
    if text.is_empty() || text.len() > 64 || text.chars().any(|c| c.is_control() || c == ' ') {
        return Err(format!("{text:?} is no message type"));
    }
    Ok(text.to_owned())
}

fn absolute(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    if !path.is_absolute() {
        return Err(format!("{text:?} must be an absolute path"));
    }
    if path.components().any(|c| c == Component::ParentDir) {
        return Err(format!("{text:?} must not contain \"..\""));
    }
    Ok(path)
}

fn commands(section: &Section<'_>) -> BTreeMap<String, CommandGrant> {
    let mut commands = BTreeMap::new();
    for (name, _, command) in section.named("commands") {
        let program = command.required("program").unwrap_or_default();
        let program = absolute(&program).unwrap_or_else(|why| {
            if command.has("program") {
                command.problem("program", why);
            }
            PathBuf::new()
        });
        let grant = CommandGrant {
            program,
            arguments: command.texts("arguments", |text| Ok(text.to_owned())),
            timeout: command.span("timeout"),
        };
        commands.insert(name.to_owned(), grant);
    }
    commands
}
