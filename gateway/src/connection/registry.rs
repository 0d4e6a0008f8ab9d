//! Every open connection: counts and listing.

use crate::plugins::api::{GatewayStats, GatewayView};
use serde_json::{Value, json};
use std::time::Instant;

/// Every open connection.
pub struct Registry {
    started: Instant,
}

impl Registry {
    /// An empty one.
    #[must_use]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self {
            started: Instant::now(),
        }
    }

    /// How many connections are open.
    #[must_use]
    pub fn count(&self) -> usize {
        0
    }
}

impl GatewayView for Registry {
    fn stats(&self) -> Value {
        json!({ "connections": self.count() })
    }

    fn clients(&self, _offset: u32, _limit: u32) -> Value {
        json!([])
    }

    fn gateway_stats(&self) -> GatewayStats {
        GatewayStats {
            connections: self.count() as u64,
            uptime_ms: u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            now_ms: crate::event::Timestamp::now().as_millis(),
        }
    }
}
