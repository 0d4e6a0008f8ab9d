//! A running gateway: the binary, in a folder of its own.

use crate::admin::Admin;
use crate::client::Client;
use crate::journal::Journal;
use crate::{plugins, wait};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// A signal that operators send.
#[derive(Debug, Clone, Copy)]
pub enum Signal {
    /// Read the configuration again.
    Hangup,
    /// Stop in good order.
    Terminate,
    /// What a lost machine looks like.
    Kill,
}

/// A running gateway. Dropping it kills it; if the test failed, its log is shown.
pub struct Gateway {
    folder: TempDir,
    variables: Vec<(String, String)>,
    process: Child,
    /// What it logs.
    pub journal: Journal,
    address: SocketAddr,
    admin: SocketAddr,
}

impl Gateway {
    /// Starts the binary with a configuration and waits until it listens.
    pub(crate) async fn start(
        folder: TempDir,
        config: &str,
        variables: Vec<(String, String)>,
    ) -> Self {
        std::fs::write(folder.path().join("hearthgate.toml"), config)
            .expect("the folder can be written");
        let (process, journal) = spawn(folder.path(), &variables);
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut gateway = Self {
            folder,
            variables,
            process,
            journal,
            address: nowhere,
            admin: nowhere,
        };
        gateway.learn_addresses().await;
        gateway
    }

    /// The ports are free ones; the log tells which.
    async fn learn_addresses(&mut self) {
        let addresses = wait::until("the gateway listens", || {
            let ended = self.process.try_wait().expect("a child can be asked");
            assert!(
                ended.is_none(),
                "the gateway ended at its start ({ended:?}):\n{}",
                self.journal.text()
            );
            let found = (self.listening("client"), self.listening("admin"));
            async move { Some((found.0?, found.1?)) }
        });
        (self.address, self.admin) = addresses.await;
    }

    /// The addresses are in the lines `serving`, each with its URL.
    fn listening(&self, role: &str) -> Option<SocketAddr> {
        let lines = self.journal.lines();
        let is_admin = |what: &str| what.contains("admin");
        let mut serving = lines.iter().rev().filter(|line| line.message == "serving");
        let line = serving.find(|line| is_admin(&line.field("what")) == (role == "admin"))?;
        let url = line.field("url");
        url.split("://").nth(1)?.split('/').next()?.parse().ok()
    }

    /// Where the clients of each listener connect, in the order of the configuration.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let lines = self.journal.lines();
        let serving = lines.iter().filter(|line| line.message == "serving");
        let mut addresses: Vec<SocketAddr> = serving
            .filter(|line| !line.field("what").contains("admin"))
            .filter_map(|line| {
                let url = line.field("url");
                url.split("://").nth(1)?.split('/').next()?.parse().ok()
            })
            .collect();
        // Each route is told.
        addresses.dedup();
        addresses
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the admin API is.
    #[must_use]
    pub fn admin_address(&self) -> SocketAddr {
        self.admin
    }

    /// The folder that it runs in.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its plugins folder.
    #[must_use]
    pub fn plugins(&self) -> PathBuf {
        self.folder.path().join("plugins")
    }

    /// Its configuration file.
    #[must_use]
    pub fn config_file(&self) -> PathBuf {
        self.folder.path().join("hearthgate.toml")
    }

    /// A native client whose greeting has arrived.
    pub async fn client(&self) -> Client {
        Client::connect(self.address, "/ws").await
    }

    /// The admin API.
    #[must_use]
    pub fn admin(&self) -> Admin {
        Admin::new(self.admin)
    }

    /// Installs a guest under its own id, or replaces it by a build that differs in its bytes only.
    ///
    /// # Panics
    /// It was not built.
    pub fn install(&self, id: &str, variation: u32) {
        self.install_as(id, id, variation);
    }

    /// Installs a guest under another's id.
    ///
    /// # Panics
    /// It was not built.
    pub fn install_as(&self, guest: &str, id: &str, variation: u32) {
        let bytes = std::fs::read(plugins::compiled(guest)).expect("a compiled guest can be read");
        plugins::install(&self.plugins(), id, &plugins::varied(&bytes, variation));
    }

    /// Writes the configuration anew, by a rename.
    ///
    /// # Panics
    /// The folder can't be written.
    pub fn configure(&self, change: impl FnOnce(String) -> String) {
        let text =
            std::fs::read_to_string(self.config_file()).expect("the configuration can be read");
        let partial = self.folder().join(".hearthgate.toml.partial");
        std::fs::write(&partial, change(text)).expect("the folder can be written");
        std::fs::rename(partial, self.config_file()).expect("a file can be renamed");
    }

    /// The most memory that it ever held, in bytes, or since [`forget_peak`](Self::forget_peak).
    ///
    /// # Panics
    /// It does not run.
    #[must_use]
    pub fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(self.proc("status")).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        kilobytes.expect("the kernel tells it") * 1024
    }

    /// Begins anew with the peak of its memory (proc(5), `clear_refs`).
    ///
    /// # Panics
    /// It does not run.
    pub fn forget_peak(&self) {
        std::fs::write(self.proc("clear_refs"), "5").expect("it runs, and is ours");
    }

    fn proc(&self, file: &str) -> PathBuf {
        let id = self.process_id().expect("it runs");
        PathBuf::from(format!("/proc/{id}/{file}"))
    }

    /// Sends a signal.
    ///
    /// # Panics
    /// The process has been waited for.
    pub fn signal(&self, signal: Signal) {
        let id = self
            .process
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .expect("it runs");
        let number = match signal {
            Signal::Hangup => libc::SIGHUP,
            Signal::Terminate => libc::SIGTERM,
            Signal::Kill => libc::SIGKILL,
        };
        // SAFETY: a plain system call; the child is not waited for yet, so its id is still its own.
        assert_eq!(
            unsafe { libc::kill(id, number) },
            0,
            "the signal could not be sent"
        );
    }

    /// Its process id, for `/proc`.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.process.id()
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// It does not end.
    pub async fn ended(&mut self) -> ExitStatus {
        wait::soon("the gateway ends", self.process.wait())
            .await
            .expect("a child can be waited for")
    }

    /// Sends SIGTERM and waits for its end.
    pub async fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::Terminate);
        self.ended().await
    }

    /// Starts it again in the same folder, after it ended.
    pub async fn start_again(&mut self) {
        self.ended().await;
        (self.process, self.journal) = spawn(self.folder.path(), &self.variables);
        self.learn_addresses().await;
    }

    /// Asserts that it still runs.
    ///
    /// # Panics
    /// It ended.
    pub fn assert_alive(&mut self) {
        let ended = self.process.try_wait().expect("a child can be asked");
        assert!(ended.is_none(), "the gateway ended: {ended:?}");
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let lines = self.journal.lines();
            eprintln!("── the gateway's last log lines");
            lines
                .iter()
                .rev()
                .take(60)
                .rev()
                .for_each(|line| eprintln!("{}", line.text));
        }
    }
}

fn spawn(folder: &Path, variables: &[(String, String)]) -> (Child, Journal) {
    let mut command = Command::new(plugins::binary());
    command
        .args(["run", "--config", "hearthgate.toml"])
        .current_dir(folder)
        .kill_on_drop(true);
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .stdin(Stdio::null());
    command.envs(variables.iter().map(|(name, value)| (name, value)));
    let mut process = command
        .spawn()
        .expect("the gateway's binary can be started");
    let journal = Journal::default();
    journal.follow(process.stdout.take().expect("its output is a pipe"));
    journal.follow(process.stderr.take().expect("its errors are a pipe"));
    (process, journal)
}
