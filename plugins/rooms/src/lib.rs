//! Rooms: created, read, changed and deleted over HTTP and by messages, kept over restarts, and told as `room.*`
//! events. Home Assistant's areas appear among them. See the README beside this crate.

mod announce;
mod book;
mod hearing;
mod http;
mod messages;
mod room;
mod shelf;

use announce::{Announcer, Cause};
use book::{Area, Book, Done, Entry, Refusal};
use hearing::{Hearing, is_firsthand};
use hearthgate_plugin::events::{RoomChange, SyncState, SyncStatus};
use hearthgate_plugin::{
    Answer, Client, Failure, HostError, HttpAnswer, HttpCall, Plugin, Published, Rejection,
    Request, Start, TimerId, log, retained, rfc3339, timers,
};
use room::{Draft, Keeper, Room};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

/// The timer after which what is known is held against what was told.
const BEGIN: &str = "begin";
/// The timer after which listening goes on.
const LISTEN: &str = "listen";
/// Areas of one turn: each may be a write that waits for the disk.
const AREAS_OF_A_TURN: usize = 16;

/// The configuration.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Config {
    sources: Vec<String>,
    max_rooms: usize,
}

struct Rooms {
    own: String,
    sources: Vec<String>,
    book: Book,
    announcer: Announcer,
    hearing: Hearing,
    /// A turn of listening is under way: its timer is set.
    listening: bool,
    told_full: bool,
}

/// Why a request is not done.
enum Refused {
    /// It may not be.
    Rule(Refusal),
    /// It can't be kept.
    Store(String),
}

impl Plugin for Rooms {
    type Config = Config;

    fn init(start: &mut Start, config: Config) -> Result<Self, Failure> {
        let book = shelf::load(config.max_rooms).map_err(|error| {
            let reason = format!("the rooms can't be read: {error:?}");
            Failure::not_ready(reason, Duration::from_secs(1))
        })?;
        timers::after(Duration::ZERO, BEGIN)?;
        Ok(Self {
            own: start.instance.clone(),
            sources: config.sources,
            book,
            announcer: Announcer::default(),
            hearing: Hearing::default(),
            listening: false,
            told_full: false,
        })
    }

    fn on_timer(&mut self, _: TimerId, tag: &str) -> Result<(), Failure> {
        match tag {
            BEGIN => self.begin()?,
            LISTEN => {
                self.listening = false;
                self.listen()?;
            }
            announce::TAG => self.announcer.rested()?,
            _ => {}
        }
        Ok(())
    }

    fn on_events(&mut self, events: Vec<Published>) -> Result<(), Failure> {
        for published in &events {
            self.hear(published);
        }
        self.listen()?;
        Ok(())
    }

    fn handle(&mut self, _: Client, request: Request) -> Result<Answer, Rejection> {
        messages::handle(self, &request)
    }

    fn serve(&mut self, call: HttpCall) -> HttpAnswer {
        http::serve(self, &call).into()
    }
}

impl Rooms {
    fn list(&self) -> Value {
        let rooms: Vec<Value> = self.book.listed().map(|room| self.shown(room)).collect();
        json!({"count": rooms.len(), "rooms": rooms})
    }

    fn show(&self, id: i64) -> Result<Value, Refused> {
        self.book
            .get(id)
            .map(|room| self.shown(room))
            .map_err(Refused::Rule)
    }

    fn create(&mut self, draft: &Draft) -> Result<Value, Refused> {
        let entry = self.book.create(draft, &now());
        self.enter(entry, "Room created successfully")
    }

    fn update(&mut self, id: i64, draft: &Draft) -> Result<Value, Refused> {
        let entry = self.book.update(id, draft, &now());
        self.enter(entry, "Room updated successfully")
    }

    fn delete(&mut self, id: i64) -> Result<Value, Refused> {
        let entry = self.book.delete(id, &now());
        self.enter(entry, "Room deleted successfully")
    }

    fn enter(&mut self, entry: Result<Entry, Refusal>, message: &str) -> Result<Value, Refused> {
        let entry = entry.map_err(Refused::Rule)?;
        let id = entry.room.id;
        self.keep(entry, Cause::People)?;
        Ok(json!({"message": message, "room_id": id}))
    }

    /// First on disk, then in the book, then to those who watch.
    fn keep(&mut self, entry: Entry, cause: Cause) -> Result<(), Refused> {
        shelf::keep(&self.book, &entry).map_err(|error| {
            log::warn!("a room can't be stored: {error:?}");
            Refused::Store(format!("the room can't be stored: {error:?}"))
        })?;
        self.book.enter(&entry);
        let told = self.announcer.tell(entry, cause);
        told.unwrap_or_else(|error| log::warn!("publishing can't go on: {error}"));
        Ok(())
    }

    fn shown(&self, room: &Room) -> Value {
        let area = room.home_assistant_area_id.as_deref();
        json!({
            "id": room.id,
            "name": room.name,
            "icon": room.icon,
            "description": room.description,
            "home_assistant_area_id": area,
            "entity_count": area.and_then(|area| self.hearing.entities_in(area)),
            "created_at": room.created_at,
            "updated_at": room.updated_at,
        })
    }

    /// Holds the book against what the gateway retains: tells what nobody was told of, and hears what was said
    /// before this instance ran.
    fn begin(&mut self) -> Result<(), HostError> {
        let mut told: BTreeMap<i64, RoomChange> = BTreeMap::new();
        match retained::all(&["room/#"]) {
            Ok(events) => {
                for published in &events {
                    match published.source == self.own {
                        true => told.extend(own(published)),
                        false => self.hear(published),
                    }
                }
            }
            Err(error) => {
                log::info!("rooms of other sources are not heard: {error}");
                self.hearing.forget_standing();
            }
        }
        // Where it is not granted, an area that went away unseen stays until its source says so.
        let synchronised = retained::all(&["adapter/+/sync"]).unwrap_or_default();
        for published in &synchronised {
            self.hear(published);
        }
        let mut missing = Vec::new();
        for room in self.book.listed() {
            let (known, change) = (told.remove(&room.id), room.change());
            let cause = match known {
                Some(known) if known == change => continue,
                Some(_) => Cause::People,
                None => Cause::Start,
            };
            missing.push((room.clone(), Done::Updated, cause));
        }
        let lost = told
            .into_iter()
            .map(|(id, change)| (gone(id, &change), Done::Deleted, Cause::People));
        for (room, done, cause) in missing.into_iter().chain(lost) {
            self.announcer.tell(Entry { room, done }, cause)?;
        }
        self.listen()
    }

    fn hear(&mut self, published: &Published) {
        if !is_firsthand(published, &self.own, &self.sources) {
            return;
        }
        if published.event.kind != "sync.status" {
            self.hearing.hear(published);
        } else if is_completed(published) {
            let source = &published.source;
            let follows = |room: &&Room| room.keeper == Keeper::Source(source.clone());
            let areas = self.book.listed().filter(follows);
            let areas = areas.filter_map(|room| room.home_assistant_area_id.clone());
            self.hearing.settle(source, areas);
        }
    }

    /// Writes down what was heard, a few areas at a time.
    fn listen(&mut self) -> Result<(), HostError> {
        for _ in 0..AREAS_OF_A_TURN {
            let Some(area) = self.hearing.next() else {
                return Ok(());
            };
            if !self.learn(&area) {
                self.hearing.put_back(area);
                return self.listen_again(Duration::from_secs(1));
            }
        }
        match self.hearing.is_empty() {
            true => Ok(()),
            false => self.listen_again(Duration::ZERO),
        }
    }

    fn listen_again(&mut self, wait: Duration) -> Result<(), HostError> {
        if !std::mem::replace(&mut self.listening, true) {
            timers::after(wait, LISTEN)?;
        }
        Ok(())
    }

    /// `false`: not now.
    fn learn(&mut self, area: &Area) -> bool {
        match self.book.hear(area, &now()) {
            Ok(None) => true,
            Ok(Some(entry)) => self.keep(entry, Cause::Source(area.source.clone())).is_ok(),
            Err(_) => {
                if !std::mem::replace(&mut self.told_full, true) {
                    log::warn!(
                        "there are as many rooms as max-rooms allows: further areas are left out"
                    );
                }
                true
            }
        }
    }
}

fn now() -> String {
    rfc3339(SystemTime::now())
}

/// Whether a source says that it has read all there is.
fn is_completed(published: &Published) -> bool {
    let status: Result<SyncStatus, _> = serde_json::from_str(&published.event.data);
    status.is_ok_and(|told| told.status == SyncState::Completed)
}

/// What was told of a room of ours.
fn own(published: &Published) -> Option<(i64, RoomChange)> {
    let change: RoomChange = serde_json::from_str(&published.event.data).ok()?;
    Some((change.room.id.parse().ok()?, change))
}

/// A room that is told of but no longer in the book.
fn gone(id: i64, change: &RoomChange) -> Room {
    Room {
        id,
        name: change.room.name.clone(),
        icon: None,
        description: None,
        home_assistant_area_id: change.room.area.clone(),
        keeper: Keeper::Dismissed,
        created_at: now(),
        updated_at: now(),
    }
}

hearthgate_plugin::plugin!(Rooms: source, subscriber, handler, routes);

#[cfg(test)]
mod tests;
