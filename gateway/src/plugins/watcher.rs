//! Watches the plugins' folder. Any sign of a change makes it look at the folder itself, and wait until what it sees
//! has not changed for a while: so a half-written file is not taken, however it is written, and no sign is needed twice.

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::mpsc;

/// How long the folder must stay the same.
const SETTLE: Duration = Duration::from_millis(300);
/// Where signs are lost (network file systems, a folder that did not exist), it looks by itself so often.
const POLL: Duration = Duration::from_secs(2);

/// What tells one content of a file from another: length, modification, inode.
type Stamp = (u64, i64, i64, u64);

/// The plugins' files: by plugin, the stamps of the `.wasm` and of the manifest beside it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Listing(BTreeMap<String, Vec<(String, Stamp)>>);

impl Listing {
    /// Looks at the folder. Files whose name starts with a dot are nobody's business.
    pub(super) fn read(directory: &Path) -> Self {
        let mut found: BTreeMap<String, Vec<(String, Stamp)>> = BTreeMap::new();
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let plugin = name
                .strip_suffix(".wasm")
                .or_else(|| name.strip_suffix(".plugin.toml"));
            let Some(plugin) = plugin.filter(|p| !p.starts_with('.') && !p.is_empty()) else {
                continue;
            };
            if let Ok(metadata) = entry.metadata() {
                let stamp = (
                    metadata.len(),
                    metadata.mtime(),
                    metadata.mtime_nsec(),
                    metadata.ino(),
                );
                found
                    .entry(plugin.to_owned())
                    .or_default()
                    .push((name.clone(), stamp));
            }
        }
        found.values_mut().for_each(|files| files.sort());
        Self(found)
    }

    /// The plugins whose files differ.
    fn differing(&self, other: &Self) -> BTreeSet<String> {
        let all = self.0.keys().chain(other.0.keys());
        all.filter(|p| self.0.get(*p) != other.0.get(*p))
            .cloned()
            .collect()
    }
}

/// The watcher: yields the plugins whose files changed.
pub(super) struct Watcher {
    directory: PathBuf,
    seen: Listing,
    signs: mpsc::Receiver<()>,
    sign: mpsc::Sender<()>,
    notify: Option<RecommendedWatcher>,
}

impl Watcher {
    /// Watches a folder, which need not exist yet. What `seen` holds is known already.
    pub(super) fn new(directory: &Path, seen: Listing) -> Self {
        let (sign, signs) = mpsc::channel(1);
        let mut watcher = Self {
            directory: directory.to_owned(),
            seen,
            signs,
            sign,
            notify: None,
        };
        watcher.listen();
        watcher
    }

    /// Waits until files of plugins changed and have settled. Another folder is looked at from then on.
    pub(super) async fn changed(&mut self, directory: &Path) -> BTreeSet<String> {
        if self.directory != directory {
            self.directory = directory.to_owned();
            self.notify = None;
        }
        if self.notify.is_none() {
            self.listen();
        }
        let mut now = Listing::read(&self.directory);
        if now == self.seen {
            let _ = tokio::time::timeout(POLL, self.signs.recv()).await;
            now = Listing::read(&self.directory);
        }
        if now == self.seen {
            return BTreeSet::new();
        }
        loop {
            tokio::time::sleep(SETTLE).await;
            let again = Listing::read(&self.directory);
            if again == now {
                break;
            }
            now = again;
        }
        let changed = self.seen.differing(&now);
        self.seen = now;
        changed
    }

    fn listen(&mut self) {
        let sign = self.sign.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Reading the folder, as we do ourselves, is no change.
            if event.is_ok_and(|e| !e.kind.is_access()) {
                let _ = sign.try_send(());
            }
        });
        self.notify = watcher
            .and_then(|mut w| {
                w.watch(&self.directory, RecursiveMode::NonRecursive)
                    .map(|()| w)
            })
            .ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plugins_files_count_and_a_changed_one_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        for name in ["a.wasm", "b.wasm", ".c.wasm", "d.txt", "a.wasm.tmp"] {
            std::fs::write(path(name), b"1").expect("written");
        }
        let before = Listing::read(folder.path());
        assert_eq!(before.0.keys().collect::<Vec<_>>(), ["a", "b"]);
        std::fs::write(path("new"), b"22").expect("written");
        std::fs::rename(path("new"), path("a.wasm")).expect("renamed");
        std::fs::write(path("b.plugin.toml"), b"x").expect("written");
        let after = Listing::read(folder.path());
        let expected = BTreeSet::from(["a".to_owned(), "b".to_owned()]);
        assert_eq!(before.differing(&after), expected);
        assert!(after.differing(&Listing::read(folder.path())).is_empty());
    }

    #[tokio::test]
    async fn a_change_is_yielded_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut watcher = Watcher::new(folder.path(), Listing::default());
        std::fs::write(folder.path().join("a.wasm"), b"1").expect("written");
        let changed = watcher.changed(folder.path()).await;
        assert_eq!(changed, BTreeSet::from(["a".to_owned()]));
        std::fs::remove_file(folder.path().join("a.wasm")).expect("removed");
        let changed = watcher.changed(folder.path()).await;
        assert_eq!(changed, BTreeSet::from(["a".to_owned()]));
    }
}
