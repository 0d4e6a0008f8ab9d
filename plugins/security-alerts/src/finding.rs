//! What one record of a feed says, in one form for all feeds.

use crate::instant::Instant;
use hearthgate_plugin::events::{AlertSeverity, Object};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Where records come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Feed {
    /// Suricata's `eve.json`.
    Suricata,
    /// A detector's `alerts.json`.
    Detector,
    /// Zeek's `notice.log`.
    ZeekNotice,
    /// Zeek's `conn.log`.
    ZeekConn,
    /// `auth.log`.
    Auth,
    /// fail2ban's log.
    Fail2ban,
    /// The table of neighbours.
    Neighbours,
    /// The commands that block.
    Blocking,
    /// The file of names.
    Names,
    /// This plugin: the store, the clock, its events.
    Itself,
}

impl Feed {
    /// The word for it, in ids, details and health.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Suricata => "suricata",
            Self::Detector => "detector",
            Self::ZeekNotice => "zeek-notice",
            Self::ZeekConn => "zeek-conn",
            Self::Auth => "auth",
            Self::Fail2ban => "fail2ban",
            Self::Neighbours => "neighbours",
            Self::Blocking => "blocking",
            Self::Names => "names",
            Self::Itself => "itself",
        }
    }
}

/// Why a record could not be used: a constant sentence, so that causes can be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bad(pub &'static str);

/// What a record means.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// Something to raise an alert about.
    Finding(Box<Finding>),
    /// What was found under this key is over.
    Over {
        /// The finding's key.
        key: String,
        /// When it ended.
        at: Instant,
    },
    /// Traffic between two addresses.
    Traffic(Traffic),
    /// A login, or an attempt.
    Login(Login),
    /// Nothing of interest.
    Nothing,
}

/// Something to raise an alert about.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Findings with the same key are one alert.
    pub key: String,
    /// Who found it.
    pub feed: Feed,
    /// Its sort, in the finder's words.
    pub kind: String,
    /// How bad it is.
    pub severity: AlertSeverity,
    /// One line.
    pub title: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Instant,
    /// How often.
    pub times: u32,
    /// The id that its finder gave it. A finding that has one is the same only with the same time.
    pub id: Option<String>,
    /// The device's address.
    pub ip: Option<String>,
    /// The device's hardware address.
    pub mac: Option<String>,
    /// The device's name.
    pub name: Option<String>,
    /// What was done about it already.
    pub action_taken: Option<String>,
    /// How sure or how strange.
    pub score: Option<f64>,
    /// Whatever else is known.
    pub details: Object,
}

impl Finding {
    /// One that happened once, with what every finder knows.
    pub fn new(feed: Feed, key: String, kind: &str, severity: AlertSeverity, at: Instant) -> Self {
        Self {
            key: clip(&key, 200),
            feed,
            kind: clip(kind, 100),
            severity,
            title: String::new(),
            reason: String::new(),
            at,
            times: 1,
            id: None,
            ip: None,
            mac: None,
            name: None,
            action_taken: None,
            score: None,
            details: Object::new(),
        }
    }

    /// Sets title and reason.
    #[must_use]
    pub fn told(mut self, title: &str, reason: &str) -> Self {
        self.title = clip(title, 200);
        self.reason = clip(reason, 400);
        self
    }

    /// Adds a detail, unless there is none to add.
    pub fn detail(&mut self, name: &str, value: Option<serde_json::Value>) {
        match value {
            None | Some(serde_json::Value::Null) => {}
            Some(serde_json::Value::String(text)) => {
                self.details
                    .insert(name.to_owned(), clip(&text, 200).into());
            }
            Some(value) => {
                self.details.insert(name.to_owned(), value);
            }
        }
    }
}

/// Traffic between two addresses, as the originator sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Traffic {
    /// Who began.
    pub from: String,
    /// With whom.
    pub to: String,
    /// The other's port.
    pub port: u16,
    /// Bytes that went there.
    pub sent: u64,
    /// Bytes that came back.
    pub received: u64,
    /// Packets both ways.
    pub packets: u64,
    /// Whether it came to nothing: refused, or not answered.
    pub refused: bool,
    /// When it began.
    pub at: Instant,
}

/// A login, or an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// The service: `sshd`.
    pub service: String,
    /// From where: an address, or a host's name. `None`: at the machine itself.
    pub from: Option<String>,
    /// As whom.
    pub user: String,
    /// Whether it succeeded.
    pub succeeded: bool,
    /// How often.
    pub times: u32,
    /// When.
    pub at: Instant,
}

/// At most so many characters; what is longer ends with `…`.
#[must_use]
pub fn clip(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

/// Whether an address is of the home's own: private, link-local, or unique local.
#[must_use]
pub fn is_local(address: &str) -> bool {
    match address.parse() {
        Ok(IpAddr::V4(v4)) => v4.is_private() || v4.is_link_local(),
        Ok(IpAddr::V6(v6)) => v6.is_unique_local() || v6.is_unicast_link_local(),
        Err(_) => false,
    }
}

/// Of two sides, the one that is a device of the home; where both or neither are, the first.
#[must_use]
pub fn local_side<'a>(one: &'a str, other: &'a str) -> &'a str {
    if !is_local(one) && is_local(other) {
        other
    } else {
        one
    }
}
