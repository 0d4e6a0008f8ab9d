//! Compiled plugins on disk: keyed by the plugin's hash and the engine, checked by a checksum, written atomically.
//!
//! What lies here is executed as machine code, so the folder is the gateway's alone; a folder that others could write
//! to is not used. A missing or broken entry only costs a compilation.

use crate::plugins::package::Hash;
use sha2::{Digest, Sha256};
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

const CHECKSUM_BYTES: usize = 32;

/// The cache; `None` where its folder can't be used, which is logged once.
pub(super) struct Cache {
    directory: Option<PathBuf>,
    engine: u64,
}

impl Cache {
    /// Opens the cache, creating its folder with mode 0700.
    pub(super) fn new(directory: &Path, engine: &wasmtime::Engine) -> Self {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let directory = match prepare(directory) {
            Ok(()) => Some(directory.to_owned()),
            Err(reason) => {
                tracing::warn!(directory = %directory.display(), reason, "the cache of compiled plugins is not used");
                None
            }
        };
        Self {
            directory,
            engine: hasher.finish(),
        }
    }

    /// The code of a plugin, if it is there and whole.
    pub(super) fn load(&self, hash: Hash) -> Option<Vec<u8>> {
        let path = self.path(hash)?;
        let mut entry = fs::read(&path).ok()?;
        if entry.len() > CHECKSUM_BYTES {
            let code = entry.split_off(CHECKSUM_BYTES);
            if Sha256::digest(&code)[..] == entry[..] {
                return Some(code);
            }
        }
        tracing::warn!(path = %path.display(), "a broken cache entry is compiled again");
        let _ = fs::remove_file(&path);
        None
    }

    /// Keeps the code of a plugin. A failure costs a compilation at the next start.
    pub(super) fn store(&self, hash: Hash, code: &[u8]) {
        let Some(path) = self.path(hash) else {
            return;
        };
        if let Err(error) = write(&path, code) {
            tracing::warn!(path = %path.display(), %error, "a compiled plugin could not be cached");
        }
    }

    fn path(&self, hash: Hash) -> Option<PathBuf> {
        let name = format!("{hash}-{:016x}.cwasm", self.engine);
        self.directory.as_ref().map(|d| d.join(name))
    }
}

fn prepare(directory: &Path) -> Result<(), String> {
    let failed = |e: std::io::Error| e.to_string();
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(failed)?;
    let metadata = fs::symlink_metadata(directory).map_err(failed)?;
    if !metadata.is_dir() {
        return Err("it is not a folder".to_owned());
    }
    // SAFETY: geteuid has no preconditions and can't fail.
    if metadata.uid() != unsafe { libc::geteuid() } {
        return Err("it belongs to another user".to_owned());
    }
    if metadata.permissions().mode() & 0o077 != 0 {
        fs::set_permissions(directory, fs::Permissions::from_mode(0o700)).map_err(failed)?;
    }
    Ok(())
}

fn write(path: &Path, code: &[u8]) -> std::io::Result<()> {
    let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(&Sha256::digest(code))?;
    file.write_all(code)?;
    file.sync_all()?;
    fs::rename(&temporary, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(directory: &Path) -> Cache {
        let engine = wasmtime::Engine::default();
        Cache::new(directory, &engine)
    }

    #[test]
    fn entries_come_back_whole_or_not_at_all() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path().join("cache");
        let cache = cache(&folder);
        let hash = Hash::of(b"plugin");
        assert_eq!(cache.load(hash), None);
        cache.store(hash, b"machine code");
        assert_eq!(cache.load(hash).as_deref(), Some(&b"machine code"[..]));
        let path = cache.path(hash).expect("a path");
        let mut bytes = fs::read(&path).expect("the entry");
        bytes[CHECKSUM_BYTES + 3] ^= 1;
        fs::write(&path, &bytes).expect("written");
        assert_eq!(cache.load(hash), None, "a flipped bit");
        assert!(!path.exists(), "the broken entry is gone");
        fs::write(&path, b"short").expect("written");
        assert_eq!(cache.load(hash), None, "a cut-off entry");
    }

    #[test]
    fn the_folder_is_the_gateways_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path().join("cache");
        fs::create_dir(&folder).expect("created");
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).expect("opened up");
        let cache = cache(&folder);
        assert!(cache.directory.is_some());
        let mode = fs::metadata(&folder).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}
