//! What the plugin knows of the home, and the events that each change of it makes.

use crate::complaints::Complaints;
use crate::config::Config;
use crate::facts::Facts;
use crate::filter::{Filter, domain_of};
use crate::home::{Full, Home, Known};
use crate::ids::Ids;
use crate::outbox;
use crate::registry::{Place, Registry};
use crate::wire;
use hearthgate_plugin::events::{
    self, Area, AreaUpdated, RoomChange, RoomCreated, RoomDeleted, RoomUpdated,
};
use hearthgate_plugin::{Event, Outbox};
use std::collections::{BTreeMap, BTreeSet};

/// Why a state comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// The first reading of the home: nothing is new to it.
    First,
    /// A later reading: only differences are told.
    Again,
    /// It changed just now.
    Now,
}

/// The home.
#[derive(Debug)]
pub struct Model {
    pub registry: Registry,
    pub home: Home,
    pub filter: Filter,
    pub facts: Facts,
    /// Rooms as they were last told, by the gateway's id.
    pub rooms: BTreeMap<String, events::Room>,
    /// Areas as they were last told: their names by the gateway's id.
    pub areas: BTreeMap<String, String>,
    /// Entities whose registered name changed since they were last told.
    pub renamed: BTreeSet<String>,
    /// The reading that is under way, or was the last.
    pub reading: u32,
    pub outbox: Outbox,
    pub complaints: Complaints,
}

impl Model {
    pub fn new(config: &Config) -> Self {
        Self {
            registry: Registry::default(),
            home: Home::new(config.max_entities, config.max_bytes),
            filter: config.filter(),
            facts: Facts {
                ids: Ids::new(&config.prefix),
                redact: config.redact.clone(),
            },
            rooms: BTreeMap::new(),
            areas: BTreeMap::new(),
            renamed: BTreeSet::new(),
            reading: 0,
            outbox: Outbox::new(outbox::CAPACITY),
            complaints: Complaints::default(),
        }
    }

    /// Takes a state. `old` is the state before, where Home Assistant tells it.
    pub fn take(&mut self, state: &wire::State<'_>, old: Option<&str>, occasion: Occasion) {
        let (id, attributes) = (&*state.entity_id, state.attributes.get());
        if !is_entity(id) {
            return self.complaints.add("a state without a valid entity id", id);
        }
        if !attributes.starts_with('{') {
            return self
                .complaints
                .add("a state whose attributes are no object", id);
        }
        let place = self.registry.place(id);
        if !self.filter.takes(id, place.room.as_deref()) {
            return;
        }
        let before = self.home.get(id);
        if occasion != Occasion::Now && before.is_some_and(|k| same(k, state, &place)) {
            return self.home.mark(id, self.reading);
        }
        let known = Known {
            state: (&*state.state).into(),
            attributes: state.attributes.to_owned(),
            updated: state.updated(),
            place,
            seen: self.reading,
        };
        match self.home.put(id, known) {
            Ok(before) => self.tell(id, before.as_ref(), old, occasion),
            Err(Full::Entities) => self.complaints.add("an entity beyond max-entities", id),
            Err(Full::Bytes) => self.complaints.add("an entity beyond max-bytes", id),
        }
    }

    /// Tells of an entity that is in the home by now.
    fn tell(&mut self, id: &str, before: Option<&Known>, old: Option<&str>, occasion: Occasion) {
        let Some(now) = self.home.get(id) else { return };
        if before.is_none() && occasion != Occasion::First {
            self.outbox.push(self.facts.added(id, now, &self.registry));
        }
        let old = old.or_else(|| before.map(|known| &*known.state));
        self.outbox
            .push(self.facts.state(id, old, now, &self.registry));
        if occasion == Occasion::Now && is_activation(id, old, &now.state) {
            let event = self.facts.scene(id, now, &self.registry);
            self.outbox
                .push(outbox::at(event, wire::millis(&now.state)));
        }
    }

    /// An entity is gone. One that nobody was told of is gone without a word.
    pub fn remove(&mut self, id: &str) {
        if let Some(known) = self.home.remove(id) {
            self.outbox.push(self.facts.removed(id, &known.place));
        }
    }

    /// Holds up to `count` entities after one against the registry, and tells of those that were moved or renamed. Returns
    /// where to go on.
    pub fn place_some(&mut self, after: Option<&str>, count: usize) -> Option<String> {
        let some: Vec<(String, Place)> = self
            .home
            .after(after)
            .take(count)
            .map(|(id, _)| (id.to_owned(), self.registry.place(id)))
            .collect();
        let last = some
            .last()
            .map(|(id, _)| id.clone())
            .filter(|_| some.len() == count);
        for (id, place) in some {
            self.place(&id, place);
        }
        if last.is_none() {
            self.renamed.clear();
        }
        last
    }

    fn place(&mut self, id: &str, place: Place) {
        if !self.filter.takes(id, place.room.as_deref()) {
            return self.remove(id);
        }
        let moved = self
            .home
            .move_to(id, place.clone())
            .is_some_and(|old| old != place);
        let renamed = self.renamed.contains(id);
        let Some(now) = self.home.get(id).filter(|_| moved || renamed) else {
            return;
        };
        self.outbox
            .push(self.facts.updated(id, now, &self.registry));
        // The retained state carries the room too, in data and labels.
        if moved {
            let state = Some(&*now.state);
            self.outbox
                .push(self.facts.state(id, state, now, &self.registry));
        }
    }

    /// Looks at up to `count` entities after one, and removes those that the last reading did not see. Returns where to go
    /// on.
    pub fn sweep_some(&mut self, after: Option<&str>, count: usize) -> Option<String> {
        let some: Vec<(String, bool)> = self
            .home
            .after(after)
            .take(count)
            .map(|(id, known)| (id.to_owned(), known.seen == self.reading))
            .collect();
        let last = some
            .last()
            .map(|(id, _)| id.clone())
            .filter(|_| some.len() == count);
        for (id, seen) in some {
            if !seen {
                self.remove(&id);
            }
        }
        last
    }

    /// Tells of the rooms and areas that changed, with how many entities are in each.
    pub fn settle(&mut self) {
        let mut rooms = BTreeMap::new();
        for (id, room) in &self.registry.rooms {
            if self.filter.takes_room(id) {
                let told = self.facts.room(id, room, self.home.in_room(id));
                rooms.insert(told.id.clone(), told);
            }
        }
        let areas: BTreeMap<String, String> = self
            .registry
            .areas
            .iter()
            .map(|(id, name)| (self.facts.ids.room(id).into_owned(), name.clone()))
            .collect();
        for change in difference(&self.areas, &areas) {
            self.outbox.push(area_event(change));
        }
        for change in difference(&self.rooms, &rooms) {
            self.outbox.push(room_event(change));
        }
        (self.areas, self.rooms) = (areas, rooms);
    }
}

/// What became of something.
enum Change<'a, T> {
    Created(&'a str, &'a T),
    Updated(&'a str, &'a T),
    Deleted(&'a str, &'a T),
}

fn difference<'a, T: PartialEq>(
    old: &'a BTreeMap<String, T>,
    new: &'a BTreeMap<String, T>,
) -> Vec<Change<'a, T>> {
    let gone = old.iter().filter(|(id, _)| !new.contains_key(*id));
    let gone = gone.map(|(id, value)| Change::Deleted(id, value));
    let come = new.iter().filter_map(|(id, value)| match old.get(id) {
        None => Some(Change::Created(id, value)),
        Some(before) if before != value => Some(Change::Updated(id, value)),
        Some(_) => None,
    });
    gone.chain(come).collect()
}

fn room_event(change: Change<'_, events::Room>) -> Event {
    let data = |room: &events::Room| RoomChange::new(room.clone());
    let (event, room) = match change {
        Change::Created(_, room) => (Event::of(&RoomCreated(data(room))), room),
        Change::Updated(_, room) => (Event::of(&RoomUpdated(data(room))), room),
        Change::Deleted(_, room) => (Event::of(&RoomDeleted(data(room))), room),
    };
    event
        .label("room", &room.id)
        .label_if("area", room.area.as_deref())
}

fn area_event(change: Change<'_, String>) -> Event {
    let (id, name, action) = match change {
        Change::Created(id, name) => (id, name, "created"),
        Change::Updated(id, name) => (id, name, "updated"),
        Change::Deleted(id, name) => (id, name, "deleted"),
    };
    Event::of(&AreaUpdated::new(Area::new(id, name.as_str()), action)).label("area", id)
}

/// Whether a state is what is known already.
fn same(known: &Known, state: &wire::State<'_>, place: &Place) -> bool {
    *known.state == *state.state
        && known.attributes.get() == state.attributes.get()
        && known.place == *place
}

/// `domain.object`, as Home Assistant's own check has it but for the letters: other systems' ids come through it.
fn is_entity(id: &str) -> bool {
    let named = |(domain, object): (&str, &str)| !domain.is_empty() && !object.is_empty();
    id.len() <= 255 && id.split_once('.').is_some_and(named)
}

/// A scene's state is when it was last activated.
fn is_activation(id: &str, old: Option<&str>, new: &str) -> bool {
    let before = |old: &str| old == "unknown" || wire::millis(old).is_some();
    domain_of(id) == "scene"
        && old != Some(new)
        && old.is_some_and(before)
        && wire::millis(new).is_some()
}
