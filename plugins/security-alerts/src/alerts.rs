//! The book of alerts: duplicates folded with a count, acknowledged, cleared, and kept for a while.

use crate::alert::Alert;
use crate::finding::{Finding, clip};
use crate::instant::{DAY, Instant};
use hearthgate_plugin::events::AlertStatus;
use std::collections::{BTreeMap, BTreeSet};

/// What happened to an alert, to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// It happened again, or somebody acknowledged it.
    Updated,
    /// It is new.
    Raised,
    /// It is over.
    Cleared,
}

/// How much is kept.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Alerts.
    pub alerts: usize,
    /// Days that cleared ones stay.
    pub days: u32,
    /// An alert without news for so long, in milliseconds, is over.
    pub clear_after: i64,
}

/// The book.
#[derive(Debug, Clone)]
pub struct Book {
    bounds: Bounds,
    alerts: BTreeMap<u64, Alert>,
    by_key: BTreeMap<String, u64>,
    next: u64,
    /// What was not told yet.
    changes: BTreeMap<u64, Change>,
    /// What was cleared and is gone from the book, to be told too.
    gone: Vec<Alert>,
    /// Whose stored form is old.
    unsaved: BTreeSet<u64>,
    /// Alerts that went before their time, because there were too many.
    pub evicted: u64,
}

impl Book {
    /// A book with what was stored; `next` is the first serial that was never given, `unsaved` are those whose stored form
    /// is old.
    pub fn new(bounds: Bounds, stored: Vec<Alert>, next: u64, unsaved: BTreeSet<u64>) -> Self {
        let mut book = Self {
            bounds,
            alerts: BTreeMap::new(),
            by_key: BTreeMap::new(),
            next,
            changes: BTreeMap::new(),
            gone: Vec::new(),
            unsaved,
            evicted: 0,
        };
        for alert in stored {
            book.next = book.next.max(alert.serial + 1);
            book.index(&alert);
            book.alerts.insert(alert.serial, alert);
        }
        book
    }

    fn index(&mut self, alert: &Alert) {
        // One that is over folds nothing more; a detector's identity stays, or its file would raise it again.
        if alert.status != AlertStatus::Cleared || alert.source_id.is_some() {
            self.by_key.insert(alert.key.clone(), alert.serial);
        }
    }

    /// Takes a finding: a new alert, or one more time of an old one. False: it was known as it is.
    pub fn take(&mut self, finding: Finding) -> bool {
        let known = self.by_key.get(&finding.key).copied();
        let Some(alert) = known.and_then(|serial| self.alerts.get_mut(&serial)) else {
            self.raise(finding);
            return true;
        };
        if finding.id.is_some() {
            // The same alert of the same time is the same line, read again in a file that is rewritten as a whole.
            if finding.at <= alert.last_seen {
                return false;
            }
        } else if finding.at.saturating_sub(alert.last_seen) > self.bounds.clear_after {
            let serial = alert.serial;
            self.clear(serial);
            self.raise(finding);
            return true;
        }
        let serial = alert.serial;
        alert.fold(finding);
        if alert.status == AlertStatus::Cleared {
            alert.status = AlertStatus::Open;
            alert.acknowledged_by = None;
            self.note(serial, Change::Raised);
        } else {
            self.note(serial, Change::Updated);
        }
        true
    }

    fn raise(&mut self, finding: Finding) {
        let serial = self.next;
        self.next += 1;
        let alert = Alert::new(serial, finding);
        self.index(&alert);
        self.alerts.insert(serial, alert);
        self.note(serial, Change::Raised);
        self.make_room();
    }

    fn note(&mut self, serial: u64, change: Change) {
        let told = self.changes.entry(serial).or_insert(change);
        *told = (*told).max(change);
        self.unsaved.insert(serial);
    }

    /// What was found under a key is over.
    pub fn over(&mut self, key: &str, at: Instant) {
        if let Some(serial) = self.by_key.get(key).copied() {
            if let Some(alert) = self.alerts.get_mut(&serial) {
                alert.last_seen = alert.last_seen.max(at);
            }
            self.clear(serial);
        }
    }

    fn clear(&mut self, serial: u64) {
        let Some(alert) = self.alerts.get_mut(&serial) else {
            return;
        };
        if alert.status == AlertStatus::Cleared {
            return;
        }
        alert.status = AlertStatus::Cleared;
        if alert.source_id.is_none() {
            self.by_key.remove(&alert.key);
        }
        self.note(serial, Change::Cleared);
    }

    /// Somebody saw it. `None`: there is no such alert, or it is over.
    pub fn acknowledge(&mut self, serial: u64, by: Option<String>) -> Option<&Alert> {
        let alert = self.alerts.get_mut(&serial)?;
        if alert.status == AlertStatus::Open {
            alert.status = AlertStatus::Acknowledged;
            alert.acknowledged_by = by.map(|by| clip(&by, 100));
            self.note(serial, Change::Updated);
        }
        self.alerts.get(&serial)
    }

    /// Clears what had no news for long, and forgets what was cleared long ago.
    pub fn age(&mut self, now: Instant) {
        let (clear_after, days) = (self.bounds.clear_after, i64::from(self.bounds.days));
        let old = |alert: &&Alert, most: i64| now.saturating_sub(alert.last_seen) > most;
        let open = self
            .alerts
            .values()
            .filter(|a| a.status != AlertStatus::Cleared);
        let quiet: Vec<u64> = open
            .filter(|a| old(a, clear_after))
            .map(|a| a.serial)
            .collect();
        quiet.into_iter().for_each(|serial| self.clear(serial));
        let over = self
            .alerts
            .values()
            .filter(|a| a.status == AlertStatus::Cleared);
        let told = |serial: &u64| !self.changes.contains_key(serial);
        let past: Vec<u64> = over
            .filter(|a| old(a, (days * DAY).max(clear_after)))
            .map(|a| a.serial)
            .filter(told)
            .collect();
        past.into_iter().for_each(|serial| self.forget(serial));
    }

    fn make_room(&mut self) {
        while self.alerts.len() > self.bounds.alerts && self.evict().is_some() {}
    }

    /// The oldest that is over goes before its time; where none is, the oldest. Returns its serial.
    pub fn evict(&mut self) -> Option<u64> {
        let over = |alert: &&Alert| alert.status == AlertStatus::Cleared;
        let oldest = self.alerts.values().find(over);
        let serial = oldest.or(self.alerts.values().next())?.serial;
        self.evicted += 1;
        // One that nobody was told of has nothing to be taken back.
        let untold = self.changes.get(&serial) == Some(&Change::Raised);
        self.clear(serial);
        if let Some(alert) = self.alerts.get(&serial)
            && self.changes.get(&serial) == Some(&Change::Cleared)
            && (alert.announced || !untold)
        {
            self.gone.push(alert.clone());
        }
        self.forget(serial);
        Some(serial)
    }

    fn forget(&mut self, serial: u64) {
        if let Some(alert) = self.alerts.remove(&serial) {
            if self.by_key.get(&alert.key) == Some(&serial) {
                self.by_key.remove(&alert.key);
            }
            self.changes.remove(&serial);
            self.unsaved.insert(serial);
        }
    }

    /// An alert.
    #[must_use]
    pub fn get(&self, serial: u64) -> Option<&Alert> {
        self.alerts.get(&serial)
    }

    /// An alert by its id, by `alert_id:ip`, or by its finder's id: then the newest one.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<&Alert> {
        let newest = || self.alerts.values().rev();
        newest()
            .find(|alert| alert.alert_id == id)
            .or_else(|| newest().find(|alert| alert.source_id.as_deref() == Some(id)))
            .or_else(|| {
                newest().find(|alert| {
                    alert
                        .ip
                        .as_ref()
                        .is_some_and(|ip| id == format!("{}:{ip}", alert.alert_id))
                })
            })
    }

    /// All alerts, by serial.
    pub fn alerts(&self) -> impl DoubleEndedIterator<Item = &Alert> {
        self.alerts.values()
    }

    /// How many are not over.
    #[must_use]
    pub fn open(&self) -> usize {
        self.alerts()
            .filter(|alert| alert.status != AlertStatus::Cleared)
            .count()
    }

    /// The first serial that was never given.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Whether something must be told at once; what happened again can wait for a tick.
    #[must_use]
    pub fn is_urgent(&self) -> bool {
        !self.gone.is_empty()
            || self
                .changes
                .values()
                .any(|change| *change != Change::Updated)
    }

    /// Takes what was not told yet, in the order of serials; what is gone comes first.
    pub fn take_changes(&mut self) -> Vec<(Alert, Change)> {
        let mut told: Vec<_> = self
            .gone
            .drain(..)
            .map(|alert| (alert, Change::Cleared))
            .collect();
        for (serial, change) in std::mem::take(&mut self.changes) {
            if let Some(alert) = self.alerts.get(&serial) {
                told.push((alert.clone(), change));
            }
        }
        told
    }

    /// It could not be told yet: the next time.
    pub fn put_back(&mut self, alert: Alert, change: Change) {
        if self.alerts.contains_key(&alert.serial) {
            let noted = self.changes.entry(alert.serial).or_insert(change);
            *noted = (*noted).max(change);
        } else {
            self.gone.push(alert);
        }
    }

    /// Every alert that is not over, to be told again.
    pub fn retell(&mut self) {
        let open = self
            .alerts
            .values()
            .filter(|a| a.status != AlertStatus::Cleared);
        let told: Vec<_> = open
            .map(|a| {
                (
                    a.serial,
                    if a.announced {
                        Change::Updated
                    } else {
                        Change::Raised
                    },
                )
            })
            .collect();
        for (serial, change) in told {
            let noted = self.changes.entry(serial).or_insert(change);
            *noted = (*noted).max(change);
        }
    }

    /// Its first event was published.
    pub fn announced(&mut self, alert_id: &str) {
        let alert = self
            .alerts
            .values_mut()
            .rev()
            .find(|alert| alert.alert_id == alert_id);
        if let Some(alert) = alert.filter(|alert| !alert.announced) {
            alert.announced = true;
            self.unsaved.insert(alert.serial);
        }
    }

    /// The serials whose stored form is old.
    #[must_use]
    pub fn unsaved(&self) -> &BTreeSet<u64> {
        &self.unsaved
    }

    /// They were stored.
    pub fn saved(&mut self, serials: &BTreeSet<u64>) {
        self.unsaved.retain(|serial| !serials.contains(serial));
    }
}

#[cfg(test)]
#[path = "alerts_tests.rs"]
mod tests;
