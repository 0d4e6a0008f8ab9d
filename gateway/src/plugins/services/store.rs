//! The durable store: small state of an instance that survives restarts of the gateway.
//!
//! One redb database for all instances, keyed by (instance, key). Reading is direct; writing is one thread, which commits
//! all sets that wait at the moment together and answers when they are on the disk (fsync).
//!
//! Why redb: three candidates, each with 20 instances × 20 keys × 200 bytes, every set durable (fsync) on return; ext4 on a
//! virtual disk whose flush takes between 0.1 and 4 ms as it pleases, so that all three are as slow as the disk. Three runs:
//!
//! | | redb 4.4 | fjall 3.1 | SQLite (rusqlite 0.41, WAL, synchronous=FULL) |
//! |---|---|---|---|
//! | durable set, p50 | 0.13–4.0 ms | 0.065–0.24 ms | 0.13–4.0 ms |
//! | durable set, p99 | 3.5–13.6 ms | 8–16 ms | 5.5–11 ms |
//! | get, p50 | 0.8 µs | 0.3 µs | 2.0 µs |
//! | on disk: one database, open / 20 databases | 192 / 1280 kB | 136 / 800 kB | 3076 / 2800 kB |
//! | memory after the run / 20 databases | 1.5 / 1.7 MB | 1.5 / 0.9 MB | 2.2 / 3.5 MB |
//! | opened again in | 0.3–18 ms | 11–38 ms | 0.3–0.4 ms |
//! | processor time of the build / stripped program | 16 s / 1.4 MB | 34 s / 1.6 MB | 43 s (and a C compiler) / 2.4 MB |
//!
//! redb is one file without threads or a journal of its own, pure Rust, the smallest and the quickest to build; what fjall is
//! faster at, nobody notices behind an fsync. One database for all instances, because one for each costs twenty files
//! and can't share a commit.

mod engine;
mod writer;

use super::Current;
use crate::event::InstanceName;
use bytes::Bytes;
use engine::Engine;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use writer::{Job, Writer};

/// Longest key, in bytes.
pub const LONGEST_KEY: usize = 256;
/// Most keys of one listing.
pub const MOST_KEYS: u32 = 1000;

/// Why the store did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The value would go over the quota: this many bytes are allowed, keys included.
    #[error("over the quota of {0} bytes")]
    Quota(u64),
    /// A key is 1 to 256 printable ASCII characters.
    #[error("a key must be 1 to 256 printable ASCII characters")]
    InvalidKey,
    /// The database can't be used: a full disk, a broken file.
    #[error("unavailable: {0}")]
    Unavailable(String),
}

/// The database of all instances' stores.
#[derive(Debug, Clone)]
pub struct Database {
    engine: Arc<Engine>,
    writer: Arc<Writer>,
}

impl Database {
    /// Opens or creates `store.redb` in that folder. A broken file is moved aside, and the log says so; any other failure
    /// is kept, told to whoever uses a store, and tried again with each use.
    pub(crate) fn open(directory: &Path) -> Self {
        let engine = Arc::new(Engine::open(directory.join("store.redb")));
        Self {
            writer: Arc::new(Writer::start(engine.clone())),
            engine,
        }
    }

    /// The store of an instance. What it holds stays until it is deleted, also while no such instance is configured.
    pub(crate) fn store(&self, instance: &InstanceName, rights: &Current) -> Store {
        Store {
            instance: instance.as_str().into(),
            database: self.clone(),
            rights: rights.clone(),
        }
    }
}

/// The store of one instance.
#[derive(Debug, Clone)]
pub struct Store {
    instance: Arc<str>,
    database: Database,
    rights: Current,
}

impl Store {
    /// The value of a key.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn get(&self, key: &str) -> Result<Option<Bytes>, StoreError> {
        check(key)?;
        self.database.engine.get(&self.instance, key)
    }

    /// Sets a key; on return it is durable, through a power cut.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        let quota = self.rights.load().limits.store;
        // Before the value is copied: a guest's megabytes over its quota cost nothing.
        if (key.len() + value.len()) as u64 > quota {
            check(key)?;
            return Err(StoreError::Quota(quota));
        }
        self.write(key, Some(Bytes::copy_from_slice(value)), quota)
            .await
    }

    /// Deletes a key, if it is there; on return that is durable.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.write(key, None, 0).await
    }

    /// At most `limit` keys (and at most 1000) that start with `prefix`, in order, after the key `after`.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn keys(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<String>, StoreError> {
        let limit = limit.min(MOST_KEYS) as usize;
        self.database
            .engine
            .keys(&self.instance, prefix, after.unwrap_or(""), limit)
    }

    async fn write(&self, key: &str, value: Option<Bytes>, quota: u64) -> Result<(), StoreError> {
        check(key)?;
        let (reply, answer) = oneshot::channel();
        let job = Job {
            instance: self.instance.clone(),
            key: key.to_owned(),
            value,
            quota,
            reply,
        };
        let gone = || StoreError::Unavailable("the gateway stops".to_owned());
        let jobs: mpsc::Sender<Job> = self.database.writer.jobs().ok_or_else(gone)?;
        jobs.send(job).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

fn check(key: &str) -> Result<(), StoreError> {
    let valid =
        (1..=LONGEST_KEY).contains(&key.len()) && key.bytes().all(|b| (b' '..=b'~').contains(&b));
    if valid {
        Ok(())
    } else {
        Err(StoreError::InvalidKey)
    }
}

#[cfg(test)]
#[path = "store/store_tests.rs"]
mod tests;
