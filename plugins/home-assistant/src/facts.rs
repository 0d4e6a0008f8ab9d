//! The events of the catalogue, out of what Home Assistant says.

use crate::filter::domain_of;
use crate::home::Known;
use crate::ids::Ids;
use crate::outbox;
use crate::registry::{Place, Registry};
use crate::wire;
use hearthgate_plugin::Event;
use hearthgate_plugin::events::{
    self, AutomationTriggered, Entity, EntityAdded, EntityRemoved, EntityStateChanged,
    EntityUpdated, EventKind, Registered, SceneActivated, ServiceCalled, Trigger, topic,
};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// The data of `entity.state_changed`: that of [`EntityStateChanged`], with the attributes as they came.
#[derive(Serialize)]
struct StateData<'a> {
    entity_id: &'a str,
    entity_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    old_state: Option<&'a str>,
    new_state: &'a str,
    attributes: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    room_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    area_id: Option<&'a str>,
}

/// A place with the gateway's ids.
struct Placed {
    room: Option<String>,
    area: Option<String>,
    device: Option<String>,
}

/// Makes events.
#[derive(Debug, Clone)]
pub struct Facts {
    pub ids: Ids,
    /// Keys of service data whose values nobody may see.
    pub redact: Vec<String>,
}

impl Facts {
    fn placed(&self, place: &Place) -> Placed {
        let told =
            |id: &Option<std::rc::Rc<str>>| id.as_deref().map(|id| self.ids.room(id).into_owned());
        Placed {
            room: told(&place.room),
            area: told(&place.area),
            device: place.device.as_deref().map(str::to_owned),
        }
    }

    /// An entity's labels.
    fn labelled(&self, event: Event, entity: &str, placed: &Placed) -> Event {
        event
            .label("entity", entity)
            .label("domain", domain_of(entity))
            .label_if("room", placed.room.as_deref())
            .label_if("area", placed.area.as_deref())
            .label_if("device", placed.device.as_deref())
    }

    /// `entity.state_changed`.
    pub fn state(&self, id: &str, old: Option<&str>, now: &Known, registry: &Registry) -> Event {
        let (entity, placed) = (self.ids.entity(id), self.placed(&now.place));
        let data = StateData {
            entity_id: &entity,
            entity_type: domain_of(&entity),
            old_state: old,
            new_state: &now.state,
            attributes: &now.attributes,
            name: name(id, now, registry),
            room_id: placed.room.as_deref(),
            area_id: placed.area.as_deref(),
        };
        let topic = topic(&["entity", &entity, "state"]);
        // Of the catalogue's shape, but with attributes that are JSON already.
        let event = Event::new(EntityStateChanged::KIND, topic, &data);
        let event = event.retain(EntityStateChanged::RETAINED);
        self.labelled(outbox::at(event, now.updated), &entity, &placed)
    }

    fn registered(&self, id: &str, now: &Known, registry: &Registry) -> (Registered, Placed) {
        let (entity, placed) = (self.ids.entity(id).into_owned(), self.placed(&now.place));
        let name = name(id, now, registry).unwrap_or_else(|| entity.clone());
        let mut described = Entity::new(entity.clone(), name, domain_of(&entity), &*now.state);
        described.attributes = serde_json::from_str(now.attributes.get()).ok();
        let mut data = Registered::new(described);
        data.room_id.clone_from(&placed.room);
        data.area_id.clone_from(&placed.area);
        (data, placed)
    }

    /// `entity.added`.
    pub fn added(&self, id: &str, now: &Known, registry: &Registry) -> Event {
        let (data, placed) = self.registered(id, now, registry);
        let entity = data.entity.id.clone();
        self.labelled(Event::of(&EntityAdded(data)), &entity, &placed)
    }

    /// `entity.updated`.
    pub fn updated(&self, id: &str, now: &Known, registry: &Registry) -> Event {
        let (data, placed) = self.registered(id, now, registry);
        let entity = data.entity.id.clone();
        self.labelled(Event::of(&EntityUpdated(data)), &entity, &placed)
    }

    /// `entity.removed`.
    pub fn removed(&self, id: &str, place: &Place) -> Event {
        let (entity, placed) = (self.ids.entity(id), self.placed(place));
        let mut data = EntityRemoved::new(&*entity);
        data.room_id.clone_from(&placed.room);
        data.area_id.clone_from(&placed.area);
        self.labelled(Event::of(&data), &entity, &placed)
    }

    /// `automation.triggered`.
    pub fn automation(&self, data: &wire::AutomationTriggered, place: &Place) -> Event {
        let rule = self.ids.entity(&data.entity_id);
        let mut trigger = Trigger::new(trigger_type(data.source.as_deref()));
        trigger.value = data.source.clone().map(Value::String);
        let name = data.name.as_deref().unwrap_or(&rule);
        let event = Event::of(&AutomationTriggered::new(&*rule, name, trigger));
        self.labelled(event, &rule, &self.placed(place))
    }

    /// `scene.activated`.
    pub fn scene(&self, id: &str, now: &Known, registry: &Registry) -> Event {
        let scene = self.ids.entity(id);
        let mut data = SceneActivated::new(&*scene);
        data.name = name(id, now, registry);
        self.labelled(Event::of(&data), &scene, &self.placed(&now.place))
    }

    /// `service.called`. The entity is named where there is exactly one.
    pub fn service(&self, call: wire::CallService, registry: &Registry) -> Event {
        let entities = named_entities(&call.service_data);
        let mut data = call.service_data;
        redact(&mut data, &self.redact);
        let mut called = ServiceCalled::new(&*call.domain, &*call.service, data);
        let [entity] = &entities[..] else {
            return Event::of(&called).label("domain", &*call.domain);
        };
        let (id, placed) = (
            self.ids.entity(entity),
            self.placed(&registry.place(entity)),
        );
        called.entity_id = Some(id.clone().into_owned());
        let event = Event::of(&called).label("domain", &*call.domain);
        event
            .label("entity", &*id)
            .label_if("room", placed.room.as_deref())
            .label_if("area", placed.area.as_deref())
            .label_if("device", placed.device.as_deref())
    }

    /// A room with how many entities are in it.
    pub fn room(&self, id: &str, room: &crate::registry::Room, entities: u32) -> events::Room {
        let mut data = events::Room::new(self.ids.room(id), &*room.name);
        data.area = room
            .area
            .as_deref()
            .map(|area| self.ids.room(area).into_owned());
        data.icon.clone_from(&room.icon);
        data.entity_count = Some(entities);
        data
    }
}

/// What people call an entity.
pub fn name(id: &str, now: &Known, registry: &Registry) -> Option<String> {
    let registered = || registry.name(id).map(str::to_owned);
    wire::friendly_name(now.attributes.get()).or_else(registered)
}

/// The entities that service data names.
pub fn named_entities(data: &Map<String, Value>) -> Vec<String> {
    match data.get("entity_id") {
        Some(Value::String(id)) => id.split(',').map(|id| id.trim().to_owned()).collect(),
        Some(Value::Array(ids)) => ids
            .iter()
            .filter_map(|id| Some(id.as_str()?.to_owned()))
            .collect(),
        _ => Vec::new(),
    }
}

/// The sort of a trigger, out of Home Assistant's words for it.
fn trigger_type(source: Option<&str>) -> &'static str {
    const WORDS: [(&str, &str); 10] = [
        ("numeric state of", "numeric_state"),
        ("state of", "state"),
        ("time pattern", "time_pattern"),
        ("time", "time"),
        ("event", "event"),
        ("template", "template"),
        ("zone", "zone"),
        ("mqtt", "mqtt"),
        ("sun", "sun"),
        ("Home Assistant", "homeassistant"),
    ];
    let Some(source) = source else {
        return "manual";
    };
    let found = WORDS.iter().find(|(words, _)| source.starts_with(words));
    found.map_or("other", |(_, name)| name)
}

/// Replaces the values of these keys, however deep they lie.
fn redact(data: &mut Map<String, Value>, keys: &[String]) {
    for (key, value) in data.iter_mut() {
        if keys.iter().any(|secret| secret.eq_ignore_ascii_case(key)) {
            *value = Value::String("***".to_owned());
        } else {
            redact_value(value, keys);
        }
    }
}

fn redact_value(value: &mut Value, keys: &[String]) {
    match value {
        Value::Object(inner) => redact(inner, keys),
        Value::Array(list) => list.iter_mut().for_each(|value| redact_value(value, keys)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn triggers_are_sorted_by_home_assistants_words() {
        for (source, expected) in [
            (Some("state of binary_sensor.door"), "state"),
            (Some("numeric state of sensor.power"), "numeric_state"),
            (Some("time"), "time"),
            (Some("time pattern"), "time_pattern"),
            (Some("event 'doorbell'"), "event"),
            (Some("Home Assistant starting"), "homeassistant"),
            (Some("something new"), "other"),
            (None, "manual"),
        ] {
            assert_eq!(trigger_type(source), expected, "{source:?}");
        }
    }

    #[test]
    fn secrets_in_service_data_are_not_told() {
        let data =
            json!({"entity_id": "lock.a", "code": "1234", "deep": [{"Password": "x", "y": 1}]});
        let mut data = data.as_object().expect("an object").clone();
        redact(&mut data, &["code".to_owned(), "password".to_owned()]);
        let expected =
            json!({"entity_id": "lock.a", "code": "***", "deep": [{"Password": "***", "y": 1}]});
        assert_eq!(Value::Object(data), expected);
    }

    #[test]
    fn entities_are_named_in_each_way_that_home_assistant_takes() {
        for (data, expected) in [
            (json!({"entity_id": "light.a"}), vec!["light.a"]),
            (
                json!({"entity_id": "light.a, light.b"}),
                vec!["light.a", "light.b"],
            ),
            (
                json!({"entity_id": ["light.a", 3, "light.b"]}),
                vec!["light.a", "light.b"],
            ),
            (json!({"entity_id": null}), vec![]),
            (json!({}), vec![]),
        ] {
            assert_eq!(
                named_entities(data.as_object().expect("an object")),
                expected
            );
        }
    }
}
