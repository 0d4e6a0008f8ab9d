//! Connections: from a request that asks for WebSocket to the last byte.

mod registry;

pub use registry::Registry;

use crate::bus::Bus;
use crate::config::{self, DialectName};
use crate::plugins::PluginHost;
use crate::protocol::{CloseCode, ReconnectAdvice};
use crate::shard::Shards;
use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, body::Incoming};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::time::Instant;

/// The type of I/O that a listener must serve with hyper (`http1::Builder::serve_connection(Io, …).with_upgrades()`),
/// so that the bare socket can be had back after the upgrade.
pub type Io = hyper_util::rt::TokioIo<tokio::net::TcpStream>;

/// Where requests become connections. Cheap to clone.
#[derive(Clone)]
pub struct Connections {
    registry: Arc<Registry>,
}

impl Connections {
    /// Connections of all dialects, over these shards.
    #[must_use]
    pub fn new(
        _settings: config::Connections,
        registry: Arc<Registry>,
        _bus: Bus,
        _shards: Shards,
        _plugins: PluginHost,
    ) -> Self {
        Self { registry }
    }

    /// Takes a request to a route whose mount is a dialect: checks it, answers 101, and runs the connection from then on.
    #[must_use]
    pub fn upgrade(
        &self,
        _request: Request<Incoming>,
        _peer: SocketAddr,
        _dialect: &DialectName,
    ) -> Response<Full<Bytes>> {
        Response::new(Full::default())
    }

    /// Takes a new configuration; limits hold for open connections too.
    pub fn apply(&self, _settings: config::Connections) {}

    /// Ends all connections: no new ones, `disconnect` with advice, outboxes written out, closed; cut off at the deadline.
    pub async fn drain(&self, _code: CloseCode, _reconnect: ReconnectAdvice, _deadline: Instant) {
        let _ = &self.registry;
    }
}
