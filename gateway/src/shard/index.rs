//! The subscription index: which subscriptions ask for an event, found without looking at those that don't.
//!
//! A subscription is posted in lists that lie at the end of three steps: its topic filters lead through a trie, its
//! kinds through a map at the trie's node, and the values of one of its conditions, the *anchor*, through a map below
//! that. The anchor is the condition whose lists are the shortest at that moment. An event walks the same steps, and what it finds
//! at the end needs no further check, unless the subscription has more conditions than its anchor.
//!
//! Each step multiplies the lists in which one subscription is posted; beyond `MAX_POSTINGS` a step is left out and
//! the subscription is checked at each match instead.

mod cell;
mod plan;
mod trie;

use crate::event::{Event, Filter};
use cell::Posting;
use plan::Plan;
use slab::Slab;
use trie::Node;

/// Most lists in which one subscription is posted.
const MAX_POSTINGS: usize = 256;

/// The subscriptions of one lane of a shard.
#[derive(Default)]
pub struct Index {
    root: Node,
    subscriptions: Slab<Entry>,
    found: Vec<Posting>,
}

struct Entry {
    filter: Filter,
    plan: Plan,
    /// Where the subscription stands in each of its lists, in the order in which the plan names them.
    places: Box<[u32]>,
    /// Only events after this number are for it.
    after: u64,
}

/// A subscription in the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key(u32);

/// A subscription that asks for an event; the same one may be found more than once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Match {
    /// The connection's slot.
    pub connection: u32,
    /// Whether a slow client gets only the newest of each topic.
    pub latest: bool,
}

impl Index {
    /// Adds a subscription of a connection.
    pub fn insert(&mut self, connection: u32, filter: Filter, latest: bool, after: u64) -> Key {
        let plan = Plan::choose(&filter, &self.root);
        let key = self.subscriptions.vacant_key();
        let posting = Posting {
            subscription: u32::try_from(key).expect("fewer subscriptions than 2^32 fit in memory"),
            connection,
            nth: 0,
            latest,
            check: plan.needs_check(&filter) || after > 0,
        };
        let mut places = Vec::new();
        plan.each(&filter, |topic, kind, anchor| {
            let list = self.root.cell_mut(topic).list_mut(kind, anchor);
            let nth = u16::try_from(places.len()).expect("at most MAX_POSTINGS");
            places.push(u32::try_from(list.len()).expect("fewer postings than 2^32 fit in memory"));
            list.push(Posting { nth, ..posting });
        });
        let places = places.into();
        self.subscriptions.insert(Entry {
            filter,
            plan,
            places,
            after,
        });
        Key(posting.subscription)
    }

    /// Removes a subscription and everything that was there only for it.
    pub fn remove(&mut self, key: Key) {
        let Some(entry) = self.subscriptions.try_remove(key.0 as usize) else {
            return;
        };
        let mut places = entry.places.to_vec();
        let mut nth = 0;
        let Self {
            root,
            subscriptions,
            ..
        } = self;
        entry.plan.each(&entry.filter, |topic, kind, anchor| {
            let place = places[nth];
            let list = root.cell_mut(topic).list_mut(kind, anchor);
            list.swap_remove(place as usize);
            if let Some(moved) = list.get(place as usize) {
                if moved.subscription == key.0 {
                    places[usize::from(moved.nth)] = place;
                } else {
                    let other = &mut subscriptions[moved.subscription as usize];
                    other.places[usize::from(moved.nth)] = place;
                }
            }
            let emptied = list.is_empty();
            if emptied {
                root.prune(topic, kind, anchor);
            }
            nth += 1;
        });
        if self.subscriptions.is_empty() {
            self.subscriptions = Slab::new();
        }
    }

    /// What a subscription asks for.
    #[must_use]
    pub fn filter(&self, key: Key) -> Option<&Filter> {
        let entry = self.subscriptions.get(key.0 as usize)?;
        Some(&entry.filter)
    }

    /// The subscriptions that ask for an event.
    pub fn matching(&mut self, event: &Event) -> impl Iterator<Item = Match> {
        self.found.clear();
        self.root.collect(event, &mut self.found);
        let subscriptions = &self.subscriptions;
        self.found
            .iter()
            .filter(move |posting| {
                if !posting.check {
                    return true;
                }
                let entry = &subscriptions[posting.subscription as usize];
                event.seq > entry.after && entry.plan.check(&entry.filter, event)
            })
            .map(|posting| Match {
                connection: posting.connection,
                latest: posting.latest,
            })
    }

    /// How many subscriptions there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.subscriptions.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.subscriptions.is_empty()
    }
}

#[cfg(test)]
mod tests;
