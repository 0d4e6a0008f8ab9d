//! The watch on the configuration file: a change of its text reloads it.
//!
//! Its folder is watched, not the file: editors and deployment tools replace files, and a watch on a file
//! would go on watching the old one.

use super::ConfigFile;
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
pub fn start(file: &ConfigFile, control: Control) -> Option<FileWatch> {
    let (file, text) = (file.path.as_path(), file.text.clone());
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
            let task = tokio::spawn(follow(file.to_path_buf(), text.into(), changes, control));
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

/// Reloads whenever the file no longer says what `text` does. It looks at once: the gateway took its time to start, and what
/// changed before the watch was there would be seen by nobody.
async fn follow(
    file: PathBuf,
    mut text: Vec<u8>,
    mut changes: mpsc::Receiver<()>,
    control: Control,
) {
    loop {
        // Between an editor's delete and its rename there is no file; the rename comes as another change.
        if let Ok(now) = tokio::fs::read(&file).await
            && now != text
        {
            text = now;
            if control.reload("file").await.is_none() {
                return;
            }
        }
        if changes.recv().await.is_none() {
            return;
        }
        let end = Instant::now() + LONGEST;
        while let Ok(Some(())) = timeout(QUIET, changes.recv()).await {
            if Instant::now() >= end {
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Order;
    use super::*;
    use tokio::sync::watch as cell;

    #[tokio::test]
    async fn what_changed_before_the_watch_was_there_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("gate.toml");
        std::fs::write(&file, "# newer").unwrap();
        let (orders, mut ordered) = mpsc::channel::<Order>(1);
        let (_last, last_seen) = cell::channel(None);
        let (_changed, changes) = mpsc::channel(1);
        let control = Control::new(orders, last_seen);
        let _task = AbortOnDropHandle::new(tokio::spawn(follow(
            file,
            b"# as it was read".to_vec(),
            changes,
            control,
        )));
        let order = timeout(Duration::from_secs(30), ordered.recv()).await;
        assert!(order.unwrap().is_some(), "it is reloaded");
    }
}
