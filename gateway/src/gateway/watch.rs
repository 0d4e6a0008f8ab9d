//! The watch on the configuration file: a change of its text reloads it.
//!
//! Its folder is watched, not the file: editors and deployment tools replace files, and a watch on a file
//! would go on watching the old one.

use crate::admin::Control;
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tokio_util::task::AbortOnDropHandle;

/// The folder must be still for so long: editors write in several steps.
const QUIET: Duration = Duration::from_millis(250);
/// But is waited for no longer than this: another file there may be written all the time.
const LONGEST: Duration = Duration::from_secs(2);

/// A watch; dropping it ends it.
pub struct FileWatch {
    _watcher: RecommendedWatcher,
    _task: AbortOnDropHandle<()>,
}

/// Watches a file. `None`, with a log line, where the system can't: SIGHUP and the admin API still reload.
pub fn start(file: &Path, control: Control) -> Option<FileWatch> {
    // One signal that waits is enough: it stands for every change before it is taken.
    let (changed, changes) = mpsc::channel(1);
    let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // To read a file is an event too, and must not lead to the next reading.
        if event.is_ok_and(|event| !event.kind.is_access()) {
            let _ = changed.try_send(());
        }
    });
    let folder = match file.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let watching = watcher.and_then(|mut watcher| {
        watcher.watch(folder, RecursiveMode::NonRecursive)?;
        Ok(watcher)
    });
    match watching {
        Ok(watcher) => {
            let task = tokio::spawn(follow(file.to_path_buf(), changes, control));
            Some(FileWatch {
                _watcher: watcher,
                _task: AbortOnDropHandle::new(task),
            })
        }
        Err(error) => {
            tracing::warn!(%error, folder = %folder.display(), "the configuration file can't be watched; SIGHUP reloads it");
            None
        }
    }
}

async fn follow(file: PathBuf, mut changes: mpsc::Receiver<()>, control: Control) {
    let mut text = tokio::fs::read(&file).await.ok();
    while changes.recv().await.is_some() {
        let end = Instant::now() + LONGEST;
        while let Ok(Some(())) = timeout(QUIET, changes.recv()).await {
            if Instant::now() >= end {
                break;
            }
        }
        // Between an editor's delete and its rename there is no file; the rename comes as another change.
        let Ok(now) = tokio::fs::read(&file).await else {
            continue;
        };
        if text.as_ref() != Some(&now) {
            text = Some(now);
            if control.reload("file").await.is_none() {
                return;
            }
        }
    }
}
