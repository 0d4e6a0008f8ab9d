//! A start without a state: the instance before crashed, or its state was too large to be handed over. What it told is
//! still retained, so it is read from there: the next reading of the home tells what differs, and removes what is gone.

use crate::facts::Facts;
use crate::home::Known;
use crate::ids::Ids;
use crate::registry::Place;
use crate::*;
use hearthgate_plugin::events::{
    AreaUpdated, EntityStateChanged, EventKind, RoomChange, RoomCreated, RoomDeleted, RoomUpdated,
};
use hearthgate_plugin::{Event, retained};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Events of one question to the gateway.
const PAGE: u32 = 256;

/// What is read of a retained `entity.state_changed`.
#[derive(Deserialize)]
struct Told {
    entity_id: String,
    new_state: String,
    attributes: Box<RawValue>,
}

impl HomeAssistant {
    /// Takes back what an instance before told, as far as the operator grants to read it.
    ///
    /// # Errors
    /// The gateway does not answer for another reason than a missing grant.
    pub fn seed(&mut self) -> Result<(), Failure> {
        let mine = hearthgate_plugin::instance_name();
        let mut after: Option<String> = None;
        loop {
            let topics = ["entity/+/state", "room/+", "area/+"];
            let page = match retained::read(&topics, after.as_deref(), PAGE) {
                Ok(page) => page,
                Err(error) => {
                    // Without the grant, what a crashed instance told may stay until it is told anew.
                    log_with(
                        Level::Debug,
                        "retained state can't be read",
                        &[("reason", &error)],
                    );
                    return Ok(());
                }
            };
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = Some(last.event.topic.clone());
            for published in page
                .into_iter()
                .filter(|published| published.source == mine)
            {
                self.take_back(published);
            }
        }
    }

    fn take_back(&mut self, published: Published) {
        let data = published.event.data.as_str();
        match published.event.kind.as_str() {
            EntityStateChanged::KIND => {
                if let Ok(told) = serde_json::from_str(data) {
                    self.take_back_entity(told, &published);
                }
            }
            RoomCreated::KIND | RoomUpdated::KIND => {
                if let Ok(RoomChange { room, .. }) = serde_json::from_str(data) {
                    self.take_back_room(room);
                }
            }
            AreaUpdated::KIND => match serde_json::from_str::<AreaUpdated>(data) {
                Ok(told) if told.action != "deleted" => {
                    self.model.areas.insert(told.area.id, told.area.name);
                }
                _ => {}
            },
            _ => {}
        }
    }

    fn take_back_entity(&mut self, told: Told, published: &Published) {
        let ids = &self.model.facts.ids;
        let own = ids.own(&told.entity_id).into_owned();
        let labels: BTreeMap<&str, &str> = published
            .event
            .labels
            .iter()
            .map(|(key, value)| (&**key, &**value))
            .collect();
        let mut shared = |key: &str| -> Option<Rc<str>> {
            Some(self.model.registry.intern(&ids.own(labels.get(key)?)))
        };
        let place = Place {
            room: shared("room"),
            area: shared("area"),
            device: labels.get("device").map(|device| Rc::from(*device)),
        };
        let is_ours = ids.entity(&own) == told.entity_id;
        let known = Known {
            state: told.new_state.into(),
            attributes: told.attributes,
            updated: published.event.occurred_at,
            place,
            seen: 0,
        };
        // Under another prefix, or beyond limits that are lower now: nobody must go on believing in it.
        if !is_ours || self.model.home.put(&own, known).is_err() {
            let plain = Facts {
                ids: Ids::default(),
                redact: Vec::new(),
            };
            let gone = plain.removed(&told.entity_id, &Place::default());
            self.model.outbox.push(gone);
        }
    }

    fn take_back_room(&mut self, room: events::Room) {
        let ids = &self.model.facts.ids;
        if ids.room(&ids.own(&room.id)) == room.id {
            self.model.rooms.insert(room.id.clone(), room);
        } else {
            let gone = Event::of(&RoomDeleted(RoomChange::new(room)));
            self.model.outbox.push(gone);
        }
    }
}
