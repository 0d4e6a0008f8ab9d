//! Servers as child processes: started on a core, watched, and ended with certainty.

use crate::os;
use anyhow::{Context, Result, bail};
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a server may take to become ready.
pub const START_PATIENCE: Duration = Duration::from_secs(60);

/// A server under measurement, as a child process. It is killed when this is dropped, and by the kernel
/// when the benchmark ends in any other way.
pub struct Server {
    /// Where its clients connect to.
    pub clients: SocketAddr,
    /// Where it takes publications.
    pub admin: SocketAddr,
    child: Child,
    output: PathBuf,
}

impl Server {
    /// Starts a server on a core; what it prints goes to `folder`.
    ///
    /// # Errors
    /// When the program can't be started.
    pub fn start(
        mut command: Command,
        core: Option<usize>,
        folder: &Path,
        clients: SocketAddr,
        admin: SocketAddr,
    ) -> Result<Self> {
        let output = folder.join("output.log");
        let file = File::create(&output)?;
        command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file);
        os::bind_child(&mut command, core);
        let child = command
            .spawn()
            .with_context(|| format!("starting {}", command.get_program().display()))?;
        Ok(Self {
            clients,
            admin,
            child,
            output,
        })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Processor time that it has used so far, in nanoseconds.
    ///
    /// # Errors
    /// When it has ended.
    pub fn cpu_ns(&self) -> Result<u64> {
        os::process_cpu_ns(self.pid())
    }

    /// Asks again and again, a millisecond apart, until the answer is a value.
    ///
    /// # Errors
    /// When the server ends before, or takes longer than [`START_PATIENCE`]; with what it printed.
    pub fn wait_until<T>(&mut self, mut ask: impl FnMut(&Self) -> Option<T>) -> Result<T> {
        let deadline = Instant::now() + START_PATIENCE;
        loop {
            if let Some(value) = ask(self) {
                return Ok(value);
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended with {status}:\n{}", self.printed());
            }
            if Instant::now() > deadline {
                bail!(
                    "the server is not ready after {START_PATIENCE:?}:\n{}",
                    self.printed()
                );
            }
            os::pause(Duration::from_millis(1));
        }
    }

    /// The end of what it printed.
    pub fn printed(&self) -> String {
        let text = fs::read_to_string(&self.output).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A loopback address whose port is free at the moment.
///
/// # Errors
/// When no port is left.
pub fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// A folder of this run for configuration, state and output; removed when dropped.
pub struct Folder(PathBuf);

impl Folder {
    /// Makes an empty one, and removes those of runs that were cut off.
    ///
    /// # Errors
    /// When `results` can't be written to.
    pub fn new(results: &Path, name: &str) -> Result<Self> {
        for entry in fs::read_dir(results).into_iter().flatten().flatten() {
            let file = entry.file_name();
            let owner = file
                .to_str()
                .and_then(|f| f.strip_prefix("run-")?.split('-').next());
            if owner.is_some_and(|pid| pid.parse().is_ok_and(|pid| !os::is_alive(pid))) {
                fs::remove_dir_all(entry.path())?;
            }
        }
        let path = results.join(format!("run-{}-{name}", std::process::id()));
        if path.exists() {
            fs::remove_dir_all(&path)?;
        }
        fs::create_dir_all(&path)?;
        Ok(Self(fs::canonicalize(path)?))
    }

    /// Its absolute path.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What can't be removed now is removed by the next run.
        let _ = fs::remove_dir_all(&self.0);
    }
}
