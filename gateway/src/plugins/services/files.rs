//! Files that the operator names, read-only: read, followed line by line, watched.
//!
//! Following survives rotation by renaming and by copying and truncating, a file that appears later, and restarts: a
//! cursor is the file's inode, the offset of the next line, and a fingerprint of the file's first bytes. Each line is
//! delivered once, also where the file was rotated while nobody followed it, as long as its predecessor is still there as
//! `NAME.1`. A line is delivered when its line break is there; one over 64 KiB is cut and ends with `…`; bytes that are no
//! UTF-8 become `U+FFFD`. While the inbox is full nothing is read.

mod changes;
mod cursor;
mod follow;
mod lines;
mod rights;

pub use rights::{FilePattern, FileRights};

use super::Current;
use crate::plugins::input::{Inbox, Input};
use bytes::Bytes;
use changes::Changes;
use follow::{Follower, Step};
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
    tasks: Mutex<BTreeMap<(String, Purpose), AbortHandle>>,
}

impl Files {
    pub(crate) fn new(rights: &Current, inbox: &Inbox) -> Self {
        Self {
            rights: rights.clone(),
            inbox: inbox.clone(),
            changes: Arc::default(),
            tasks: Mutex::default(),
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
    /// `NotGranted`, or `Other` where the limit of files is reached.
    pub fn follow(&self, path: &str, start: StartAt) -> Result<(), FileError> {
        let taken_over = matches!(start, StartAt::Cursor(_));
        self.start(path, Purpose::Follow, taken_over, || {
            let follower = Follower::new(path, start, self.rights.clone());
            let changes = self.changes.of(path);
            tokio::spawn(follow(follower, self.inbox.clone(), changes)).abort_handle()
        })
    }

    /// Tells of changes of a file with `FileChanged`: of its content, and that it appears or disappears. Several at once are one.
    ///
    /// # Errors
    /// `NotGranted`, or `Other` where the limit of files is reached.
    pub fn watch(&self, path: &str) -> Result<(), FileError> {
        self.start(path, Purpose::Watch, true, || {
            let changes = self.changes.of(path);
            tokio::spawn(watch(path.to_owned(), self.inbox.clone(), changes)).abort_handle()
        })
    }

    /// Follows and watches nothing any more. For a guest that starts after a crash: what it follows then begins at its cursor.
    pub fn close(&self) {
        for (_, task) in std::mem::take(&mut *self.tasks.lock()) {
            task.abort();
        }
    }

    /// Ends what the rights in force don't allow any more.
    pub(crate) fn recheck(&self) {
        let rights = self.rights.load();
        self.tasks.lock().retain(|(path, _), task| {
            let keep = rights.files.admit(path).is_ok();
            if !keep {
                tracing::warn!(path, "a file is no longer granted: not followed any more");
                task.abort();
            }
            keep
        });
    }

    fn start(
        &self,
        path: &str,
        purpose: Purpose,
        taken_over: bool,
        spawn: impl FnOnce() -> AbortHandle,
    ) -> Result<(), FileError> {
        let rights = self.rights.load();
        rights.files.admit(path)?;
        let mut tasks = self.tasks.lock();
        let key = (path.to_owned(), purpose);
        let running = tasks.get(&key).filter(|task| !task.is_finished());
        if running.is_some() && taken_over {
            return Ok(());
        }
        let limit = rights.limits.files;
        if !tasks.contains_key(&key) && tasks.len() >= limit {
            return Err(FileError::Other(format!("limit reached: {limit} files")));
        }
        if let Some(before) = tasks.insert(key, spawn()) {
            before.abort();
        }
        Ok(())
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        self.close();
    }
}

/// Reads on whenever something changes, and delivers before it reads on.
async fn follow(mut follower: Follower, inbox: Inbox, changes: changes::Interest) {
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
                if !inbox.deliver(input).await {
                    return;
                }
            }
            Step::Idle => changes.changed(LOOK_EVERY).await,
        }
    }
}

async fn watch(path: String, inbox: Inbox, changes: changes::Interest) {
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
            if !inbox.deliver(Input::FileChanged(path.clone())).await {
                return;
            }
        }
    }
}

#[cfg(test)]
#[path = "files/file_tests.rs"]
mod tests;
