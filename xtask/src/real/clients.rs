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

/// A folder of Node modules that has `ws`, and `typescript` for listings that are written in it: the last release that takes types off from within Node.
pub fn node(folder: &Path) -> Result<PathBuf> {
    let modules = folder.join("node");
    std::fs::create_dir_all(&modules)?;
    let has = |name: &str| modules.join("node_modules").join(name).is_dir();
    if !has("ws") || !has("typescript") {
        execute(
            Command::new("npm")
                .args(["install", "--silent", "--no-fund", "--prefix"])
                .arg(&modules)
                .args(["ws", "typescript@5.9"]),
        )?;
    }
    Ok(modules.join("node_modules"))
}
