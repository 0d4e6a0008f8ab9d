//! The keys of `[auth]`.

use super::DAY;
use crate::config::keys::{Key, Shape};

const KIB: u64 = 1024;
const YEAR: u64 = 366 * DAY;

/// `[auth]`
pub const AUTH: &[Key] = &[
    Key::new(
        "max-token",
        Shape::Size(256, 64 * KIB),
        "\"8KiB\"",
        "Longest token that is looked at; a longer one is refused unread.",
    ),
    Key::new(
        "expiry-warning",
        Shape::Span(0, DAY),
        "\"60s\"",
        "So long before its token runs out a native client gets `authentication_expiring`.",
    ),
    Key::new(
        "issuer",
        Shape::Sections(ISSUER),
        "",
        "Whose JSON Web Tokens are taken; one [[auth.issuer]] each.",
    ),
    Key::new(
        "tokens",
        Shape::Named(TOKEN),
        "",
        "API tokens: [auth.tokens.NAME]; `hearthgate token mint --api` makes one.",
    ),
    Key::new(
        "users",
        Shape::Named(USER),
        "",
        "Who may log in through a plugin's route: [auth.users.NAME]; `hearthgate auth hash` makes the hash.",
    ),
    Key::new(
        "login",
        Shape::Section(LOGIN),
        "",
        "How users log in, and what they get.",
    ),
];

/// `[[auth.issuer]]`
pub const ISSUER: &[Key] = &[
    Key::new(
        "name",
        Shape::Text,
        "",
        "What it is called in logs and metrics.",
    ),
    Key::new(
        "issuer",
        Shape::Text,
        "",
        "The claim `iss` of its tokens; without this key the claim is not looked at.",
    ),
    Key::new(
        "key",
        Shape::Section(KEY),
        "",
        "Its key, { file = \"PATH\" }, { env = \"VARIABLE\" } or { credential = \"NAME\" }: a public key as PEM, or a secret of at least 32 bytes for HS256, HS384, HS512.",
    ),
    Key::new(
        "jwks",
        Shape::Text,
        "",
        "Or where its public keys are, https://…/jwks.json: fetched, kept and fetched again when a token names a new one.",
    ),
    Key::new(
        "jwks-refresh",
        Shape::Span(1000, 30 * DAY),
        "\"10m\"",
        "So often the public keys are fetched anew.",
    ),
    Key::new(
        "jwks-floor",
        Shape::Span(10, DAY),
        "\"10s\"",
        "Least time between two fetches, however many tokens name a key that is unknown.",
    ),
    Key::new(
        "algorithms",
        Shape::Texts,
        "[]",
        "Signatures that are taken: HS256, HS384, HS512, RS256, RS384, RS512, PS256, ES256, ES384, EdDSA; none: those that fit the key.",
    ),
    Key::new(
        "audience",
        Shape::Texts,
        "[]",
        "One of these must be in the claim `aud`; none: a token that is made out to anyone is refused.",
    ),
    Key::new(
        "leeway",
        Shape::Span(0, 3_600_000),
        "\"30s\"",
        "How far the clocks may be apart.",
    ),
    Key::new(
        "subject-claim",
        Shape::Text,
        "\"sub\"",
        "Where the subject stands, a dot for each step: \"preferred_username\".",
    ),
    Key::new(
        "roles-claim",
        Shape::Text,
        "\"roles\"",
        "Where the roles stand, a dot for each step: \"realm_access.roles\"; a list, or words in one text.",
    ),
    Key::new(
        "require-exp",
        Shape::Flag,
        "true",
        "Whether a token without an end is refused.",
    ),
];

/// Where a key is kept; one of the three.
pub const KEY: &[Key] = &[
    Key::new("env", Shape::Text, "", "An environment variable."),
    Key::new(
        "file",
        Shape::Path,
        "",
        "A file; of a secret its last line break is cut off.",
    ),
    Key::new(
        "credential",
        Shape::Text,
        "",
        "A credential that systemd loads for the service (LoadCredential=).",
    ),
];

/// `[auth.tokens.NAME]`
pub const TOKEN: &[Key] = &[
    Key::new(
        "hash",
        Shape::Text,
        "",
        "The token's hash, \"sha256:…\", as `hearthgate token mint --api` printed it.",
    ),
    Key::new(
        "subject",
        Shape::Text,
        "",
        "Who its bearer is; without this key the token's name.",
    ),
    Key::new("roles", Shape::Texts, "[]", "The bearer's roles."),
    Key::new(
        "expires",
        Shape::Text,
        "",
        "When it ends: \"2027-01-01T00:00:00Z\"; without this key never.",
    ),
];

/// `[auth.users.NAME]`
pub const USER: &[Key] = &[
    Key::new(
        "password-hash",
        Shape::Text,
        "",
        "The hash of the password, \"$argon2id$…\", as `hearthgate auth hash` printed it.",
    ),
    Key::new(
        "subject",
        Shape::Text,
        "",
        "Who the user is; without this key the user's name.",
    ),
    Key::new("roles", Shape::Texts, "[]", "The user's roles."),
];

/// `[auth.login]`
pub const LOGIN: &[Key] = &[
    Key::new(
        "signing-key",
        Shape::Path,
        "",
        "The secret that signs what users get; without this key auth/signing.key in the state directory, made when it is not there.",
    ),
    Key::new(
        "access-lifetime",
        Shape::Span(1000, YEAR),
        "\"15m\"",
        "How long an access token lives.",
    ),
    Key::new(
        "refresh-lifetime",
        Shape::Span(1000, YEAR),
        "\"30d\"",
        "How long a refresh token lives.",
    ),
    Key::new(
        "attempts",
        Shape::Count(1, 1_000_000),
        "5",
        "Failed attempts that an address, and a user, has within the time of `per`.",
    ),
    Key::new(
        "per",
        Shape::Span(1000, DAY),
        "\"1m\"",
        "The time for so many attempts.",
    ),
    Key::new(
        "at-once",
        Shape::Count(1, 64),
        "2",
        "Passwords that are checked at the same time: each takes some 20 MiB of memory and a processor.",
    )
    .at_restart(),
];
