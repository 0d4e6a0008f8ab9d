//! What a client's subscribing and unsubscribing does to its sets, and what it is told of it.

use crate::frames;
use crate::message::{BadField, Data, names, text_of, whole_number};
use crate::names::{is_entity_id, is_event_type, is_name, without_prefix};
use crate::session::{Filters, Session, Set};
use crate::topics::Topic;
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeSet;

/// Most refusals that are told one by one; the rest is told in one.
const MAX_TOLD: usize = 100;

/// What the rules of a change need to know.
pub struct Rules<'r> {
    /// Domains that are accepted besides Home Assistant's.
    pub domains: &'r BTreeSet<String>,
    /// Most items of a set.
    pub max_items: usize,
    /// The area behind a numbered room.
    pub area_of: &'r dyn Fn(i64) -> Option<String>,
}

/// Whether items are added or taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// `subscribe…`.
    Subscribe,
    /// `unsubscribe…`.
    Unsubscribe,
}

/// Which set a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// `subscribe_ha_events`.
    Events,
    /// `subscribe_ha_entities`.
    Entities,
    /// `subscribe_ha_rooms`.
    Rooms,
    /// `subscribe_room`.
    Numbered,
    /// `subscribe`.
    Topics,
}

/// What came of a message.
#[derive(Debug)]
pub struct Change<'a> {
    action: Action,
    target: Target,
    accepted: Vec<Item<'a>>,
    refused: Vec<Refused<'a>>,
    total: usize,
}

/// An item as it is confirmed.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
enum Item<'a> {
    Text(Cow<'a, str>),
    Number(i64),
}

/// An item, or a field, that has no effect.
#[derive(Debug)]
struct Refused<'a> {
    error: Cow<'static, str>,
    field: &'static str,
    value: Cow<'a, str>,
    code: &'static str,
}

impl Target {
    fn as_str(self) -> &'static str {
        match self {
            Self::Events => "ha_events",
            Self::Entities => "ha_entities",
            Self::Rooms => "ha_rooms",
            Self::Numbered => "room",
            Self::Topics => "topics",
        }
    }
}

/// Changes a client's sets as a message asks.
pub fn apply<'a>(
    session: &mut Session<'a>,
    (action, target): (Action, Target),
    data: &Data<'a>,
    rules: &Rules<'_>,
) -> Change<'a> {
    let mut change = Change {
        action,
        target,
        accepted: Vec::new(),
        refused: Vec::new(),
        total: 0,
    };
    let done = match target {
        Target::Events => change.events(session, data, rules),
        Target::Entities => change.entities(session, data, rules),
        Target::Rooms => change.rooms(session, data, rules),
        Target::Numbered => change.numbered(session, data, rules),
        Target::Topics => change.topics(session, data, rules),
    };
    if let Err(bad) = done {
        change.bad_field(&bad);
    }
    change.total = match target {
        Target::Events => session.event_types.as_ref().map_or(0, |types| types.len()),
        Target::Entities => session.entities.len(),
        Target::Rooms => session.rooms.len(),
        Target::Numbered => session.numbered.len(),
        Target::Topics => session.topics.len(),
    };
    change
}

impl<'a> Change<'a> {
    /// A message whose data is no object.
    pub fn refused((action, target): (Action, Target), bad: &BadField) -> Self {
        let mut change = Self {
            action,
            target,
            accepted: Vec::new(),
            refused: Vec::new(),
            total: 0,
        };
        change.bad_field(bad);
        change
    }

    /// A change that would make the sets larger than what is kept of a client.
    pub fn too_much((action, target): (Action, Target)) -> Self {
        let bad = BadField {
            field: "data",
            expected: "less: this client's sets would be too large together",
        };
        Self::refused((action, target), &bad)
    }

    /// The frames that tell the client: each refusal, then what took effect. Nothing took effect and something was
    /// refused: the refusals alone.
    pub fn frames(&self) -> Vec<String> {
        let mut frames: Vec<String> = self
            .refused
            .iter()
            .take(MAX_TOLD)
            .map(|refused| self.refusal(refused))
            .collect();
        if let Some(more) = self
            .refused
            .len()
            .checked_sub(MAX_TOLD)
            .filter(|more| *more > 0)
        {
            frames.push(self.refusal(&Refused {
                error: format!("{more} more items were refused").into(),
                field: "count",
                value: more.to_string().into(),
                code: self.refused[MAX_TOLD].code,
            }));
        }
        if !self.accepted.is_empty() || self.refused.is_empty() {
            let action = match self.action {
                Action::Subscribe => "subscribed",
                Action::Unsubscribe => "unsubscribed",
            };
            let data = json!({
                "action": action,
                "type": self.target.as_str(),
                "items": self.accepted,
                "total_subscriptions": self.total,
            });
            frames.push(frames::now("subscription_update", &data));
        }
        frames
    }

    fn refusal(&self, refused: &Refused<'_>) -> String {
        let action = match self.action {
            Action::Subscribe => "subscribe",
            Action::Unsubscribe => "unsubscribe",
        };
        let data = json!({
            "action": action,
            "error": refused.error,
            refused.field: refused.value,
            "code": refused.code,
        });
        frames::now("subscription_error", &data)
    }

    fn bad_field(&mut self, bad: &BadField) {
        self.refused.push(Refused {
            error: format!("{} must be {}", bad.field, bad.expected).into(),
            field: "field",
            value: bad.field.into(),
            code: "INVALID_FIELD",
        });
    }

    fn refuse(
        &mut self,
        error: &'static str,
        field: &'static str,
        value: Cow<'a, str>,
        code: &'static str,
    ) {
        self.refused.push(Refused {
            error: error.into(),
            field,
            value,
            code,
        });
    }

    /// Adds or takes out an item. Confirms it once, however often the message names it.
    fn put(
        &mut self,
        set: &mut Set<'a>,
        name: Cow<'a, str>,
        max: usize,
        field: &'static str,
    ) -> bool {
        match self.action {
            Action::Unsubscribe => drop(set.remove(&name)),
            Action::Subscribe if set.len() >= max && !set.contains(&name) => {
                self.full(field, name);
                return false;
            }
            Action::Subscribe => drop(set.insert(name.clone())),
        }
        self.confirm(Item::Text(name));
        true
    }

    fn confirm(&mut self, item: Item<'a>) {
        // Messages name few items twice, but many at once: looking only at the last keeps long lists cheap.
        if self.accepted.last() != Some(&item) {
            self.accepted.push(item);
        }
    }

    fn full(&mut self, field: &'static str, value: Cow<'a, str>) {
        self.refuse(
            "Too many subscriptions",
            field,
            value,
            "TOO_MANY_SUBSCRIPTIONS",
        );
    }

    fn events(
        &mut self,
        session: &mut Session<'a>,
        data: &Data<'a>,
        rules: &Rules<'_>,
    ) -> Result<(), BadField> {
        let types = names("event_types", data.event_types)?;
        let filters = filters_of(data)?;
        if types.is_none() && filters.is_empty() {
            return Err(BadField {
                field: "event_types",
                expected: "a list of texts",
            });
        }
        for (_, set) in filters.each() {
            if let Some(bad) = set.iter().find(|name| !is_name(name)) {
                self.refuse("Invalid filter", "filter", bad.clone(), "INVALID_FILTER");
                return Ok(());
            }
            if set.len() > rules.max_items {
                self.full("filters", "filters".into());
                return Ok(());
            }
        }
        match (self.action, types) {
            (Action::Subscribe, Some(types)) => self.add_types(session, types, &filters, rules),
            (Action::Subscribe, None) => {
                add_bounded(&mut session.everywhere, &filters, rules.max_items)
                    .unwrap_or_else(|()| self.full("filters", "filters".into()))
            }
            (Action::Unsubscribe, types) => self.remove_types(session, types, &filters),
        }
        Ok(())
    }

    fn add_types(
        &mut self,
        session: &mut Session<'a>,
        types: Vec<Cow<'a, str>>,
        filters: &Filters<'a>,
        rules: &Rules<'_>,
    ) {
        for name in types {
            let name = unprefixed(name);
            if !is_event_type(&name) {
                self.refuse(
                    "Invalid event type",
                    "event_type",
                    name,
                    "INVALID_EVENT_TYPE",
                );
                continue;
            }
            let known = session.event_types.get_or_insert_default();
            if known.len() >= rules.max_items && !known.contains_key(&name) {
                self.full("event_type", name);
                continue;
            }
            let bound = known.entry(name.clone()).or_default();
            match add_bounded(bound, filters, rules.max_items) {
                Ok(()) => self.confirm(Item::Text(name)),
                Err(()) => self.full("event_type", name),
            }
        }
    }

    /// Named event types leave with their filters; filters without event types are taken out wherever they are.
    fn remove_types(
        &mut self,
        session: &mut Session<'a>,
        types: Option<Vec<Cow<'a, str>>>,
        filters: &Filters<'a>,
    ) {
        session.everywhere.remove(filters);
        let Some(types) = types else {
            let bound = session
                .event_types
                .iter_mut()
                .flat_map(|types| types.values_mut());
            return bound.for_each(|bound| bound.remove(filters));
        };
        for name in types.into_iter().map(unprefixed) {
            if let Some(known) = &mut session.event_types {
                known.remove(&name);
            }
            self.confirm(Item::Text(name));
        }
    }

    fn entities(
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

    fn rooms(
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

    fn numbered(
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

    fn topics(
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

fn required<'a>(
    field: &'static str,
    raw: Option<&'a RawValue>,
) -> Result<Vec<Cow<'a, str>>, BadField> {
    names(field, raw)?.ok_or(BadField {
        field,
        expected: "a list of texts",
    })
}

fn unprefixed(name: Cow<'_, str>) -> Cow<'_, str> {
    match name {
        Cow::Borrowed(name) => Cow::Borrowed(without_prefix(name)),
        Cow::Owned(name) => Cow::Owned(without_prefix(&name).to_owned()),
    }
}

/// The filters under `filters` and those beside the event types.
fn filters_of<'a>(data: &Data<'a>) -> Result<Filters<'a>, BadField> {
    #[derive(Default, serde::Deserialize)]
    struct Nested<'a> {
        #[serde(borrow)]
        domains: Option<&'a RawValue>,
        #[serde(borrow)]
        rooms: Option<&'a RawValue>,
        #[serde(borrow)]
        entity_types: Option<&'a RawValue>,
        #[serde(borrow)]
        sources: Option<&'a RawValue>,
    }
    let bad = BadField {
        field: "filters",
        expected: "an object",
    };
    let nested: Nested<'a> = match data.filters.map(RawValue::get) {
        None | Some("null") => Nested::default(),
        Some(object) if object.starts_with('{') => serde_json::from_str(object).map_err(|_| bad)?,
        Some(_) => return Err(bad),
    };
    let mut filters = Filters::default();
    for (domains, rooms, types, sources) in [
        (
            nested.domains,
            nested.rooms,
            nested.entity_types,
            nested.sources,
        ),
        (data.domains, data.rooms, data.entity_types, data.sources),
    ] {
        let set = |field, raw| names(field, raw).map(Option::unwrap_or_default);
        filters.domains.extend(set("domains", domains)?);
        filters
            .rooms
            .extend(set("rooms", rooms)?.into_iter().map(unprefixed));
        filters.entity_types.extend(set("entity_types", types)?);
        filters.sources.extend(set("sources", sources)?);
    }
    Ok(filters)
}

/// Adds filters unless a set would have more than `max` items; then nothing is added.
fn add_bounded<'a>(filters: &mut Filters<'a>, more: &Filters<'a>, max: usize) -> Result<(), ()> {
    let mut grown = filters.clone();
    grown.add(more);
    if grown.each().iter().any(|(_, set)| set.len() > max) {
        return Err(());
    }
    *filters = grown;
    Ok(())
}
