//! Events: what a plugin publishes.

use crate::raw;
use crate::wit::host::{bus, types};
use hearthgate_events::EventKind;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// An event on its way to the host, which adds source, sequence number and time of receipt.
///
/// ```no_run
/// use hearthgate_plugin::{Event, events::DeviceMetrics};
/// let data = DeviceMetrics::new("pixel-7", [("battery_temp".to_owned(), 31.5)]);
/// Event::of(&data).label("device", "pixel-7").publish()?;
/// # Ok::<(), hearthgate_plugin::PublishError>(())
/// ```
///
/// It can be part of a state: what could not be sent yet is then sent by the next instance ([`Outbox`](crate::Outbox)).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Kept", into = "Kept")]
#[must_use = "an event is only sent by publish()"]
pub struct Event {
    event: types::Event,
    /// What kept the data from becoming JSON; told when it is published.
    broken: Option<String>,
}

impl Event {
    /// An event of the catalogue: kind, topic and retention are those of its data's type.
    pub fn of<E: EventKind>(data: &E) -> Self {
        Self::new(E::KIND, data.topic(&crate::instance_name()), data).retain(E::RETAINED)
    }

    /// An event of a kind of the plugin's own, which its manifest must declare.
    pub fn new(kind: impl Into<String>, topic: impl Into<String>, data: &impl Serialize) -> Self {
        let (data, broken) = match serde_json::to_string(data) {
            Ok(data) => (data, None),
            Err(error) => (String::new(), Some(error.to_string())),
        };
        let event = types::Event {
            kind: kind.into(),
            topic: topic.into(),
            labels: Vec::new(),
            data,
            occurred_at: None,
            retain: false,
            audience: Vec::new(),
        };
        Self { event, broken }
    }

    /// Another topic than the catalogue's.
    pub fn topic(mut self, topic: impl Into<String>) -> Self {
        self.event.topic = topic.into();
        self
    }

    /// Whether it is on this topic.
    #[must_use]
    pub fn is_on(&self, topic: &str) -> bool {
        self.event.topic == topic
    }

    /// What clients may filter on. Set `entity`, `domain`, `room`, `area`, `device`, `severity` and `category`
    /// where they are known.
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.event.labels.push((key.into(), value.into()));
        self
    }

    /// A label whose value may be unknown; then there is none.
    pub fn label_if(self, key: &str, value: Option<impl Into<String>>) -> Self {
        match value {
            Some(value) => self.label(key, value),
            None => self,
        }
    }

    /// When it happened, where that is not now.
    pub fn occurred_at(mut self, at: SystemTime) -> Self {
        let since_epoch = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        self.event.occurred_at = Some(crate::millis(since_epoch));
        self
    }

    /// Whether it is kept as its topic's current state, for those who subscribe later.
    pub fn retain(mut self, retain: bool) -> Self {
        self.event.retain = retain;
        self
    }

    /// Who may see it: `user:42`, `role:admin`, `client:ID`. May be called several times; never called: whoever
    /// may read the topic.
    pub fn audience(mut self, who: impl Into<String>) -> Self {
        self.event.audience.push(who.into());
        self
    }

    /// What it tells of: `device.metrics`.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.event.kind
    }

    /// Sends it. Returns its sequence number.
    ///
    /// # Errors
    /// As [`publish_all`].
    pub fn publish(self) -> Result<u64, PublishError> {
        publish_all([self])
    }

    pub(crate) fn into_wit(self, index: usize) -> Result<types::Event, PublishError> {
        match self.broken {
            None => Ok(self.event),
            Some(reason) => Err(PublishError::Invalid { index, reason }),
        }
    }
}

/// Its kind and topic.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.event.kind, self.event.topic)
    }
}

/// An event as it is kept in a state.
#[derive(Serialize, Deserialize)]
struct Kept {
    kind: String,
    topic: String,
    labels: Vec<(String, String)>,
    /// JSON as text, so that any format can hold it.
    data: String,
    occurred_at: Option<u64>,
    retain: bool,
    audience: Vec<String>,
    broken: Option<String>,
}

impl From<Event> for Kept {
    fn from(Event { event, broken }: Event) -> Self {
        Self {
            kind: event.kind,
            topic: event.topic,
            labels: event.labels,
            data: event.data,
            occurred_at: event.occurred_at,
            retain: event.retain,
            audience: event.audience,
            broken,
        }
    }
}

impl From<Kept> for Event {
    fn from(kept: Kept) -> Self {
        let event = types::Event {
            kind: kept.kind,
            topic: kept.topic,
            labels: kept.labels,
            data: kept.data,
            occurred_at: kept.occurred_at,
            retain: kept.retain,
            audience: kept.audience,
        };
        Self {
            event,
            broken: kept.broken,
        }
    }
}

/// Sends events in one call: all or none. Returns the sequence number of the last one.
///
/// # Errors
/// Names the first event that is not accepted, and why; none is sent then.
pub fn publish_all(events: impl IntoIterator<Item = Event>) -> Result<u64, PublishError> {
    let events: Result<Vec<_>, _> = events
        .into_iter()
        .enumerate()
        .map(|(index, event)| event.into_wit(index))
        .collect();
    raw::bus::publish(&events?).map_err(PublishError::from)
}

/// Why events were not accepted. Nothing of the batch was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublishError {
    /// No grant of the operator covers the topic, or the manifest does not list the kind.
    NotGranted(String),
    /// The event at this place does not fit: kind, topic, labels, or a field of its data.
    Invalid {
        /// Its place in the batch.
        index: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// More than the granted rate; try again after this time.
    Throttled(Duration),
    /// The event at this place is larger than the limit.
    TooLarge {
        /// Its place in the batch.
        index: usize,
    },
}

impl From<bus::Refusal> for PublishError {
    fn from(refusal: bus::Refusal) -> Self {
        match refusal {
            bus::Refusal::NotGranted(what) => Self::NotGranted(what),
            bus::Refusal::Invalid((index, reason)) => Self::Invalid {
                index: index as usize,
                reason,
            },
            bus::Refusal::Throttled(after) => Self::Throttled(Duration::from_millis(after)),
            bus::Refusal::TooLarge(index) => Self::TooLarge {
                index: index as usize,
            },
        }
    }
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotGranted(what) => write!(f, "publishing is not granted: {what}"),
            Self::Invalid { index, reason } => write!(f, "event {index} does not fit: {reason}"),
            Self::Throttled(after) => write!(f, "over the granted rate, free in {after:?}"),
            Self::TooLarge { index } => write!(f, "event {index} is larger than the limit"),
        }
    }
}

impl std::error::Error for PublishError {}
