//! Who can say who they are: issuers of tokens, API tokens, users.

use super::reference::auth::AUTH;
use super::scalar::unknown_word;
use super::section::{Report, Section};
use crate::event::Timestamp;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

pub use super::instance::SecretSource;

/// `[auth]`
#[derive(Debug, Clone, PartialEq)]
pub struct Auth {
    /// Longest token, in bytes.
    pub max_token_bytes: usize,
    /// So long before the end of a token its client is warned.
    pub expiry_warning: Duration,
    /// Whose tokens are taken.
    pub issuers: Vec<Issuer>,
    /// API tokens, by name.
    pub tokens: BTreeMap<String, ApiToken>,
    /// Who may log in, by name.
    pub users: BTreeMap<String, User>,
    /// How users log in.
    pub login: Login,
}

/// `[[auth.issuer]]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    /// For logs and metrics.
    pub name: String,
    /// What `iss` must be.
    pub issuer: Option<String>,
    /// Where its keys are.
    pub keys: Keys,
    /// The algorithms by name; empty: those that fit the key.
    pub algorithms: Vec<String>,
    /// What one of `aud` must be.
    pub audience: Vec<String>,
    /// How far the clocks may be apart.
    pub leeway: Duration,
    /// The steps to the subject.
    pub subject_claim: Vec<String>,
    /// The steps to the roles.
    pub roles_claim: Vec<String>,
    /// Whether a token without an end is refused.
    pub require_exp: bool,
}

/// Where an issuer's keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keys {
    /// One key, here.
    Local(SecretSource),
    /// A set of public keys (RFC 7517, section 5), there.
    Remote {
        /// The address; checked to be https, or http on this machine.
        url: String,
        /// So often it is fetched anew.
        refresh: Duration,
        /// Least time between two fetches.
        floor: Duration,
    },
}

/// `[auth.tokens.NAME]`
#[derive(Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// SHA-256 of the token.
    pub hash: [u8; 32],
    /// Who its bearer is.
    pub subject: String,
    /// The bearer's roles.
    pub roles: Vec<String>,
    /// When it ends.
    pub expires: Option<Timestamp>,
}

/// `[auth.users.NAME]`
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// As a PHC string.
    pub password_hash: String,
    /// Who the user is.
    pub subject: String,
    /// The user's roles.
    pub roles: Vec<String>,
}

/// `[auth.login]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// The secret that signs; `None`: the one in the state directory.
    pub signing_key: Option<PathBuf>,
    /// How long an access token lives.
    pub access_lifetime: Duration,
    /// How long a refresh token lives.
    pub refresh_lifetime: Duration,
    /// Failed attempts of an address, and of a user, within `per`.
    pub attempts: u32,
    /// The time for so many attempts.
    pub per: Duration,
    /// Passwords that are checked at the same time.
    pub at_once: usize,
}

/// The algorithms that may be named.
pub const ALGORITHMS: [&str; 10] = [
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA",
];

impl Default for Auth {
    fn default() -> Self {
        let report = Report::default();
        Self::read(&Section::new(None, AUTH, String::new(), &report))
    }
}

impl Auth {
    /// Whether anybody can say who they are.
    #[must_use]
    pub fn is_configured(&self) -> bool {
        !(self.issuers.is_empty() && self.tokens.is_empty() && self.users.is_empty())
    }

    /// Reads `[auth]`.
    pub(super) fn read(section: &Section<'_>) -> Self {
        let issuers = section.sections("issuer");
        let numbered = issuers.iter().enumerate();
        different_names(&issuers);
        Self {
            max_token_bytes: section.number("max-token"),
            expiry_warning: section.span("expiry-warning"),
            issuers: numbered
                .filter_map(|(i, part)| Issuer::read(i, part))
                .collect(),
            tokens: named(section, "tokens", ApiToken::read),
            users: named(section, "users", User::read),
            login: Login::read(&section.section("login")),
        }
    }
}

/// Logs and metrics tell issuers by their names.
fn different_names(issuers: &[Section<'_>]) {
    let mut names = Vec::new();
    for issuer in issuers {
        match issuer.text("name") {
            Some(name) if names.contains(&name) => {
                issuer.problem("name", "another issuer has this name");
            }
            name => names.extend(name),
        }
    }
}

fn named<T>(
    section: &Section<'_>,
    table: &str,
    read: impl Fn(&str, &Section<'_>) -> Option<T>,
) -> BTreeMap<String, T> {
    let all = section.named(table).into_iter();
    all.filter_map(|(name, _, part)| Some((name.to_owned(), read(name, &part)?)))
        .collect()
}

impl Issuer {
    fn read(number: usize, section: &Section<'_>) -> Option<Self> {
        let steps = |name| {
            let text = section.text(name).unwrap_or_default();
            if text.is_empty() || text.split('.').any(str::is_empty) {
                section.problem(
                    name,
                    "must be names between dots, as in \"realm_access.roles\"",
                );
            }
            text.split('.').map(str::to_owned).collect()
        };
        Some(Self {
            name: section
                .text("name")
                .unwrap_or_else(|| format!("issuer-{number}")),
            issuer: section.text("issuer"),
            keys: keys(section)?,
            algorithms: section.texts("algorithms", |text| match ALGORITHMS.contains(&text) {
                true => Ok(text.to_owned()),
                false if text.eq_ignore_ascii_case("none") => {
                    Err("\"none\" is no signature: anybody could write such a token".to_owned())
                }
                false => Err(unknown_word(text, &ALGORITHMS)),
            }),
            audience: section.texts("audience", |text| Ok(text.to_owned())),
            leeway: section.span("leeway"),
            subject_claim: steps("subject-claim"),
            roles_claim: steps("roles-claim"),
            require_exp: section.flag("require-exp"),
        })
    }
}

fn keys(section: &Section<'_>) -> Option<Keys> {
    match (section.has("key"), section.text("jwks")) {
        (false, Some(url)) => {
            if let Err(why) = check_url(&url) {
                section.problem("jwks", why);
            }
            Some(Keys::Remote {
                url,
                refresh: section.span("jwks-refresh"),
                floor: section.span("jwks-floor"),
            })
        }
        (true, None) => {
            let source = SecretSource::read(&section.section("key"));
            if source.is_none() {
                let why = "say where it is: { file = \"PATH\" }, { env = \"VARIABLE\" } or { credential = \"NAME\" }";
                section.problem("key", why);
            }
            source.map(Keys::Local)
        }
        _ => {
            let why = "say where its keys are: key = { file = \"PATH\" } or jwks = \"https://…\" (one of them)";
            section.problem("key", why);
            None
        }
    }
}

/// Keys that came over a line that anybody may write on would let anybody in.
fn check_url(text: &str) -> Result<(), String> {
    let wrong = || format!("{text:?} is no address; write it as \"https://host/jwks.json\"");
    let url = url::Url::parse(text).map_err(|_| wrong())?;
    let here = match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => return Err(wrong()),
    };
    match url.scheme() {
        "https" => Ok(()),
        "http" if here => Ok(()),
        "http" => Err("must be https: who can change the keys on the way can be anybody".into()),
        _ => Err(wrong()),
    }
}

fn roles(section: &Section<'_>) -> Vec<String> {
    section.texts("roles", |text| match text {
        "" => Err("a role is empty".to_owned()),
        _ => Ok(text.to_owned()),
    })
}

impl ApiToken {
    fn read(name: &str, section: &Section<'_>) -> Option<Self> {
        let expires = section.text("expires").and_then(|text| {
            let found = Timestamp::parse(&text);
            if found.is_none() {
                let why = "must be a time as RFC 3339 writes it: \"2027-01-01T00:00:00Z\"";
                section.problem("expires", why);
            }
            found
        });
        let text = section.required("hash")?;
        let Some(hash) = text.strip_prefix("sha256:").and_then(hex) else {
            let why = "must be \"sha256:\" and 64 hexadecimal digits, as `hearthgate token mint --api` prints it";
            section.problem("hash", why);
            return None;
        };
        Some(Self {
            hash,
            subject: section.text("subject").unwrap_or_else(|| name.to_owned()),
            roles: roles(section),
            expires,
        })
    }
}

fn hex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        let pair = std::str::from_utf8(pair).ok()?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(bytes)
}

impl User {
    fn read(name: &str, section: &Section<'_>) -> Option<Self> {
        let password_hash = section.required("password-hash")?;
        if argon2::password_hash::phc::PasswordHash::new(&password_hash).is_err()
            || !password_hash.starts_with("$argon2id$")
        {
            let why = "must be a hash that begins with \"$argon2id$\", as `hearthgate auth hash` prints it";
            section.problem("password-hash", why);
            return None;
        }
        Some(Self {
            password_hash,
            subject: section.text("subject").unwrap_or_else(|| name.to_owned()),
            roles: roles(section),
        })
    }
}

impl Login {
    fn read(section: &Section<'_>) -> Self {
        Self {
            signing_key: section
                .has("signing-key")
                .then(|| section.path("signing-key")),
            access_lifetime: section.span("access-lifetime"),
            refresh_lifetime: section.span("refresh-lifetime"),
            attempts: section.number("attempts"),
            per: section.span("per"),
            at_once: section.number("at-once"),
        }
    }
}

/// Without the hash: it is no secret that opens anything, but nobody needs to see it either.
impl std::fmt::Debug for ApiToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = f.debug_struct("ApiToken");
        out.field("subject", &self.subject)
            .field("roles", &self.roles);
        out.field("expires", &self.expires).finish_non_exhaustive()
    }
}

/// Without the hash.
impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = f.debug_struct("User");
        out.field("subject", &self.subject)
            .field("roles", &self.roles);
        out.finish_non_exhaustive()
    }
}
