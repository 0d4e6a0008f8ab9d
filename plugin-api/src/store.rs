//! Small durable state of this instance, kept over restarts of the gateway. No grant is needed;
//! `limits.store` (1 MiB) bounds it.

use crate::log::Level;
pub use crate::wit::host::store::StoreError;
use crate::{log_with, raw};
use serde::{Serialize, de::DeserializeOwned};

/// The bytes under a key.
///
/// # Errors
/// The key is not valid, or the store is away.
pub fn get(key: &str) -> Result<Option<Vec<u8>>, StoreError> {
    raw::store::get(key)
}

/// Keeps bytes under a key.
///
/// # Errors
/// The quota is reached, the key is not valid, or the store is away.
pub fn set(key: &str, value: &[u8]) -> Result<(), StoreError> {
    raw::store::set(key, value)
}

/// Forgets a key; one that is not there is no mistake.
///
/// # Errors
/// The key is not valid, or the store is away.
pub fn delete(key: &str) -> Result<(), StoreError> {
    raw::store::delete(key)
}

/// Up to `limit` keys that start with `prefix`, in order, after the key `after`.
///
/// # Errors
/// The store is away.
pub fn keys(prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>, StoreError> {
    raw::store::keys(prefix, after, limit)
}

/// The JSON under a key, in the author's type. `None` also where another version left something that does not
/// fit, which is logged.
///
/// # Errors
/// The key is not valid, or the store is away.
pub fn get_json<T: DeserializeOwned>(key: &str) -> Result<Option<T>, StoreError> {
    let bytes = raw::store::get(key)?;
    Ok(bytes.and_then(|bytes| {
        serde_json::from_slice(&bytes)
            .map_err(|error| {
                log_with(
                    Level::Warn,
                    "stored value does not fit",
                    &[("key", &key), ("reason", &error)],
                )
            })
            .ok()
    }))
}

/// Keeps a value as JSON.
///
/// # Errors
/// As [`set`]; a value that can't be JSON is `unavailable`.
pub fn set_json(key: &str, value: &impl Serialize) -> Result<(), StoreError> {
    let bytes =
        serde_json::to_vec(value).map_err(|error| StoreError::Unavailable(error.to_string()))?;
    raw::store::set(key, &bytes)
}
