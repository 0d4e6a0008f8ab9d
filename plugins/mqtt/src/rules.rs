//! The operator's rules: which topics become which events.

mod values;

pub use values::ValueConfig;

use crate::draft::Draft;
use crate::topics::{Captures, Pattern, asked, fill};
use hearthgate_plugin::events::{
    AutomationTriggered, DeviceMetrics, EntityStateChanged, MetricsSample, Object, Trigger, topic,
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use values::Found;

/// A rule as the operator wrote it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RuleConfig {
    pub topic: String,
    pub kind: Kind,
    #[serde(default)]
    pub id: Option<String>,
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub to: Option<String>,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    #[serde(default)]
    pub values: BTreeMap<String, ValueConfig>,
    #[serde(default)]
    pub online: Vec<String>,
    #[serde(default)]
    pub offline: Vec<String>,
}

/// What a rule makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Kind {
    #[serde(rename = "device.metrics")]
    DeviceMetrics,
    #[serde(rename = "device.status")]
    DeviceStatus,
    #[serde(rename = "metrics.sample")]
    MetricsSample,
    #[serde(rename = "entity.state_changed")]
    EntityState,
    #[serde(rename = "automation.triggered")]
    Automation,
    #[serde(rename = "mqtt.message")]
    Message,
}

/// A rule, ready for use.
#[derive(Debug)]
pub struct Rule {
    pub pattern: Pattern,
    config: RuleConfig,
    id: String,
}

/// What a rule made of a message.
#[derive(Debug, PartialEq)]
pub enum Made {
    /// An event.
    Draft(Draft),
    /// Whether a device is there, and what else is said of it.
    Status {
        id: String,
        name: Option<String>,
        online: bool,
        found: Object,
        labels: Vec<(String, String)>,
    },
}

/// Why a rule makes nothing of a message.
#[derive(Debug, PartialEq, Eq)]
pub struct NotMade(pub &'static str, pub String);

impl RuleConfig {
    /// Checks it.
    ///
    /// # Errors
    /// The key, and what is wrong with it.
    pub fn check(&self) -> Result<Rule, (&'static str, String)> {
        let pattern = Pattern::parse(&self.topic).map_err(|error| ("topic", error))?;
        let names: Vec<&str> = pattern.names().collect();
        // Without an `id`, the first thing that the topic names.
        let default = || names.first().map(|name| format!("{{{name}}}"));
        let id = match (self.id.clone().or_else(default), self.kind) {
            (Some(id), _) => id,
            (None, Kind::Message) => String::new(),
            (None, _) => return Err(("id", "is needed: the topic names nothing".to_owned())),
        };
        let templates = [
            ("id", Some(&id)),
            ("name", self.name.as_ref()),
            ("to", self.to.as_ref()),
        ];
        let templates = templates
            .into_iter()
            .filter_map(|(key, text)| Some((key, text?)));
        let labels = self.labels.values().map(|text| ("labels", text));
        let values = self.values.keys().map(|text| ("values", text));
        for (key, text) in templates.chain(labels).chain(values) {
            if let Some(unknown) = asked(text).iter().find(|name| !names.contains(name)) {
                return Err((key, format!("{{{unknown}}} is not named in the topic")));
            }
        }
        for value in self.values.values() {
            value.check().map_err(|error| ("values", error))?;
        }
        let status = self.kind == Kind::DeviceStatus;
        if !status && (!self.online.is_empty() || !self.offline.is_empty()) {
            return Err(("online", "is for the kind device.status".to_owned()));
        }
        Ok(Rule {
            pattern,
            config: self.clone(),
            id,
        })
    }
}

impl Rule {
    /// What it makes of a message; `captures` are those of its pattern.
    ///
    /// # Errors
    /// The message doesn't fit, or there is nothing in it.
    pub fn apply(
        &self,
        from: &str,
        captures: &Captures,
        payload: &[u8],
        retain: bool,
    ) -> Result<Made, NotMade> {
        let config = &self.config;
        let id = fill(&self.id, captures);
        let name = config.name.as_ref().map(|name| fill(name, captures));
        let found = Found::read(
            payload,
            &config.values,
            captures,
            config.kind.wants_numbers(),
        )?;
        let labels = config.labels.iter();
        let labels: Vec<_> = labels
            .map(|(key, text)| (key.clone(), fill(text, captures)))
            .collect();
        let draft = match config.kind {
            Kind::DeviceStatus => return self.status(id, name, found, labels),
            Kind::DeviceMetrics => {
                let (metrics, units) = found.metrics()?;
                let mut draft = Draft::of(&DeviceMetrics::new(&*id, metrics));
                if !units.is_empty() {
                    draft.data["units"] = json!(units);
                }
                draft.label("device", &id)
            }
            Kind::MetricsSample => {
                let (metrics, units) = found.metrics()?;
                let units = (!units.is_empty()).then_some(units);
                Draft::of(&MetricsSample {
                    units,
                    ..MetricsSample::new(&*id, metrics)
                })
            }
            Kind::EntityState => entity(&id, name, found, &labels),
            Kind::Automation => {
                let trigger = Trigger {
                    value: Some(found.whole().clone()),
                    ..Trigger::new("mqtt")
                };
                let name = name.unwrap_or_else(|| id.clone());
                Draft::of(&AutomationTriggered::new(&*id, name, trigger))
            }
            Kind::Message => raw(from, found, retain),
        };
        let mut draft = labels
            .iter()
            .fold(draft, |draft, (key, value)| draft.label(key, value));
        if let Some(to) = &config.to {
            let to = fill(to, captures);
            draft.topic = topic(&to.split('/').collect::<Vec<_>>());
        }
        Ok(Made::Draft(draft))
    }

    fn status(
        &self,
        id: String,
        name: Option<String>,
        found: Found,
        labels: Vec<(String, String)>,
    ) -> Result<Made, NotMade> {
        let word = found.word("status");
        let is_in = |words: &[String], defaults: &[&str]| match words {
            [] => defaults
                .iter()
                .any(|known| word.eq_ignore_ascii_case(known)),
            words => words.contains(&word),
        };
        let online = if is_in(
            &self.config.online,
            &["online", "on", "true", "1", "connected"],
        ) {
            true
        } else if is_in(
            &self.config.offline,
            &["offline", "off", "false", "0", "disconnected"],
        ) {
            false
        } else {
            return Err(NotMade(
                "no status",
                format!("{word:?} is neither online nor offline"),
            ));
        };
        Ok(Made::Status {
            id,
            name,
            online,
            found: found.others("status"),
            labels,
        })
    }
}

impl Kind {
    fn wants_numbers(self) -> bool {
        matches!(self, Self::DeviceMetrics | Self::MetricsSample)
    }
}

/// The state is the value named `state`, or the whole message; the rest are attributes.
fn entity(id: &str, name: Option<String>, found: Found, labels: &[(String, String)]) -> Draft {
    let domain = id.split_once('.').map_or("mqtt", |(domain, _)| domain);
    let label = |key: &str| {
        labels
            .iter()
            .find(|(k, _)| k == key)
            .map(|(_, v)| v.clone())
    };
    let mut attributes = found.others("state");
    if let Some(unit) = found.unit("state") {
        attributes.insert("unit_of_measurement".to_owned(), unit.into());
    }
    let state = EntityStateChanged {
        new_state: Some(found.word("state")),
        name,
        room_id: label("room"),
        area_id: label("area"),
        ..EntityStateChanged::new(id, domain, attributes)
    };
    Draft::of(&state)
        .label("entity", id)
        .label("domain", domain)
}

/// The message as it is.
fn raw(from: &str, found: Found, retain: bool) -> Draft {
    let levels: Vec<&str> = ["mqtt"].into_iter().chain(from.split('/')).collect();
    let values = found.others("");
    let mut data = json!({"topic": from, "payload": found.whole(), "retained": retain});
    if !values.is_empty() {
        data["values"] = Value::Object(values);
    }
    Draft {
        kind: "mqtt.message".to_owned(),
        topic: topic(&levels),
        labels: Vec::new(),
        data,
        retain: false,
    }
}

#[cfg(test)]
mod tests;
