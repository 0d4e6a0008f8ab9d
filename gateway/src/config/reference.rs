//! Every key of the file: its shape, its default and what it means.

pub mod access;
pub mod acme;
pub mod auth;
pub mod connections;
pub mod instance;
pub mod listener;

use super::keys::{Key, Shape};
use access::ACCESS;
use acme::ACME;
use auth::AUTH;
pub use connections::{CONNECTIONS, DIALECT, OVERRIDES};
use instance::INSTANCE;
use listener::LISTENER;

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
        "Health, metrics and the admin API, on an address of their own.",
    ),
    Key::new(
        "auth",
        Shape::Section(AUTH),
        "",
        "Who can say who they are, and how: tokens of issuers, API tokens, users.",
    ),
    Key::new(
        "access",
        Shape::Section(ACCESS),
        "",
        "Who may read, publish, call and ask for what. What is not allowed here is not allowed.",
    ),
    Key::new(
        "acme",
        Shape::Section(ACME),
        "",
        "Who issues the certificates that listeners order with tls.acme: Let's Encrypt, or another ACME server.",
    ),
    Key::new(
        "connections",
        Shape::Section(CONNECTIONS),
        "",
        "What holds for every client connection.",
    ),
    Key::new(
        "dialects",
        Shape::Named(DIALECT),
        "",
        "What differs for the connections of one dialect: [dialects.NAME], NAME being native or a handler's. It stands above the listener's limits and [connections].",
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
        "Where it listens. On loopback whoever reaches it may do everything; anywhere else a token is required.",
    )
    .at_restart(),
    Key::new(
        "require-token",
        Shape::Flag,
        "false",
        "Whether a token ([auth]) is required on loopback too; /livez and /readyz never need one.",
    )
    .at_restart(),
    Key::new(
        "role",
        Shape::Text,
        "\"admin\"",
        "The role that the token's bearer must have.",
    )
    .at_restart(),
    Key::new(
        "allowed-hosts",
        Shape::Texts,
        "[]",
        "Host names under which it may be asked, besides localhost and its own address; others are refused, against DNS rebinding.",
    )
    .at_restart(),
    Key::new(
        "tls",
        Shape::Section(listener::TLS),
        "",
        "TLS, as on a listener; the files are watched.",
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
