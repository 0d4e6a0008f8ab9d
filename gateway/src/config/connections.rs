//! What holds for every client connection: limits, heartbeats, queues.

use super::reference::CONNECTIONS;
use super::section::{Report, Section};
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
        let report = Report::default();
        Self::read(&Section::new(None, CONNECTIONS, String::new(), &report))
    }
}

impl Connections {
    /// Reads `[connections]`.
    pub(super) fn read(section: &Section<'_>) -> Self {
        let this = Self {
            max_connections: section.number("max-connections"),
            max_message_bytes: section.number("max-message"),
            max_subscriptions: section.number("max-subscriptions"),
            messages_per_second: section.number("messages-per-second"),
            calls_in_flight: section.number("calls-in-flight"),
            handshake_timeout: section.span("handshake-timeout"),
            heartbeat_interval: section.span("heartbeat-interval"),
            ping_interval: section.span("ping-interval"),
            pong_timeout: section.span("pong-timeout"),
            write_timeout: section.span("write-timeout"),
            outbox_frames: section.number("outbox-frames"),
            outbox_bytes: section.number("outbox-size"),
            shards: section.number("shards"),
            shard_queue: section.number("shard-queue"),
        };
        if this.pong_timeout <= this.ping_interval {
            let why = "must be longer than ping-interval, or every client is taken for gone";
            section.problem("pong-timeout", why);
        }
        this
    }
}
