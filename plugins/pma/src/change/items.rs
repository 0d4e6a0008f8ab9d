//! Entities, rooms and topics: sets of single items.

use super::{Action, Change, Item, Rules, required, unprefixed};
use crate::message::{BadField, Data, names, text_of, whole_number};
use crate::names::{is_entity_id, is_event_type, is_name};
use crate::session::Session;
use crate::topics::Topic;
use std::borrow::Cow;

impl<'a> Change<'a> {
    pub(super) fn entities(
        &mut self,
        session: &mut Session<'a>,
        data: &Data<'a>,
        rules: &Rules<'_>,
    ) -> Result<(), BadField> {
        for id in required("entity_ids", data.entity_ids)? {
            let bare = unprefixed(id.clone());
            match is_entity_id(&bare, rules.domains) {
                true => drop(self.put(&mut session.entities, bare, rules.max_items, "entity_id")),
                false => self.bad_entity(id),
            }
        }
        Ok(())
    }

    fn bad_entity(&mut self, id: Cow<'a, str>) {
        self.refuse(
            "Invalid entity ID format",
            "entity_id",
            id,
            "INVALID_ENTITY_ID",
        );
    }

    pub(super) fn rooms(
        &mut self,
        session: &mut Session<'a>,
        data: &Data<'a>,
        rules: &Rules<'_>,
    ) -> Result<(), BadField> {
        for id in required("room_ids", data.room_ids)? {
            let id = unprefixed(id);
            match is_name(&id) {
                true => drop(self.put(&mut session.rooms, id, rules.max_items, "room_id")),
                false => self.refuse("Invalid room ID format", "room_id", id, "INVALID_ROOM_ID"),
            }
        }
        Ok(())
    }

    pub(super) fn numbered(
        &mut self,
        session: &mut Session<'a>,
        data: &Data<'a>,
        rules: &Rules<'_>,
    ) -> Result<(), BadField> {
        let missing = BadField {
            field: "room_id",
            expected: "an integer",
        };
        let raw = data.room_id.ok_or(missing)?;
        let Some(number) = whole_number(raw.get()) else {
            let shown = text_of(raw).unwrap_or(Cow::Borrowed(raw.get()));
            self.refuse(
                "Invalid room ID format",
                "room_id",
                shown,
                "INVALID_ROOM_ID",
            );
            return Ok(());
        };
        match self.action {
            Action::Unsubscribe => drop(session.numbered.remove(&number)),
            Action::Subscribe
                if session.numbered.len() >= rules.max_items
                    && !session.numbered.contains_key(&number) =>
            {
                self.full("room_id", number.to_string().into());
                return Ok(());
            }
            Action::Subscribe => {
                let area = (rules.area_of)(number).filter(|area| is_name(area));
                session.numbered.insert(number, area.map(Cow::Owned));
            }
        }
        self.confirm(Item::Number(number));
        Ok(())
    }

    pub(super) fn topics(
        &mut self,
        session: &mut Session<'a>,
        data: &Data<'a>,
        rules: &Rules<'_>,
    ) -> Result<(), BadField> {
        let (topics, topic) = (names("topics", data.topics)?, names("topic", data.topic)?);
        if topics.is_none() && topic.is_none() {
            return required("topics", None).map(drop);
        }
        for text in topics.into_iter().chain(topic).flatten() {
            let names_types = match Topic::parse(&text) {
                Some(Topic::Entity(id)) if !is_entity_id(id, rules.domains) => {
                    self.bad_entity(id.to_owned().into());
                    continue;
                }
                Some(Topic::EventType(name)) if !is_event_type(name) => None,
                Some(Topic::Source(name)) if !is_name(name) => None,
                Some(topic) => Some(topic.names_event_types()),
                None => None,
            };
            let Some(names_types) = names_types else {
                self.refuse("Unknown topic", "topic", text, "INVALID_TOPIC");
                continue;
            };
            let taken = self.put(&mut session.topics, text, rules.max_items, "topic");
            if taken && names_types && self.action == Action::Subscribe {
                session.event_types.get_or_insert_default();
            }
        }
        Ok(())
    }
}
