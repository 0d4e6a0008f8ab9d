//! The error of the host calls that say in words why not.

use std::fmt;

/// A host call that was refused, in the host's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostError {
    call: &'static str,
    reason: String,
}

impl HostError {
    /// A refusal of `call`.
    pub fn new(call: &'static str, reason: impl Into<String>) -> Self {
        Self {
            call,
            reason: reason.into(),
        }
    }

    /// The host's words.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.call, self.reason)
    }
}

impl std::error::Error for HostError {}
