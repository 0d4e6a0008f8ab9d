//! The book of all rooms: the rules of what may be done to them. It neither stores nor tells; whoever calls it does,
//! with the entry that comes back.

use crate::room::{Draft, Keeper, Room};
use std::collections::BTreeMap;

/// All rooms.
#[derive(Debug, Default)]
pub struct Book {
    rooms: BTreeMap<i64, Room>,
    next: i64,
    max: usize,
}

/// A room as it is to be from now on, and what that is to those who watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The room.
    pub room: Room,
    /// What was done.
    pub done: Done,
}

/// What was done to a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// It is new.
    Created,
    /// It changed.
    Updated,
    /// It is gone, and nothing is kept of it.
    Deleted,
    /// It is gone; its number is kept for its area.
    Hidden,
}

/// Why something may not be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such room.
    NotFound,
    /// Another room has that name.
    NameTaken,
    /// Another room is that area.
    AreaTaken,
    /// There are as many rooms as there may be.
    Full,
}

/// An area as its source tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Area {
    /// The instance that tells.
    pub source: String,
    /// The area's id there.
    pub id: String,
    /// Its icon there.
    pub icon: Option<String>,
    /// What it is called; `None`: it is gone.
    pub name: Option<String>,
}

impl Book {
    /// A book with what was stored, and the next number.
    pub fn new(rooms: impl IntoIterator<Item = Room>, next: i64, max: usize) -> Self {
        let rooms: BTreeMap<i64, Room> = rooms.into_iter().map(|room| (room.id, room)).collect();
        let after = rooms.keys().next_back().map_or(1, |last| last + 1);
        Self {
            next: next.max(after),
            rooms,
            max,
        }
    }

    /// The rooms that people see, by their numbers.
    pub fn listed(&self) -> impl Iterator<Item = &Room> {
        self.rooms.values().filter(|room| room.is_listed())
    }

    /// A room that people see.
    pub fn get(&self, id: i64) -> Result<&Room, Refusal> {
        let room = self.rooms.get(&id).filter(|room| room.is_listed());
        room.ok_or(Refusal::NotFound)
    }

    /// The number that the next room gets.
    pub fn next(&self) -> i64 {
        self.next
    }

    /// Writes an entry down.
    pub fn enter(&mut self, entry: &Entry) {
        let room = entry.room.clone();
        self.next = self.next.max(room.id + 1);
        match entry.done {
            Done::Deleted => drop(self.rooms.remove(&room.id)),
            _ => drop(self.rooms.insert(room.id, room)),
        }
    }

    /// A new room. One that stands for an area already and that nobody has changed becomes this one.
    pub fn create(&self, draft: &Draft, now: &str) -> Result<Entry, Refusal> {
        let area = draft.area.clone().flatten();
        let standing = area.as_deref().and_then(|area| self.of_area(area));
        if let Some(room) = standing.filter(|room| room.keeper != Keeper::People) {
            let done = match room.is_listed() {
                true => Done::Updated,
                false => Done::Created,
            };
            return self.changed(room, draft, now, done);
        }
        self.check(draft, None)?;
        let mut room = self.fresh(now)?;
        room.take(draft);
        Ok(Entry {
            room,
            done: Done::Created,
        })
    }

    /// Changes a room.
    pub fn update(&self, id: i64, draft: &Draft, now: &str) -> Result<Entry, Refusal> {
        self.changed(self.get(id)?, draft, now, Done::Updated)
    }

    /// Deletes a room. One that is an area is hidden, or its area would bring it back.
    pub fn delete(&self, id: i64, now: &str) -> Result<Entry, Refusal> {
        let mut room = self.get(id)?.clone();
        now.clone_into(&mut room.updated_at);
        let done = match room.home_assistant_area_id {
            None => Done::Deleted,
            Some(_) => Done::Hidden,
        };
        room.keeper = Keeper::Dismissed;
        Ok(Entry { room, done })
    }

    /// What an area means for the rooms; `None`: nothing new.
    pub fn hear(&self, area: &Area, now: &str) -> Result<Option<Entry>, Refusal> {
        let standing = self.of_area(&area.id);
        let Some(name) = &area.name else {
            return Ok(standing.and_then(|room| left(room, now)));
        };
        let namesake = || {
            self.listed()
                .find(|room| room.name == *name && room.home_assistant_area_id.is_none())
        };
        let (mut room, done) = match standing.or_else(namesake) {
            Some(room) if room.keeper == Keeper::Absent => (room.clone(), Done::Created),
            Some(room) if room.keeper != Keeper::Dismissed => (room.clone(), Done::Updated),
            Some(_) => return Ok(None),
            None => (self.fresh(now)?, Done::Created),
        };
        let before = room.clone();
        room.home_assistant_area_id = Some(area.id.clone());
        if before.keeper != Keeper::People || done == Done::Created {
            room.keeper = Keeper::Source(area.source.clone());
            room.name = self.unique(name, &area.id, room.id);
            room.icon.clone_from(&area.icon);
        }
        if room == before {
            return Ok(None);
        }
        now.clone_into(&mut room.updated_at);
        Ok(Some(Entry { room, done }))
    }

    fn of_area(&self, area: &str) -> Option<&Room> {
        let mut rooms = self.rooms.values();
        rooms.find(|room| room.home_assistant_area_id.as_deref() == Some(area))
    }

    fn fresh(&self, now: &str) -> Result<Room, Refusal> {
        if self.rooms.len() >= self.max {
            return Err(Refusal::Full);
        }
        Ok(Room {
            id: self.next,
            name: String::new(),
            icon: None,
            description: None,
            home_assistant_area_id: None,
            keeper: Keeper::People,
            created_at: now.to_owned(),
            updated_at: now.to_owned(),
        })
    }

    fn changed(&self, room: &Room, draft: &Draft, now: &str, done: Done) -> Result<Entry, Refusal> {
        self.check(draft, Some(room.id))?;
        let mut room = room.clone();
        room.take(draft);
        now.clone_into(&mut room.updated_at);
        Ok(Entry { room, done })
    }

    fn check(&self, draft: &Draft, own: Option<i64>) -> Result<(), Refusal> {
        let mut others = self.listed().filter(|room| Some(room.id) != own);
        if others.any(|room| room.name == draft.name) {
            return Err(Refusal::NameTaken);
        }
        let area = draft.area.clone().flatten();
        let standing = area.and_then(|area| self.of_area(&area));
        match standing.is_some_and(|room| Some(room.id) != own) {
            true => Err(Refusal::AreaTaken),
            false => Ok(()),
        }
    }

    /// An area's name, with its id where another room has the name.
    fn unique(&self, name: &str, area: &str, own: i64) -> String {
        let taken = self
            .listed()
            .any(|room| room.id != own && room.name == name);
        match taken {
            true => format!("{name} ({area})"),
            false => name.to_owned(),
        }
    }
}

/// A room whose area is gone: one that only followed it goes too.
fn left(room: &Room, now: &str) -> Option<Entry> {
    let mut room = room.clone();
    let done = match room.keeper {
        Keeper::Source(_) => Done::Hidden,
        Keeper::People | Keeper::Dismissed | Keeper::Absent => return None,
    };
    room.keeper = Keeper::Absent;
    now.clone_into(&mut room.updated_at);
    Some(Entry { room, done })
}

#[cfg(test)]
mod tests;
