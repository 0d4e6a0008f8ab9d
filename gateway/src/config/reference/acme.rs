//! The keys of `[acme]`.

use super::DAY;
use crate::config::keys::{Key, Shape};

/// `[acme]`
pub const ACME: &[Key] = &[
    Key::new(
        "directory",
        Shape::Text,
        "\"https://acme-v02.api.letsencrypt.org/directory\"",
        "The server's directory. To try things out: https://acme-staging-v02.api.letsencrypt.org/directory, whose certificates no browser trusts.",
    ),
    Key::new(
        "terms-of-service-agreed",
        Shape::Flag,
        "false",
        "Whether you agree to the server's terms of service (Let's Encrypt: https://letsencrypt.org/repository/). Needed: nothing is ordered without it.",
    ),
    Key::new(
        "contact",
        Shape::Texts,
        "[]",
        "Where the server may reach you: \"mailto:you@example.org\".",
    ),
    Key::new(
        "ca",
        Shape::Path,
        "",
        "A PEM file: who signed the certificate of the server itself, for a private one (step-ca). What the system trusts holds as well.",
    ),
    Key::new(
        "retry",
        Shape::Span(1000, DAY),
        "\"2m\"",
        "The wait after an order that failed; it doubles with each that follows, up to six hours. What the server says counts where it is longer.",
    ),
];
