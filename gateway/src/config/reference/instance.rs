//! The keys of `[sources.NAME]` and `[handlers.NAME]`.

use super::DAY;
use crate::config::keys::{Key, Shape};

const GIB: u64 = 1024 * 1024 * 1024;

/// An instance.
pub const INSTANCE: &[Key] = &[
    Key::new(
        "plugin",
        Shape::Text,
        "",
        "The plugin: the name of its file without .wasm.",
    ),
    Key::new("enabled", Shape::Flag, "true", "Whether it runs."),
    Key::new(
        "config",
        Shape::Free,
        "",
        "The plugin's own configuration; `hearthgate plugin inspect FILE` shows what it takes.",
    ),
    Key::new(
        "secrets",
        Shape::Named(SECRET),
        "",
        "The secrets it may use: NAME = { env = \"VARIABLE\" }, { file = \"PATH\" } or { credential = \"NAME\" }.",
    ),
    Key::new(
        "tls-ca",
        Shape::Texts,
        "[]",
        "PEM files of certificates that its wss, https and tls connections trust besides the system's; read when it starts.",
    ),
    Key::new(
        "grants",
        Shape::Section(GRANTS),
        "",
        "What it may do: nothing that is not named here.",
    ),
    Key::new("limits", Shape::Section(LIMITS), "", "What it may use up."),
];

/// Where a secret comes from; one of the three.
pub const SECRET: &[Key] = &[
    Key::new(
        "env",
        Shape::Text,
        "",
        "An environment variable of the gateway.",
    ),
    Key::new(
        "file",
        Shape::Path,
        "",
        "A file; its last line break is cut off.",
    ),
    Key::new(
        "credential",
        Shape::Text,
        "",
        "A credential that systemd loads for the service (LoadCredential=).",
    ),
];

/// `grants`
pub const GRANTS: &[Key] = &[
    Key::new(
        "publish",
        Shape::Texts,
        "[]",
        "Topics that it may publish on: \"entity/#\", \"metrics/+\".",
    ),
    Key::new(
        "subscribe",
        Shape::Texts,
        "[]",
        "Topics that it may be told of.",
    ),
    Key::new(
        "connect",
        Shape::Texts,
        "[]",
        "Destinations: \"ws://host:port\", \"https://*.example.org\", \"tcp://192.168.1.0/24:502\".",
    ),
    Key::new(
        "files",
        Shape::Texts,
        "[]",
        "Files that it may read: absolute paths, * within a name.",
    ),
    Key::new(
        "commands",
        Shape::Named(COMMAND),
        "",
        "Commands that it may run: NAME = { program = \"/usr/bin/adb\", arguments = [\"-s\", \"{serial}\", \"shell\"] }.",
    ),
    Key::new(
        "reveal",
        Shape::Texts,
        "[]",
        "Secrets that it may see in plain text; others it can only have put into a request.",
    ),
    Key::new(
        "system",
        Shape::Flag,
        "false",
        "Figures of the machine: processor, memory, disks, network, temperatures.",
    ),
    Key::new(
        "handle",
        Shape::Texts,
        "[]",
        "Message types of clients that it may answer.",
    ),
    Key::new(
        "call",
        Shape::Texts,
        "[]",
        "Message types that it may send to the handlers of other plugins, as a client would.",
    ),
    Key::new(
        "gateway",
        Shape::Texts,
        "[]",
        "What it may ask of the gateway: \"stats\", \"clients\", \"send\", \"disconnect\", \"login\".",
    ),
];

/// A command.
pub const COMMAND: &[Key] = &[
    Key::new(
        "program",
        Shape::Text,
        "",
        "The program, as an absolute path.",
    ),
    Key::new(
        "arguments",
        Shape::Texts,
        "[]",
        "Its arguments; {name} is replaced by the plugin's argument of that name, as one argument; no shell.",
    ),
    Key::new(
        "timeout",
        Shape::Span(1, DAY),
        "\"10s\"",
        "When it is killed.",
    ),
];

/// `limits`
pub const LIMITS: &[Key] = &[
    Key::new(
        "memory",
        Shape::Size(64 * 1024, 4 * GIB),
        "\"32MiB\"",
        "Memory of one guest.",
    ),
    Key::new(
        "call-time",
        Shape::Span(1, 60_000),
        "\"100ms\"",
        "Processor time of one call.",
    ),
    Key::new(
        "call-timeout",
        Shape::Span(1, DAY),
        "\"5s\"",
        "Time of one call, waiting for the network included.",
    ),
    Key::new(
        "init-timeout",
        Shape::Span(1, DAY),
        "\"5s\"",
        "Time of its start.",
    ),
    Key::new(
        "publish-rate",
        Shape::Count(1, 10_000_000),
        "2000",
        "Events per second; a burst of as many is allowed.",
    ),
    Key::new(
        "event-size",
        Shape::Size(64, GIB),
        "\"256KiB\"",
        "Largest data of one event.",
    ),
    Key::new(
        "mailbox",
        Shape::Count(1, 1_000_000),
        "1024",
        "Inputs that wait for it; beyond it its sockets are not read.",
    ),
    Key::new(
        "instances",
        Shape::Count(1, 1024),
        "4",
        "Guests of a stateless plugin that work at once.",
    ),
    Key::new(
        "log-rate",
        Shape::Count(0, 1_000_000),
        "20",
        "Log lines per second; beyond it they are counted, not written.",
    ),
    Key::new(
        "store",
        Shape::Size(0, 16 * GIB),
        "\"1MiB\"",
        "Bytes in its durable store, keys included.",
    ),
    Key::new(
        "state",
        Shape::Size(0, GIB),
        "\"1MiB\"",
        "Largest state handed over at a reload.",
    ),
    Key::new(
        "connections",
        Shape::Count(0, 65_536),
        "8",
        "Sockets at once.",
    ),
    Key::new(
        "http-requests",
        Shape::Count(0, 65_536),
        "8",
        "HTTP requests at once.",
    ),
    Key::new(
        "receive-size",
        Shape::Size(64, GIB),
        "\"1MiB\"",
        "Largest message, HTTP body or piece of a file that it receives.",
    ),
    Key::new("timers", Shape::Count(0, 65_536), "64", "Timers at once."),
    Key::new(
        "metric-series",
        Shape::Count(0, 1_000_000),
        "200",
        "Metric series of its own.",
    ),
    Key::new(
        "files",
        Shape::Count(0, 65_536),
        "16",
        "Followed and watched files at once.",
    ),
];
