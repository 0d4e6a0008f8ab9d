//! What is built how: the gateway for this machine, plugins and guests for WebAssembly.

use crate::shell::{capture, execute};
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The target that plugins are built for.
const WASM: &str = "wasm32-wasip2";

/// `cargo xtask build`: the release binary and the bundled plugins.
pub fn release(workspace: &Workspace) -> Result<()> {
    plugins(workspace)?;
    execute(&mut workspace.cargo(&[
        "build",
        "--release",
        "--package",
        "hearthgate",
        "--bin",
        "hearthgate",
    ]))?;
    println!(
        "built {} and {}",
        workspace.gateway().display(),
        workspace.target.join("plugins").display()
    );
    Ok(())
}

/// Builds the bundled plugins and puts them into `target/plugins`.
pub fn plugins(workspace: &Workspace) -> Result<()> {
    let crates = workspace.plugins()?;
    wasm(workspace, &crates)?;
    install(workspace, &crates)
}

/// Builds the bundled plugins and the test guests; the tests take both from cargo's own folder.
pub fn plugins_and_guests(workspace: &Workspace) -> Result<()> {
    let crates = workspace.plugins()?;
    let all: Vec<String> = crates.iter().cloned().chain(workspace.guests()?).collect();
    wasm(workspace, &all)?;
    install(workspace, &crates)
}

fn wasm(workspace: &Workspace, crates: &[String]) -> Result<()> {
    add_target(workspace)?;
    let mut command = workspace.cargo(&["build", "--profile", "plugin", "--target", WASM]);
    for name in crates {
        command.args(["--package", name]);
    }
    execute(&mut command)
}

/// Adds the WebAssembly target where it is missing: rustup does it by itself only where automatic installation is on.
fn add_target(workspace: &Workspace) -> Result<()> {
    let sysroot = capture(
        Command::new("rustc")
            .args(["--print", "sysroot"])
            .current_dir(&workspace.root),
    )?;
    if Path::new(sysroot.trim())
        .join("lib/rustlib")
        .join(WASM)
        .join("lib")
        .is_dir()
    {
        return Ok(());
    }
    execute(Command::new("rustup").args(["target", "add", WASM]).current_dir(&workspace.root))
        .with_context(|| format!("the Rust target {WASM} is missing and rustup could not add it; install it with your Rust"))
}

/// Copies each plugin under its id, `plugin_NAME.wasm` → `NAME.wasm`, by rename: a running gateway watches that folder
/// and must never see half a file. A plugin that has not changed is left alone, so that nothing reloads for nothing.
fn install(workspace: &Workspace, crates: &[String]) -> Result<()> {
    let folder = workspace.target.join("plugins");
    std::fs::create_dir_all(&folder)?;
    let mut wanted = Vec::new();
    for name in crates {
        let built = built(workspace, name);
        let id = name.strip_prefix("plugin-").unwrap_or(name);
        let bytes =
            std::fs::read(&built).with_context(|| format!("{} was not built", built.display()))?;
        let place = folder.join(format!("{id}.wasm"));
        if std::fs::read(&place).ok().as_ref() != Some(&bytes) {
            let partial = folder.join(format!(".{id}.wasm.partial"));
            std::fs::write(&partial, &bytes)?;
            std::fs::rename(&partial, &place)?;
        }
        wanted.push(place);
    }
    warn_of_strangers(&folder, &wanted)
}

fn built(workspace: &Workspace, name: &str) -> PathBuf {
    workspace
        .target
        .join(WASM)
        .join("plugin")
        .join(format!("{}.wasm", name.replace('-', "_")))
}

/// A plugin that no crate stands for is the user's: it stays, and is named.
fn warn_of_strangers(folder: &Path, wanted: &[PathBuf]) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "wasm")
            && !wanted.contains(&path)
        {
            eprintln!(
                "note: {} is no bundled plugin; it is left as it is",
                path.display()
            );
        }
    }
    if wanted.is_empty() {
        bail!("there is no bundled plugin");
    }
    Ok(())
}
