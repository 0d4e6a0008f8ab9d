//! What is built how: the gateway for this machine, plugins and guests for WebAssembly.

use crate::shell::{capture, execute};
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The target that plugins are built for.
const WASM: &str = "wasm32-wasip2";

/// The one guest that does what stable Rust can't: it grows a WebAssembly table.
const NIGHTLY_FEATURE: &str = "table-growth";

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

/// Builds the bundled plugins and the test guests, with each feature of a guest as a build of its own:
/// `target/guests/NAME.wasm` and `NAME-FEATURE.wasm`.
pub fn plugins_and_guests(workspace: &Workspace) -> Result<()> {
    let (plugins, guests) = (workspace.plugins()?, workspace.guests()?);
    let all: Vec<String> = plugins.iter().chain(&guests).cloned().collect();
    wasm(workspace, &all)?;
    install(workspace, &plugins)?;
    let folder = workspace.target.join("guests");
    std::fs::create_dir_all(&folder)?;
    for guest in &guests {
        let id = guest.strip_prefix("guest-").unwrap_or(guest);
        copy(&built(workspace, guest), &folder.join(format!("{id}.wasm")))?;
        for feature in features(workspace, id)? {
            let mut command = wasm_command(workspace);
            command.args(["--package", guest, "--features", &feature]);
            if feature == NIGHTLY_FEATURE {
                command.env("RUSTC_BOOTSTRAP", guest.replace('-', "_"));
            }
            execute(&mut command)?;
            copy(
                &built(workspace, guest),
                &folder.join(format!("{id}-{feature}.wasm")),
            )?;
        }
    }
    Ok(())
}

/// The features of a guest: versions of it that a reload is to tell apart.
fn features(workspace: &Workspace, id: &str) -> Result<Vec<String>> {
    let manifest = workspace
        .root
        .join("tests/guests")
        .join(id)
        .join("Cargo.toml");
    let text = std::fs::read_to_string(&manifest)?;
    let table: toml::Table = text
        .parse()
        .with_context(|| format!("{} is no TOML", manifest.display()))?;
    let features = table.get("features").and_then(toml::Value::as_table);
    let names = features.into_iter().flat_map(toml::Table::keys);
    Ok(names.filter(|name| *name != "default").cloned().collect())
}

fn wasm(workspace: &Workspace, crates: &[String]) -> Result<()> {
    add_target(workspace)?;
    let mut command = wasm_command(workspace);
    for name in crates {
        command.args(["--package", name]);
    }
    execute(&mut command)
}

/// Panic messages name their source files; without the machine's folders, so that a plugin's bytes tell nothing of
/// who built it and are the same everywhere.
fn wasm_command(workspace: &Workspace) -> Command {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let remap =
        |folder: &Path, name: &str| format!("--remap-path-prefix={}={name}", folder.display());
    let mut flags = vec![remap(&workspace.root, "hearthgate")];
    flags.extend(home.map(|home| remap(&home, "cargo")));
    let mut command = workspace.cargo(&["build", "--profile", "plugin", "--target", WASM]);
    command.env("CARGO_TARGET_WASM32_WASIP2_RUSTFLAGS", flags.join(" "));
    command
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

/// Copies each plugin under its id: `plugin_NAME.wasm` → `NAME.wasm`.
fn install(workspace: &Workspace, crates: &[String]) -> Result<()> {
    let folder = workspace.target.join("plugins");
    std::fs::create_dir_all(&folder)?;
    let mut wanted = Vec::new();
    for name in crates {
        let id = name.strip_prefix("plugin-").unwrap_or(name);
        let place = folder.join(format!("{id}.wasm"));
        copy(&built(workspace, name), &place)?;
        wanted.push(place);
    }
    warn_of_strangers(&folder, &wanted)
}

/// Copies by rename: a running gateway may watch the folder and must never see half a file. What has not changed is
/// left alone, so that nothing reloads for nothing.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let bytes = std::fs::read(from).with_context(|| format!("{} was not built", from.display()))?;
    if std::fs::read(to).ok().as_ref() != Some(&bytes) {
        let partial = to.with_extension("partial");
        std::fs::write(&partial, &bytes)?;
        std::fs::rename(&partial, to)?;
    }
    Ok(())
}

fn built(workspace: &Workspace, name: &str) -> PathBuf {
    let folder = workspace.target.join(WASM).join("plugin");
    folder.join(format!("{}.wasm", name.replace('-', "_")))
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
