//! What stands at a node of the trie: lists of postings, by kind and by the anchor's value.

use super::plan::Anchor;
use crate::event::{Event, Kind};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// A subscription in a list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Posting {
    pub(super) subscription: u32,
    pub(super) connection: u32,
    /// Which of its subscription's places this is.
    pub(super) nth: u16,
    pub(super) latest: bool,
    /// Whether being found here is not enough.
    pub(super) check: bool,
}

/// The postings of one topic filter.
#[derive(Default)]
pub(super) struct Cell {
    any_kind: Anchors,
    kinds: FxHashMap<Kind, Anchors>,
}

/// The postings of one topic filter and kind.
#[derive(Default)]
struct Anchors {
    plain: Vec<Posting>,
    values: FxHashMap<Arc<str>, FxHashMap<Arc<str>, Vec<Posting>>>,
    /// Those that pass when the event has no such label.
    absent: FxHashMap<Arc<str>, Vec<Posting>>,
}

impl Cell {
    /// The list at the end of these steps, made if it is not there yet.
    pub(super) fn list_mut(
        &mut self,
        kind: Option<&Kind>,
        anchor: Anchor<'_>,
    ) -> &mut Vec<Posting> {
        let anchors = match kind {
            None => &mut self.any_kind,
            Some(kind) => self.kinds.entry(kind.clone()).or_default(),
        };
        match anchor {
            Anchor::Plain => &mut anchors.plain,
            Anchor::Value(label, value) => {
                let values = anchors.values.entry(label.clone()).or_default();
                values.entry(value.clone()).or_default()
            }
            Anchor::Absent(label) => anchors.absent.entry(label.clone()).or_default(),
        }
    }

    /// How long that list is.
    pub(super) fn list_len(&self, kind: Option<&Kind>, anchor: Anchor<'_>) -> usize {
        let anchors = match kind {
            None => Some(&self.any_kind),
            Some(kind) => self.kinds.get(kind),
        };
        let list = anchors.and_then(|anchors| match anchor {
            Anchor::Plain => Some(&anchors.plain),
            Anchor::Value(label, value) => anchors.values.get(label)?.get(value),
            Anchor::Absent(label) => anchors.absent.get(label),
        });
        list.map_or(0, Vec::len)
    }

    /// Removes the list at the end of these steps, if it is empty, and what was there only for it.
    pub(super) fn prune(&mut self, kind: Option<&Kind>, anchor: Anchor<'_>) {
        match kind {
            None => self.any_kind.prune(anchor),
            Some(kind) => {
                let Some(anchors) = self.kinds.get_mut(kind) else {
                    return;
                };
                anchors.prune(anchor);
                if anchors.is_empty() {
                    self.kinds.remove(kind);
                    shrink(&mut self.kinds);
                }
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.kinds.is_empty() && self.any_kind.is_empty()
    }

    /// Adds what is posted here for an event.
    pub(super) fn collect(&self, event: &Event, found: &mut Vec<Posting>) {
        self.any_kind.collect(event, found);
        if let Some(anchors) = self.kinds.get(&event.draft.kind) {
            anchors.collect(event, found);
        }
    }
}

impl Anchors {
    fn collect(&self, event: &Event, found: &mut Vec<Posting>) {
        found.extend_from_slice(&self.plain);
        if !self.values.is_empty() {
            for (label, value) in event.labels() {
                let list = self.values.get(label).and_then(|values| values.get(value));
                found.extend_from_slice(list.map_or(&[], |list| &list[..]));
            }
        }
        // Every list here is of those whose anchor passes when the label is absent, so what is visited is found.
        for (label, list) in &self.absent {
            if event.label(label).is_none() {
                found.extend_from_slice(list);
            }
        }
    }

    fn prune(&mut self, anchor: Anchor<'_>) {
        match anchor {
            Anchor::Plain => {
                if self.plain.is_empty() {
                    self.plain = Vec::new();
                }
            }
            Anchor::Value(label, value) => {
                let Some(values) = self.values.get_mut(label) else {
                    return;
                };
                if values.get(value).is_some_and(Vec::is_empty) {
                    values.remove(value);
                    shrink(values);
                }
                if values.is_empty() {
                    self.values.remove(label);
                    shrink(&mut self.values);
                }
            }
            Anchor::Absent(label) => {
                if self.absent.get(label).is_some_and(Vec::is_empty) {
                    self.absent.remove(label);
                    shrink(&mut self.absent);
                }
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.plain.is_empty() && self.values.is_empty() && self.absent.is_empty()
    }
}

/// Gives back the memory of a map that was once much larger.
pub(super) fn shrink<K: std::hash::Hash + Eq, V>(map: &mut FxHashMap<K, V>) {
    if map.capacity() > 16 && map.capacity() > 4 * map.len() {
        map.shrink_to(2 * map.len());
    }
}
