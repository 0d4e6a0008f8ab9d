//! Figures of the machine that the gateway runs on. Grant: `system = true`.

use crate::{HostError, raw};
use serde::de::DeserializeOwned;

/// The figures as JSON text; its fields are listed in the README.
///
/// # Errors
/// Not granted.
pub fn snapshot() -> Result<String, HostError> {
    raw::system::snapshot().map_err(|reason| HostError::new("system.snapshot", reason))
}

/// The figures in the author's type.
///
/// # Errors
/// Not granted, or the type asks for what is not there.
pub fn snapshot_as<T: DeserializeOwned>() -> Result<T, HostError> {
    serde_json::from_str(&snapshot()?)
        .map_err(|error| HostError::new("system.snapshot", error.to_string()))
}
