//! What operators are shown of an instance: its state, its rights, and how its last reload went.

use crate::config;
use crate::event::Timestamp;
use serde::Serialize;

/// Where an instance stands in its life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum PluginState {
    /// Its first guest is being made.
    Starting,
    /// It works.
    Running,
    /// It asked to be started again later, or crashed and waits out its backoff.
    Waiting {
        /// Why.
        reason: String,
        /// When it is started again.
        retry_at: Timestamp,
    },
    /// It needs the operator: a configuration or a secret that is wrong.
    Parked {
        /// What to change.
        reason: String,
    },
    /// It crashed too often, and stays down until its file or its configuration changes, or it is reloaded by hand.
    Failed {
        /// The last crash.
        reason: String,
    },
    /// There is no file of its plugin, or none that can be loaded.
    Missing {
        /// What is wrong with it.
        reason: String,
    },
    /// It is switched off, or the gateway stops.
    Stopped,
}

impl PluginState {
    /// The state's name, as in the JSON.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Waiting { .. } => "waiting",
            Self::Parked { .. } => "parked",
            Self::Failed { .. } => "failed",
            Self::Missing { .. } => "missing",
            Self::Stopped => "stopped",
        }
    }

    /// Why it is not running.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Waiting { reason, .. }
            | Self::Parked { reason }
            | Self::Failed { reason }
            | Self::Missing { reason } => Some(reason),
            Self::Starting | Self::Running | Self::Stopped => None,
        }
    }
}

/// Where an instance's code comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Binary {
    /// The version in its manifest.
    pub version: String,
    /// SHA-256 of the file, in hexadecimal.
    pub hash: String,
    /// What it exports: `source`, `subscriber`, `message-handler`, `routes`, `dialect`.
    pub roles: Vec<&'static str>,
}

/// Everything that operators are shown of an instance.
#[derive(Debug, Clone, Serialize)]
pub struct PluginStatus {
    /// The instance's name.
    pub instance: String,
    /// The plugin's id.
    pub plugin: String,
    /// Where it stands in the configuration: `source` or `handler`.
    pub role: &'static str,
    /// Its state and the reason for it.
    #[serde(flatten)]
    pub state: PluginState,
    /// What runs; absent while nothing could be loaded.
    #[serde(flatten)]
    pub binary: Option<Binary>,
    /// What the operator granted, as in the configuration.
    pub grants: serde_json::Value,
    /// Its limits, as in the configuration.
    pub limits: serde_json::Value,
    /// Linear memory of its guests, in bytes.
    pub memory_bytes: u64,
    /// Inputs and calls that wait.
    pub mailbox_depth: usize,
    /// How often a guest was started again after a crash.
    pub restarts: u64,
    /// The last failure or refusal, whenever that was.
    pub last_error: Option<String>,
    /// How the last reload went.
    pub last_reload: Option<ReloadOutcome>,
}

/// What became of the state of the version before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StateHandover {
    /// The new one was given it.
    Kept,
    /// The old one gave none, or could not.
    Dropped,
}

/// How a reload went.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum ReloadOutcome {
    /// The new version runs.
    Reloaded {
        /// The version before.
        from: String,
        /// The version that runs.
        to: String,
        /// Its hash.
        hash: String,
        /// What became of the state.
        state: StateHandover,
        /// Sockets that the new one took over.
        connections: usize,
        /// Timers that the new one took over.
        timers: usize,
        /// How long inputs waited, in milliseconds.
        pause_ms: f64,
        /// When.
        at: Timestamp,
    },
    /// The new version was refused before anything was touched; the old one runs on.
    Refused {
        /// Why.
        reason: String,
        /// When.
        at: Timestamp,
    },
    /// The new version failed in `init` or within its probation; the old one runs again.
    RolledBack {
        /// The hash that failed: it is not tried again until the file changes.
        hash: String,
        /// How it failed.
        reason: String,
        /// When.
        at: Timestamp,
    },
}

/// The grants as JSON, for status and inspection. Commands are shown by name and program; nothing secret is among grants.
#[must_use]
pub fn grants_json(grants: &config::Grants) -> serde_json::Value {
    let texts = |filters: &[crate::event::TopicFilter]| -> Vec<String> {
        filters.iter().map(|f| f.as_str().to_owned()).collect()
    };
    serde_json::json!({
        "publish": texts(&grants.publish),
        "subscribe": texts(&grants.subscribe),
        "connect": grants.connect,
        "files": grants.files,
        "commands": grants.commands.iter().map(|(name, c)| (name.clone(), c.program.display().to_string())).collect::<std::collections::BTreeMap<_, _>>(),
        "reveal": grants.reveal,
        "system": grants.system,
        "handle": grants.handle,
        "call": grants.call,
        "gateway": grants.gateway,
    })
}

/// The limits as JSON; durations in milliseconds.
#[must_use]
pub fn limits_json(limits: &config::Limits) -> serde_json::Value {
    let millis = |d: std::time::Duration| u64::try_from(d.as_millis()).unwrap_or(u64::MAX);
    serde_json::json!({
        "memory": limits.memory,
        "call_time_ms": millis(limits.call_time),
        "call_timeout_ms": millis(limits.call_timeout),
        "init_timeout_ms": millis(limits.init_timeout),
        "publish_rate": limits.publish_rate,
        "event_bytes": limits.event_bytes,
        "mailbox": limits.mailbox,
        "instances": limits.instances,
        "log_rate": limits.log_rate,
        "store": limits.store,
        "state": limits.state,
        "connections": limits.connections,
        "http_requests": limits.http_requests,
        "receive_bytes": limits.receive_bytes,
        "timers": limits.timers,
        "metric_series": limits.metric_series,
        "files": limits.files,
    })
}
