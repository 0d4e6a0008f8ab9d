//! Instances of plugins: configuration, secrets, grants, limits.

use crate::event::{InstanceName, TopicFilter};
use std::collections::BTreeMap;
use std::path::PathBuf;
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
    /// `stats`, `clients`, `send`.
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
        Self {
            memory: 32 * 1024 * 1024,
            call_time: Duration::from_millis(100),
            call_timeout: Duration::from_secs(5),
            init_timeout: Duration::from_secs(5),
            publish_rate: 2_000,
            event_bytes: 256 * 1024,
            mailbox: 1024,
            instances: 4,
            log_rate: 20,
            store: 1024 * 1024,
            state: 1024 * 1024,
            connections: 8,
            http_requests: 8,
            receive_bytes: 1024 * 1024,
            timers: 64,
            metric_series: 200,
            files: 16,
        }
    }
}
