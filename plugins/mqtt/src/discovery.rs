//! Home Assistant's MQTT discovery: devices announce their entities on `homeassistant/…/config`, and where their states
//! and their availability are published (home-assistant.io/integrations/mqtt, "MQTT Discovery").

mod announcement;
mod entity;
mod words;

use crate::devices::Devices;
use crate::draft::Draft;
use crate::mapping::{Confirmed, Context};
use crate::topics::Pattern;
use announcement::{Announcement, DeviceInfo};
use entity::Entity;
use hearthgate_plugin::events::{EntityAdded, EntityRemoved, EntityUpdated, Registered};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What was announced. An entity's key is the topic of its announcement and, where one announces several, its id there.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Discovery {
    entities: BTreeMap<String, Entity>,
    #[serde(skip)]
    prefixes: Vec<String>,
    #[serde(skip)]
    most: usize,
    /// Topic → keys of those who listen to it.
    #[serde(skip)]
    listeners: BTreeMap<String, BTreeSet<String>>,
}

impl Discovery {
    /// Listens below these prefixes, to so many entities at most. Called after it was made, or handed over.
    pub fn configure(&mut self, prefixes: &[String], most: usize) {
        self.prefixes = prefixes.to_vec();
        self.most = most;
        if prefixes.is_empty() {
            self.entities.clear();
        }
        let keys: Vec<String> = self.entities.keys().cloned().collect();
        keys.iter().for_each(|key| self.listen(key));
    }

    /// Where announcements are.
    pub fn filters(&self) -> Vec<String> {
        let both = |prefix: &String| {
            [
                format!("{prefix}/+/+/config"),
                format!("{prefix}/+/+/+/config"),
            ]
        };
        self.prefixes.iter().flat_map(both).collect()
    }

    /// No state was told yet.
    pub fn untold(&mut self) {
        for entity in self.entities.values_mut() {
            entity.state = None;
            entity.told.clear();
        }
    }

    pub fn len(&self) -> usize {
        self.entities.len()
    }

    /// Whether entities of a device were announced.
    pub fn knows_device(&self, id: &str) -> bool {
        let mut entities = self.entities.values();
        entities.any(|entity| entity.is_of(id))
    }

    /// Areas that devices are in.
    pub fn areas(&self) -> usize {
        let areas = self.entities.values().filter_map(Entity::area);
        areas.collect::<BTreeSet<_>>().len()
    }

    /// Takes a message. `false`: it is not about anything announced.
    pub fn take(
        &mut self,
        topic: &str,
        payload: &[u8],
        retain: bool,
        context: &mut Context<'_>,
    ) -> bool {
        if let Some(component) = self.component(topic) {
            self.announced(topic, &component, payload, retain, context);
            return true;
        }
        let Some(keys) = self.listeners.get(topic).cloned() else {
            return false;
        };
        let Ok(text) = std::str::from_utf8(payload) else {
            context.problems.tell("no text", topic);
            return true;
        };
        let json = serde_json::from_str(text).ok();
        for key in keys {
            if let Some(entity) = self.entities.get_mut(&key) {
                entity.heard(topic, text, json.as_ref(), context);
            }
        }
        true
    }

    /// The component of a topic that announces: `sensor` of `homeassistant/sensor/x/config`.
    fn component(&self, topic: &str) -> Option<String> {
        let below = |prefix: &String| topic.strip_prefix(prefix.as_str())?.strip_prefix('/');
        let rest = self
            .prefixes
            .iter()
            .find_map(below)?
            .strip_suffix("/config")?;
        let (component, id) = rest.split_once('/')?;
        (id.split('/').count() <= 2).then(|| component.to_owned())
    }

    fn announced(
        &mut self,
        topic: &str,
        component: &str,
        payload: &[u8],
        retain: bool,
        context: &mut Context<'_>,
    ) {
        if payload.is_empty() {
            self.remove_all_of(topic, &BTreeSet::new(), context);
            return;
        }
        let announcement = match Announcement::parse(topic, component, payload) {
            Ok(announcement) => announcement,
            Err(reason) => {
                context.problems.tell(
                    "announcement that can't be read",
                    &format!("{topic}: {reason}"),
                );
                return;
            }
        };
        for reason in announcement.troubles {
            context.problems.tell(
                "announcement that is not understood",
                &format!("{topic}: {reason}"),
            );
        }
        let mut kept = BTreeSet::new();
        for entity in announcement.entities {
            kept.insert(entity.key.clone());
            self.add(entity, announcement.device.as_ref(), retain, context);
        }
        // What an announcement of several no longer names is gone.
        self.remove_all_of(topic, &kept, context);
    }

    fn add(
        &mut self,
        mut entity: Entity,
        device: Option<&DeviceInfo>,
        retain: bool,
        context: &mut Context<'_>,
    ) {
        let key = entity.key.clone();
        let known = self.entities.get_mut(&key);
        if known.is_none() && self.entities.len() >= self.most {
            context
                .problems
                .tell("more entities than max-entities", &entity.id);
            return;
        }
        let mut known = self.entities.remove(&key);
        entity.retained = retain || known.as_ref().is_some_and(|known| known.retained);
        entity.seen = true;
        let same = known
            .as_ref()
            .is_some_and(|known| known.describes_the_same(&entity));
        if let Some(known) = &mut known {
            entity.take_over(known);
            if known.id != entity.id || known.device != entity.device {
                self.forget(known, context);
                known.id.clear();
            }
        }
        let is_new = known.as_ref().is_none_or(|known| known.id.is_empty());
        context
            .wants
            .extend(entity.topics().map(Pattern::of_filter));
        if let Some(device) = device {
            context
                .devices
                .update(&device.id, context.out, |known| device.describe(known));
        }
        if !same || is_new {
            let registered = entity.registered();
            let draft = if is_new {
                Draft::of(&EntityAdded(registered))
            } else {
                Draft::of(&EntityUpdated(registered))
            };
            context.out.push(entity.labelled(draft));
        }
        self.unlisten(&key);
        self.entities.insert(key.clone(), entity);
        self.listen(&key);
    }

    /// Removes the entities of an announcement but these.
    fn remove_all_of(&mut self, topic: &str, kept: &BTreeSet<String>, context: &mut Context<'_>) {
        let range = self.entities.range(topic.to_owned()..);
        let of_topic = range.take_while(|(key, _)| key.starts_with(topic));
        let is_of =
            |key: &str| key.len() == topic.len() || key.as_bytes().get(topic.len()) == Some(&b' ');
        let gone: Vec<String> = of_topic
            .filter(|(key, _)| is_of(key) && !kept.contains(*key))
            .map(|(key, _)| key.clone())
            .collect();
        gone.iter().for_each(|key| self.remove(key, context));
    }

    fn remove(&mut self, key: &str, context: &mut Context<'_>) {
        self.unlisten(key);
        if let Some(entity) = self.entities.remove(key) {
            self.forget(&entity, context);
        }
    }

    /// An entity is no more: it is told, and it no longer vouches for its device.
    fn forget(&self, entity: &Entity, context: &mut Context<'_>) {
        let removed = EntityRemoved {
            area_id: entity.area().map(str::to_owned),
            ..EntityRemoved::new(&*entity.id)
        };
        context.out.push(entity.labelled(Draft::of(&removed)));
        if let Some(device) = &entity.device {
            if self.knows_device(device) {
                context.devices.update(device, context.out, |d| {
                    d.said.remove(&entity.id);
                });
            } else {
                context.devices.remove(device, context.out);
            }
        }
    }

    /// All that is retained is about to be read anew.
    pub fn begin_sync(&mut self) {
        self.entities
            .values_mut()
            .for_each(|entity| entity.seen = false);
    }

    /// All was read: what was retained and is not any more was removed while we were away.
    pub fn end_sync(&mut self, context: &mut Context<'_>) {
        let gone = self.entities.iter().filter(|(_, e)| e.retained && !e.seen);
        let gone: Vec<String> = gone.map(|(key, _)| key.clone()).collect();
        gone.iter().for_each(|key| self.remove(key, context));
    }

    fn listen(&mut self, key: &str) {
        let Some(entity) = self.entities.get(key) else {
            return;
        };
        for topic in entity.topics() {
            self.listeners
                .entry(topic.to_owned())
                .or_default()
                .insert(key.to_owned());
        }
    }

    fn unlisten(&mut self, key: &str) {
        let Some(entity) = self.entities.get(key) else {
            return;
        };
        for topic in entity.topics() {
            if let Some(keys) = self.listeners.get_mut(topic) {
                keys.remove(key);
                if keys.is_empty() {
                    self.listeners.remove(topic);
                }
            }
        }
    }

    /// The topics that the entities listen to, for a new session.
    pub fn topics(&self) -> impl Iterator<Item = &str> {
        self.listeners.keys().map(String::as_str)
    }
}

impl Entity {
    /// As the catalogue's registry events want it.
    fn registered(&self) -> Registered {
        let entity = hearthgate_plugin::events::Entity {
            attributes: Some(self.attributes()),
            ..hearthgate_plugin::events::Entity::new(
                &*self.id,
                &*self.name,
                &*self.component,
                self.state.as_deref().unwrap_or("unknown"),
            )
        };
        Registered {
            area_id: self.area().map(str::to_owned),
            ..Registered::new(entity)
        }
    }
}

/// Says of a device whether it is there, and remembers that it was said.
fn vouch(
    devices: &mut Devices,
    confirmed: &mut Confirmed,
    out: &mut Vec<Draft>,
    id: &str,
    source: &str,
    there: bool,
) {
    confirmed.insert(id, source);
    devices.update(id, out, |device| {
        device.said.insert(source.to_owned(), there);
    });
}
