//! What a plugin's file says of itself.

use super::manifest::{Manifest, Requests};
use super::package::{LoadError, Package};
use serde::Serialize;
use std::path::Path;

/// Most bytes that are read to inspect a file, where no configuration says so.
pub const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// What a plugin's file says of itself.
#[derive(Debug, Clone, Serialize)]
pub struct Inspection {
    /// The plugin's id: the file's name without `.wasm`.
    pub id: String,
    /// SHA-256 of the file, in hexadecimal.
    pub hash: String,
    /// The file's size in bytes.
    pub size: u64,
    /// What it exports: `source`, `subscriber`, `handler`, `routes`, `dialect`.
    pub roles: Vec<&'static str>,
    /// The capabilities that its imports amount to: `publish`, `connect`, ….
    pub capabilities: Vec<&'static str>,
    /// Its manifest.
    pub manifest: serde_json::Value,
}

/// Reads and checks a plugin's file without running any of it.
///
/// # Errors
/// Says why the gateway would refuse the file.
pub fn inspect(path: &Path) -> Result<Inspection, LoadError> {
    let package = Package::read(path, MAX_FILE_BYTES)?;
    Ok(Inspection {
        id: package.manifest.id.clone(),
        hash: package.hash.to_string(),
        size: package.bytes.len() as u64,
        roles: package.roles.iter().map(|r| r.word()).collect(),
        capabilities: capabilities(&package),
        manifest: manifest_json(&package.manifest),
    })
}

/// What its imports amount to; secrets in templates need none.
fn capabilities(package: &Package) -> Vec<&'static str> {
    let imports = package.capabilities.iter().map(|c| c.name());
    let secrets = package.manifest.all(|r| &r.secrets).next();
    imports.chain(secrets.map(|_| "secrets")).collect()
}

fn manifest_json(manifest: &Manifest) -> serde_json::Value {
    let kinds = |kinds: &[crate::event::Kind]| -> Vec<String> {
        kinds.iter().map(|k| k.as_str().to_owned()).collect()
    };
    serde_json::json!({
        "id": manifest.id,
        "version": manifest.version,
        "api": manifest.api,
        "description": manifest.description,
        "offers": { "messages": manifest.messages },
        "publishes": { "kinds": kinds(&manifest.publishes) },
        "kinds": manifest.kinds.iter().map(|(k, s)| (k.as_str().to_owned(), s.clone())).collect::<serde_json::Map<_, _>>(),
        "requests": requests_json(&manifest.required),
        "optional": requests_json(&manifest.optional),
        "config": manifest.config,
    })
}

fn requests_json(requests: &Requests) -> serde_json::Value {
    let texts = |filters: &[crate::event::TopicFilter]| -> Vec<String> {
        filters.iter().map(|f| f.as_str().to_owned()).collect()
    };
    serde_json::json!({
        "publish": texts(&requests.publish),
        "subscribe": texts(&requests.subscribe),
        "connect": requests.connect,
        "files": requests.files,
        "commands": requests.commands,
        "secrets": requests.secrets,
        "reveal": requests.reveal,
        "call": requests.call,
        "gateway": requests.gateway,
        "system": requests.system,
    })
}
