//! What a client's subscribing and unsubscribing does to its sets, and what it is told of it.

mod events;
mod items;
mod telling;

use crate::message::{BadField, Data, names};
use crate::names::without_prefix;
use crate::session::{Session, Set};
use serde::Serialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeSet;

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
