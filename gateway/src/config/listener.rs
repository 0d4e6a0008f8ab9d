//! Listeners: an address, and what is served on its paths.

use super::section::Section;
use crate::event::InstanceName;
use std::net::SocketAddr;

/// An address that clients connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Where it listens; port 0 takes a free one.
    pub address: SocketAddr,
    /// What is served on which path.
    pub routes: Vec<Route>,
    /// Most bytes of the body of a request to a plugin's route.
    pub max_body_bytes: usize,
}

/// What is served on a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The path in matchit's syntax: `/ws`, `/api/rooms/{*rest}`.
    pub path: String,
    /// What answers there.
    pub mount: Mount,
}

/// What answers on a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mount {
    /// WebSocket connections of one dialect.
    Dialect(DialectName),
    /// HTTP requests, by a plugin's routes.
    Plugin(InstanceName),
}

/// A client protocol.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum DialectName {
    /// Hearthgate's own.
    Native,
    /// That of a plugin.
    Plugin(InstanceName),
}

impl Listener {
    /// Reads a `[[listener]]`.
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        if !section.has("address") {
            section.problem("address", "is missing");
        }
        let mut routes = Vec::new();
        let mut paths = matchit::Router::new();
        for part in section.sections("routes") {
            let Some(path) = part.required("path") else {
                continue;
            };
            match check_path(&path).and_then(|()| {
                let taken = paths.insert(path.as_str(), ());
                taken.map_err(|e| explain(&path, &e))
            }) {
                Ok(()) => routes.extend(mount(&part).map(|mount| Route { path, mount })),
                Err(why) => part.problem("path", why),
            }
        }
        Some(Self {
            address: section.address("address")?,
            routes,
            max_body_bytes: section.number("max-body"),
        })
    }
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
    let both = (route.text("dialect"), route.text("plugin"));
    match both {
        (Some(dialect), None) if dialect == "native" => Some(Mount::Dialect(DialectName::Native)),
        (Some(dialect), None) => {
            let name = InstanceName::parse(&dialect).ok()?;
            Some(Mount::Dialect(DialectName::Plugin(name)))
        }
        (None, Some(plugin)) => Some(Mount::Plugin(InstanceName::parse(&plugin).ok()?)),
        _ => {
            let why =
                "say what answers there: dialect = \"native\", or plugin = \"NAME\" (one of them)";
            route.problem("path", why);
            None
        }
    }
}
