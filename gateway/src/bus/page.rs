//! Reading retained state page by page, in the order of its topics.

use super::retained::{Retained, beginnings};
use crate::event::{Event, TopicFilter};
use std::ops::Bound;
use std::sync::Arc;

/// Most topics that are looked at while publishers wait.
const PIECE: usize = 512;
/// What an event weighs beside its data and topic.
const ENVELOPE: usize = 128;

/// A part of the retained state.
#[derive(Debug, Clone, Copy)]
pub struct RetainedPage<'a> {
    /// On topics that one of these matches.
    pub topics: &'a [TopicFilter],
    /// After this topic.
    pub after: Option<&'a str>,
    /// At most so many events.
    pub limit: usize,
    /// At most so many bytes, but one event at least.
    pub bytes: usize,
}

/// A look through the retained state, piece by piece.
pub(super) struct Search<'a> {
    page: RetainedPage<'a>,
    /// The beginnings that are still to be looked at, the next one last.
    beginnings: Vec<&'a str>,
    after: Option<String>,
    bytes: usize,
    found: Vec<Arc<Event>>,
}

impl<'a> Search<'a> {
    pub(super) fn new(page: RetainedPage<'a>) -> Self {
        let mut beginnings = beginnings(page.topics);
        beginnings.reverse();
        if page.limit == 0 {
            beginnings.clear();
        }
        Self {
            page,
            beginnings,
            after: page.after.map(str::to_owned),
            bytes: 0,
            found: Vec::new(),
        }
    }

    /// Whether there is nothing left to look at, or the page is full.
    pub(super) fn is_done(&self) -> bool {
        self.beginnings.is_empty()
    }

    /// What was found.
    pub(super) fn found(self) -> Vec<Arc<Event>> {
        self.found
    }

    /// Takes what fits of a piece.
    pub(super) fn take(&mut self, piece: Vec<Arc<Event>>, accept: impl Fn(&Event) -> bool) {
        let (last, looked) = (piece.last().cloned(), piece.len());
        for event in piece {
            let topic = &event.draft.topic;
            if !self.page.topics.iter().any(|t| t.matches(topic)) || !accept(&event) {
                continue;
            }
            let weight = event.draft.data.get().len() + topic.as_str().len() + ENVELOPE;
            let too_much = self.bytes + weight > self.page.bytes && !self.found.is_empty();
            if too_much {
                return self.beginnings.clear();
            }
            self.bytes += weight;
            self.found.push(event);
            if self.found.len() == self.page.limit {
                return self.beginnings.clear();
            }
        }
        match last {
            Some(last) if looked == PIECE => self.after = Some(last.draft.topic.to_string()),
            _ => drop(self.beginnings.pop()),
        }
    }
}

impl Retained {
    /// The next few topics of a search, whether they fit or not.
    pub(super) fn piece(&self, search: &Search<'_>) -> Vec<Arc<Event>> {
        let Some(beginning) = search.beginnings.last() else {
            return Vec::new();
        };
        let from = match search.after.as_deref() {
            Some(after) if after >= *beginning => Bound::Excluded(after),
            _ => Bound::Included(*beginning),
        };
        self.from(from, beginning).take(PIECE).cloned().collect()
    }
}
