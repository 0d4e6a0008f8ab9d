//! Home Assistant, from PyPI into a Python of its own.

use crate::shell::{capture, execute, succeeds};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Needs Python 3.13.
const HOME_ASSISTANT: &str = "homeassistant==2025.4.4";
/// What pyenv is asked for where the system has no Python 3.13.
const PYTHON: &str = "3.13.0";

/// `hass` in a Python 3.13 environment. Takes some minutes the first time.
pub fn install(folder: &Path) -> Result<PathBuf> {
    let environment = folder.join("homeassistant");
    let hass = environment.join("bin/hass");
    // A command that is there but was installed by half can't tell its version.
    if succeeds(Command::new(&hass).arg("--version")) {
        return Ok(hass);
    }
    execute(
        Command::new(python3_13()?)
            .args(["-m", "venv", "--clear"])
            .arg(&environment),
    )?;
    let pip = environment.join("bin/pip");
    execute(Command::new(pip).args(["install", "--quiet", HOME_ASSISTANT]))?;
    Ok(hass)
}

/// A Python 3.13: the system's, or pyenv's.
fn python3_13() -> Result<PathBuf> {
    if succeeds(Command::new("python3.13").arg("--version")) {
        return Ok("python3.13".into());
    }
    execute(Command::new("pyenv").args(["install", "--skip-existing", PYTHON]))
        .context("no Python 3.13, and pyenv could not install one")?;
    let prefix = capture(Command::new("pyenv").args(["prefix", PYTHON]))?;
    Ok(Path::new(prefix.trim()).join("bin/python3.13"))
}
