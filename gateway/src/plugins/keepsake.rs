//! The state of a plugin over a restart of the gateway: saved when it is stopped in order, handed to the first guest
//! after that, once. What must survive a crash belongs into `store`.

use super::bindings::host::types::State;
use crate::event::InstanceName;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Where one instance's state is kept.
#[derive(Debug, Clone)]
pub(super) struct Keepsake(PathBuf);

impl Keepsake {
    /// Below the gateway's state folder; another plugin under the same name does not get it.
    pub(super) fn new(state_directory: &Path, instance: &InstanceName, plugin: &str) -> Self {
        Self(
            state_directory
                .join("handover")
                .join(format!("{instance}@{plugin}")),
        )
    }

    /// Keeps the state. A failure costs the plugin a fresh start, and is logged.
    pub(super) fn keep(&self, state: &State) {
        if let Err(error) = self.write(state) {
            tracing::warn!(path = %self.0.display(), %error, "the state of a plugin could not be kept");
        }
    }

    fn write(&self, state: &State) -> std::io::Result<()> {
        if let Some(folder) = self.0.parent() {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)?;
        }
        let temporary = self.0.with_extension("tmp");
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(&state.schema.to_le_bytes())?;
        file.write_all(&state.data)?;
        file.sync_all()?;
        fs::rename(&temporary, &self.0)
    }

    /// Takes the state: it is gone from here.
    pub(super) fn take(&self) -> Option<State> {
        let bytes = fs::read(&self.0).ok()?;
        let _ = fs::remove_file(&self.0);
        let (schema, data) = bytes.split_first_chunk::<4>()?;
        Some(State {
            schema: u32::from_le_bytes(*schema),
            data: data.to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_is_handed_over_once_and_to_the_same_plugin() {
        let folder = tempfile::tempdir().expect("a folder");
        let name = InstanceName::parse("home").expect("a name");
        let kept = Keepsake::new(folder.path(), &name, "bridge");
        assert!(kept.take().is_none());
        kept.keep(&State {
            schema: 3,
            data: b"state".to_vec(),
        });
        assert!(
            Keepsake::new(folder.path(), &name, "other")
                .take()
                .is_none()
        );
        let state = kept.take().expect("kept");
        assert_eq!((state.schema, &state.data[..]), (3, &b"state"[..]));
        assert!(kept.take().is_none(), "only once");
    }
}
