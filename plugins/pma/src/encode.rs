//! Events as PMA's messages: once per event, for all clients.

use crate::Form;
use crate::frames;
use crate::selection::SourceNames;
use hearthgate_plugin::{Published, rfc3339};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::time::{Duration, UNIX_EPOCH};

/// The label of events that say again what was already known: clients were told of it when it happened.
const RESTORED: &str = "restored";
/// The label of a room that stands for another source's: the value is that source, which tells of it itself.
const MIRRORS: &str = "mirrors";

/// The messages that an event makes; none where PMA has no word for it.
///
/// # Errors
/// Its data is not what its kind promises.
pub fn event(
    published: &Published,
    form: Form,
    names: &SourceNames,
) -> serde_json::Result<Vec<String>> {
    let event = &published.event;
    if published.label(RESTORED).is_some() {
        return Ok(Vec::new());
    }
    let happened = event.occurred_at.unwrap_or(published.received_at);
    let encoder = Encoder {
        published,
        data: &event.data,
        form,
        source: names.shown(&published.source),
        timestamp: rfc3339(UNIX_EPOCH + Duration::from_millis(happened)),
    };
    match event.kind.as_str() {
        "entity.state_changed" => encoder.state_changed(),
        "entity.added" => encoder.registered("pma_entity_added"),
        "entity.updated" => encoder.registered("pma_entity_updated"),
        "entity.removed" => encoder.with_source("pma_entity_removed"),
        "room.created" => encoder.room("created"),
        "room.updated" => encoder.room("updated"),
        "room.deleted" => encoder.room("deleted"),
        "area.updated" => encoder.with_source("pma_area_updated"),
        "automation.triggered" => encoder.as_it_is("pma_automation_triggered"),
        "scene.activated" => encoder.as_it_is("pma_scene_activated"),
        "service.called" => encoder.with_source("pma_service_call"),
        "system.status" => encoder.as_it_is("system_status"),
        "sync.status" => encoder.with_source("sync_status"),
        "adapter.status" => encoder.with_source("adapter_status"),
        "broadcast.sent" => encoder.broadcast(),
        _ => Ok(Vec::new()),
    }
}

/// Looks a label up.
trait Labelled {
    fn label(&self, key: &str) -> Option<&str>;
}

impl Labelled for Published {
    fn label(&self, key: &str) -> Option<&str> {
        let found = self.event.labels.iter().find(|(k, _)| k == key)?;
        Some(&found.1)
    }
}

struct Encoder<'a> {
    published: &'a Published,
    data: &'a str,
    form: Form,
    source: &'a str,
    timestamp: String,
}

type Texts = serde_json::Result<Vec<String>>;

impl Encoder<'_> {
    fn one(&self, kind: &str, data: &impl Serialize) -> Texts {
        Ok(vec![frames::at(kind, data, &self.timestamp)])
    }

    fn as_it_is(&self, kind: &str) -> Texts {
        self.one(kind, &serde_json::from_str::<&RawValue>(self.data)?)
    }

    fn with_source(&self, kind: &str) -> Texts {
        let data: serde_json::Map<String, serde_json::Value> = serde_json::from_str(self.data)?;
        self.one(
            kind,
            &WithSource {
                source: self.source,
                data,
            },
        )
    }

    fn state_changed(&self) -> Texts {
        let data: StateChanged<'_> = serde_json::from_str(self.data)?;
        let (old_state, new_state) = (text(&data.old_state), text(&data.new_state));
        let entity_id = bare(&data.entity_id);
        match self.form {
            Form::Legacy => {
                let told = LegacyState {
                    entity_id,
                    old_state,
                    new_state,
                    attributes: data.attributes,
                };
                self.one("entity_state_changed", &told)
            }
            Form::Guide => {
                let told = GuideState {
                    entity_id,
                    entity_type: &data.entity_type,
                    source: self.source,
                    old_state,
                    new_state,
                    attributes: data.attributes,
                    name: data.name.as_deref(),
                    room_id: data.room_id.as_deref().map(bare),
                    area_id: data.area_id.as_deref().map(bare),
                };
                self.one("pma_entity_state_changed", &told)
            }
        }
    }

    fn registered(&self, kind: &str) -> Texts {
        let data: Registered<'_> = serde_json::from_str(self.data)?;
        let told = GuideRegistered {
            entity: GuideEntity {
                id: bare(&data.entity.id),
                name: &data.entity.name,
                kind: &data.entity.kind,
                source: self.source,
                state: &data.entity.state,
                attributes: data.entity.attributes,
            },
            room_id: data.room_id.as_deref().map(bare),
            area_id: data.area_id.as_deref().map(bare),
        };
        self.one(kind, &told)
    }

    /// The guide's clients are told in both forms. Numbered rooms are PMA's own; a room by another id is told to
    /// those who know such ids, and its number by the event of the room that stands for it.
    fn room(&self, action: &str) -> Texts {
        let data: RoomChange<'_> = serde_json::from_str(self.data)?;
        let number: Option<i64> = data.room.id.parse().ok();
        let mut texts = Vec::new();
        if self.form == Form::Guide && self.published.label(MIRRORS).is_none() {
            let told = GuideRoom {
                room: &data.room,
                action,
                source: self.source,
            };
            texts.extend(self.one("pma_room_updated", &told)?);
        }
        if let Some(room_id) = number {
            let told = NumberedRoom {
                room_id,
                room_name: &data.room.name,
                action,
            };
            texts.extend(self.one("room_updated", &told)?);
        }
        Ok(texts)
    }

    fn broadcast(&self) -> Texts {
        let sent: Broadcast<'_> = serde_json::from_str(self.data)?;
        self.one(&sent.kind, &sent.data)
    }
}

/// Ids are sent without their prefix.
fn bare(id: &str) -> &str {
    crate::names::without_prefix(id)
}

fn text<'a>(state: &'a Option<Cow<'_, str>>) -> &'a str {
    state.as_deref().unwrap_or_default()
}

#[derive(Serialize)]
struct WithSource<'a> {
    source: &'a str,
    #[serde(flatten)]
    data: serde_json::Map<String, serde_json::Value>,
}

#[derive(Deserialize)]
struct StateChanged<'a> {
    #[serde(borrow)]
    entity_id: Cow<'a, str>,
    #[serde(borrow)]
    entity_type: Cow<'a, str>,
    #[serde(borrow)]
    attributes: &'a RawValue,
    #[serde(borrow)]
    old_state: Option<Cow<'a, str>>,
    #[serde(borrow)]
    new_state: Option<Cow<'a, str>>,
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    room_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    area_id: Option<Cow<'a, str>>,
}

#[derive(Serialize)]
struct LegacyState<'a> {
    entity_id: &'a str,
    old_state: &'a str,
    new_state: &'a str,
    attributes: &'a RawValue,
}

#[derive(Serialize)]
struct GuideState<'a> {
    entity_id: &'a str,
    entity_type: &'a str,
    source: &'a str,
    old_state: &'a str,
    new_state: &'a str,
    attributes: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    room_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    area_id: Option<&'a str>,
}

#[derive(Deserialize)]
struct Registered<'a> {
    #[serde(borrow)]
    entity: Entity<'a>,
    #[serde(borrow)]
    room_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    area_id: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Entity<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    state: Cow<'a, str>,
    #[serde(borrow)]
    attributes: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct GuideRegistered<'a> {
    entity: GuideEntity<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    room_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    area_id: Option<&'a str>,
}

#[derive(Serialize)]
struct GuideEntity<'a> {
    id: &'a str,
    name: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    source: &'a str,
    state: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    attributes: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct RoomChange<'a> {
    #[serde(borrow)]
    room: Room<'a>,
}

#[derive(Deserialize, Serialize)]
struct Room<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    area: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entity_count: Option<u32>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    icon: Option<Cow<'a, str>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    description: Option<Cow<'a, str>>,
}

#[derive(Serialize)]
struct GuideRoom<'a> {
    room: &'a Room<'a>,
    action: &'a str,
    source: &'a str,
}

#[derive(Serialize)]
struct NumberedRoom<'a> {
    room_id: i64,
    room_name: &'a str,
    action: &'a str,
}

#[derive(Deserialize)]
struct Broadcast<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    data: &'a RawValue,
}
