//! Commands whose argument templates the operator wrote down; never a shell.
//!
//! `{name}` in a template stands for the guest's argument of that name. An argument stays one argument, whatever is in it.
//! One that the template puts at the beginning may not begin with `-`, or the program would read it as an option; it may
//! behind a literal `--` of the template. Exactly the names of the template must be given.
//!
//! A command has no input, `/` as its folder, and of the environment only `PATH` (the system's own folders) and `LC_ALL`.
//! It is a process group of its own, which is killed when the command ends, runs too long or is no longer waited for.

mod template;

use super::Current;
use bytes::{Bytes, BytesMut};
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;

/// Where a command finds other programs.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Its exit code; minus the signal's number where a signal ended it.
    pub exit_code: i32,
    /// What it wrote, up to `limits.receive_bytes`; the rest is dropped.
    pub stdout: Bytes,
    /// Its errors, up to `limits.receive_bytes`; the rest is dropped.
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
    Timeout(Duration),
    /// It could not be started.
    #[error("{0}")]
    Start(String),
}

/// The commands of one instance's place.
#[derive(Debug)]
pub struct Commands {
    rights: Current,
}

impl Commands {
    pub(crate) fn new(rights: &Current) -> Self {
        Self {
            rights: rights.clone(),
        }
    }

    /// Runs a granted command to its end.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn run(
        &self,
        name: &str,
        arguments: &[(String, String)],
    ) -> Result<Outcome, CommandError> {
        let rights = self.rights.load_full();
        let grant = rights
            .commands
            .get(name)
            .ok_or_else(|| CommandError::NotGranted(name.to_owned()))?;
        let arguments =
            template::fill(&grant.arguments, arguments).map_err(CommandError::Arguments)?;
        let mut command = Command::new(&grant.program);
        command
            .args(arguments)
            .env_clear()
            .env("PATH", PATH)
            .env("LC_ALL", "C.UTF-8")
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        let running = run(command, rights.limits.receive_bytes);
        let ended = tokio::time::timeout(grant.timeout, running).await;
        ended.unwrap_or(Err(CommandError::Timeout(grant.timeout)))
    }
}

async fn run(mut command: Command, limit: usize) -> Result<Outcome, CommandError> {
    let start = |error: std::io::Error| CommandError::Start(error.to_string());
    let mut child = command.spawn().map_err(start)?;
    let group = Group(child.id());
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let reading = async { tokio::join!(read(stdout, limit), read(stderr, limit)) };
    tokio::pin!(reading);
    let (status, output) = tokio::select! {
        // What it leaves behind would hold the pipes open: the group ends with its leader.
        status = child.wait() => (status.map_err(start)?, None),
        output = &mut reading => (child.wait().await.map_err(start)?, Some(output)),
    };
    drop(group);
    let (stdout, stderr) = match output {
        Some(output) => output,
        None => reading.await,
    };
    let exit_code = status
        .code()
        .or_else(|| status.signal().map(|signal| -signal))
        .unwrap_or(-1);
    Ok(Outcome {
        exit_code,
        stdout,
        stderr,
    })
}

/// Reads to the end and keeps the beginning: a command that writes much is not stopped by a full pipe.
async fn read(pipe: Option<impl AsyncRead + Unpin>, limit: usize) -> Bytes {
    let Some(mut pipe) = pipe else {
        return Bytes::new();
    };
    let (mut kept, mut chunk) = (BytesMut::new(), vec![0; 8 * 1024]);
    while let Ok(count @ 1..) = pipe.read(&mut chunk).await {
        let room = limit - kept.len();
        kept.extend_from_slice(&chunk[..count.min(room)]);
    }
    kept.freeze()
}

/// A process group that is killed with this guard.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        let Some(leader) = self
            .0
            .and_then(|id| i32::try_from(id).ok())
            .filter(|id| *id > 1)
        else {
            return;
        };
        // SAFETY: `kill` takes two numbers and touches no memory. The group is the one that was made for this command.
        unsafe { libc::kill(-leader, libc::SIGKILL) };
    }
}

#[cfg(test)]
#[path = "commands/command_tests.rs"]
mod tests;
