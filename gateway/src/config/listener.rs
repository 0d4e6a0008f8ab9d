//! Listeners: an address, what is served on its paths, and to whom.

use super::connections::Dialects;
use super::policy::{Cors, Policy};
use super::proxies::Proxies;
use super::section::Section;
use super::terms::Terms;
use super::tls::Tls;
use crate::event::InstanceName;
use std::net::SocketAddr;
use std::time::Duration;

/// An address that clients connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Where it listens; port 0 takes a free one.
    pub address: SocketAddr,
    /// What is served on which path.
    pub routes: Vec<Route>,
    /// Most bytes of the body of a request to a plugin's route.
    pub max_body_bytes: usize,
    /// What browsers' pages of the allowed origins may ask.
    pub cors: Cors,
    /// Most connections at once of this listener alone.
    pub max_connections: Option<usize>,
    /// From accept to the end of the upgrade.
    pub handshake_timeout: Duration,
    /// From accept to the end of the TLS handshake.
    pub tls_handshake_timeout: Duration,
    /// Most bytes of a request's head.
    pub max_head_bytes: usize,
    /// TLS. `None`: plain.
    pub tls: Option<Tls>,
    /// Proxies in front of it.
    pub proxies: Proxies,
    /// What holds for the connections of each dialect that it serves.
    pub terms: Vec<(DialectName, Terms)>,
}

/// What is served on a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The path in matchit's syntax: `/ws`, `/api/rooms/{*rest}`.
    pub path: String,
    /// What answers there.
    pub mount: Mount,
    /// Whom.
    pub policy: Policy,
}

/// What answers on a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mount {
    /// WebSocket connections of these dialects; the first is the default. There is at least one.
    Dialects(Vec<DialectName>),
    /// HTTP requests, by a plugin's routes.
    Plugin(InstanceName),
}

/// A client protocol.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DialectName {
    /// Hearthgate's own.
    Native,
    /// That of a plugin.
    Plugin(InstanceName),
}

impl Listener {
    /// Reads a `[[listener]]`; what it does not say comes from `[connections]`.
    pub(super) fn read(
        section: &Section<'_>,
        base: &super::Connections,
        dialects: &Dialects<'_>,
    ) -> Option<Self> {
        if !section.has("address") {
            section.problem("address", "is missing");
        }
        let policy = Policy::read(section);
        let routes = section.sections_or_default("routes", |parts| routes(parts, &policy));
        let limits = section.section("limits");
        let own = base.terms.over(&limits);
        own.check(&limits);
        let mut terms: Vec<(DialectName, Terms)> = Vec::new();
        for dialect in routes.iter().flat_map(|route| route.mount.dialects()) {
            if terms.iter().all(|(name, _)| name != dialect) {
                terms.push((dialect.clone(), dialects.over(dialect, &own)));
            }
        }
        for (_, terms) in &terms {
            terms.check(&limits);
        }
        let has = |key| limits.has(key);
        Some(Self {
            address: section.address("address")?,
            cors: Cors::read(&section.section("cors"), &policy, &routes),
            routes,
            max_body_bytes: section.number("max-body"),
            max_connections: has("max-connections").then(|| limits.number("max-connections")),
            handshake_timeout: match has("handshake-timeout") {
                true => limits.span("handshake-timeout"),
                false => base.handshake_timeout,
            },
            tls_handshake_timeout: match has("tls-handshake-timeout") {
                true => limits.span("tls-handshake-timeout"),
                false => base.tls_handshake_timeout,
            },
            max_head_bytes: match has("max-header") {
                true => limits.number("max-header"),
                false => base.max_head_bytes,
            },
            tls: Tls::read(section),
            proxies: Proxies::read(section),
            terms,
        })
    }
}

impl Mount {
    /// The dialects, if it is WebSocket.
    #[must_use]
    pub fn dialects(&self) -> &[DialectName] {
        match self {
            Self::Dialects(names) => names,
            Self::Plugin(_) => &[],
        }
    }
}

fn routes(parts: &[Section<'_>], policy: &Policy) -> Vec<Route> {
    let mut routes = Vec::new();
    let mut paths = matchit::Router::new();
    for part in parts {
        let Some(path) = part.required("path") else {
            continue;
        };
        match check_path(&path).and_then(|()| {
            let taken = paths.insert(path.as_str(), ());
            taken.map_err(|e| explain(&path, &e))
        }) {
            Ok(()) => routes.extend(mount(part).map(|mount| Route {
                path,
                mount,
                policy: policy.over(part),
            })),
            Err(why) => part.problem("path", why),
        }
    }
    routes
}

fn check_path(path: &str) -> Result<(), String> {
    match path.starts_with('/') && !path.contains(['?', '#', ' ']) {
        true => Ok(()),
        false => Err(format!("{path:?} is no path; write it as \"/ws\"")),
    }
}

fn explain(path: &str, error: &matchit::InsertError) -> String {
    match error {
        matchit::InsertError::Conflict { with } if with == path => {
            format!("{path:?} is served by this listener already")
        }
        matchit::InsertError::Conflict { with } => {
            format!("{path:?} can't be told from {with:?}, which this listener serves already")
        }
        other => format!("{path:?} is no path: {other}"),
    }
}

/// What a route leads to. Names that can't be an instance's are reported by the check that it exists.
fn mount(route: &Section<'_>) -> Option<Mount> {
    let said = ["dialect", "dialects", "plugin"].map(|key| route.has(key));
    match said {
        [true, false, false] => {
            let name = DialectName::parse(&route.text("dialect")?).ok()?;
            Some(Mount::Dialects(vec![name]))
        }
        [false, true, false] => several(route).map(Mount::Dialects),
        [false, false, true] => {
            let name = InstanceName::parse(&route.text("plugin")?).ok()?;
            Some(Mount::Plugin(name))
        }
        _ => {
            let why = "say what answers there: dialect = \"native\", dialects = [\"native\", \"NAME\"] or plugin = \"NAME\" (one of them)";
            route.problem("path", why);
            None
        }
    }
}

fn several(route: &Section<'_>) -> Option<Vec<DialectName>> {
    let mut names: Vec<DialectName> = Vec::new();
    let written = route.texts("dialects", |text| Ok(DialectName::parse(text).ok()));
    if written.is_empty() {
        let why = "name at least one dialect; the first is the default";
        route.problem("dialects", why);
    }
    for name in written.into_iter().flatten() {
        match names.contains(&name) {
            true => route.problem("dialects", format!("{:?} is named twice", name.as_str())),
            false => names.push(name),
        }
    }
    (!names.is_empty()).then_some(names)
}
