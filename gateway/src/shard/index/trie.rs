//! The trie of topic filters, one level at a time.

use super::cell::{Cell, Posting, shrink};
use super::plan::Anchor;
use crate::event::{Event, Kind};
use rustc_hash::FxHashMap;

/// A level of the filters that share everything before it.
#[derive(Default)]
pub(super) struct Node {
    literal: FxHashMap<Box<str>, Node>,
    /// `+`
    one: Option<Box<Node>>,
    /// Filters that end here.
    here: Option<Box<Cell>>,
    /// Filters that end here with `#`.
    rest: Option<Box<Cell>>,
}

impl Node {
    /// The cell of a filter, made if it is not there yet.
    pub(super) fn cell_mut(&mut self, filter: &str) -> &mut Cell {
        let mut node = self;
        for level in filter.split('/') {
            node = match level {
                "#" => return node.rest.get_or_insert_default(),
                "+" => node.one.get_or_insert_default(),
                level if node.literal.contains_key(level) => {
                    node.literal.get_mut(level).expect("was just found")
                }
                level => node.literal.entry(level.into()).or_default(),
            };
        }
        node.here.get_or_insert_default()
    }

    /// The cell of a filter, if it is there.
    pub(super) fn cell(&self, filter: &str) -> Option<&Cell> {
        let mut node = self;
        for level in filter.split('/') {
            node = match level {
                "#" => return node.rest.as_deref(),
                "+" => node.one.as_deref()?,
                level => node.literal.get(level)?,
            };
        }
        node.here.as_deref()
    }

    /// Removes an emptied list and everything on the way to it that is empty without it.
    pub(super) fn prune(&mut self, filter: &str, kind: Option<&Kind>, anchor: Anchor<'_>) {
        if filter == "#" {
            return prune_cell(&mut self.rest, kind, anchor);
        }
        let (level, below) = match filter.split_once('/') {
            Some((level, below)) => (level, Some(below)),
            None => (filter, None),
        };
        let child = match level {
            "+" => self.one.as_deref_mut(),
            level => self.literal.get_mut(level),
        };
        let Some(child) = child else { return };
        match below {
            Some(below) => child.prune(below, kind, anchor),
            None => prune_cell(&mut child.here, kind, anchor),
        }
        if !child.is_empty() {
            return;
        }
        if level == "+" {
            self.one = None;
        } else {
            self.literal.remove(level);
            shrink(&mut self.literal);
        }
    }

    /// Adds what is posted for an event: a walk along its topic's levels, in which each `+` and `#` is taken too.
    pub(super) fn collect(&self, event: &Event, found: &mut Vec<Posting>) {
        self.walk(Some(event.draft.topic.as_str()), event, found);
    }

    /// `below` is what is left of the topic.
    fn walk(&self, below: Option<&str>, event: &Event, found: &mut Vec<Posting>) {
        if let Some(cell) = &self.rest {
            cell.collect(event, found);
        }
        let Some(below) = below else {
            if let Some(cell) = &self.here {
                cell.collect(event, found);
            }
            return;
        };
        let (level, below) = match below.split_once('/') {
            Some((level, below)) => (level, Some(below)),
            None => (below, None),
        };
        if let Some(node) = &self.one {
            node.walk(below, event, found);
        }
        if let Some(node) = self.literal.get(level) {
            node.walk(below, event, found);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.literal.is_empty() && self.one.is_none() && self.here.is_none() && self.rest.is_none()
    }
}

fn prune_cell(cell: &mut Option<Box<Cell>>, kind: Option<&Kind>, anchor: Anchor<'_>) {
    if let Some(inner) = cell {
        inner.prune(kind, anchor);
        if inner.is_empty() {
            *cell = None;
        }
    }
}
