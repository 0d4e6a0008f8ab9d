//! The audit log: what administrators did, and who was turned away, as log lines and as events for admins.
//!
//! A flood of refused tokens must not become a flood of events, so those are written at a bounded rate; the others
//! are counted.

use parking_lot::Mutex;
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Records that wait to be published; more are logged, but published no more, and counted.
const QUEUE: usize = 256;
/// Refused logins that are recorded in a second.
const REFUSALS_PER_SECOND: u32 = 20;

/// Something to be remembered.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// What: `login`, `authentication`, `revocation`, `config_reload`, ….
    pub action: &'static str,
    /// `done` or `refused`.
    pub outcome: &'static str,
    /// Who did it, where that is known.
    pub subject: Option<String>,
    /// Where from.
    pub address: Option<String>,
    /// More: never a token, a password or a key.
    pub details: Map<String, Value>,
}

/// Where records go. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Audit(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    records: mpsc::Sender<Record>,
    refusals: Mutex<(u32, Instant)>,
}

impl Record {
    /// Something that was done or refused.
    #[must_use]
    pub fn new(action: &'static str, done: bool) -> Self {
        Self {
            action,
            outcome: if done { "done" } else { "refused" },
            subject: None,
            address: None,
            details: Map::new(),
        }
    }

    /// The details, as one JSON object.
    fn details(&self) -> String {
        serde_json::to_string(&self.details).unwrap_or_default()
    }

    /// With who did it.
    #[must_use]
    pub fn by(mut self, subject: Option<&str>) -> Self {
        self.subject = subject.map(str::to_owned);
        self
    }

    /// With where it came from.
    #[must_use]
    pub fn from(mut self, address: impl ToString) -> Self {
        self.address = Some(address.to_string());
        self
    }

    /// With a detail.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }
}

impl Audit {
    /// A log, and where its records come out to be published.
    #[must_use]
    pub fn new() -> (Self, mpsc::Receiver<Record>) {
        let (records, receiver) = mpsc::channel(QUEUE);
        let refusals = Mutex::new((0, Instant::now()));
        (Self(Arc::new(Inner { records, refusals })), receiver)
    }

    /// Remembers something, as a log line and as an event.
    pub fn record(&self, record: Record) {
        self.log(&record);
        if let Err(mpsc::error::TrySendError::Full(_)) = self.0.records.try_send(record) {
            metrics::counter!("hearthgate_audit_dropped_total", "reason" => "queue").increment(1);
        }
    }

    /// Remembers something as a log line alone: an event about each published event would double the stream.
    pub fn log(&self, record: &Record) {
        tracing::info!(
            target: "hearthgate::audit",
            action = record.action,
            outcome = record.outcome,
            subject = record.subject.as_deref(),
            address = record.address.as_deref(),
            details = record.details(),
            "audit"
        );
    }

    /// Remembers that somebody was turned away; of very many in a second only some.
    pub fn refusal(&self, record: Record) {
        let passes = {
            let mut window = self.0.refusals.lock();
            if window.1.elapsed() >= Duration::from_secs(1) {
                *window = (0, Instant::now());
            }
            window.0 += 1;
            window.0 <= REFUSALS_PER_SECOND
        };
        match passes {
            true => self.record(record),
            false => {
                metrics::counter!("hearthgate_audit_dropped_total", "reason" => "rate")
                    .increment(1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_flood_of_refusals_is_bounded() {
        let (audit, mut records) = Audit::new();
        for _ in 0..1000 {
            audit.refusal(Record::new("authentication", false));
        }
        let mut seen = 0;
        while records.try_recv().is_ok() {
            seen += 1;
        }
        // A second may have ended in between, once.
        assert!((20..=40).contains(&seen), "{seen}");
    }
}
