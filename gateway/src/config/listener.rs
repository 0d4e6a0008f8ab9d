//! Listeners: an address, and what is served on its paths.

use crate::event::InstanceName;
use std::net::SocketAddr;

/// An address that clients connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Where it listens; port 0 takes a free one.
    pub address: SocketAddr,
    /// What is served on which path.
    pub routes: Vec<Route>,
}

/// What is served on a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The path in matchit's syntax: `/ws`, `/api/rooms/{*rest}`.
    pub path: String,
    /// What answers there.
    pub mount: Mount,
}

/// What answers on a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mount {
    /// WebSocket connections of one dialect.
    Dialect(DialectName),
    /// HTTP requests, by a plugin's routes.
    Plugin(InstanceName),
}

/// A client protocol.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum DialectName {
    /// Hearthgate's own.
    Native,
    /// That of a plugin.
    Plugin(InstanceName),
}
