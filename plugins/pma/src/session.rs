//! What is kept of a client: its id and its sets, as the compact text that the host keeps with the connection.
//!
//! A line for each thing, its first letter says what: `i` the id, `l` how many subscriptions the host holds, `E` that
//! event types were named, `e` one of them with its filters, `n` entities, `r` rooms, `p` PMA's numbered rooms, `a`
//! filters without event types, `t` topics. Items are separated by tabs, and no item holds a control character. A
//! letter that a later version wrote is skipped.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Some names; borrowed where they come from the kept text or the message at hand.
pub type Set<'a> = BTreeSet<Cow<'a, str>>;

/// The sets that narrow events by what they are about. An empty one passes everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Filters<'a> {
    /// Domains of entities.
    pub domains: Set<'a>,
    /// Rooms of entities.
    pub rooms: Set<'a>,
    /// Types of entities.
    pub entity_types: Set<'a>,
    /// Sources of events, as clients know them.
    pub sources: Set<'a>,
}

/// A client's sets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Session<'a> {
    /// What the client was greeted as.
    pub client_id: Cow<'a, str>,
    /// How many subscriptions the host holds for it.
    pub live: usize,
    /// Event types, each with the filters bound to it; `None`: never named, which passes all.
    pub event_types: Option<BTreeMap<Cow<'a, str>, Filters<'a>>>,
    /// Entities.
    pub entities: Set<'a>,
    /// Rooms by their source's id.
    pub rooms: Set<'a>,
    /// Rooms by PMA's number, with the area behind each where it is known.
    pub numbered: BTreeMap<i64, Option<Cow<'a, str>>>,
    /// Filters that were given without event types: they hold for all.
    pub everywhere: Filters<'a>,
    /// Topics of `subscribe`.
    pub topics: Set<'a>,
}

impl<'a> Filters<'a> {
    /// Whether none of them narrows anything.
    pub fn is_empty(&self) -> bool {
        self.each().iter().all(|(_, set)| set.is_empty())
    }

    /// Its sets, with the letters that they are kept under.
    pub fn each(&self) -> [(char, &Set<'a>); 4] {
        [
            ('d', &self.domains),
            ('r', &self.rooms),
            ('t', &self.entity_types),
            ('s', &self.sources),
        ]
    }

    /// Its sets in the order of [`each`](Self::each), to be changed.
    pub fn each_mut(&mut self) -> [&mut Set<'a>; 4] {
        [
            &mut self.domains,
            &mut self.rooms,
            &mut self.entity_types,
            &mut self.sources,
        ]
    }

    /// Adds all of another's.
    pub fn add(&mut self, more: &Filters<'a>) {
        for (set, (_, more)) in self.each_mut().into_iter().zip(more.each()) {
            set.extend(more.iter().cloned());
        }
    }

    /// Takes out all of another's.
    pub fn remove(&mut self, less: &Filters<'a>) {
        for (set, (_, less)) in self.each_mut().into_iter().zip(less.each()) {
            set.retain(|name| !less.contains(name));
        }
    }

    fn read(items: impl Iterator<Item = &'a str>) -> Self {
        let mut filters = Self::default();
        for item in items {
            let set = match item.as_bytes().first() {
                Some(b'd') => &mut filters.domains,
                Some(b'r') => &mut filters.rooms,
                Some(b't') => &mut filters.entity_types,
                Some(b's') => &mut filters.sources,
                _ => continue,
            };
            set.insert(Cow::Borrowed(&item[1..]));
        }
        filters
    }

    fn write(&self, text: &mut String) {
        for (letter, set) in self.each() {
            for name in set {
                text.push('\t');
                text.push(letter);
                text.push_str(name);
            }
        }
    }
}

impl<'a> Session<'a> {
    /// Reads the kept text.
    pub fn read(text: &'a str) -> Self {
        let mut session = Self::default();
        for line in text.split('\n').filter(|line| !line.is_empty()) {
            let Some((letter, rest)) = line.split_at_checked(1) else {
                continue;
            };
            let mut items = rest.split('\t');
            match letter {
                "i" => session.client_id = rest.into(),
                "l" => session.live = rest.parse().unwrap_or(0),
                "E" => drop(session.event_types.get_or_insert_default()),
                "e" => {
                    let name = items.next().unwrap_or_default().into();
                    let types = session.event_types.get_or_insert_default();
                    types.insert(name, Filters::read(items));
                }
                "n" => session.entities = set(items),
                "r" => session.rooms = set(items),
                "p" => session.numbered = items.filter_map(numbered).collect(),
                "a" => session.everywhere = Filters::read(items),
                "t" => session.topics = set(items),
                _ => {}
            }
        }
        session
    }

    /// What the client is subscribed to, for people.
    pub fn items(&self) -> Vec<String> {
        let mut items = Vec::new();
        let mut add = |kind: &str, name: &str| items.push(format!("{kind}:{name}"));
        let types = self.event_types.iter().flat_map(BTreeMap::keys);
        types.for_each(|name| add("ha_events", name));
        self.entities.iter().for_each(|id| add("ha_entities", id));
        self.rooms.iter().for_each(|id| add("ha_rooms", id));
        self.numbered
            .keys()
            .for_each(|number| add("room", &number.to_string()));
        self.topics.iter().for_each(|topic| add("topics", topic));
        items
    }

    /// The text to keep.
    pub fn write(&self) -> String {
        let mut text = format!("i{}", self.client_id);
        // Writing to a String does not fail.
        let _ = write!(text, "\nl{}", self.live);
        if let Some(types) = &self.event_types {
            text.push_str("\nE");
            for (name, filters) in types {
                let _ = write!(text, "\ne{name}");
                filters.write(&mut text);
            }
        }
        write_set(&mut text, 'n', &self.entities);
        write_set(&mut text, 'r', &self.rooms);
        let mut separator = "\np";
        for (number, area) in &self.numbered {
            let _ = write!(text, "{separator}{number}");
            if let Some(area) = area {
                let _ = write!(text, "={area}");
            }
            separator = "\t";
        }
        if !self.everywhere.is_empty() {
            text.push_str("\na");
            self.everywhere.write(&mut text);
        }
        write_set(&mut text, 't', &self.topics);
        text
    }
}

/// The id in a kept text, without reading the rest.
pub fn client_id(text: &str) -> &str {
    let first = text.split('\n').next().unwrap_or_default();
    first.strip_prefix('i').unwrap_or_default()
}

fn set<'a>(items: impl Iterator<Item = &'a str>) -> Set<'a> {
    items.map(Cow::Borrowed).collect()
}

fn numbered(item: &str) -> Option<(i64, Option<Cow<'_, str>>)> {
    let (number, area) = match item.split_once('=') {
        Some((number, area)) => (number, Some(Cow::Borrowed(area))),
        None => (item, None),
    };
    Some((number.parse().ok()?, area))
}

fn write_set(text: &mut String, letter: char, set: &Set<'_>) {
    for (nth, name) in set.iter().enumerate() {
        match nth {
            0 => text.extend(['\n', letter]),
            _ => text.push('\t'),
        }
        text.push_str(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names<'a>(all: &[&'a str]) -> Set<'a> {
        all.iter().copied().map(Cow::Borrowed).collect()
    }

    fn full() -> Session<'static> {
        let filters = Filters {
            domains: names(&["light", "switch"]),
            rooms: names(&["living room"]),
            ..Filters::default()
        };
        let types = [
            ("automation_triggered".into(), Filters::default()),
            ("state_changed".into(), filters),
        ];
        Session {
            client_id: "mobile_app".into(),
            live: 3,
            event_types: Some(types.into()),
            entities: names(&["light.a", "light.b"]),
            rooms: names(&["küche"]),
            numbered: [(1, None), (7, Some("living_room".into()))].into(),
            everywhere: Filters {
                sources: names(&["home"]),
                ..Filters::default()
            },
            topics: names(&["entity:light.a"]),
        }
    }

    #[test]
    fn what_is_kept_is_read_as_it_was() {
        let fresh = Session {
            client_id: "c".into(),
            ..Session::default()
        };
        let emptied = Session {
            event_types: Some(BTreeMap::new()),
            ..fresh.clone()
        };
        for session in [full(), fresh, emptied] {
            assert_eq!(Session::read(&session.write()), session);
        }
        assert_eq!(client_id(&full().write()), "mobile_app");
    }

    #[test]
    fn it_is_compact() {
        let expected = "imobile_app\nl3\nE\neautomation_triggered\nestate_changed\tdlight\tdswitch\trliving room\n\
                        nlight.a\tlight.b\nrküche\np1\t7=living_room\na\tshome\ntentity:light.a";
        assert_eq!(full().write(), expected);
    }

    #[test]
    fn what_another_version_kept_breaks_nothing() {
        let odd = Session::read("ime\nzzz\tq\np1\tx\nl-3\n\n");
        assert_eq!(odd.client_id, "me");
        assert_eq!(odd.numbered.len(), 1);
        assert_eq!(Session::read(""), Session::default());
        assert_eq!(client_id(""), "");
    }
}
