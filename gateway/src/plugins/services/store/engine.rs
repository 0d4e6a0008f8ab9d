//! The database file: opened, moved aside where it is broken, opened anew after an error of the disk.

use super::StoreError;
use bytes::Bytes;
use parking_lot::RwLock;
use redb::{Database, ReadableDatabase, TableDefinition};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// (instance, key) → value.
pub(super) const TABLE: TableDefinition<(&str, &str), &[u8]> = TableDefinition::new("store");
/// redb would take up to a gigabyte; the stores of a house are small.
const CACHE_BYTES: usize = 1024 * 1024;

/// The database, while it can be used.
#[derive(Debug)]
pub(super) struct Engine {
    path: PathBuf,
    /// Held only by code that does not wait for anything but the disk.
    state: RwLock<State>,
}

#[derive(Debug)]
enum State {
    Open(Database),
    /// Not usable, and why.
    Closed(String),
}

impl Engine {
    pub(super) fn open(path: PathBuf) -> Self {
        let state = match open(&path) {
            Ok(database) => State::Open(database),
            Err(reason) => {
                tracing::error!(path = %path.display(), %reason, "the plugins' store can't be opened");
                State::Closed(reason)
            }
        };
        Self {
            path,
            state: RwLock::new(state),
        }
    }

    pub(super) fn get(&self, instance: &str, key: &str) -> Result<Option<Bytes>, StoreError> {
        self.with(|database| {
            let table = database.begin_read()?.open_table(TABLE)?;
            Ok(table
                .get((instance, key))?
                .map(|value| Bytes::copy_from_slice(value.value())))
        })
    }

    pub(super) fn keys(
        &self,
        instance: &str,
        prefix: &str,
        after: &str,
        limit: usize,
    ) -> Result<Vec<String>, StoreError> {
        self.with(|database| {
            let table = database.begin_read()?.open_table(TABLE)?;
            let mut keys = Vec::new();
            for entry in table.range((instance, prefix.max(after))..)? {
                let (found, _) = entry?;
                let (owner, key) = found.value();
                if keys.len() >= limit || owner != instance || !key.starts_with(prefix) {
                    break;
                }
                if key > after {
                    keys.push(key.to_owned());
                }
            }
            Ok(keys)
        })
    }

    /// Does something with the database. An error of it closes the database, and the next use opens it anew: redb refuses
    /// everything after an error of the disk, and a full disk may have room again.
    pub(super) fn with<T>(
        &self,
        work: impl Fn(&Database) -> Result<T, redb::Error>,
    ) -> Result<T, StoreError> {
        let closed = matches!(*self.state.read(), State::Closed(_));
        if closed {
            self.reopen()?;
        }
        let outcome = match &*self.state.read() {
            State::Closed(reason) => return Err(StoreError::Unavailable(reason.clone())),
            // A broken file must not end the gateway, whatever assertion of redb it runs into.
            State::Open(database) => catch_unwind(AssertUnwindSafe(|| work(database))),
        };
        let reason = match outcome {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the database is inconsistent".to_owned(),
        };
        tracing::error!(path = %self.path.display(), %reason, "the plugins' store failed");
        metrics::counter!("hearthgate_plugin_store_errors_total").increment(1);
        *self.state.write() = State::Closed(reason.clone());
        Err(StoreError::Unavailable(reason))
    }

    fn reopen(&self) -> Result<(), StoreError> {
        let mut state = self.state.write();
        if let State::Closed(reason) = &mut *state {
            match open(&self.path) {
                Ok(database) => *state = State::Open(database),
                Err(error) => {
                    reason.clone_from(&error);
                    return Err(StoreError::Unavailable(error));
                }
            }
        }
        Ok(())
    }
}

/// Opens or creates the file; one that is broken is moved aside first.
fn open(path: &Path) -> Result<Database, String> {
    if let Some(directory) = path.parent() {
        create_directory(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    }
    match try_open(path) {
        Ok(database) => Ok(database),
        Err(Failure::Broken(reason)) => {
            let aside = aside(path);
            std::fs::rename(path, &aside).map_err(|error| error.to_string())?;
            tracing::error!(path = %path.display(), moved_to = %aside.display(), %reason,
                "the plugins' store was broken: moved aside, and begun anew");
            try_open(path).map_err(|failure| match failure {
                Failure::Broken(reason) | Failure::Other(reason) => reason,
            })
        }
        Err(Failure::Other(reason)) => Err(reason),
    }
}

enum Failure {
    /// The file is no usable database.
    Broken(String),
    /// Something else, which may pass: permissions, a full disk, another gateway.
    Other(String),
}

fn try_open(path: &Path) -> Result<Database, Failure> {
    let opening = || -> Result<Database, redb::Error> {
        let database = Database::builder()
            .set_cache_size(CACHE_BYTES)
            .create(path)?;
        let write = database.begin_write()?;
        write.open_table(TABLE)?;
        write.commit()?;
        Ok(database)
    };
    match catch_unwind(opening) {
        Ok(Ok(database)) => Ok(database),
        Ok(Err(error)) => Err(judge(&error)),
        Err(_) => Err(Failure::Broken(
            "the file makes the database panic".to_owned(),
        )),
    }
}

fn judge(error: &redb::Error) -> Failure {
    let reason = error.to_string();
    let broken = match error {
        redb::Error::Corrupted(_)
        | redb::Error::UpgradeRequired(_)
        | redb::Error::RepairAborted
        | redb::Error::TableTypeMismatch { .. }
        | redb::Error::TypeDefinitionChanged { .. } => true,
        redb::Error::Io(error) => {
            matches!(
                error.kind(),
                io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
            )
        }
        _ => false,
    };
    if broken {
        Failure::Broken(reason)
    } else {
        Failure::Other(reason)
    }
}

/// A free name beside the file.
fn aside(path: &Path) -> PathBuf {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_millis();
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".broken-{now}"));
    name.into()
}

#[cfg(unix)]
fn create_directory(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

#[cfg(not(unix))]
fn create_directory(path: &Path) -> io::Result<()> {
    std::fs::create_dir_all(path)
}
