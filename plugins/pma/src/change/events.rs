//! Event types, and the filters bound to them.

use super::{Action, Change, Item, Rules, unprefixed};
use crate::message::{BadField, Data, names};
use crate::names::{is_event_type, is_name};
use crate::session::{Filters, Session};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Most filters that one message binds, counted for each of its event types. More would not be kept anyway, and to find
/// that out would take long.
const MAX_BOUND: usize = 32 * 1024;

impl<'a> Change<'a> {
    pub(super) fn events(
        &mut self,
        session: &mut Session<'a>,
        data: &Data<'a>,
        rules: &Rules<'_>,
    ) -> Result<(), BadField> {
        let types = names("event_types", data.event_types)?;
        let filters = filters_of(data)?;
        if types.is_none() && filters.is_empty() {
            return Err(BadField {
                field: "event_types",
                expected: "a list of texts",
            });
        }
        for (_, set) in filters.each() {
            if let Some(bad) = set.iter().find(|name| !is_name(name)) {
                self.refuse("Invalid filter", "filter", bad.clone(), "INVALID_FILTER");
                return Ok(());
            }
            if set.len() > rules.max_items {
                self.full("filters", "filters".into());
                return Ok(());
            }
        }
        match (self.action, types) {
            (Action::Subscribe, Some(types)) => self.add_types(session, types, &filters, rules),
            (Action::Subscribe, None) => {
                add_bounded(&mut session.everywhere, &filters, rules.max_items)
                    .unwrap_or_else(|()| self.full("filters", "filters".into()))
            }
            (Action::Unsubscribe, types) => self.remove_types(session, types, &filters),
        }
        Ok(())
    }

    fn add_types(
        &mut self,
        session: &mut Session<'a>,
        types: Vec<Cow<'a, str>>,
        filters: &Filters<'a>,
        rules: &Rules<'_>,
    ) {
        let bound: usize = filters.each().iter().map(|(_, set)| set.len()).sum();
        if types.len() * bound > MAX_BOUND {
            return self.full("filters", "filters".into());
        }
        for name in types {
            let name = unprefixed(name);
            if !is_event_type(&name) {
                self.refuse(
                    "Invalid event type",
                    "event_type",
                    name,
                    "INVALID_EVENT_TYPE",
                );
                continue;
            }
            let known = session.event_types.get_or_insert_default();
            if known.len() >= rules.max_items && !known.contains_key(&name) {
                self.full("event_type", name);
                continue;
            }
            let bound = known.entry(name.clone()).or_default();
            match add_bounded(bound, filters, rules.max_items) {
                Ok(()) => self.confirm(Item::Text(name)),
                Err(()) => self.full("event_type", name),
            }
        }
    }

    /// Named event types leave with their filters; filters without event types are taken out wherever they are.
    fn remove_types(
        &mut self,
        session: &mut Session<'a>,
        types: Option<Vec<Cow<'a, str>>>,
        filters: &Filters<'a>,
    ) {
        session.everywhere.remove(filters);
        let Some(types) = types else {
            let bound = session
                .event_types
                .iter_mut()
                .flat_map(|types| types.values_mut());
            return bound.for_each(|bound| bound.remove(filters));
        };
        for name in types.into_iter().map(unprefixed) {
            if let Some(known) = &mut session.event_types {
                known.remove(&name);
            }
            self.confirm(Item::Text(name));
        }
    }
}

/// The filters under `filters` and those beside the event types.
fn filters_of<'a>(data: &Data<'a>) -> Result<Filters<'a>, BadField> {
    #[derive(Default, serde::Deserialize)]
    struct Nested<'a> {
        #[serde(borrow)]
        domains: Option<&'a RawValue>,
        #[serde(borrow)]
        rooms: Option<&'a RawValue>,
        #[serde(borrow)]
        entity_types: Option<&'a RawValue>,
        #[serde(borrow)]
        sources: Option<&'a RawValue>,
    }
    let bad = BadField {
        field: "filters",
        expected: "an object",
    };
    let nested: Nested<'a> = match data.filters.map(RawValue::get) {
        None | Some("null") => Nested::default(),
        Some(object) if object.starts_with('{') => serde_json::from_str(object).map_err(|_| bad)?,
        Some(_) => return Err(bad),
    };
    let mut filters = Filters::default();
    for (domains, rooms, types, sources) in [
        (
            nested.domains,
            nested.rooms,
            nested.entity_types,
            nested.sources,
        ),
        (data.domains, data.rooms, data.entity_types, data.sources),
    ] {
        let set = |field, raw| names(field, raw).map(Option::unwrap_or_default);
        filters.domains.extend(set("domains", domains)?);
        filters
            .rooms
            .extend(set("rooms", rooms)?.into_iter().map(unprefixed));
        filters.entity_types.extend(set("entity_types", types)?);
        filters.sources.extend(set("sources", sources)?);
    }
    Ok(filters)
}

/// Adds filters unless a set would have more than `max` items; then nothing is added.
fn add_bounded<'a>(filters: &mut Filters<'a>, more: &Filters<'a>, max: usize) -> Result<(), ()> {
    let mut grown = filters.clone();
    grown.add(more);
    if grown.each().iter().any(|(_, set)| set.len() > max) {
        return Err(());
    }
    *filters = grown;
    Ok(())
}
