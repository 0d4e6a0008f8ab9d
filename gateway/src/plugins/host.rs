//! The plugin host: a handle, and one task for each instance.

use super::api::GatewayView;
use super::handle::{DialectHandle, HandlerHandle, RoutesHandle};
use super::status::{PluginStatus, ReloadOutcome};
use crate::bus::Bus;
use crate::config;
use crate::event::InstanceName;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::time::Instant;

/// What the host is connected to.
pub struct Ports {
    /// Where plugins publish, and what they are told of.
    pub bus: Bus,
    /// What plugins may be told of the gateway.
    pub view: Arc<dyn GatewayView>,
    /// The gateway's own listeners, which no plugin may connect to.
    pub own_addresses: Vec<SocketAddr>,
}

/// Why the host could not start. A plugin that fails is no reason: it has a state of its own.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The engine, the store or a folder could not be prepared.
    #[error("{what}: {reason}")]
    Prepare {
        /// What was prepared.
        what: String,
        /// What went wrong.
        reason: String,
    },
}

/// Why a reload by hand did not begin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReloadError {
    /// No instance has that name.
    #[error("no instance is named {0}")]
    Unknown(InstanceName),
    /// The instance is switched off or stopping.
    #[error("{0} is stopped")]
    Stopped(InstanceName),
}

/// What a configuration reload did to the instances.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Applied {
    /// Newly started.
    pub started: Vec<String>,
    /// Stopped.
    pub stopped: Vec<String>,
    /// Took the new configuration while running.
    pub reconfigured: Vec<String>,
    /// Started anew, with the state of the one before.
    pub restarted: Vec<String>,
    /// Could not take it, and why; they run on as before.
    pub refused: Vec<(String, String)>,
}

/// The plugin host. Clones are handles to the same host.
#[derive(Clone)]
pub struct PluginHost;

impl PluginHost {
    /// Starts the host and every enabled instance. An instance that can't run is no error: its status tells.
    ///
    /// # Errors
    /// The engine, the durable store or the state folder could not be prepared.
    pub async fn start(
        _plugins: config::Plugins,
        _instances: Vec<config::Instance>,
        _ports: Ports,
    ) -> Result<Self, HostError> {
        Ok(Self)
    }

    /// Takes over a new configuration; only what changed is touched.
    pub async fn apply(
        &self,
        _plugins: config::Plugins,
        _instances: Vec<config::Instance>,
    ) -> Applied {
        Applied::default()
    }

    /// The handler that answers messages of that type.
    #[must_use]
    pub fn handler(&self, _message_type: &str) -> Option<HandlerHandle> {
        None
    }

    /// The routes of an instance, if it has any.
    #[must_use]
    pub fn routes(&self, _instance: &InstanceName) -> Option<RoutesHandle> {
        None
    }

    /// The dialect of an instance, if it has one.
    #[must_use]
    pub fn dialect(&self, _instance: &InstanceName) -> Option<DialectHandle> {
        None
    }

    /// Every instance's status, by name.
    #[must_use]
    pub fn status(&self) -> Vec<PluginStatus> {
        Vec::new()
    }

    /// Reads an instance's file again and replaces the running version, even where the file is the same.
    ///
    /// # Errors
    /// There is no such instance, or it is stopped. How the reload went is in the outcome.
    pub async fn reload(&self, instance: &InstanceName) -> Result<ReloadOutcome, ReloadError> {
        Err(ReloadError::Unknown(instance.clone()))
    }

    /// Saves and stops every instance; what isn't done by the deadline is cut off.
    pub async fn stop(&self, _deadline: Instant) {}
}
