//! The durable store: small state of an instance that survives restarts of the gateway.

use super::Current;
use crate::event::InstanceName;
use bytes::Bytes;
use std::path::Path;

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
pub struct Database {}

impl Database {
    pub(crate) fn open(_directory: &Path) -> Self {
        Self {}
    }

    pub(crate) fn store(&self, _instance: &InstanceName, _rights: &Current) -> Store {
        Store {}
    }
}

/// The store of one instance.
#[derive(Debug, Clone)]
pub struct Store {}

impl Store {
    /// The value of a key.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn get(&self, _key: &str) -> Result<Option<Bytes>, StoreError> {
        Ok(None)
    }

    /// Sets a key; on return it is durable, through a power cut.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn set(&self, _key: &str, _value: &[u8]) -> Result<(), StoreError> {
        Err(StoreError::InvalidKey)
    }

    /// Deletes a key, if it is there; on return that is durable.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn delete(&self, _key: &str) -> Result<(), StoreError> {
        Ok(())
    }

    /// At most `limit` keys that start with `prefix`, in order, after the key `after`.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn keys(
        &self,
        _prefix: &str,
        _after: Option<&str>,
        _limit: u32,
    ) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }
}
