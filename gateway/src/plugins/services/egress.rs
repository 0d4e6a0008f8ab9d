//! The egress policy: where guests may connect to.

pub mod grant;

pub use grant::{ConnectGrant, GrantError};

use std::net::SocketAddr;

/// Where an instance may connect to: what some grant and some request both allow.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    granted: Vec<ConnectGrant>,
    requested: Vec<ConnectGrant>,
}

impl Policy {
    /// A policy of the operator's grants, narrowed by the manifest's requests.
    #[must_use]
    pub fn new(granted: Vec<ConnectGrant>, requested: Vec<ConnectGrant>) -> Self {
        Self { granted, requested }
    }
}

/// How guests' connections are made; shared by all instances.
#[derive(Debug)]
pub struct Network {
    own_addresses: Vec<SocketAddr>,
}

impl Network {
    /// The machine's network; nobody connects to `own_addresses`, the gateway's own listeners.
    #[must_use]
    pub fn new(own_addresses: Vec<SocketAddr>) -> Self {
        Self { own_addresses }
    }
}
