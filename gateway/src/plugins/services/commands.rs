//! Commands whose argument templates the operator wrote down; never a shell.

use super::Current;
use bytes::Bytes;

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Its exit code; minus the signal's number where a signal ended it.
    pub exit_code: i32,
    /// What it wrote, up to `limits.receive_bytes`.
    pub stdout: Bytes,
    /// Its errors, up to `limits.receive_bytes`.
    pub stderr: Bytes,
}

/// Why a command did not run to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The operator named no such command.
    #[error("not granted: command {0:?}")]
    NotGranted(String),
    /// Its arguments don't fit the template.
    #[error("{0}")]
    Arguments(String),
    /// It ran too long and was killed, with all that it started.
    #[error("killed after {0:?}")]
    Timeout(std::time::Duration),
    /// It could not be started.
    #[error("{0}")]
    Start(String),
}

/// The commands of one instance's place.
#[derive(Debug)]
pub struct Commands {}

impl Commands {
    pub(crate) fn new(_rights: &Current) -> Self {
        Self {}
    }

    /// Runs a granted command to its end.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn run(
        &self,
        name: &str,
        _arguments: &[(String, String)],
    ) -> Result<Outcome, CommandError> {
        Err(CommandError::NotGranted(name.to_owned()))
    }
}
