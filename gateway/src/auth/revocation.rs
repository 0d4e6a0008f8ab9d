//! Tokens that hold no more before their end: by their id, or all of a subject.

use super::Verified;
use crate::event::Timestamp;
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use tokio::sync::Semaphore;

/// Most revocations; those that are past are forgotten first.
pub const MAX_REVOCATIONS: usize = 100_000;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// What is revoked.
    #[serde(flatten)]
    pub what: What,
    /// Until when; absent: until it is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Only tokens that were issued before; a token that does not say when it was is one of them. Absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued_before: Option<Timestamp>,
    /// Since when.
    pub revoked_at: Timestamp,
}

/// What is revoked.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// The token with this id; an API token's is `token:NAME`.
    Jti(String),
    /// The tokens of this subject.
    Subject(String),
}

/// Why a revocation was not taken.
#[derive(Debug, thiserror::Error)]
pub enum RevokeError {
    /// There are as many as there may be.
    #[error(
        "there are {MAX_REVOCATIONS} revocations already; delete some, or give them an end (until)"
    )]
    Full,
    /// It holds until the gateway stops, but could not be written down.
    #[error(
        "it holds now, but could not be written down, so it would not hold after a restart: {0}"
    )]
    NotKept(std::io::Error),
}

/// All of them. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct Revocations(Arc<Inner>);

struct Inner {
    table: RwLock<HashMap<What, Revocation>>,
    count: AtomicUsize,
    /// `None`: nothing is kept, for tests and tools.
    file: Option<PathBuf>,
    /// One permit, for the one that writes the file, so that the last change is the one that stays.
    writing: Semaphore,
}

impl Revocations {
    /// Reads those that were kept in the state directory.
    ///
    /// # Errors
    /// The file is there and can't be read: to go on without it would honour what was revoked.
    pub fn open(state: &Path) -> Result<Self, String> {
        let file = state.join("auth").join("revocations.json");
        let wrong = |why: String| format!("{}: {why}", file.display());
        let kept: Vec<Revocation> = match std::fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|error| wrong(format!("is damaged: {error}")))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(wrong(error.to_string())),
        };
        Ok(Self::with(kept, Some(file)))
    }

    /// None, and none will be kept.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::with(Vec::new(), None)
    }

    fn with(kept: Vec<Revocation>, file: Option<PathBuf>) -> Self {
        let table: HashMap<_, _> = kept.into_iter().map(|r| (r.what.clone(), r)).collect();
        let count = AtomicUsize::new(table.len());
        Self(Arc::new(Inner {
            table: RwLock::new(table),
            count,
            file,
            writing: Semaphore::new(1),
        }))
    }

    /// Whether a token was revoked.
    #[must_use]
    pub fn covers(&self, verified: &Verified) -> bool {
        if self.0.count.load(Relaxed) == 0 {
            return false;
        }
        let table = self.0.table.read();
        let now = Timestamp::now();
        let holds = |what: What| {
            table.get(&what).is_some_and(|revocation| {
                let running = revocation.until.is_none_or(|until| until > now);
                let meant = revocation
                    .issued_before
                    .is_none_or(|before| verified.issued_at.is_none_or(|issued| issued < before));
                running && meant
            })
        };
        holds(What::Subject(verified.identity.subject.clone()))
            || verified
                .token_id
                .as_ref()
                .is_some_and(|id| holds(What::Jti(id.to_string())))
    }

    /// Adds one; one of the same token or subject is replaced.
    ///
    /// # Errors
    /// There are too many, or it could not be written down.
    pub async fn add(&self, revocation: Revocation) -> Result<(), RevokeError> {
        {
            let mut table = self.0.table.write();
            if table.len() >= MAX_REVOCATIONS && !table.contains_key(&revocation.what) {
                let now = Timestamp::now();
                table.retain(|_, r| r.until.is_none_or(|until| until > now));
                if table.len() >= MAX_REVOCATIONS {
                    return Err(RevokeError::Full);
                }
            }
            table.insert(revocation.what.clone(), revocation);
            self.0.count.store(table.len(), Relaxed);
        }
        self.keep().await.map_err(RevokeError::NotKept)
    }

    /// Deletes one. Whether there was one.
    ///
    /// # Errors
    /// The change could not be written down.
    pub async fn remove(&self, what: &What) -> Result<bool, RevokeError> {
        let removed = {
            let mut table = self.0.table.write();
            let removed = table.remove(what).is_some();
            self.0.count.store(table.len(), Relaxed);
            removed
        };
        if removed {
            self.keep().await.map_err(RevokeError::NotKept)?;
        }
        Ok(removed)
    }

    /// All of them, the newest first.
    #[must_use]
    pub fn list(&self) -> Vec<Revocation> {
        let mut all: Vec<_> = self.0.table.read().values().cloned().collect();
        all.sort_by_key(|revocation| std::cmp::Reverse(revocation.revoked_at));
        all
    }

    /// Writes them down, whole or not at all.
    async fn keep(&self) -> std::io::Result<()> {
        let Some(file) = self.0.file.clone() else {
            return Ok(());
        };
        let _one = self.0.writing.acquire().await;
        let now = Timestamp::now();
        let all: Vec<_> = {
            let table = self.0.table.read();
            let running = table.values().filter(|r| r.until.is_none_or(|u| u > now));
            running.cloned().collect()
        };
        let written = tokio::task::spawn_blocking(move || write(&file, &all)).await;
        written.map_err(std::io::Error::other)?
    }
}

fn write(file: &Path, all: &[Revocation]) -> std::io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(0o700).create(folder)?;
    let partial = file.with_extension("partial");
    let mut options = std::fs::OpenOptions::new();
    let options = options.write(true).create(true).truncate(true);
    let mut out = options.mode(0o600).open(&partial)?;
    out.write_all(&serde_json::to_vec(all)?)?;
    out.sync_all()?;
    std::fs::rename(&partial, file)?;
    // The rename itself is on the disk once the folder is.
    std::fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Identity;

    fn verified(subject: &str, id: Option<&str>, issued: Option<u64>) -> Verified {
        Verified {
            identity: Arc::new(Identity {
                subject: subject.into(),
                roles: Vec::new(),
                claims: serde_json::Map::new(),
            }),
            expires_at: None,
            honoured_until: None,
            warn_at: None,
            issued_at: issued.map(Timestamp::from_seconds),
            token_id: id.map(Arc::from),
            hash: None,
        }
    }

    fn of(what: What) -> Revocation {
        Revocation {
            what,
            until: None,
            issued_before: None,
            revoked_at: Timestamp::now(),
        }
    }

    #[tokio::test]
    async fn a_token_or_a_subject_is_revoked_and_stays_so() {
        let folder = tempfile::tempdir().expect("a folder");
        let all = Revocations::open(folder.path()).expect("none yet");
        let (one, bob) = (What::Jti("one".into()), What::Subject("bob".into()));
        all.add(of(one.clone())).await.expect("kept");
        all.add(of(bob.clone())).await.expect("kept");
        for all in [all, Revocations::open(folder.path()).expect("kept")] {
            assert!(all.covers(&verified("alice", Some("one"), None)));
            assert!(!all.covers(&verified("alice", Some("two"), None)));
            assert!(all.covers(&verified("bob", None, None)));
            assert!(all.remove(&bob).await.expect("kept"));
            assert!(!all.remove(&bob).await.expect("kept"));
            assert!(!all.covers(&verified("bob", None, None)));
            all.add(of(bob.clone())).await.expect("kept");
            assert_eq!(all.list().len(), 2);
        }
    }

    #[tokio::test]
    async fn a_revocation_may_end_and_may_be_for_old_tokens_only() {
        let all = Revocations::in_memory();
        let past = Revocation {
            until: Some(Timestamp::from_seconds(1)),
            ..of(What::Subject("alice".into()))
        };
        all.add(past).await.expect("taken");
        assert!(!all.covers(&verified("alice", None, None)));
        let old = Revocation {
            issued_before: Some(Timestamp::from_seconds(1000)),
            ..of(What::Subject("alice".into()))
        };
        all.add(old).await.expect("taken");
        assert!(all.covers(&verified("alice", None, Some(999))));
        assert!(all.covers(&verified("alice", None, None)));
        assert!(!all.covers(&verified("alice", None, Some(1000))));
    }

    #[test]
    fn a_damaged_file_is_not_passed_over() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("auth")).expect("made");
        std::fs::write(folder.path().join("auth/revocations.json"), "[{").expect("written");
        let error = Revocations::open(folder.path()).err().expect("damaged");
        assert!(error.contains("revocations.json: is damaged"), "{error}");
    }
}
