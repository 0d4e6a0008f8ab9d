//! Other people's WebSocket clients.

use crate::shell::{execute, succeeds};
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A Python 3 that has `websockets`.
pub fn python(folder: &Path) -> Result<PathBuf> {
    let environment = folder.join("python");
    let python = environment.join("bin/python");
    if !succeeds(Command::new(&python).args(["-c", "import websockets"])) {
        execute(
            Command::new("python3")
                .args(["-m", "venv"])
                .arg(&environment),
        )?;
        execute(Command::new(environment.join("bin/pip")).args([
            "install",
            "--quiet",
            "websockets",
        ]))?;
    }
    Ok(python)
}

/// A folder of Node modules that has `ws`.
pub fn node(folder: &Path) -> Result<PathBuf> {
    let modules = folder.join("node");
    std::fs::create_dir_all(&modules)?;
    if !modules.join("node_modules/ws").is_dir() {
        execute(
            Command::new("npm")
                .args(["install", "--silent", "--no-fund", "--prefix"])
                .arg(&modules)
                .arg("ws"),
        )?;
    }
    Ok(modules.join("node_modules"))
}
