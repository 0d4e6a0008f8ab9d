//! Events that were not accepted yet. Unlike the SDK's they can be handed to the next instance.

use hearthgate_plugin::events::EventKind;
use hearthgate_plugin::{Event, instance_name};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An event to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Draft {
    pub kind: String,
    pub topic: String,
    pub labels: Vec<(String, String)>,
    pub data: Value,
    pub retain: bool,
}

impl Draft {
    /// An event of the catalogue.
    pub fn of<E: EventKind>(data: &E) -> Self {
        Self {
            kind: E::KIND.to_owned(),
            topic: data.topic(&instance_name()),
            labels: Vec::new(),
            // The catalogue's types have nothing that JSON can't say: maps have strings for keys.
            data: serde_json::to_value(data).unwrap_or_default(),
            retain: E::RETAINED,
        }
    }

    /// What clients may filter on; an empty value is none.
    pub fn label(mut self, key: &str, value: &str) -> Self {
        if !value.is_empty() && self.labels.iter().all(|(known, _)| known != key) {
            self.labels.push((key.to_owned(), value.to_owned()));
        }
        self
    }

    /// The same, where it is known.
    pub fn label_if(self, key: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.label(key, value),
            None => self,
        }
    }

    /// As the SDK publishes it.
    pub fn event(&self) -> Event {
        let event = Event::new(&self.kind, &self.topic, &self.data).retain(self.retain);
        let labels = self.labels.iter();
        labels.fold(event, |event, (key, value)| event.label(key, value))
    }
}
