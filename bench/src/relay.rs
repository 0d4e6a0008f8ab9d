//! The guest of the benchmarks (`bench/relay`): what it is fed, or what its timer tells it, it publishes.

use crate::child::Folder;
use crate::gateway::Setup;
use crate::plan::Plan;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

/// The name of the guest's instance.
pub const INSTANCE: &str = "relay";

/// What makes the guest publish.
#[derive(Debug, Clone, Copy)]
pub enum Drive {
    /// A feed at this address: each message becomes an event.
    Feed(SocketAddr),
    /// Its own timer, so many milliseconds apart.
    Timer(u64),
}

/// Builds the guest and lays out a gateway that runs it; nothing is started.
///
/// # Errors
/// When it does not compile.
pub fn setup(plan: &Plan, name: &str, drive: Drive) -> Result<Setup> {
    let (config, connect) = match drive {
        Drive::Feed(address) => (
            format!("{{ feed = \"ws://{address}/feed\" }}"),
            format!("connect = [\"ws://{address}\"], "),
        ),
        Drive::Timer(period) => (format!("{{ period = {period} }}"), String::new()),
    };
    let setup = Setup {
        binary: plan.gateway.clone(),
        core: plan.server_core,
        folder: Folder::new(&plan.results, name)?,
        sources: format!(
            "[sources.{INSTANCE}]\nplugin = \"relay\"\nconfig = {config}\n\
             grants = {{ {connect}publish = [\"b\"] }}\nlimits = {{ publish-rate = 100000 }}\n"
        ),
    };
    setup.install(&build(plan)?, "relay")?;
    Ok(setup)
}

/// Builds the guest, as plugins are built.
///
/// # Errors
/// When it does not compile.
pub fn build(plan: &Plan) -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args([
            "build",
            "--quiet",
            "--profile",
            "plugin",
            "--target",
            "wasm32-wasip2",
        ])
        .args(["--package", "hearthgate-bench-relay", "--target-dir"])
        .arg(&plan.target)
        .current_dir(&plan.root)
        .status()
        .context("starting cargo")?;
    ensure!(status.success(), "the guest bench/relay does not compile");
    Ok(built(plan))
}

/// Installs the guest anew as another file that does the same: an unused section tells the two apart.
///
/// # Errors
/// When it is not built, or the folder can't be written to.
pub fn replace(setup: &Setup, plan: &Plan, version: u8) -> Result<()> {
    let mut bytes = fs::read(built(plan))?;
    // A custom section (id 0) of 7 bytes: a name of 5, and one byte of ours.
    bytes.extend_from_slice(&[0, 7, 5]);
    bytes.extend_from_slice(b"bench");
    bytes.push(version);
    let changed = setup.folder.path().join("changed.wasm");
    fs::write(&changed, bytes)?;
    setup.install(&changed, "relay")
}

fn built(plan: &Plan) -> PathBuf {
    plan.target
        .join("wasm32-wasip2/plugin/hearthgate_bench_relay.wasm")
}
