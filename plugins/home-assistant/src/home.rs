//! The entities of the home, as they were last told to the gateway.

use crate::registry::Place;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::rc::Rc;

/// What an entity's record costs besides its texts, in bytes: the map's share and the allocator's.
const ENVELOPE: usize = 160;

/// An entity.
#[derive(Debug, Clone)]
pub struct Known {
    /// Its state: `on`.
    pub state: Box<str>,
    /// Its attributes, a JSON object as Home Assistant wrote it.
    pub attributes: Box<RawValue>,
    /// When it was last updated there, in milliseconds since the epoch.
    pub updated: Option<u64>,
    /// Where it is.
    pub place: Place,
    /// The synchronisation that saw it last.
    pub seen: u32,
}

impl Known {
    fn weight(&self, id: &str) -> usize {
        ENVELOPE + id.len() + self.state.len() + self.attributes.get().len()
    }
}

/// Why there is no room for an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    Entities,
    Bytes,
}

/// All entities, up to a number and a size.
#[derive(Debug)]
pub struct Home {
    entities: BTreeMap<Box<str>, Known>,
    counts: BTreeMap<Rc<str>, u32>,
    bytes: usize,
    max_entities: usize,
    max_bytes: usize,
}

impl Home {
    pub fn new(max_entities: usize, max_bytes: usize) -> Self {
        Self {
            entities: BTreeMap::new(),
            counts: BTreeMap::new(),
            bytes: 0,
            max_entities,
            max_bytes,
        }
    }

    pub fn len(&self) -> usize {
        self.entities.len()
    }

    /// What all texts take, more or less.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn get(&self, id: &str) -> Option<&Known> {
        self.entities.get(id)
    }

    pub fn get_key_value(&self, id: &str) -> Option<(&str, &Known)> {
        self.entities
            .get_key_value(id)
            .map(|(id, known)| (&**id, known))
    }

    /// How many entities are in a room.
    pub fn in_room(&self, room: &str) -> u32 {
        self.counts.get(room).copied().unwrap_or(0)
    }

    /// Takes an entity as it is now; returns what it was.
    ///
    /// # Errors
    /// There is no room; nothing changed then.
    pub fn put(&mut self, id: &str, known: Known) -> Result<Option<Known>, Full> {
        let weight = known.weight(id);
        let before = self.entities.get(id).map_or(0, |old| old.weight(id));
        if before == 0 && self.entities.len() >= self.max_entities {
            return Err(Full::Entities);
        }
        let bytes = self.bytes - before + weight;
        if bytes > self.max_bytes && weight > before {
            return Err(Full::Bytes);
        }
        self.bytes = bytes;
        self.count(known.place.room.as_ref(), true);
        let old = match self.entities.get_mut(id) {
            Some(place) => Some(std::mem::replace(place, known)),
            None => self.entities.insert(id.into(), known),
        };
        let left = old.as_ref().and_then(|old| old.place.room.clone());
        self.count(left.as_ref(), false);
        Ok(old)
    }

    /// Notes that a synchronisation saw an entity that did not change.
    pub fn mark(&mut self, id: &str, seen: u32) {
        if let Some(known) = self.entities.get_mut(id) {
            known.seen = seen;
        }
    }

    /// Puts an entity elsewhere; returns where it was.
    pub fn move_to(&mut self, id: &str, place: Place) -> Option<Place> {
        let known = self.entities.get_mut(id)?;
        let old = std::mem::replace(&mut known.place, place.clone());
        self.count(place.room.as_ref(), true);
        self.count(old.room.as_ref(), false);
        Some(old)
    }

    pub fn remove(&mut self, id: &str) -> Option<Known> {
        let known = self.entities.remove(id)?;
        self.bytes -= known.weight(id);
        self.count(known.place.room.as_ref(), false);
        Some(known)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Known)> {
        self.entities.iter().map(|(id, known)| (&**id, known))
    }

    /// The entities after an id, in the order of their ids; all after none.
    pub fn after<'a>(&'a self, id: Option<&str>) -> impl Iterator<Item = (&'a str, &'a Known)> {
        let from = id.map_or(Bound::Unbounded, Bound::Excluded);
        self.entities
            .range::<str, _>((from, Bound::Unbounded))
            .map(|(id, known)| (&**id, known))
    }

    /// The entities of a domain after an id.
    pub fn of_domain<'a>(
        &'a self,
        domain: &'a str,
        after: Option<&str>,
    ) -> impl Iterator<Item = (&'a str, &'a Known)> {
        let begin = format!("{domain}.");
        let after = after.filter(|after| *after >= begin.as_str());
        let from = match after {
            Some(after) => Bound::Excluded(after),
            None => Bound::Included(begin.as_str()),
        };
        self.entities
            .range::<str, _>((from, Bound::Unbounded))
            .map(|(id, known)| (&**id, known))
            .take_while(move |(id, _)| crate::filter::domain_of(id) == domain)
    }

    fn count(&mut self, room: Option<&Rc<str>>, more: bool) {
        let Some(room) = room else { return };
        let count = self.counts.entry(room.clone()).or_default();
        *count = match more {
            true => *count + 1,
            false => count.saturating_sub(1),
        };
        if *count == 0 {
            self.counts.remove(room);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(attributes: &str, room: Option<&str>) -> Known {
        Known {
            state: "on".into(),
            attributes: RawValue::from_string(attributes.to_owned()).expect("JSON"),
            updated: None,
            place: Place {
                room: room.map(Rc::from),
                ..Place::default()
            },
            seen: 1,
        }
    }

    #[test]
    fn rooms_know_how_many_are_in_them() {
        let mut home = Home::new(10, 10_000);
        let count = |home: &Home| (home.in_room("a"), home.in_room("b"));
        home.put("light.1", known("{}", Some("a"))).expect("room");
        home.put("light.2", known("{}", Some("a"))).expect("room");
        home.put("light.2", known("{}", Some("a"))).expect("room");
        assert_eq!(count(&home), (2, 0));
        home.put("light.2", known("{}", Some("b"))).expect("room");
        assert_eq!(count(&home), (1, 1));
        home.move_to("light.1", known("{}", Some("b")).place);
        assert_eq!(count(&home), (0, 2));
        home.remove("light.1");
        home.put("light.2", known("{}", None)).expect("room");
        assert_eq!(count(&home), (0, 0));
    }

    #[test]
    fn it_is_bounded_in_number_and_in_bytes_and_what_is_in_it_may_shrink() {
        let mut home = Home::new(2, 1_000);
        let large = format!("{{\"a\":\"{}\"}}", "x".repeat(500));
        home.put("light.1", known(&large, None)).expect("room");
        let full = |home: &mut Home, id, text: &str| home.put(id, known(text, None)).err();
        assert_eq!(full(&mut home, "light.2", &large), Some(Full::Bytes));
        home.put("light.2", known("{}", None)).expect("room");
        assert_eq!(full(&mut home, "light.3", "{}"), Some(Full::Entities));
        assert_eq!(full(&mut home, "light.2", &large), Some(Full::Bytes));
        home.put("light.1", known("{}", None))
            .expect("it is smaller");
        home.put("light.2", known(&large, None))
            .expect("room again");
        home.remove("light.1");
        home.remove("light.2");
        assert_eq!((home.len(), home.bytes()), (0, 0));
    }

    #[test]
    fn a_domain_is_found_without_its_neighbours() {
        let mut home = Home::new(10, 10_000);
        for id in [
            "lightning.a",
            "light.b",
            "light.a",
            "lock.a",
            "ligh.z",
            "light-x.y",
        ] {
            home.put(id, known("{}", None)).expect("room");
        }
        let ids = |after| {
            home.of_domain("light", after)
                .map(|(id, _)| id)
                .collect::<Vec<_>>()
        };
        assert_eq!(ids(None), ["light.a", "light.b"]);
        assert_eq!(ids(Some("light.a")), ["light.b"]);
        assert_eq!(ids(Some("automation.x")), ["light.a", "light.b"]);
        assert_eq!(ids(Some("sensor.x")), [""; 0]);
    }
}
