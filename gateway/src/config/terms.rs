//! What holds for one connection: `[connections]`, below what its listener's limits say, below what its dialect's
//! table says.

use super::limit::{DryRun, Limit};
use super::section::Section;
use std::time::Duration;

/// How many times of `max-message` are taken while it is only tried out.
const TRIED_OUT: usize = 16;

/// What becomes of a client that missed events because it reads too slowly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SlowClient {
    /// It stays. A native one is told of the gap; other dialects have no word for it.
    #[default]
    Keep,
    /// It is closed with 4408, so that it comes again and asks for what it needs.
    Close,
}

/// What holds for one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// Most bytes of one client message, all its frames together.
    pub max_message_bytes: usize,
    /// Most subscriptions.
    pub max_subscriptions: usize,
    /// Client messages per second; a burst of as many is allowed.
    pub messages_per_second: u32,
    /// Bytes per second; a burst of as many is allowed. 0: no limit.
    pub bytes_per_second: u64,
    /// Most connections of one address. 0: no limit.
    pub max_per_address: usize,
    /// Most connections of one subject. 0: no limit.
    pub max_per_subject: usize,
    /// WebSocket handshakes of one address per second. 0: no limit.
    pub handshakes_per_second: u32,
    /// The limits that only count and log.
    pub dry_run: DryRun,
    /// Calls to handlers that may be under way.
    pub calls_in_flight: usize,
    /// Every so often a `heartbeat`. `None`: never.
    pub heartbeat_interval: Option<Duration>,
    /// Every so often a WebSocket ping. `None`: never.
    pub ping_interval: Option<Duration>,
    /// Longest silence of a client (no frame of any kind) before it is taken for gone. `None`: for ever.
    pub pong_timeout: Option<Duration>,
    /// Longest silence before the client is closed with `idle_close`. `None`: for ever.
    pub idle_timeout: Option<Duration>,
    /// The close code of `idle_timeout`.
    pub idle_close: u16,
    /// Longest time that a control frame may wait to be written before the client is closed with 4408.
    pub write_timeout: Duration,
    /// Most event frames that wait.
    pub outbox_frames: usize,
    /// Most bytes of event frames that wait.
    pub outbox_bytes: usize,
    /// What becomes of it once it missed an event.
    pub slow_client: SlowClient,
}

impl Default for Terms {
    fn default() -> Self {
        super::Connections::default().terms
    }
}

/// Reads each field from the key of its name, if it is there.
macro_rules! read {
    ($section:ident, $terms:ident, $always:expr, { $($key:literal $how:ident => $field:ident),* $(,)? }) => {
        $(if $always || $section.has($key) {
            $terms.$field = $section.$how($key);
        })*
    };
}

impl Terms {
    /// Reads them all, with the defaults of `[connections]`.
    pub(super) fn read(section: &Section<'_>) -> Self {
        let mut terms = Self {
            max_message_bytes: 0,
            max_subscriptions: 0,
            messages_per_second: 0,
            bytes_per_second: 0,
            max_per_address: 0,
            max_per_subject: 0,
            handshakes_per_second: 0,
            dry_run: DryRun::default(),
            calls_in_flight: 0,
            heartbeat_interval: None,
            ping_interval: None,
            pong_timeout: None,
            idle_timeout: None,
            idle_close: 0,
            write_timeout: Duration::ZERO,
            outbox_frames: 0,
            outbox_bytes: 0,
            slow_client: SlowClient::Keep,
        };
        terms.take(section, true);
        terms
    }

    /// These, but for what a table says.
    pub(super) fn over(&self, section: &Section<'_>) -> Self {
        let mut terms = self.clone();
        terms.take(section, false);
        terms
    }

    fn take(&mut self, section: &Section<'_>, all: bool) {
        read!(section, self, all, {
            "max-message" number => max_message_bytes,
            "max-subscriptions" number => max_subscriptions,
            "messages-per-second" number => messages_per_second,
            "bytes-per-second" number => bytes_per_second,
            "max-connections-per-address" number => max_per_address,
            "max-connections-per-subject" number => max_per_subject,
            "handshakes-per-second" number => handshakes_per_second,
            "calls-in-flight" number => calls_in_flight,
            "heartbeat-interval" period => heartbeat_interval,
            "ping-interval" period => ping_interval,
            "pong-timeout" period => pong_timeout,
            "idle-timeout" period => idle_timeout,
            "idle-close" number => idle_close,
            "write-timeout" span => write_timeout,
            "outbox-frames" number => outbox_frames,
            "outbox-size" number => outbox_bytes,
        });
        if all || section.has("slow-client") {
            self.slow_client = match section.text("slow-client").as_deref() {
                Some("close") => SlowClient::Close,
                _ => SlowClient::Keep,
            };
        }
        if all || section.has("dry-run") {
            let limits = section.texts("dry-run", Limit::parse);
            self.dry_run = limits.into_iter().collect();
        }
    }

    /// Whether a limit only counts and logs.
    #[must_use]
    pub fn only_counts(&self, limit: Limit) -> bool {
        self.dry_run.covers(limit)
    }

    /// The largest message that is taken: a limit that is only tried out still leaves a bound.
    #[must_use]
    pub fn largest_message(&self) -> usize {
        match self.only_counts(Limit::MessageSize) {
            true => self.max_message_bytes.saturating_mul(TRIED_OUT),
            false => self.max_message_bytes,
        }
    }

    /// Reports what does not fit together, at the key of this table that says so.
    pub(super) fn check(&self, section: &Section<'_>) {
        if let (Some(pong), Some(ping)) = (self.pong_timeout, self.ping_interval)
            && pong <= ping
        {
            let own = ["pong-timeout", "ping-interval"];
            // A table that says neither has it from another, where it is reported.
            if let Some(key) = own.into_iter().find(|key| section.has(key)) {
                let why = match key {
                    "ping-interval" => {
                        "must be shorter than pong-timeout, or every client is taken for gone"
                    }
                    _ => "must be longer than ping-interval, or every client is taken for gone",
                };
                section.problem(key, why);
            }
        }
        if !matches!(self.idle_close, 1001 | 3000..=4999) && section.has("idle-close") {
            section.problem("idle-close", "must be 1001, or from 3000 to 4999");
        }
    }
}
