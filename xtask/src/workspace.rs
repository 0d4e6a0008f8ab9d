//! Where things are.

use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The checkout and its `target` folder.
pub struct Workspace {
    /// The folder of the workspace's `Cargo.toml`.
    pub root: PathBuf,
    /// Where cargo builds; `CARGO_TARGET_DIR` is respected.
    pub target: PathBuf,
}

impl Workspace {
    /// Finds the checkout that this program was built from.
    pub fn locate() -> Result<Self> {
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
            .context("start this as `cargo xtask …`, so that it knows its checkout")?;
        let root = Path::new(&manifest)
            .parent()
            .context("xtask has no folder above it")?
            .to_path_buf();
        let target = match std::env::var_os("CARGO_TARGET_DIR") {
            Some(folder) => root.join(folder),
            None => root.join("target"),
        };
        Ok(Self { root, target })
    }

    /// Cargo, in this checkout.
    pub fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(arguments).current_dir(&self.root);
        command
    }

    /// The release binary.
    pub fn gateway(&self) -> PathBuf {
        self.target
            .join("release")
            .join(format!("hearthgate{}", std::env::consts::EXE_SUFFIX))
    }

    /// The bundled plugins, as crates: `plugins/NAME` is the crate `plugin-NAME`.
    pub fn plugins(&self) -> Result<Vec<String>> {
        crates_below(&self.root.join("plugins"), "plugin")
    }

    /// The test guests, as crates: `tests/guests/NAME` is the crate `guest-NAME`.
    pub fn guests(&self) -> Result<Vec<String>> {
        crates_below(&self.root.join("tests").join("guests"), "guest")
    }
}

fn crates_below(folder: &Path, prefix: &str) -> Result<Vec<String>> {
    let mut crates = Vec::new();
    for entry in
        std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?
    {
        let entry = entry?;
        if entry.path().join("Cargo.toml").is_file() {
            crates.push(format!("{prefix}-{}", entry.file_name().to_string_lossy()));
        }
    }
    ensure!(!crates.is_empty(), "no crate in {}", folder.display());
    crates.sort();
    Ok(crates)
}
