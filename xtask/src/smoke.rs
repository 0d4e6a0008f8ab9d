//! The main job on real input: `cargo xtask run`, a client that sees real figures, a stop by SIGTERM.

use crate::workspace::Workspace;
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use std::net::TcpStream;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};
use tungstenite::{Message, WebSocket};

const ADDRESS: &str = "127.0.0.1:3001";

/// Starts the gateway as a user does, waits for the first figures of this machine, and stops it.
pub fn smoke(workspace: &Workspace) -> Result<()> {
    ensure!(
        TcpStream::connect(ADDRESS).is_err(),
        "something already listens on {ADDRESS}; stop it first"
    );
    // By cargo, as a user would; this program's own file may have been built anew since it started. Cargo and xtask
    // become the gateway (`exec`), so the child that is signalled is the gateway itself.
    let mut gateway = Command::new("cargo")
        .args(["xtask", "run"])
        .current_dir(&workspace.root)
        .spawn()
        .context("cannot start `cargo xtask run`")?;
    let outcome = watch(&mut gateway);
    let stopped = stop(&mut gateway);
    outcome?;
    let status = stopped?;
    ensure!(
        status.success(),
        "after SIGTERM the gateway ended with {status}"
    );
    Ok(())
}

fn watch(gateway: &mut Child) -> Result<()> {
    let started = Instant::now();
    let mut socket = connect(gateway)?;
    let subscribe = json!({"type": "subscribe", "id": 1, "data": {"kinds": ["metrics.sample"], "snapshot": true}});
    socket.send(Message::text(subscribe.to_string()))?;
    let sample = next_of_type(&mut socket, "metrics.sample")?;
    let cpu = &sample["data"];
    ensure!(
        cpu.as_object().is_some_and(|data| !data.is_empty()),
        "the sample has no figures: {sample}"
    );
    println!(
        "the first metrics.sample arrived after {:.1} s: {}",
        started.elapsed().as_secs_f64(),
        shortened(&sample)
    );
    Ok(())
}

/// Waits until the gateway listens; a gateway that ended is not waited for.
fn connect(gateway: &mut Child) -> Result<WebSocket<TcpStream>> {
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        if let Some(status) = gateway.try_wait()? {
            bail!("the gateway ended with {status} before it listened");
        }
        if let Ok(stream) = TcpStream::connect(ADDRESS) {
            stream.set_read_timeout(Some(Duration::from_secs(30)))?;
            let (socket, _) = tungstenite::client(format!("ws://{ADDRESS}/ws"), stream)
                .context("the upgrade failed")?;
            return Ok(socket);
        }
        ensure!(
            Instant::now() < deadline,
            "nothing listens on {ADDRESS} after two minutes"
        );
        std::thread::park_timeout(Duration::from_millis(100));
    }
}

fn next_of_type(socket: &mut WebSocket<TcpStream>, wanted: &str) -> Result<Value> {
    let deadline = Instant::now() + Duration::from_secs(30);
    while Instant::now() < deadline {
        let message = socket
            .read()
            .with_context(|| format!("no `{wanted}` came"))?;
        if let Message::Text(text) = message {
            let value: Value = serde_json::from_str(&text)?;
            ensure!(value["type"] != "error", "the gateway answered {value}");
            if value["type"] == wanted {
                return Ok(value);
            }
        }
    }
    bail!("no `{wanted}` came within 30 s")
}

fn stop(gateway: &mut Child) -> Result<ExitStatus> {
    let id = i32::try_from(gateway.id()).context("a process id that is none")?;
    // SAFETY: a plain system call; the process is our child and not yet waited for, so the id is still its own.
    unsafe { libc::kill(id, libc::SIGTERM) };
    let deadline = Instant::now() + Duration::from_secs(60);
    while Instant::now() < deadline {
        if let Some(status) = gateway.try_wait()? {
            return Ok(status);
        }
        std::thread::park_timeout(Duration::from_millis(100));
    }
    gateway.kill()?;
    bail!("the gateway did not stop within a minute of SIGTERM")
}

fn shortened(value: &Value) -> String {
    value.to_string().chars().take(300).collect()
}
