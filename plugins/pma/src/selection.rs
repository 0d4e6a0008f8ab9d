//! What passes: a client's sets as filters of the host's. Any of the filters lets an event pass.

use crate::names::{About, CONTROL, ENTITY_KINDS, KINDS, Kind, kinds_of};
use crate::session::{Filters, Session, Set};
use crate::topics::Topic;
use hearthgate_plugin::{Condition, Filter};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// What clients know sources as.
#[derive(Debug, Clone, Default)]
pub struct SourceNames(pub BTreeMap<String, String>);

impl SourceNames {
    /// What clients know an instance as.
    pub fn shown<'a>(&'a self, instance: &'a str) -> &'a str {
        self.0.get(instance).map_or(instance, String::as_str)
    }

    /// The instances behind a name of the clients'.
    fn instances(&self, shown: &str) -> impl Iterator<Item = String> {
        let renamed = self.0.iter().filter(|(_, name)| *name == shown);
        let itself = (!self.0.contains_key(shown)).then(|| shown.to_owned());
        let renamed: Vec<String> = renamed.map(|(instance, _)| instance.clone()).collect();
        renamed.into_iter().chain(itself)
    }
}

/// What holds for every event type: the sets that are bound to none.
struct Overall<'s, 'a> {
    names: &'s SourceNames,
    entities: Vec<String>,
    rooms: Vec<String>,
    domains: &'s Set<'a>,
    entity_types: &'s Set<'a>,
    sources: BTreeSet<String>,
}

/// Most values in all of a client's filters together. Event types with filters of their own repeat the sets that hold
/// for all, so few bytes of a client's could become very many of the gateway's, at each of its changes.
pub const MAX_VALUES: usize = 16 * 1024;

/// The filters that let pass what a client's sets ask for. `None`: they would have more than [`MAX_VALUES`].
pub fn filters(session: &Session<'_>, names: &SourceNames) -> Option<Vec<Filter>> {
    let topics: Vec<Topic<'_>> = session
        .topics
        .iter()
        .filter_map(|t| Topic::parse(t))
        .collect();
    let overall = Overall::of(session, &topics, names);
    let groups = groups(session, &topics);
    let all = |(filters, kinds): &(Cow<'_, Filters<'_>>, BTreeSet<Kind>)| {
        filters.is_empty() && kinds.len() == KINDS.len()
    };
    if overall.is_empty() && groups.len() == 1 && groups.iter().all(all) {
        return Some(vec![filter(&[], Vec::new())]);
    }
    let mut free: BTreeSet<&str> = CONTROL.into();
    let mut found = Vec::new();
    for (filters, kinds) in &groups {
        let of = |about: About| -> Vec<&'static str> {
            let chosen = kinds.iter().filter(|kind| kind.about() == about);
            chosen.map(|kind| kind.as_str()).collect()
        };
        let sources = overall.sources(filters);
        match sources.is_empty() {
            true => free.extend(of(About::Else)),
            false => found.push(filter(&of(About::Else), sources.clone())),
        }
        for about in [About::Entity, About::Call] {
            for mut conditions in overall.narrowed(filters, about) {
                conditions.extend(sources.clone());
                found.push(filter(&of(about), conditions));
            }
        }
        if values(&found) > MAX_VALUES {
            return None;
        }
    }
    found.retain(|filter| !filter.kinds.is_empty());
    merge(&mut found);
    found.insert(0, filter(&free.into_iter().collect::<Vec<_>>(), Vec::new()));
    Some(found)
}

fn values(filters: &[Filter]) -> usize {
    let conditions = filters.iter().flat_map(|filter| &filter.conditions);
    conditions.map(|condition| condition.any_of.len()).sum()
}

/// The kinds that are asked for, by the filters that are bound to them.
fn groups<'s, 'a>(
    session: &'s Session<'a>,
    topics: &[Topic<'_>],
) -> Vec<(Cow<'s, Filters<'a>>, BTreeSet<Kind>)> {
    let Some(types) = &session.event_types else {
        return vec![(Cow::Owned(Filters::default()), KINDS.into())];
    };
    let mut groups: BTreeMap<&Filters<'a>, BTreeSet<Kind>> = BTreeMap::new();
    for (name, filters) in types {
        groups.entry(filters).or_default().extend(kinds_of(name));
    }
    let mut groups: Vec<_> = groups
        .into_iter()
        .map(|(filters, kinds)| (Cow::Borrowed(filters), kinds))
        .collect();
    let by_topic: BTreeSet<Kind> = topics.iter().flat_map(Topic::kinds).copied().collect();
    groups.push((Cow::Owned(Filters::default()), by_topic));
    groups.retain(|(_, kinds)| !kinds.is_empty());
    groups
}

impl<'s, 'a> Overall<'s, 'a> {
    fn of(session: &'s Session<'a>, topics: &[Topic<'_>], names: &'s SourceNames) -> Self {
        let mut entities: Vec<String> = owned(&session.entities);
        entities.extend(topics.iter().filter_map(Topic::entity).map(str::to_owned));
        if topics.contains(&Topic::EveryEntity) {
            entities.clear();
        }
        let mut rooms = owned(&session.rooms);
        rooms.extend(owned(&session.everywhere.rooms));
        for (number, area) in &session.numbered {
            rooms.push(number.to_string());
            rooms.extend(area.as_deref().map(str::to_owned));
        }
        let by_topic = topics.iter().filter_map(Topic::source);
        let sources = session.everywhere.sources.iter().map(|name| &**name);
        Self {
            names,
            entities,
            rooms,
            domains: &session.everywhere.domains,
            entity_types: &session.everywhere.entity_types,
            sources: sources
                .chain(by_topic)
                .flat_map(|name| names.instances(name))
                .collect(),
        }
    }

    fn is_empty(&self) -> bool {
        self.entities.is_empty()
            && self.rooms.is_empty()
            && self.domains.is_empty()
            && self.entity_types.is_empty()
            && self.sources.is_empty()
    }

    /// Conditions on the source; the host stamps it on every event, so it is never absent.
    fn sources(&self, filters: &Filters<'_>) -> Vec<Condition> {
        let bound = filters.sources.iter();
        let bound: BTreeSet<String> = bound.flat_map(|name| self.names.instances(name)).collect();
        let sets = [bound, self.sources.clone()].map(|set| set.into_iter().collect::<Vec<_>>());
        let touched = sets.into_iter().filter(|set| !set.is_empty());
        touched.map(|set| condition("source", set, false)).collect()
    }

    /// Conditions on the entity; each list lets pass alone.
    fn narrowed(&self, filters: &Filters<'_>, about: About) -> Vec<Vec<Condition>> {
        // An entity always has a domain; a call may name none.
        let without_domain = about == About::Call;
        let mut all = Vec::new();
        let mut push = |label: &str, values: Vec<String>, absent: bool| {
            if !values.is_empty() {
                all.push(condition(label, values, absent));
            }
        };
        push("entity", self.entities.clone(), true);
        push("room", self.rooms.clone(), true);
        push("room", owned(&filters.rooms), true);
        push("domain", owned(self.domains), without_domain);
        push("domain", owned(&filters.domains), without_domain);
        let mut lists = vec![all];
        if about == About::Entity {
            for types in [self.entity_types, &filters.entity_types] {
                if !types.is_empty() {
                    lists = by_type(&lists, &owned(types));
                }
            }
        }
        lists
    }
}

/// An entity's type is its label `entity_type`, or where its source sets none, its domain.
fn by_type(lists: &[Vec<Condition>], types: &[String]) -> Vec<Vec<Condition>> {
    let said = [condition("entity_type", types.to_vec(), false)];
    let implied = [
        condition("entity_type", Vec::new(), true),
        condition("domain", types.to_vec(), false),
    ];
    let with = |more: &[Condition]| -> Vec<Vec<Condition>> {
        lists.iter().map(|list| [list, more].concat()).collect()
    };
    [with(&said), with(&implied)].concat()
}

/// Makes one of filters that differ in their kinds alone.
fn merge(filters: &mut Vec<Filter>) {
    let mut merged: Vec<Filter> = Vec::new();
    for filter in filters.drain(..) {
        match merged
            .iter_mut()
            .find(|other| other.conditions == filter.conditions)
        {
            Some(other) => {
                other.kinds.extend(filter.kinds);
                other.kinds.sort_unstable();
                other.kinds.dedup();
            }
            None => merged.push(filter),
        }
    }
    *filters = merged;
}

fn filter(kinds: &[&str], conditions: Vec<Condition>) -> Filter {
    Filter {
        topics: Vec::new(),
        kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
        conditions,
    }
}

fn condition(label: &str, any_of: Vec<String>, matches_when_absent: bool) -> Condition {
    Condition {
        label: label.to_owned(),
        any_of,
        matches_when_absent,
    }
}

fn owned(set: &Set<'_>) -> Vec<String> {
    set.iter().map(|name| name.clone().into_owned()).collect()
}

impl Topic<'_> {
    /// The kinds that a topic asks for where event types are named at all.
    fn kinds(&self) -> &'static [Kind] {
        match self {
            Self::EntityUpdates | Self::EveryEntity | Self::Entity(_) => &ENTITY_KINDS,
            Self::Events => &KINDS,
            Self::EventType(name) => kinds_of(name),
            Self::Automations => &[Kind::AutomationTriggered, Kind::SceneActivated],
            Self::SystemStatus | Self::Source(_) => &[],
        }
    }

    fn entity(&self) -> Option<&str> {
        match self {
            Self::Entity(id) => Some(id),
            _ => None,
        }
    }

    fn source(&self) -> Option<&str> {
        match self {
            Self::Source(name) => Some(name),
            _ => None,
        }
    }
}
