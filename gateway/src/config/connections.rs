//! What holds for client connections: limits, heartbeats, queues.

use super::listener::DialectName;
use super::reference::CONNECTIONS;
use super::section::{Report, Section};
use super::terms::Terms;
use crate::event::InstanceName;
use std::collections::BTreeMap;
use std::time::Duration;

/// What holds for client connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connections {
    /// Most connections at once, over all listeners.
    pub max_connections: usize,
    /// From accept to the end of the upgrade, where a listener says nothing else.
    pub handshake_timeout: Duration,
    /// From accept to the end of the TLS handshake, likewise.
    pub tls_handshake_timeout: Duration,
    /// Most bytes of a request's head, likewise.
    pub max_head_bytes: usize,
    /// What holds for each connection, where neither its listener nor its dialect says anything else.
    pub terms: Terms,
    /// What differs for the connections of a dialect.
    pub dialects: BTreeMap<DialectName, DialectTerms>,
    /// Shards; 0: one for each core.
    pub shards: usize,
    /// Batches that wait for one shard before publishers wait.
    pub shard_queue: usize,
}

/// What differs for the connections of one dialect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DialectTerms {
    /// Most connections of the dialect at once.
    pub max_connections: Option<usize>,
    /// How often the dialect's plugin writes a heartbeat. `None`: never.
    pub heartbeat_interval: Option<Duration>,
}

impl Default for Connections {
    fn default() -> Self {
        let report = Report::default();
        Self::read(&Section::new(None, CONNECTIONS, String::new(), &report))
    }
}

impl Connections {
    /// Reads `[connections]`.
    pub(super) fn read(section: &Section<'_>) -> Self {
        let terms = Terms::read(section);
        terms.check(section);
        Self {
            max_connections: section.number("max-connections"),
            handshake_timeout: section.span("handshake-timeout"),
            tls_handshake_timeout: section.span("tls-handshake-timeout"),
            max_head_bytes: section.number("max-header"),
            terms,
            dialects: BTreeMap::new(),
            shards: section.number("shards"),
            shard_queue: section.number("shard-queue"),
        }
    }

    /// How often a dialect's plugin writes a heartbeat. `None`: never.
    #[must_use]
    pub fn heartbeat_interval(&self, dialect: &DialectName) -> Option<Duration> {
        let own = self.dialects.get(dialect);
        own.map_or(self.terms.heartbeat_interval, |d| d.heartbeat_interval)
    }
}

/// The tables `[dialects.NAME]`, which are laid over what holds else.
pub(super) struct Dialects<'a>(Vec<(DialectName, Section<'a>)>);

impl<'a> Dialects<'a> {
    /// Reads the names; whether each is an instance is checked where the instances are known.
    pub(super) fn read(top: &Section<'a>) -> Self {
        let mut dialects = Vec::new();
        for (name, place, section) in top.named("dialects") {
            match DialectName::parse(name) {
                Ok(name) => dialects.push((name, section)),
                Err(why) => top.report().add(place, section.name(), why),
            }
        }
        Self(dialects)
    }

    /// What differs for each.
    pub(super) fn terms(&self, base: &Terms) -> BTreeMap<DialectName, DialectTerms> {
        let read = |(name, section): &(DialectName, Section<'_>)| {
            let terms = base.over(section);
            terms.check(section);
            let limited = section.has("max-connections");
            let terms = DialectTerms {
                max_connections: limited.then(|| section.number("max-connections")),
                heartbeat_interval: terms.heartbeat_interval,
            };
            (name.clone(), terms)
        };
        self.0.iter().map(read).collect()
    }

    /// What holds for a dialect's connections of a listener: its own table above the listener's.
    pub(super) fn over(&self, dialect: &DialectName, listener: &Terms) -> Terms {
        match self.0.iter().find(|(name, _)| name == dialect) {
            Some((_, section)) => listener.over(section),
            None => listener.clone(),
        }
    }

    /// Each table that is not one of these instances', with its name.
    pub(super) fn strangers(&self, known: &[&str]) -> Vec<(String, &Section<'a>)> {
        let all = self.0.iter();
        all.filter_map(|(name, section)| match name {
            DialectName::Plugin(name) if !known.contains(&name.as_str()) => {
                Some((name.to_string(), section))
            }
            _ => None,
        })
        .collect()
    }
}

impl DialectName {
    /// Reads `native` or an instance's name.
    ///
    /// # Errors
    /// Why it is neither.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "native" => Ok(Self::Native),
            _ => InstanceName::parse(text)
                .map(Self::Plugin)
                .map_err(|e| e.to_string()),
        }
    }

    /// Its name: `native`, or the instance's.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Native => "native",
            Self::Plugin(instance) => instance.as_str(),
        }
    }
}
