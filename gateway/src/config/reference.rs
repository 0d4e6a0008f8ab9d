//! Every key of the file: its shape, its default and what it means.

pub mod instance;

use super::keys::{Key, Shape};
use instance::INSTANCE;

/// A day in milliseconds: no timeout needs more.
pub(crate) const DAY: u64 = 24 * 60 * 60 * 1000;
const KIB: u64 = 1024;
const GIB: u64 = 1024 * 1024 * 1024;

/// The top of the file.
pub const TOP: &[Key] = &[
    Key::new(
        "listener",
        Shape::Sections(LISTENER),
        r#"[{ address = "127.0.0.1:3001", routes = [{ path = "/ws", dialect = "native" }] }]"#,
        "The addresses that clients connect to; one [[listener]] each.",
    ),
    Key::new(
        "admin",
        Shape::Section(ADMIN),
        "",
        "Health, metrics and the admin API, on an address of their own. Whoever reaches it may do everything.",
    ),
    Key::new(
        "connections",
        Shape::Section(CONNECTIONS),
        "",
        "What holds for every client connection.",
    ),
    Key::new(
        "plugins",
        Shape::Section(PLUGINS),
        "",
        "Where plugins and their state live.",
    ),
    Key::new(
        "sources",
        Shape::Named(INSTANCE),
        "",
        "Instances that publish events. [sources.NAME]: NAME is the `source` of its events.",
    ),
    Key::new(
        "handlers",
        Shape::Named(INSTANCE),
        "",
        "Instances that answer messages, routes or dialects, or react to events. [handlers.NAME], with the keys of a source.",
    ),
    Key::new("log", Shape::Section(LOG), "", "What is logged, and how."),
    Key::new(
        "shutdown",
        Shape::Section(SHUTDOWN),
        "",
        "How the gateway stops (SIGTERM, SIGINT); a second signal stops it at once.",
    ),
];

/// `[[listener]]`
pub const LISTENER: &[Key] = &[
    Key::new(
        "address",
        Shape::Address,
        "",
        "Where it listens. Port 0 takes a free one; 0.0.0.0 and [::] stand for every interface.",
    ),
    Key::new(
        "routes",
        Shape::Sections(ROUTE),
        "",
        "What is served on which path: { path = \"/ws\", dialect = \"native\" } or { path = \"/api/{*rest}\", plugin = \"NAME\" }.",
    ),
    Key::new(
        "max-body",
        Shape::Size(0, GIB),
        "\"1MiB\"",
        "Largest body of an HTTP request to a plugin's route; beyond it the answer is 413.",
    ),
];

/// A route of a listener.
pub const ROUTE: &[Key] = &[
    Key::new(
        "path",
        Shape::Text,
        "",
        "The path: {name} stands for one part, a last {*name} for the rest.",
    ),
    Key::new(
        "dialect",
        Shape::Text,
        "",
        "WebSocket connections of this client protocol: \"native\", or the handler whose plugin speaks it.",
    ),
    Key::new(
        "plugin",
        Shape::Text,
        "",
        "HTTP requests, answered by the routes of this source or handler.",
    ),
];

/// `[admin]`
pub const ADMIN: &[Key] = &[
    Key::new(
        "enabled",
        Shape::Flag,
        "true",
        "Whether there is an admin listener.",
    )
    .at_restart(),
    Key::new(
        "address",
        Shape::Address,
        "\"127.0.0.1:3002\"",
        "Where it listens. It is not authenticated: keep it on loopback, or behind something that authenticates.",
    )
    .at_restart(),
    Key::new(
        "allowed-hosts",
        Shape::Texts,
        "[]",
        "Host names under which it may be asked, besides localhost and its own address; others are refused, against DNS rebinding.",
    )
    .at_restart(),
];

/// `[connections]`
pub const CONNECTIONS: &[Key] = &[
    Key::new(
        "max-connections",
        Shape::Count(1, 10_000_000),
        "10000",
        "Most connections at once, over all listeners. Each needs a file descriptor.",
    ),
    Key::new(
        "max-message",
        Shape::Size(64, GIB),
        "\"64KiB\"",
        "Largest message of a client, all its frames together; beyond it the connection is closed with 1009.",
    ),
    Key::new(
        "max-subscriptions",
        Shape::Count(1, 1_000_000),
        "128",
        "Most subscriptions of one connection.",
    ),
    Key::new(
        "messages-per-second",
        Shape::Count(1, 1_000_000),
        "100",
        "Client messages per second; a burst of as many is allowed. Beyond it they are answered with RATE_LIMITED.",
    ),
    Key::new(
        "calls-in-flight",
        Shape::Count(1, 65_536),
        "16",
        "Calls to handlers that one connection may have under way.",
    ),
    Key::new(
        "handshake-timeout",
        Shape::Span(100, DAY),
        "\"10s\"",
        "Longest time for the headers of a request, and so for a WebSocket handshake.",
    ),
    Key::new(
        "heartbeat-interval",
        Shape::Span(100, DAY),
        "\"30s\"",
        "Every so often each client gets a `heartbeat`.",
    ),
    Key::new(
        "ping-interval",
        Shape::Span(100, DAY),
        "\"30s\"",
        "Every so often each client gets a WebSocket ping.",
    ),
    Key::new(
        "pong-timeout",
        Shape::Span(100, DAY),
        "\"75s\"",
        "Longest silence of a client before it is taken for gone; longer than ping-interval.",
    ),
    Key::new(
        "write-timeout",
        Shape::Span(100, DAY),
        "\"10s\"",
        "Longest time that an answer may wait for a slow client before it is closed with 4408.",
    ),
    Key::new(
        "outbox-frames",
        Shape::Count(1, 1_000_000),
        "1024",
        "Most events that wait for one slow client; beyond it some are dropped and the client is told (`gap`).",
    ),
    Key::new(
        "outbox-size",
        Shape::Size(4 * KIB, 4 * GIB),
        "\"4MiB\"",
        "Most bytes of events that wait for one slow client.",
    ),
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

/// `[plugins]`
pub const PLUGINS: &[Key] = &[
    Key::new(
        "directory",
        Shape::Path,
        "\"plugins\"",
        "The folder of .wasm files. It is watched: a replaced file is reloaded.",
    )
    .at_restart(),
    Key::new(
        "state-directory",
        Shape::Path,
        "\"state\"",
        "The gateway's own folder: what plugins store, and the cache of compiled plugins. Created with mode 0700.",
    )
    .at_restart(),
    Key::new(
        "max-file",
        Shape::Size(KIB, GIB),
        "\"64MiB\"",
        "Largest .wasm file that is loaded.",
    ),
    Key::new(
        "probation",
        Shape::Span(0, DAY),
        "\"60s\"",
        "How long a new version must run without a crash before the old one is forgotten; until then it is rolled back.",
    ),
];

/// `[log]`
pub const LOG: &[Key] = &[
    Key::new(
        "filter",
        Shape::Text,
        "\"info\"",
        "error, warn, info, debug or trace; or for parts: \"info,hearthgate::plugins=debug\".",
    ),
    Key::new(
        "format",
        Shape::Choice(&["text", "json"]),
        "\"text\"",
        "Lines for people, or one JSON object a line.",
    )
    .at_restart(),
];

/// `[shutdown]`
pub const SHUTDOWN: &[Key] = &[
    Key::new(
        "deadline",
        Shape::Span(100, DAY),
        "\"20s\"",
        "When everything must be done; what is not is cut off.",
    ),
    Key::new(
        "reconnect-spread",
        Shape::Span(0, DAY),
        "\"10s\"",
        "Clients are told to come back within this time, each at a moment of its own, so that they don't all come at once.",
    ),
];
