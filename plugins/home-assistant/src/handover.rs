//! What one instance hands to the next: the login, the home, and what was under way.

use crate::home::Known;
use crate::outbox;
use crate::registry::{Entry, Place, Registry, Room};
use crate::session::{self, Session};
use crate::*;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::rc::Rc;

/// The form of the state.
const STATE: u32 = 1;

type Text<'a> = Cow<'a, str>;

/// What is handed over. Attributes are JSON already and stay as they are.
#[derive(Serialize, Deserialize)]
pub struct Saved<'a> {
    prefix: String,
    session: Option<session::Saved>,
    /// The home was read whole, and nothing was being read or could not be handed over.
    synchronised: bool,
    reading: u32,
    version: Option<String>,
    dirty: BTreeSet<registry::Which>,
    floors: Vec<(Text<'a>, Text<'a>)>,
    areas: Vec<(Text<'a>, Cow<'a, Room>)>,
    devices: Vec<(Text<'a>, Option<Text<'a>>)>,
    entries: Vec<SavedEntry<'a>>,
    entities: Vec<SavedEntity<'a>>,
    told_rooms: BTreeMap<String, events::Room>,
    told_areas: BTreeMap<String, String>,
    outbox: Vec<Cow<'a, Event>>,
    frames: Vec<String>,
}

/// An entry of the registry: entity, room, device, name.
#[derive(Serialize, Deserialize)]
struct SavedEntry<'a>(
    Text<'a>,
    Option<Text<'a>>,
    Option<Text<'a>>,
    Option<Text<'a>>,
);

#[derive(Serialize, Deserialize)]
struct SavedEntity<'a> {
    id: Text<'a>,
    state: Text<'a>,
    attributes: Cow<'a, RawValue>,
    updated: Option<u64>,
    room: Option<Text<'a>>,
    area: Option<Text<'a>>,
    device: Option<Text<'a>>,
    seen: u32,
}

/// What the instance before left, where it is of use: after a start of the gateway nobody has been told of anything.
pub fn take(start: &mut Start) -> Option<Saved<'static>> {
    if start.reason == Reason::Fresh {
        return None;
    }
    let saved = start.state(STATE);
    // Megabytes that are of no use any more.
    start.state = None;
    saved
}

/// A new socket, also where an instance before has one: without what that knew, its socket is of no use, because the
/// numbers of requests must rise.
pub fn new_link(start: &mut Start, target: WebSocketTarget) -> Link {
    let reason = std::mem::replace(&mut start.reason, Reason::Reconfigured);
    let link = Link::start(start, target);
    start.reason = reason;
    link
}

fn text(id: &Option<Rc<str>>) -> Option<Text<'_>> {
    id.as_deref().map(Cow::Borrowed)
}

fn pairs<'a, T, U>(
    map: &'a BTreeMap<Rc<str>, T>,
    value: impl Fn(&'a T) -> U,
) -> Vec<(Text<'a>, U)> {
    map.iter()
        .map(|(id, one)| (Cow::Borrowed(&**id), value(one)))
        .collect()
}

impl HomeAssistant {
    /// The state for the next instance.
    pub fn hand_over(&self) -> Result<State, HostError> {
        let (frames, whole) = self.backlog.hand_over();
        let idle = self.plan.is_empty() && self.tasks.is_empty() && self.reading.is_none();
        let (model, registry) = (&self.model, &self.model.registry);
        let saved = Saved {
            prefix: self.config.prefix.clone(),
            session: self.line.session_ref().map(Session::save),
            synchronised: self.synchronised && self.sync.is_none() && idle && whole,
            reading: model.reading,
            version: self.version.clone(),
            dirty: self.dirty.clone(),
            floors: pairs(&registry.areas, |name| Cow::Borrowed(name.as_str())),
            areas: pairs(&registry.rooms, Cow::Borrowed),
            devices: pairs(&registry.devices, text),
            entries: registry
                .entities
                .iter()
                .map(|(id, entry)| saved_entry(id, entry))
                .collect(),
            entities: model.home.iter().map(saved_entity).collect(),
            told_rooms: model.rooms.clone(),
            told_areas: model.areas.clone(),
            outbox: model.outbox.iter().map(Cow::Borrowed).collect(),
            frames,
        };
        // Once, and not by doubling: megabytes that are copied again and again would take the memory twice.
        let mut data = Vec::with_capacity(model.home.bytes() * 5 / 4 + (64 << 10));
        serde_json::to_writer(&mut data, &saved)
            .map_err(|error| HostError::new("state", error.to_string()))?;
        Ok(State {
            schema: STATE,
            data,
        })
    }

    /// Goes on where the instance before left off.
    pub fn resume(&mut self, saved: Saved<'static>) {
        self.model.registry = registry(&saved);
        self.model.reading = saved.reading;
        self.version = saved.version;
        self.model.rooms = saved.told_rooms;
        self.model.areas = saved.told_areas;
        self.model.outbox = Outbox::resume(
            outbox::CAPACITY,
            saved.outbox.into_iter().map(Cow::into_owned),
        );
        for entity in saved.entities {
            self.put_back(entity);
        }
        self.synchronised = true;
        if saved.prefix != self.config.prefix {
            self.withdraw(&saved.prefix);
        }
        let Some(socket) = self.line.socket() else {
            return;
        };
        for text in saved.frames {
            self.backlog.push(text);
        }
        match saved.session {
            None => self.line.resume_greeting(socket),
            Some(session) => {
                self.line.resume(Session::resume(socket, session));
                if self
                    .line
                    .session_ref()
                    .is_some_and(|session| session.calls() > 0)
                {
                    self.wakes.look_after_calls(self.config.call_timeout);
                }
                match saved.synchronised {
                    true => saved
                        .dirty
                        .into_iter()
                        .for_each(|which| self.registry_changed(which)),
                    false => self.synchronise(false),
                }
            }
        }
    }

    fn put_back(&mut self, entity: SavedEntity<'static>) {
        let model = &mut self.model;
        let mut shared = |id: Option<Text<'_>>| id.map(|id| model.registry.intern(&id));
        let place = Place {
            room: shared(entity.room),
            area: shared(entity.area),
            device: shared(entity.device),
        };
        let known = Known {
            state: entity.state.into(),
            attributes: entity.attributes.into_owned(),
            updated: entity.updated,
            place,
            seen: entity.seen,
        };
        if model.home.put(&entity.id, known).is_err() {
            // The limits are lower than they were: nobody must go on believing in it.
            let gone = model.facts.removed(&entity.id, &Place::default());
            model.outbox.push(gone);
        }
    }

    /// Takes back everything that was told under another prefix; it is told anew under this one.
    fn withdraw(&mut self, prefix: &str) {
        let new = std::mem::replace(&mut self.model.facts.ids, ids::Ids::new(prefix));
        let known: Vec<String> = self
            .model
            .home
            .iter()
            .map(|(id, _)| id.to_owned())
            .collect();
        known.iter().for_each(|id| self.model.remove(id));
        let registry = std::mem::take(&mut self.model.registry);
        self.model.settle();
        self.model.registry = registry;
        self.model.facts.ids = new;
        self.synchronised = false;
    }
}

fn saved_entry<'a>(id: &'a str, entry: &'a Entry) -> SavedEntry<'a> {
    let name = entry.name.as_deref().map(Cow::Borrowed);
    SavedEntry(
        Cow::Borrowed(id),
        text(&entry.room),
        text(&entry.device),
        name,
    )
}

fn saved_entity<'a>((id, known): (&'a str, &'a Known)) -> SavedEntity<'a> {
    SavedEntity {
        id: id.into(),
        state: Cow::Borrowed(&known.state),
        attributes: Cow::Borrowed(&known.attributes),
        updated: known.updated,
        room: text(&known.place.room),
        area: text(&known.place.area),
        device: text(&known.place.device),
        seen: known.seen,
    }
}

fn registry(saved: &Saved<'_>) -> Registry {
    let mut registry = Registry::default();
    for (id, name) in &saved.floors {
        let id = registry.intern(id);
        registry.areas.insert(id, name.to_string());
    }
    for (id, room) in &saved.areas {
        let id = registry.intern(id);
        registry.rooms.insert(id, Room::clone(room));
    }
    for (id, room) in &saved.devices {
        let id = registry.intern(id);
        let room = room.as_deref().map(|room| registry.intern(room));
        registry.devices.insert(id, room);
    }
    for SavedEntry(id, room, device, name) in &saved.entries {
        let entry = Entry {
            room: room.as_deref().map(|room| registry.intern(room)),
            device: device.as_deref().map(|device| registry.intern(device)),
            name: name.as_deref().map(Box::from),
        };
        registry.entities.insert(id.as_ref().into(), entry);
    }
    registry
}
