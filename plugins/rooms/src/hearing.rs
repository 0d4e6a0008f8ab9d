//! What other sources tell of their rooms. What Home Assistant calls an area is a room there; its floors, which
//! `area.updated` tells of, are not.

use crate::book::Area;
use hearthgate_plugin::{Published, metrics};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Most areas that wait; a source that tells of more at once is not a home.
const MAX_WAITING: usize = 10_000;
/// Longest name that is taken over, in characters.
const MAX_NAME: usize = 200;
/// Longest id that is taken over, in bytes.
const MAX_ID: usize = 255;

/// What was heard and is not yet in the book: the newest of each area, so it is bounded by the areas there are.
#[derive(Debug, Default)]
pub struct Hearing {
    areas: BTreeMap<String, Area>,
    /// How many entities are in an area, as its source counts.
    counts: BTreeMap<String, u32>,
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
