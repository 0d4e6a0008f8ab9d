//! The WebSocket conformance suite; its last release runs on Python 2.7 only.

use crate::shell::{capture, execute, succeeds};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

const AUTOBAHN: &str = "autobahntestsuite==25.10.1";

/// `wstest` in a Python 2.7 environment.
pub fn install(folder: &Path) -> Result<PathBuf> {
    let environment = folder.join("autobahn");
    let wstest = environment.join("bin/wstest");
    if wstest.is_file() {
        return Ok(wstest);
    }
    let python = python2()?;
    // virtualenv 20.21 is the last that can make environments of Python 2.7.
    let tool = folder.join("virtualenv");
    execute(Command::new("python3").args(["-m", "venv"]).arg(&tool))?;
    execute(Command::new(tool.join("bin/pip")).args(["install", "--quiet", "virtualenv<20.22"]))?;
    execute(
        Command::new(tool.join("bin/virtualenv"))
            .arg("--python")
            .arg(python)
            .arg(&environment),
    )?;
    execute(Command::new(environment.join("bin/pip")).args(["install", "--quiet", AUTOBAHN]))?;
    Ok(wstest)
}

/// A Python 2.7: the system's, or pyenv's.
fn python2() -> Result<PathBuf> {
    for name in ["python2.7", "python2"] {
        if succeeds(Command::new(name).arg("--version")) {
            let path =
                capture(Command::new(name).args(["-c", "import sys; print(sys.executable)"]))?;
            return Ok(path.trim().into());
        }
    }
    execute(Command::new("pyenv").args(["install", "--skip-existing", "2.7.18"]))
        .context("no Python 2.7, and pyenv could not install one")?;
    let prefix = capture(Command::new("pyenv").args(["prefix", "2.7.18"]))?;
    Ok(Path::new(prefix.trim()).join("bin/python2.7"))
}
