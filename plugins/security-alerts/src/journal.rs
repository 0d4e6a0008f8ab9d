//! What survives a crash: cursors together with what their lines produced, in `store`.
//!
//! A key is written as a whole or not at all, several keys are not. So a commit is one key, `journal`: where each file was
//! left off, the windows, and every alert that changed since its page was written. Then the events are published, and then the
//! pages (`page/N`, 16 alerts each) are written. Whichever step is the last before a crash, reading the pages and then
//! the journal gives the state of the last commit, and the files go on behind the last line that is in it.

use crate::alert::Alert;
use crate::alerts::Book;
use crate::finding::Feed;
use crate::windows::Windows;
use crate::zeek::Header;
use hearthgate_plugin::store::{self, StoreError};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Alerts of a page.
const PAGE: u64 = 16;
/// Alerts that a journal may carry before their pages must be written.
const MOST_CARRIED: usize = 128;

/// The store, as far as it is needed here.
pub trait Disk {
    /// A key's value.
    ///
    /// # Errors
    /// The store's.
    fn get(&mut self, key: &str) -> Result<Option<Vec<u8>>, StoreError>;
    /// Writes a key.
    ///
    /// # Errors
    /// The store's.
    fn set(&mut self, key: &str, value: &[u8]) -> Result<(), StoreError>;
    /// Deletes a key.
    ///
    /// # Errors
    /// The store's.
    fn delete(&mut self, key: &str) -> Result<(), StoreError>;
    /// All keys with a prefix.
    ///
    /// # Errors
    /// The store's.
    fn keys(&mut self, prefix: &str) -> Result<Vec<String>, StoreError>;
}

/// The host's store.
#[derive(Debug, Clone, Copy, Default)]
pub struct HostStore;

impl Disk for HostStore {
    fn get(&mut self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        store::get(key)
    }

    fn set(&mut self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        store::set(key, value)
    }

    fn delete(&mut self, key: &str) -> Result<(), StoreError> {
        store::delete(key)
    }

    fn keys(&mut self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let mut all: Vec<String> = Vec::new();
        loop {
            let more = store::keys(prefix, all.last().map(String::as_str), 1000)?;
            let last = more.len() < 1000;
            all.extend(more);
            if last {
                return Ok(all);
            }
        }
    }
}

/// Where the files were left off, and what was begun in them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Progress {
    /// Behind the last line that is accounted for.
    pub cursors: BTreeMap<Feed, String>,
    /// The headers of tab-separated logs.
    pub headers: BTreeMap<Feed, Header>,
    /// Lines so far.
    pub lines: BTreeMap<Feed, u64>,
    /// Windows of logins.
    pub windows: Windows,
    /// Traffic by address.
    pub traffic: BTreeMap<String, Volume>,
    /// The files that were begun, by their paths: another path is another file.
    pub begun: BTreeMap<Feed, Begun>,
    /// Whether the first look at the neighbours was taken.
    pub looked: bool,
}

/// A file that was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// Its path.
    pub path: String,
    /// Whether what it held at first is left out.
    pub skipped: bool,
}

/// Traffic of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Volume {
    /// Bytes that it sent.
    pub sent: u64,
    /// Bytes that it received.
    pub received: u64,
    /// Packets both ways.
    pub packets: u64,
}

impl Volume {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            sent: self.sent.saturating_add(other.sent),
            received: self.received.saturating_add(other.received),
            packets: self.packets.saturating_add(other.packets),
        }
    }
}

/// A commit.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Commit {
    /// Counts the commits.
    pub number: u64,
    /// The first serial that was never given.
    pub next: u64,
    /// Where the files were left off.
    pub progress: Progress,
    /// Alerts that changed since their page was written.
    alerts: Vec<Alert>,
    /// Alerts that are gone since.
    gone: Vec<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Page {
    /// The commit that it is of.
    number: u64,
    alerts: Vec<Alert>,
}

/// The writer.
#[derive(Debug)]
pub struct Journal<D> {
    disk: D,
    number: u64,
}

/// What was stored.
#[derive(Debug)]
pub struct Stored {
    /// Alerts, by serial.
    pub alerts: Vec<Alert>,
    /// The first serial that was never given.
    pub next: u64,
    /// Where the files were left off.
    pub progress: Progress,
    /// Serials that the last commit carries: their pages are not written yet.
    pub carried: BTreeSet<u64>,
}

impl<D: Disk> Journal<D> {
    /// Reads what is stored; `handed`, which the instance before handed over, counts where it is newer.
    ///
    /// # Errors
    /// The store's.
    pub fn open(mut disk: D, handed: Option<Commit>) -> Result<(Self, Stored), StoreError> {
        let mut alerts: BTreeMap<u64, (u64, Alert)> = BTreeMap::new();
        let mut written: BTreeMap<u64, u64> = BTreeMap::new();
        for key in disk.keys("page/")? {
            let page = disk
                .get(&key)?
                .and_then(|bytes| serde_json::from_slice::<Page>(&bytes).ok());
            for alert in page.iter().flat_map(|page| &page.alerts) {
                alerts.insert(
                    alert.serial,
                    (page.as_ref().map_or(0, |p| p.number), alert.clone()),
                );
            }
            if let (Some(page), Some(at)) =
                (page, key.strip_prefix("page/").and_then(|n| n.parse().ok()))
            {
                written.insert(at, page.number);
            }
        }
        let journal = disk.get("journal")?;
        let journal: Option<Commit> = journal.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let newer = |one: &Commit, other: &Option<Commit>| {
            other.as_ref().is_none_or(|other| one.number > other.number)
        };
        let commit = handed.filter(|handed| newer(handed, &journal)).or(journal);
        let mut stored = Stored {
            alerts: Vec::new(),
            next: 1,
            progress: Progress::default(),
            carried: BTreeSet::new(),
        };
        let mut number = 0;
        if let Some(commit) = commit {
            number = commit.number;
            let is_old = |serial: u64| {
                written
                    .get(&(serial / PAGE))
                    .is_none_or(|page| *page < commit.number)
            };
            for serial in &commit.gone {
                if is_old(*serial) {
                    stored.carried.insert(*serial);
                    alerts.remove(serial);
                }
            }
            for alert in commit.alerts {
                if is_old(alert.serial) {
                    stored.carried.insert(alert.serial);
                    alerts.insert(alert.serial, (commit.number, alert));
                }
            }
            stored.next = commit.next;
            stored.progress = commit.progress;
        }
        stored.alerts = alerts.into_values().map(|(_, alert)| alert).collect();
        Ok((Self { disk, number }, stored))
    }

    /// What a commit would be now, for the next instance.
    #[must_use]
    pub fn draft(&self, book: &Book, progress: &Progress) -> Commit {
        let unsaved = book.unsaved();
        let alerts = unsaved
            .iter()
            .filter_map(|serial| book.get(*serial))
            .cloned();
        let gone = unsaved.iter().filter(|serial| book.get(**serial).is_none());
        Commit {
            number: self.number + 1,
            next: book.next(),
            progress: progress.clone(),
            alerts: alerts.collect(),
            gone: gone.copied().collect(),
        }
    }

    /// Commits: from here on a crash loses nothing of what was taken so far.
    ///
    /// # Errors
    /// The store's; nothing was committed then.
    pub fn commit(&mut self, book: &mut Book, progress: &Progress) -> Result<(), StoreError> {
        // Twice as many each time: making a commit takes processor time.
        let mut go = 1;
        loop {
            let commit = self.draft(book, progress);
            let bytes = serde_json::to_vec(&commit).unwrap_or_default();
            match self.disk.set("journal", &bytes) {
                Ok(()) => break self.number = commit.number,
                Err(StoreError::Quota(_)) if self.make_room(book, go)? => go *= 2,
                Err(error) => return Err(error),
            }
        }
        if book.unsaved().len() > MOST_CARRIED {
            self.write_pages(book)?;
        }
        Ok(())
    }

    /// Writes the pages of what changed. Only after a commit.
    ///
    /// # Errors
    /// The store's; the next time tries again.
    pub fn write_pages(&mut self, book: &mut Book) -> Result<(), StoreError> {
        let pages: BTreeSet<u64> = book.unsaved().iter().map(|serial| serial / PAGE).collect();
        for page in pages {
            let serials: BTreeSet<u64> = (page * PAGE..(page + 1) * PAGE).collect();
            let alerts: Vec<Alert> = serials
                .iter()
                .filter_map(|serial| book.get(*serial))
                .cloned()
                .collect();
            let key = page_key(page);
            if alerts.is_empty() {
                self.disk.delete(&key)?;
            } else {
                let page = Page {
                    number: self.number,
                    alerts,
                };
                let bytes = serde_json::to_vec(&page).unwrap_or_default();
                match self.disk.set(&key, &bytes) {
                    Err(StoreError::Quota(_)) if self.make_room(book, 1)? => continue,
                    other => other?,
                }
            }
            book.saved(&serials);
        }
        Ok(())
    }

    /// The store is full: lets the oldest alerts go, from the book and from their pages. What else is in these pages stays as
    /// it was, with the number of its commit: before the next commit, nothing of what the book has since may be stored, or a
    /// crash would count the lines that made it again. False: there are none.
    fn make_room(&mut self, book: &mut Book, most: usize) -> Result<bool, StoreError> {
        let gone: BTreeSet<u64> = (0..most).map_while(|_| book.evict()).collect();
        let pages: BTreeSet<u64> = gone.iter().map(|serial| serial / PAGE).collect();
        for key in pages.into_iter().map(page_key) {
            let Some(bytes) = self.disk.get(&key)? else {
                continue;
            };
            let Ok(mut page) = serde_json::from_slice::<Page>(&bytes) else {
                continue;
            };
            page.alerts.retain(|alert| !gone.contains(&alert.serial));
            if page.alerts.is_empty() {
                self.disk.delete(&key)?;
            } else {
                let bytes = serde_json::to_vec(&page).unwrap_or_default();
                self.disk.set(&key, &bytes)?;
            }
        }
        Ok(!gone.is_empty())
    }

    /// The store, for what has keys of its own.
    pub fn disk(&mut self) -> &mut D {
        &mut self.disk
    }
}

fn page_key(page: u64) -> String {
    format!("page/{page:012}")
}

#[cfg(test)]
#[path = "journal_tests.rs"]
mod tests;
