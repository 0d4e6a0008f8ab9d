//! An alert: what was found, and how often.

use crate::finding::{Feed, Finding, clip};
use crate::instant::Instant;
use hearthgate_plugin::events::{AlertSeverity, AlertStatus, Object};
use serde::{Deserialize, Serialize};

/// Most bytes of an alert's details, as JSON; more are left out, from the last on.
const MOST_DETAILS: usize = 1200;

/// An alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// Its place in the book.
    pub serial: u64,
    /// Its id on the wire.
    pub alert_id: String,
    /// What it folds under.
    pub key: String,
    /// Who found it.
    pub feed: Feed,
    /// Its sort, in the finder's words.
    pub kind: String,
    /// How bad it is.
    pub severity: AlertSeverity,
    /// Where it stands.
    pub status: AlertStatus,
    /// One line.
    pub title: String,
    /// Why.
    pub reason: String,
    /// How often it happened.
    pub count: u64,
    /// The first time.
    pub first_seen: Instant,
    /// The last time.
    pub last_seen: Instant,
    /// The finder's own id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_id: Option<String>,
    /// The device's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// The device's hardware address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
    /// The device's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What was done about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action_taken: Option<String>,
    /// How sure or how strange.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// Who acknowledged it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged_by: Option<String>,
    /// Whatever else is known.
    #[serde(default, skip_serializing_if = "Object::is_empty")]
    pub details: Object,
    /// Whether its first event was published.
    #[serde(default)]
    pub announced: bool,
}

impl Alert {
    /// A new one, of its first finding.
    pub fn new(serial: u64, finding: Finding) -> Self {
        let alert_id = match &finding.id {
            Some(_) => finding.key.clone(),
            None => format!("{}-{serial}", finding.feed.name()),
        };
        let mut alert = Self {
            serial,
            alert_id,
            key: finding.key.clone(),
            feed: finding.feed,
            kind: finding.kind.clone(),
            severity: finding.severity,
            status: AlertStatus::Open,
            title: String::new(),
            reason: String::new(),
            count: 0,
            first_seen: finding.at,
            last_seen: finding.at,
            source_id: finding.id.clone(),
            ip: finding.ip.clone(),
            mac: None,
            name: None,
            action_taken: None,
            score: None,
            acknowledged_by: None,
            details: Object::new(),
            announced: false,
        };
        alert.fold(finding);
        alert
    }

    /// One more time: the newest words, the worst severity, all occurrences.
    pub fn fold(&mut self, finding: Finding) {
        self.count += u64::from(finding.times);
        self.severity = worse(self.severity, finding.severity);
        self.first_seen = self.first_seen.min(finding.at);
        if finding.at < self.last_seen {
            return;
        }
        self.last_seen = finding.at;
        self.title = finding.title;
        self.reason = finding.reason;
        self.mac = finding.mac.map(|mac| clip(&mac, 32)).or(self.mac.take());
        self.name = finding
            .name
            .map(|name| clip(&name, 100))
            .or(self.name.take());
        self.action_taken = finding
            .action_taken
            .map(|action| clip(&action, 200))
            .or(self.action_taken.take());
        self.score = finding.score.or(self.score);
        self.details = bounded(finding.details);
    }
}

fn bounded(mut details: Object) -> Object {
    let size = |details: &Object| serde_json::to_string(details).map_or(0, |text| text.len());
    while size(&details) > MOST_DETAILS {
        let Some(last) = details.keys().next_back().cloned() else {
            break;
        };
        details.remove(&last);
    }
    details
}

/// The worse of two.
fn worse(one: AlertSeverity, other: AlertSeverity) -> AlertSeverity {
    let rank = |severity| match severity {
        AlertSeverity::Low => 0,
        AlertSeverity::Medium => 1,
        AlertSeverity::High => 2,
        AlertSeverity::Critical => 3,
    };
    if rank(other) > rank(one) { other } else { one }
}
