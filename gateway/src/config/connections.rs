//! What holds for every client connection: limits, heartbeats, queues.

use std::time::Duration;

/// What holds for every client connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connections {
    /// Most connections at once, over all listeners.
    pub max_connections: usize,
    /// Most bytes of one client message, all its frames together.
    pub max_message_bytes: usize,
    /// Most subscriptions of one connection.
    pub max_subscriptions: usize,
    /// Client messages per second; a burst of as many is allowed.
    pub messages_per_second: u32,
    /// Calls to handlers that one connection may have under way.
    pub calls_in_flight: usize,
    /// From accept to the end of the upgrade.
    pub handshake_timeout: Duration,
    /// Every so often a `heartbeat`.
    pub heartbeat_interval: Duration,
    /// Every so often a WebSocket ping.
    pub ping_interval: Duration,
    /// Longest silence of a client (no frame of any kind) before it is taken for gone.
    pub pong_timeout: Duration,
    /// Longest time that a control frame may wait to be written before the client is closed with 4408.
    pub write_timeout: Duration,
    /// Most event frames that wait for one connection.
    pub outbox_frames: usize,
    /// Most bytes of event frames that wait for one connection.
    pub outbox_bytes: usize,
    /// Shards; 0: one for each core.
    pub shards: usize,
    /// Batches that wait for one shard before publishers wait.
    pub shard_queue: usize,
}

impl Default for Connections {
    fn default() -> Self {
        Self {
            max_connections: 10_000,
            max_message_bytes: 64 * 1024,
            max_subscriptions: 128,
            messages_per_second: 100,
            calls_in_flight: 16,
            handshake_timeout: Duration::from_secs(10),
            heartbeat_interval: Duration::from_secs(30),
            ping_interval: Duration::from_secs(30),
            pong_timeout: Duration::from_secs(75),
            write_timeout: Duration::from_secs(10),
            outbox_frames: 1024,
            outbox_bytes: 4 * 1024 * 1024,
            shards: 0,
            shard_queue: 1024,
        }
    }
}
