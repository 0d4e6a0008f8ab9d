//! Hearing of changes: one watcher for all files of an instance, on their folders, because a rotated file's own watch would
//! stay with the old one.

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use parking_lot::Mutex;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::Notify;

type Interests = Arc<Mutex<Vec<(PathBuf, Weak<Notify>)>>>;

/// The watcher, once something is watched.
#[derive(Debug, Default)]
pub(super) struct Changes {
    interests: Interests,
    watcher: Mutex<Option<RecommendedWatcher>>,
}

/// Somebody who waits for changes of one file.
#[derive(Debug)]
pub(super) struct Interest(Arc<Notify>);

impl Interest {
    /// Waits until something changed in the file's folder; at most so long, since not every file system tells.
    pub(super) async fn changed(&self, at_most: Duration) {
        let _ = tokio::time::timeout(at_most, self.0.notified()).await;
    }
}

impl Changes {
    /// An interest in a file. Where its folder can't be watched, looking from time to time has to do.
    pub(super) fn of(&self, path: &str) -> Interest {
        let notify = Arc::new(Notify::new());
        let path = PathBuf::from(path);
        if let Some(folder) = path.parent().map(Path::to_owned) {
            let mut interests = self.interests.lock();
            interests.retain(|(_, other)| other.strong_count() > 0);
            interests.push((folder.clone(), Arc::downgrade(&notify)));
            drop(interests);
            self.watch(&folder);
        }
        Interest(notify)
    }

    fn watch(&self, folder: &Path) {
        let mut watcher = self.watcher.lock();
        if watcher.is_none() {
            let interests = self.interests.clone();
            *watcher = notify::recommended_watcher(move |event| tell(&interests, event)).ok();
        }
        if let Some(watcher) = &mut *watcher {
            let _ = watcher.watch(folder, RecursiveMode::NonRecursive);
        }
    }
}

fn tell(interests: &Interests, event: notify::Result<notify::Event>) {
    let Ok(event) = event else { return };
    // Reading is no change, and would wake the reader forever.
    if event.kind.is_access() {
        return;
    }
    for (folder, interest) in &*interests.lock() {
        let concerned = event
            .paths
            .iter()
            .any(|path| path.parent() == Some(folder) || path == folder);
        if (concerned || event.paths.is_empty())
            && let Some(notify) = interest.upgrade()
        {
            notify.notify_one();
        }
    }
}
