//! The keys of a `[[listener]]` and of its routes.

use super::connections::OVERRIDES;
use crate::config::keys::{Key, Shape};

const GIB: u64 = 1024 * 1024 * 1024;

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
        "[{ path = \"/ws\", dialect = \"native\" }]",
        "What is served on which path: { path = \"/ws\", dialect = \"native\" } or { path = \"/api/{*rest}\", plugin = \"NAME\" }.",
    ),
    AUTHENTICATION,
    REJECT_STATUS,
    QUERY_TOKEN,
    ORIGINS,
    Key::new(
        "max-body",
        Shape::Size(0, GIB),
        "\"1MiB\"",
        "Largest body of an HTTP request to a plugin's route; beyond it the answer is 413.",
    ),
    Key::new(
        "trusted-proxies",
        Shape::Texts,
        "[]",
        "Addresses of proxies in front of it, \"10.0.0.2\" or \"10.0.0.0/8\": what they say about the client is believed.",
    ),
    Key::new(
        "forwarded",
        Shape::Choice(&["x-forwarded-for", "forwarded", "none"]),
        "\"x-forwarded-for\"",
        "The header in which those proxies name the client; they must set it themselves, whatever the client sent.",
    ),
    Key::new(
        "proxy-protocol",
        Shape::Flag,
        "false",
        "Whether connections of those proxies begin with the header of the PROXY protocol, version 1 or 2.",
    ),
    Key::new(
        "tls",
        Shape::Section(TLS),
        "",
        "TLS 1.2 and 1.3: wss:// and https://. The files are watched; a change holds for new connections.",
    ),
    Key::new(
        "cors",
        Shape::Section(CORS),
        "",
        "What browsers' pages of the allowed origins may ask of the plugins' routes, beyond plain GET and POST.",
    ),
    Key::new(
        "limits",
        Shape::Section(OVERRIDES),
        "",
        "What differs from [connections] for the connections of this listener. max-connections counts its own.",
    ),
];

/// `tls`
pub const TLS: &[Key] = &[
    Key::new(
        "certificate",
        Shape::Path,
        "",
        "A PEM file: the certificate, then those between it and its root.",
    ),
    Key::new("key", Shape::Path, "", "A PEM file: the certificate's key."),
    Key::new(
        "acme",
        Shape::Texts,
        "",
        "In place of the files: the host names of a certificate that is ordered and renewed by [acme].",
    ),
    Key::new(
        "challenge",
        Shape::Choice(&["tls-alpn-01", "http-01"]),
        "\"tls-alpn-01\"",
        "How the ACME server sees that the names lead here: tls-alpn-01 asks this listener on port 443, http-01 a listener without TLS on port 80.",
    ),
    Key::new(
        "client-ca",
        Shape::Path,
        "",
        "A PEM file: who signs the certificates of clients. Such a client is who its certificate says: the common name, else the first alternative name.",
    ),
    Key::new(
        "client-certificates",
        Shape::Choice(&["optional", "required"]),
        "\"optional\"",
        "Whether a client must have one.",
    ),
    Key::new(
        "client-roles",
        Shape::Texts,
        "[]",
        "The roles of clients that have one.",
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
        "dialects",
        Shape::Texts,
        "[]",
        "The same with a choice: a client says ?dialect=NAME or offers NAME as its subprotocol (hearthgate.v1 for native), else it gets the first.",
    ),
    Key::new(
        "plugin",
        Shape::Text,
        "",
        "HTTP requests, answered by the routes of this source or handler.",
    ),
    AUTHENTICATION.inherited(),
    REJECT_STATUS.inherited(),
    QUERY_TOKEN.inherited(),
    ORIGINS.inherited(),
];

const AUTHENTICATION: Key = Key::new(
    "authentication",
    Shape::Choice(&["optional", "required", "lenient"]),
    "\"optional\"",
    "optional: who brings no credential is anonymous, a bad one is refused; required: none is refused too; lenient: a bad one counts as anonymous, and the dialect or route is told.",
);

const REJECT_STATUS: Key = Key::new(
    "reject-status",
    Shape::Count(401, 403),
    "401",
    "What a refused handshake or request is answered with: 401 or 403.",
);

const QUERY_TOKEN: Key = Key::new(
    "query-token",
    Shape::Flag,
    "false",
    "Whether ?token= may carry the credential. It ends up in the logs of proxies: only where clients can't do otherwise.",
);

const ORIGINS: Key = Key::new(
    "origins",
    Shape::Texts,
    "[]",
    "Web pages that may connect and ask: \"https://dash.example\", \"https://*.example\", \"*\" for any. The gateway's own origin and clients that are no browsers may always.",
);

/// `cors`
pub const CORS: &[Key] = &[
    Key::new(
        "methods",
        Shape::Texts,
        r#"["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]"#,
        "Methods that a preflight allows.",
    ),
    Key::new(
        "headers",
        Shape::Texts,
        r#"["authorization", "content-type"]"#,
        "Headers of requests that a preflight allows.",
    ),
    Key::new(
        "expose",
        Shape::Texts,
        "[]",
        "Headers of answers that pages may read, beyond the usual ones.",
    ),
    Key::new(
        "credentials",
        Shape::Flag,
        "false",
        "Whether browsers may send cookies along; never to any origin (\"*\").",
    ),
    Key::new(
        "max-age",
        Shape::Span(0, super::DAY),
        "\"10m\"",
        "How long a browser may keep the answer to a preflight.",
    ),
];
