//! What other sources tell of their rooms. What Home Assistant calls an area is a room there; its floors, which
//! `area.updated` tells of, are not.

use crate::book::Area;
use hearthgate_plugin::{Published, metrics};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// Most areas that wait; a source that tells of more at once is not a home.
const MAX_WAITING: usize = 10_000;
/// Longest name that is taken over, in characters.
const MAX_NAME: usize = 200;
/// Longest id that is taken over, in bytes.
const MAX_ID: usize = 255;

/// What was heard and is not yet in the book: the newest of each area, so it is bounded by the areas there are.
#[derive(Debug)]
pub struct Hearing {
    areas: BTreeMap<String, Area>,
    /// How many entities are in an area, as its source counts.
    counts: BTreeMap<String, u32>,
    /// Which areas each source has told of; `None`: there were too many to know.
    standing: Option<BTreeSet<(String, String)>>,
}

impl Default for Hearing {
    fn default() -> Self {
        Self {
            areas: BTreeMap::new(),
            counts: BTreeMap::new(),
            standing: Some(BTreeSet::new()),
        }
    }
}

#[derive(Deserialize)]
struct Data {
    room: Named,
}

#[derive(Deserialize)]
struct Named {
    id: String,
    name: String,
    icon: Option<String>,
    entity_count: Option<u32>,
}

impl Hearing {
    /// Listens to an event of a room.
    pub fn hear(&mut self, published: &Published) {
        let event = &published.event;
        let Ok(Data { room: named }) = serde_json::from_str(&event.data) else {
            metrics::add("areas_skipped_total", 1, &[]);
            return;
        };
        let full = self.areas.len() >= MAX_WAITING && !self.areas.contains_key(&named.id);
        if named.id.is_empty() || named.id.len() > MAX_ID || full {
            metrics::add("areas_skipped_total", 1, &[]);
            return;
        }
        let gone = event.kind == "room.deleted";
        self.stands(&published.source, &named.id, !gone);
        if let Some(count) = named
            .entity_count
            .filter(|_| self.counts.len() < MAX_WAITING)
        {
            self.counts.insert(named.id.clone(), count);
        }
        if gone {
            self.counts.remove(&named.id);
        }
        let name: String = named.name.trim().chars().take(MAX_NAME).collect();
        let area = Area {
            source: published.source.clone(),
            id: named.id.clone(),
            icon: named.icon.filter(|icon| icon.len() <= MAX_ID),
            name: (!gone && !name.is_empty()).then_some(name),
        };
        self.areas.insert(named.id, area);
    }

    fn stands(&mut self, source: &str, area: &str, there: bool) {
        let Some(standing) = &mut self.standing else {
            return;
        };
        let both = (source.to_owned(), area.to_owned());
        match there {
            true => standing.insert(both),
            false => standing.remove(&both),
        };
        if standing.len() > MAX_WAITING {
            self.standing = None;
        }
    }

    /// What was told before can't be asked for, so nobody knows any more which areas there are.
    pub fn forget_standing(&mut self) {
        self.standing = None;
    }

    /// A source has told all that it has: an area of it that was not among that is gone.
    pub fn settle(&mut self, source: &str, areas: impl Iterator<Item = String>) {
        let Some(standing) = &self.standing else {
            return;
        };
        let gone: Vec<String> = areas
            .filter(|area| !standing.contains(&(source.to_owned(), area.clone())))
            .collect();
        for id in gone {
            self.put_back(Area {
                source: source.to_owned(),
                id,
                icon: None,
                name: None,
            });
        }
    }

    /// The next area to look up.
    pub fn next(&mut self) -> Option<Area> {
        self.areas.pop_first().map(|(_, area)| area)
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.areas.is_empty()
    }

    /// Puts an area back, unless something newer was heard of it.
    pub fn put_back(&mut self, area: Area) {
        self.areas.entry(area.id.clone()).or_insert(area);
    }

    /// How many entities are in an area, where its source tells.
    pub fn entities_in(&self, area: &str) -> Option<u32> {
        self.counts.get(area).copied()
    }
}

/// Whether an event is another source's own word: neither ours, nor one that only says what a third one said.
pub fn is_firsthand(published: &Published, own: &str, sources: &[String]) -> bool {
    let mirrored = published
        .event
        .labels
        .iter()
        .any(|(key, _)| key == "mirrors");
    let wanted = sources.is_empty() || sources.contains(&published.source);
    published.source != own && wanted && !mirrored
}
