//! The keys of `[connections]`, and of the tables that override them for a listener or a dialect.

use super::DAY;
use crate::config::keys::{Key, Shape};

const KIB: u64 = 1024;
const GIB: u64 = 1024 * 1024 * 1024;

/// `[connections]`
pub const CONNECTIONS: &[Key] = &[
    MAX_CONNECTIONS,
    MAX_PER_ADDRESS,
    MAX_PER_SUBJECT,
    HANDSHAKES_PER_SECOND,
    MAX_MESSAGE,
    MAX_SUBSCRIPTIONS,
    MESSAGES_PER_SECOND,
    BYTES_PER_SECOND,
    CALLS_IN_FLIGHT,
    HANDSHAKE_TIMEOUT,
    TLS_HANDSHAKE_TIMEOUT,
    MAX_HEADER,
    HEARTBEAT_INTERVAL,
    PING_INTERVAL,
    PONG_TIMEOUT,
    IDLE_TIMEOUT,
    IDLE_CLOSE,
    WRITE_TIMEOUT,
    OUTBOX_FRAMES,
    OUTBOX_SIZE,
    SLOW_CLIENT,
    DRY_RUN,
    Key::new(
        "shards",
        Shape::Count(0, 1024),
        "0",
        "Tasks that share out the connections; 0: one for each core.",
    )
    .at_restart(),
    Key::new(
        "shard-queue",
        Shape::Count(1, 1_000_000),
        "1024",
        "Batches of events that wait for one shard before publishers wait.",
    )
    .at_restart(),
];

/// `[listener.limits]`
pub const OVERRIDES: &[Key] = &[
    MAX_CONNECTIONS.inherited(),
    MAX_PER_ADDRESS.inherited(),
    MAX_PER_SUBJECT.inherited(),
    HANDSHAKES_PER_SECOND.inherited(),
    MAX_MESSAGE.inherited(),
    MAX_SUBSCRIPTIONS.inherited(),
    MESSAGES_PER_SECOND.inherited(),
    BYTES_PER_SECOND.inherited(),
    CALLS_IN_FLIGHT.inherited(),
    HANDSHAKE_TIMEOUT.inherited(),
    TLS_HANDSHAKE_TIMEOUT.inherited(),
    MAX_HEADER.inherited(),
    HEARTBEAT_INTERVAL.inherited(),
    PING_INTERVAL.inherited(),
    PONG_TIMEOUT.inherited(),
    IDLE_TIMEOUT.inherited(),
    IDLE_CLOSE.inherited(),
    WRITE_TIMEOUT.inherited(),
    OUTBOX_FRAMES.inherited(),
    OUTBOX_SIZE.inherited(),
    SLOW_CLIENT.inherited(),
    DRY_RUN.inherited(),
];

/// `[dialects.NAME]`
pub const DIALECT: &[Key] = &[
    MAX_CONNECTIONS.inherited(),
    MAX_PER_ADDRESS.inherited(),
    MAX_PER_SUBJECT.inherited(),
    HANDSHAKES_PER_SECOND.inherited(),
    MAX_MESSAGE.inherited(),
    MAX_SUBSCRIPTIONS.inherited(),
    MESSAGES_PER_SECOND.inherited(),
    BYTES_PER_SECOND.inherited(),
    CALLS_IN_FLIGHT.inherited(),
    HEARTBEAT_INTERVAL.inherited(),
    PING_INTERVAL.inherited(),
    PONG_TIMEOUT.inherited(),
    IDLE_TIMEOUT.inherited(),
    IDLE_CLOSE.inherited(),
    WRITE_TIMEOUT.inherited(),
    OUTBOX_FRAMES.inherited(),
    OUTBOX_SIZE.inherited(),
    SLOW_CLIENT.inherited(),
    DRY_RUN.inherited(),
];

const MAX_CONNECTIONS: Key = Key::new(
    "max-connections",
    Shape::Count(1, 10_000_000),
    "10000",
    "Most connections at once, over all listeners. Each needs a file descriptor.",
);

const MAX_MESSAGE: Key = Key::new(
    "max-message",
    Shape::Size(64, GIB),
    "\"64KiB\"",
    "Largest message of a client, all its frames together; beyond it the connection is closed with 1009.",
);

const MAX_SUBSCRIPTIONS: Key = Key::new(
    "max-subscriptions",
    Shape::Count(1, 1_000_000),
    "128",
    "Most subscriptions of one connection.",
);

const MESSAGES_PER_SECOND: Key = Key::new(
    "messages-per-second",
    Shape::Count(1, 1_000_000),
    "100",
    "Client messages per second; a burst of as many is allowed. Beyond it they are answered with RATE_LIMITED.",
);

const CALLS_IN_FLIGHT: Key = Key::new(
    "calls-in-flight",
    Shape::Count(1, 65_536),
    "16",
    "Calls to handlers that one connection may have under way.",
);

const HANDSHAKE_TIMEOUT: Key = Key::new(
    "handshake-timeout",
    Shape::Span(100, DAY),
    "\"10s\"",
    "Longest time for the headers of a request, and so for a WebSocket handshake.",
);

const HEARTBEAT_INTERVAL: Key = Key::new(
    "heartbeat-interval",
    Shape::Period(100, DAY),
    "\"30s\"",
    "Every so often each client gets a `heartbeat`. A plugin's dialect beats for all its clients at once: set it here or in [dialects.NAME].",
);

const PING_INTERVAL: Key = Key::new(
    "ping-interval",
    Shape::Period(100, DAY),
    "\"30s\"",
    "Every so often each client gets a WebSocket ping.",
);

const PONG_TIMEOUT: Key = Key::new(
    "pong-timeout",
    Shape::Period(100, DAY),
    "\"75s\"",
    "Longest silence of a client before it is taken for gone and closed with 4409; longer than ping-interval.",
);

const IDLE_TIMEOUT: Key = Key::new(
    "idle-timeout",
    Shape::Period(100, DAY),
    "\"never\"",
    "Longest silence of a client before it is closed with idle-close: for protocols that have a close code of their own for it. Any frame counts, a pong too.",
);

const IDLE_CLOSE: Key = Key::new(
    "idle-close",
    Shape::Count(1001, 4999),
    "1001",
    "The close code of idle-timeout: 1001, or 3000 to 4999.",
);

const WRITE_TIMEOUT: Key = Key::new(
    "write-timeout",
    Shape::Span(100, DAY),
    "\"10s\"",
    "Longest time that an answer may wait for a slow client before it is closed with 4408.",
);

const OUTBOX_FRAMES: Key = Key::new(
    "outbox-frames",
    Shape::Count(1, 1_000_000),
    "1024",
    "Most events that wait for one slow client; beyond it some are dropped and the client is told (`gap`).",
);

const OUTBOX_SIZE: Key = Key::new(
    "outbox-size",
    Shape::Size(4 * KIB, 4 * GIB),
    "\"4MiB\"",
    "Most bytes of events that wait for one slow client.",
);

const SLOW_CLIENT: Key = Key::new(
    "slow-client",
    Shape::Choice(&["keep", "close"]),
    "\"keep\"",
    "A client that missed events because it reads too slowly: keep it (a native one is told, `gap`), or close it with 4408, so that it comes again and asks for the state.",
);

const MAX_PER_ADDRESS: Key = Key::new(
    "max-connections-per-address",
    Shape::Count(0, 10_000_000),
    "0",
    "Most connections of one address, an IPv6 network of 64 bits counting as one; 0: no limit. Beyond it the answer is 429.",
);

const MAX_PER_SUBJECT: Key = Key::new(
    "max-connections-per-subject",
    Shape::Count(0, 10_000_000),
    "0",
    "Most connections of one user, wherever from; 0: no limit. Beyond it the answer is 429; one who wants to become that user on an open connection is refused, and stays who it was.",
);

const HANDSHAKES_PER_SECOND: Key = Key::new(
    "handshakes-per-second",
    Shape::Count(0, 1_000_000),
    "0",
    "WebSocket handshakes of one address per second; a burst of as many is allowed; 0: no limit. Beyond it the answer is 429.",
);

const BYTES_PER_SECOND: Key = Key::new(
    "bytes-per-second",
    Shape::Size(0, GIB),
    "\"0B\"",
    "Bytes of one client per second; a burst of as many is allowed; 0B: no limit. Beyond it the client is read more slowly.",
);

const DRY_RUN: Key = Key::new(
    "dry-run",
    Shape::Texts,
    "[]",
    "Limits that only count and log: max-connections, max-connections-per-address, max-connections-per-subject, handshakes-per-second, messages-per-second, bytes-per-second, max-subscriptions, max-message (up to 16 times of it).",
);

const TLS_HANDSHAKE_TIMEOUT: Key = Key::new(
    "tls-handshake-timeout",
    Shape::Span(100, DAY),
    "\"10s\"",
    "Longest time for a TLS handshake.",
);

const MAX_HEADER: Key = Key::new(
    "max-header",
    Shape::Size(8 * KIB, 1024 * KIB),
    "\"16KiB\"",
    "Largest head of an HTTP request, all its headers together; beyond it the answer is 431.",
);
