//! Public servers to compare with: Node's `ws`, Bun (uWebSockets), NATS.

use crate::child::{Folder, Server, free_address};
use crate::client::Client;
use crate::plan::Plan;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A public server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// The `ws` package on Node.
    Ws,
    /// Bun's own WebSocket server.
    Bun,
    /// The WebSocket listener of nats-server.
    Nats,
}

impl Peer {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Ws, Self::Bun, Self::Nats];

    /// Its name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ws => "node ws",
            Self::Bun => "bun",
            Self::Nats => "nats-server",
        }
    }

    /// Makes sure that it can be started: packages from npm are installed below the folder of results.
    ///
    /// # Errors
    /// What is missing on this machine.
    pub fn prepare(self, plan: &Plan) -> Result<()> {
        match self {
            Self::Ws => {
                answers("node")?;
                install(plan, "ws")
            }
            Self::Bun => install(plan, "bun"),
            Self::Nats => answers("nats-server"),
        }
    }

    /// Starts it on the servers' core; messages have `payload` bytes.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start(self, plan: &Plan, folder: &Folder, payload: usize) -> Result<Server> {
        let (clients, admin) = (free_address()?, free_address()?);
        let script = |name: &str| plan.root.join("bench/peers").join(name);
        let mut command = match self {
            Self::Ws => Command::new("node"),
            Self::Bun => Command::new(packages(plan).join("bun/bin/bun.exe")),
            Self::Nats => Command::new("nats-server"),
        };
        match self {
            Self::Ws => command.arg(script("ws.cjs")),
            Self::Bun => command.arg(script("bun.cjs")),
            Self::Nats => {
                let config = folder.path().join("nats.conf");
                let text = format!(
                    "listen: \"{admin}\"\nwebsocket {{ listen: \"{clients}\", no_tls: true }}\n"
                );
                fs::write(&config, text)?;
                command.arg("--config").arg(config)
            }
        };
        if self != Self::Nats {
            command.args([clients.port().to_string(), admin.port().to_string()]);
            command.arg(payload.to_string());
            command.env("NODE_PATH", packages(plan));
        }
        let mut server = Server::start(command, plan.server_core, folder.path(), clients, admin)?;
        server.wait_until(|s| TcpStream::connect(s.admin).ok())?;
        server.wait_until(|s| Client::connect_silently(s.clients, "/ws", "", 0).ok())?;
        Ok(server)
    }
}

fn packages(plan: &Plan) -> PathBuf {
    plan.results.join("peers/node_modules")
}

fn install(plan: &Plan, package: &str) -> Result<()> {
    if packages(plan).join(package).exists() {
        return Ok(());
    }
    let folder = plan.results.join("peers");
    fs::create_dir_all(&folder)?;
    let status = Command::new("npm")
        .args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"])
        .arg(&folder)
        .arg(package)
        .stdin(Stdio::null())
        .status()
        .context("npm is missing")?;
    ensure!(status.success(), "npm could not install {package}");
    Ok(())
}

fn answers(program: &str) -> Result<()> {
    let mut command = Command::new(program);
    command
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let status = command.status();
    let status = status.with_context(|| format!("{program} is not installed"))?;
    ensure!(status.success(), "{program} does not run");
    Ok(())
}
