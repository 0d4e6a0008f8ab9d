//! One announced entity, and what it makes of messages.

use super::vouch;
use crate::draft::Draft;
use crate::expression::{Payload, Template};
use crate::mapping::Context;
use hearthgate_plugin::events::{EntityStateChanged, Object};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An entity.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Entity {
    pub key: String,
    pub id: String,
    pub component: String,
    pub name: String,
    pub state_topic: Option<String>,
    pub template: Option<String>,
    pub attributes_topic: Option<String>,
    pub attributes_template: Option<String>,
    pub on: String,
    pub off: String,
    pub json_schema: bool,
    pub availability: Vec<Availability>,
    pub mode: Mode,
    pub device: Option<String>,
    pub area: Option<String>,
    /// Attributes that the announcement itself has.
    pub announced: Object,
    /// Attributes out of messages.
    pub told: Object,
    pub state: Option<String>,
    /// The topic that last said whether it is there.
    pub latest: Option<String>,
    /// Whether the broker keeps its announcement.
    pub retained: bool,
    /// Whether it was announced since the last time that everything was read.
    pub seen: bool,
    /// Its template, taken apart when it is first needed; `Some(None)`: it has none.
    #[serde(skip)]
    pub parsed: Option<Option<Template>>,
}

/// Where it is said whether an entity is there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Availability {
    pub topic: String,
    pub available: String,
    pub not_available: String,
    pub template: Option<String>,
    pub said: Option<bool>,
}

/// How several say it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    All,
    Any,
    #[default]
    Latest,
}

impl Entity {
    pub fn area(&self) -> Option<&str> {
        self.area.as_deref()
    }

    pub fn is_of(&self, device: &str) -> bool {
        self.device.as_deref() == Some(device)
    }

    /// All topics that it listens to.
    pub fn topics(&self) -> impl Iterator<Item = &str> {
        let own = [&self.state_topic, &self.attributes_topic]
            .into_iter()
            .flatten();
        let availability = self.availability.iter().map(|one| &one.topic);
        own.chain(availability).map(String::as_str)
    }

    pub fn attributes(&self) -> Object {
        let mut attributes = self.announced.clone();
        attributes.extend(self.told.iter().map(|(k, v)| (k.clone(), v.clone())));
        attributes
    }

    pub fn labelled(&self, draft: Draft) -> Draft {
        draft
            .label("entity", &self.id)
            .label("domain", &self.component)
            .label_if("device", self.device.as_deref())
            .label_if("area", self.area())
    }

    /// Whether two announcements say the same.
    pub fn describes_the_same(&self, other: &Self) -> bool {
        let bare = |entity: &Self| {
            let mut bare = entity.clone();
            bare.told = Object::new();
            (bare.state, bare.latest, bare.parsed) = (None, None, None);
            (bare.retained, bare.seen) = (false, false);
            bare.availability.iter_mut().for_each(|one| one.said = None);
            bare
        };
        bare(self) == bare(other)
    }

    /// Announced again: what is known of it stays.
    pub fn take_over(&mut self, known: &Self) {
        self.state = known.state.clone();
        self.told = known.told.clone();
        self.latest = known.latest.clone();
        for one in &mut self.availability {
            let before = known
                .availability
                .iter()
                .find(|before| before.topic == one.topic);
            one.said = before.and_then(|before| before.said);
        }
    }

    /// A message on one of its topics.
    pub fn heard(
        &mut self,
        topic: &str,
        text: &str,
        json: Option<&Value>,
        context: &mut Context<'_>,
    ) {
        let payload = Payload { text, json };
        if self.availability.iter().any(|one| one.topic == topic) {
            self.heard_availability(topic, payload, context);
        }
        let mut changed = None;
        if self.attributes_topic.as_deref() == Some(topic) {
            self.heard_attributes(payload, context);
        }
        if self.state_topic.as_deref() == Some(topic) {
            changed = self.heard_state(payload, context);
        } else if self.attributes_topic.as_deref() == Some(topic) && self.state.is_some() {
            changed = self.state.clone();
        }
        if let Some(old) = changed {
            let state = EntityStateChanged {
                old_state: (!old.is_empty()).then_some(old),
                new_state: self.state.clone(),
                name: Some(self.name.clone()),
                area_id: self.area().map(str::to_owned),
                ..EntityStateChanged::new(&*self.id, &*self.component, self.attributes())
            };
            context.out.push(self.labelled(Draft::of(&state)));
        }
    }

    fn heard_availability(&mut self, topic: &str, payload: Payload<'_>, context: &mut Context<'_>) {
        for one in self
            .availability
            .iter_mut()
            .filter(|one| one.topic == topic)
        {
            let template = one
                .template
                .as_deref()
                .and_then(|text| Template::parse(text).ok());
            // zigbee2mqtt says {"state": "online"}; a template for that is part of its announcements, or was forgotten.
            let word = match (
                template,
                payload.json.and_then(|json| json.get("state")?.as_str()),
            ) {
                (Some(template), _) => template.render(payload).unwrap_or_default(),
                (None, Some(word)) => word.to_owned(),
                (None, None) => payload.text.to_owned(),
            };
            match word {
                word if word == one.available => one.said = Some(true),
                word if word == one.not_available => one.said = Some(false),
                word => {
                    let detail = format!("{topic}: {word:?}");
                    context.problems.tell("neither available nor not", &detail);
                    continue;
                }
            }
            self.latest = Some(topic.to_owned());
        }
        let said = |one: &Availability| one.said;
        let there = match self.mode {
            Mode::All => self.availability.iter().all(|one| said(one) == Some(true)),
            Mode::Any => self.availability.iter().any(|one| said(one) == Some(true)),
            Mode::Latest => {
                let latest = self
                    .availability
                    .iter()
                    .find(|one| Some(&one.topic) == self.latest.as_ref());
                latest.and_then(said) == Some(true)
            }
        };
        if let Some(device) = &self.device {
            vouch(
                context.devices,
                context.confirmed,
                context.out,
                device,
                &self.id,
                there,
            );
        }
    }

    fn heard_attributes(&mut self, payload: Payload<'_>, context: &mut Context<'_>) {
        let template = self
            .attributes_template
            .as_deref()
            .and_then(|text| Template::parse(text).ok());
        let value = match template {
            Some(template) => template
                .render(payload)
                .ok()
                .and_then(|text| serde_json::from_str(&text).ok()),
            None => payload.json.cloned(),
        };
        match value {
            Some(Value::Object(attributes)) => self.told = attributes,
            _ => context
                .problems
                .tell("attributes that are no JSON object", &self.id),
        }
    }

    /// Takes a state. Returns the one before if something changed; empty: there was none.
    fn heard_state(&mut self, payload: Payload<'_>, context: &mut Context<'_>) -> Option<String> {
        let template = self.template.as_deref();
        let parsed = self
            .parsed
            .get_or_insert_with(|| Template::parse(template?).ok());
        let state = match (parsed, self.json_schema) {
            (Some(template), _) => match template.render(payload) {
                Ok(state) => state,
                Err(trouble) => {
                    let detail = format!("{}: {trouble}", self.id);
                    context
                        .problems
                        .tell("value template gives nothing", &detail);
                    return None;
                }
            },
            (None, true) => payload
                .json?
                .get("state")
                .and_then(Value::as_str)?
                .to_owned(),
            (None, false) => payload.text.to_owned(),
        };
        // An empty state is none, as in Home Assistant.
        if state.is_empty() {
            return None;
        }
        let state = self.word(state);
        let before_told = self.told.clone();
        if self.json_schema
            && let Some(Value::Object(fields)) = payload.json
        {
            self.told = fields
                .iter()
                .filter(|(key, _)| *key != "state")
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect();
        }
        if self.state.as_ref() == Some(&state) && self.told == before_told {
            return None;
        }
        Some(self.state.replace(state).unwrap_or_default())
    }

    /// Payloads that stand for on and off, in the words that all sources share.
    fn word(&self, state: String) -> String {
        let switched = matches!(
            self.component.as_str(),
            "binary_sensor" | "switch" | "light" | "fan" | "siren" | "humidifier"
        );
        match state.as_str() {
            "None" => "unknown".to_owned(),
            on if switched && on == self.on => "on".to_owned(),
            off if switched && off == self.off => "off".to_owned(),
            _ => state,
        }
    }
}
