//! Files that the operator names, read-only: read, followed line by line, watched.
//!
//! Following survives rotation by renaming and by copying and truncating, a file that appears later, and restarts: a
//! cursor is the file's inode, the offset of the next line, a fingerprint of the file's first bytes, and the file's last
//! change. Each line is delivered once, also where the file was rotated several times while nobody followed it or the
//! guest was slow, as long as the rotated files are there beside it, unpacked: `NAME.1`, `NAME.2` …, or `NAME-20261120`.
//! One that is packed is told as changed, counted, and logged. A line is delivered when its line break is there; one over
//! 64 KiB is cut and ends with `…`; bytes that are no UTF-8 become `U+FFFD`. While the inbox is full nothing is read.

mod changes;
mod cursor;
mod follow;
mod lines;
mod rights;
mod rotated;

pub use rights::{FilePattern, FileRights};

use super::Current;
use crate::event::InstanceName;
use crate::plugins::input::{Inbox, Input};
use bytes::Bytes;
use changes::Changes;
use follow::{Follower, Step};
use metrics::{Counter, counter};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::AbortHandle;

/// How often a file is looked at where no change is told: network disks tell none.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Why a file could not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// No grant names it.
    #[error("not granted: {0}")]
    NotGranted(String),
    /// It does not exist.
    #[error("no such file")]
    Missing,
    /// As many are followed and watched as may be.
    #[error("limit reached: {0} files")]
    Limit(usize),
    /// Anything else, in the operating system's words.
    #[error("{0}")]
    Other(String),
}

/// Where to begin following a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartAt {
    /// At its first line.
    Beginning,
    /// At what is added from now on.
    End,
    /// Where an earlier `FileLines` input left off; one that fits no longer means the beginning.
    Cursor(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Purpose {
    Follow,
    Watch,
}

/// The followed and watched files of one instance's place.
#[derive(Debug)]
pub struct Files {
    rights: Current,
    inbox: Inbox,
    changes: Arc<Changes>,
    unreadable: Counter,
    table: Mutex<Table>,
}

type Key = (String, Purpose);

#[derive(Debug, Default)]
struct Table {
    running: BTreeMap<Key, Running>,
    /// What a new guest asks for beside the one that runs. `None` for a file that it takes over as it is.
    prepared: Option<BTreeMap<Key, Option<Follower>>>,
}

/// A followed or watched file.
#[derive(Debug)]
struct Running {
    task: AbortHandle,
    gate: Arc<Gate>,
}

/// Whether a task may still deliver. An aborted task can be in the middle of something; behind a closed gate nothing
/// of it arrives any more.
#[derive(Debug)]
struct Gate(Mutex<bool>);

impl Running {
    fn end(&self) {
        *self.gate.0.lock() = false;
        self.task.abort();
    }
}

impl Files {
    pub(crate) fn new(instance: &InstanceName, rights: &Current, inbox: &Inbox) -> Self {
        Self {
            rights: rights.clone(),
            inbox: inbox.clone(),
            changes: Arc::default(),
            unreadable: counter!("hearthgate_guest_files_unreadable_total", "instance" => instance.to_string()),
            table: Mutex::default(),
        }
    }

    /// Reads up to `limit` bytes (and at most `limits.receive_bytes`) from `offset` on; none at the file's end.
    ///
    /// # Errors
    /// See [`FileError`].
    pub async fn read(&self, path: &str, offset: u64, limit: u32) -> Result<Bytes, FileError> {
        let rights = self.rights.load_full();
        let limit = rights.limits.receive_bytes.min(limit as usize);
        let path = path.to_owned();
        let read = move || -> Result<Bytes, FileError> {
            let mut file = rights.files.open(&path)?;
            let other = |error: std::io::Error| FileError::Other(error.to_string());
            file.seek(SeekFrom::Start(offset)).map_err(other)?;
            let mut bytes = Vec::new();
            file.take(limit as u64)
                .read_to_end(&mut bytes)
                .map_err(other)?;
            Ok(bytes.into())
        };
        let done = tokio::task::spawn_blocking(read).await;
        done.unwrap_or_else(|error| Err(FileError::Other(error.to_string())))
    }

    /// Follows a file: lines arrive as `FileLines`. Where it is followed already, a cursor takes that over as it is, so that
    /// a new guest gets each line once: what the inbox holds, and what comes behind it. Another start begins it again.
    ///
    /// # Errors
    /// `NotGranted`, or `Limit` where the limit of files is reached.
    pub fn follow(&self, path: &str, start: StartAt) -> Result<(), FileError> {
        let taken_over = matches!(start, StartAt::Cursor(_));
        let follower = || Follower::new(path, start, self.rights.clone());
        self.start((path.to_owned(), Purpose::Follow), taken_over, follower)
    }

    /// Tells of changes of a file with `FileChanged`: of its content, and that it appears or disappears. Several at once are one.
    ///
    /// # Errors
    /// `NotGranted`, or `Limit` where the limit of files is reached.
    pub fn watch(&self, path: &str) -> Result<(), FileError> {
        let unused = || Follower::new(path, StartAt::Beginning, self.rights.clone());
        self.start((path.to_owned(), Purpose::Watch), true, unused)
    }

    /// Follows and watches nothing any more; nothing arrives afterwards. For a guest that starts after a crash: what it
    /// follows then begins at its cursor.
    pub fn close(&self) {
        let mut table = self.table.lock();
        table.prepared = None;
        for running in std::mem::take(&mut table.running).into_values() {
            running.end();
        }
    }

    /// From now on it is a new guest that asks, beside the one that runs: nothing changes until [`Files::commit`].
    pub fn prepare(&self) {
        self.table.lock().prepared = Some(BTreeMap::new());
    }

    /// The new guest failed: what it asked for is forgotten.
    pub fn discard(&self) {
        self.table.lock().prepared = None;
    }

    /// The new guest runs: what it asked for begins, and what it did not ask for ends.
    pub fn commit(&self) {
        let mut table = self.table.lock();
        let Some(prepared) = table.prepared.take() else {
            return;
        };
        table.running.retain(|key, running| {
            let kept = matches!(prepared.get(key), Some(None));
            if !kept {
                running.end();
            }
            kept
        });
        for (key, follower) in prepared {
            if let Some(follower) = follower {
                let running = self.spawn(&key, follower);
                table.running.insert(key, running);
            }
        }
    }

    /// Ends what the rights in force don't allow any more.
    pub(crate) fn recheck(&self) {
        let rights = self.rights.load();
        self.table.lock().running.retain(|(path, _), running| {
            let keep = rights.files.admit(path).is_ok();
            if !keep {
                tracing::warn!(path, "a file is no longer granted: not followed any more");
                running.end();
            }
            keep
        });
    }

    fn start(
        &self,
        key: Key,
        taken_over: bool,
        follower: impl FnOnce() -> Follower,
    ) -> Result<(), FileError> {
        let rights = self.rights.load();
        rights.files.admit(&key.0)?;
        let limit = rights.limits.files;
        let full = || FileError::Limit(limit);
        let mut table = self.table.lock();
        let running = table.running.get(&key);
        let takes_over = taken_over && running.is_some_and(|running| !running.task.is_finished());
        if let Some(prepared) = &mut table.prepared {
            if !prepared.contains_key(&key) && prepared.len() >= limit {
                return Err(full());
            }
            prepared.insert(key, (!takes_over).then(follower));
            return Ok(());
        }
        if takes_over {
            return Ok(());
        }
        if !table.running.contains_key(&key) && table.running.len() >= limit {
            return Err(full());
        }
        if let Some(before) = table.running.remove(&key) {
            before.end();
        }
        let running = self.spawn(&key, follower());
        table.running.insert(key, running);
        Ok(())
    }

    fn spawn(&self, (path, purpose): &Key, follower: Follower) -> Running {
        let gate = Arc::new(Gate(Mutex::new(true)));
        let changes = self.changes.of(path);
        let (inbox, open) = (self.inbox.clone(), gate.clone());
        let unreadable = self.unreadable.clone();
        let task = match purpose {
            Purpose::Follow => tokio::spawn(follow(follower, inbox, open, changes, unreadable)),
            Purpose::Watch => tokio::spawn(watch(path.clone(), inbox, open, changes)),
        };
        let task = task.abort_handle();
        Running { task, gate }
    }
}

impl Gate {
    /// Delivers, unless it was closed meanwhile.
    async fn deliver(&self, inbox: &Inbox, input: Input) -> bool {
        let Some(place) = inbox.place_for(&input).await else {
            return false;
        };
        let open = self.0.lock();
        if *open {
            place.put(input);
        }
        *open
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        self.close();
    }
}

/// Reads on whenever something changes, and delivers before it reads on.
async fn follow(
    mut follower: Follower,
    inbox: Inbox,
    gate: Arc<Gate>,
    changes: changes::Interest,
    unreadable: Counter,
) {
    loop {
        let stepped = tokio::task::spawn_blocking(move || {
            let step = follower.step();
            (follower, step)
        });
        let Ok((returned, step)) = stepped.await else {
            return;
        };
        follower = returned;
        match step {
            Step::Lines { lines, cursor } => {
                let input = Input::FileLines(follower.path().to_owned(), lines, cursor);
                if !gate.deliver(&inbox, input).await {
                    return;
                }
            }
            Step::Unreadable(files) => {
                for file in files {
                    unreadable.increment(1);
                    tracing::warn!(file = %file.display(), "a rotated file is packed or may not be read: its lines are missing");
                    let input = Input::FileChanged(file.to_string_lossy().into_owned());
                    if !gate.deliver(&inbox, input).await {
                        return;
                    }
                }
            }
            Step::Idle => changes.changed(LOOK_EVERY).await,
        }
    }
}

async fn watch(path: String, inbox: Inbox, gate: Arc<Gate>, changes: changes::Interest) {
    let look = |path: &str| {
        use std::os::unix::fs::MetadataExt;
        let found = std::fs::metadata(path).ok();
        found.map(|m| (m.ino(), m.len(), m.mtime(), m.mtime_nsec()))
    };
    let mut seen = look(&path);
    loop {
        changes.changed(LOOK_EVERY).await;
        let now = look(&path);
        if now != seen {
            seen = now;
            let input = Input::FileChanged(path.clone());
            if !gate.deliver(&inbox, input).await {
                return;
            }
        }
    }
}

#[cfg(test)]
#[path = "files/file_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "files/rotation_tests.rs"]
mod rotation_tests;
