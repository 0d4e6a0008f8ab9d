//! Files that the operator names, read-only: read, followed line by line, watched.

use super::Current;
use crate::plugins::input::Inbox;
use bytes::Bytes;
use std::path::PathBuf;

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
    /// Where an earlier `FileLines` input left off.
    Cursor(String),
}

/// The files that an instance may read: named by the operator's grants and by the manifest's requests.
#[derive(Debug, Clone, Default)]
pub struct FileRights {}

impl FileRights {
    /// Rights to what some pattern of `granted` and some pattern of `requested` both name.
    ///
    /// # Errors
    /// A pattern that is not absolute, has `..` or a `*` that spans names: says what it should have been.
    pub fn new(_granted: &[PathBuf], _requested: &[PathBuf]) -> Result<Self, String> {
        Ok(Self {})
    }
}

/// The followed and watched files of one instance's place.
#[derive(Debug)]
pub struct Files {}

impl Files {
    pub(crate) fn new(_rights: &Current, _inbox: &Inbox) -> Self {
        Self {}
    }

    /// Reads up to `limit` bytes (and at most `limits.receive_bytes`) from `offset` on.
    ///
    /// # Errors
    /// See [`FileError`].
    pub async fn read(&self, _path: &str, _offset: u64, _limit: u32) -> Result<Bytes, FileError> {
        Err(FileError::Missing)
    }

    /// Follows a file: lines arrive as `FileLines`. A file that is followed already is taken over: it is begun again.
    ///
    /// # Errors
    /// `NotGranted`, or `Other` where the limit of files is reached.
    pub fn follow(&self, _path: &str, _start: StartAt) -> Result<(), FileError> {
        Err(FileError::Missing)
    }

    /// Tells of changes of a file with `FileChanged`; several at once are one.
    ///
    /// # Errors
    /// `NotGranted`, or `Other` where the limit of files is reached.
    pub fn watch(&self, _path: &str) -> Result<(), FileError> {
        Err(FileError::Missing)
    }

    pub(crate) fn close(&self) {}
    pub(crate) fn recheck(&self) {}
}
