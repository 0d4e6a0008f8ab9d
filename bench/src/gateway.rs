//! The gateway under measurement: its release binary, with a configuration made for the run.

use crate::child::{Folder, Server, free_address};
use crate::publisher::Answer;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// What a run's gateway is made of.
pub struct Setup {
    /// The gateway's binary.
    pub binary: PathBuf,
    /// The core it runs on.
    pub core: Option<usize>,
    /// Its run's folder; `plugins/` and `state/` in it are the gateway's.
    pub folder: Folder,
    /// Configuration beyond listeners, limits and folders: `[sources.…]` tables.
    pub sources: String,
}

impl Setup {
    /// Copies a plugin into the gateway's folder under this name.
    ///
    /// # Errors
    /// When the plugin is not built.
    pub fn install(&self, plugin: &Path, name: &str) -> Result<()> {
        let folder = self.folder.path().join("plugins");
        fs::create_dir_all(&folder)?;
        let target = folder.join(format!("{name}.wasm"));
        // Renamed into place, as an operator should do it: a running gateway never sees half a file.
        let beside = folder.join(format!(".{name}.part"));
        fs::copy(plugin, &beside).with_context(|| {
            format!(
                "no plugin {} (`cargo xtask build` makes it)",
                plugin.display()
            )
        })?;
        fs::rename(beside, target)?;
        Ok(())
    }

    /// Starts it and returns at once.
    ///
    /// # Errors
    /// When there is no binary.
    pub fn spawn(&self) -> Result<Server> {
        if !self.binary.exists() {
            bail!(
                "no gateway at {} (`cargo xtask build` makes it)",
                self.binary.display()
            );
        }
        let (clients, admin) = (free_address()?, free_address()?);
        let config = self.folder.path().join("bench.toml");
        fs::create_dir_all(self.folder.path().join("plugins"))?;
        fs::write(&config, self.configuration(clients, admin))?;
        let mut command = Command::new(&self.binary);
        command.arg("run").arg("--config").arg(&config);
        Server::start(command, self.core, self.folder.path(), clients, admin)
    }

    /// Starts it and waits until it is ready.
    ///
    /// # Errors
    /// When it does not come up; with what it printed.
    pub fn start(&self) -> Result<Server> {
        let mut server = self.spawn()?;
        server.wait_until(|s| get(s.admin, "/readyz").ok())?;
        Ok(server)
    }

    fn configuration(&self, clients: SocketAddr, admin: SocketAddr) -> String {
        let folder = self.folder.path().display();
        format!(
            r##"[[listener]]
address = "{clients}"
routes = [{{ path = "/ws", dialect = "native" }}]

[access]
public = ["#"]
public-calls = ["*"]

[admin]
address = "{admin}"

[connections]
max-connections = 15000

[plugins]
directory = "{folder}/plugins"
state-directory = "{folder}/state"

[log]
filter = "warn"

{}"##,
            self.sources
        )
    }
}

/// The admin API's answer as JSON.
///
/// # Errors
/// As [`get`], or when it is not JSON.
pub fn get_json(admin: SocketAddr, path: &str) -> Result<Value> {
    Ok(serde_json::from_slice(&get(admin, path)?)?)
}

/// Asks the admin API.
///
/// # Errors
/// When it does not answer with a 2xx.
pub fn get(admin: SocketAddr, path: &str) -> Result<Vec<u8>> {
    let mut stream = TcpStream::connect(admin)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {admin}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let answer = Answer::first(&bytes)?.context("half an answer")?;
    let text = &bytes[..answer.size];
    if !(200..300).contains(&answer.status) {
        bail!("GET {path}: {}", String::from_utf8_lossy(text));
    }
    let body = crate::client::find(text, b"\r\n\r\n").map_or(0, |at| at + 4);
    Ok(text[body..].to_vec())
}
