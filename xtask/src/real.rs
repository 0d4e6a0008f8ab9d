//! `cargo xtask test --real`: installs the real parts, then runs the tests that use them.

use crate::shell::{capture, execute, succeeds};
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The conformance suite; its last release runs on Python 2.7 only.
const AUTOBAHN: &str = "autobahntestsuite==25.10.1";

/// Installs what is missing and runs the test binary that needs it.
pub fn test(workspace: &Workspace, filter: Option<&str>) -> Result<()> {
    let folder = workspace.target.join("real");
    std::fs::create_dir_all(&folder)?;
    let wstest = autobahn(&folder).context("the Autobahn suite could not be installed")?;
    let python = python_client(&folder).context("Python's websockets could not be installed")?;
    let node = node_client(&folder).context("Node's ws could not be installed")?;
    execute(
        workspace
            .cargo(&[
                "test",
                "--package",
                "hearthgate-tests",
                "--features",
                "real",
                "--test",
                "real",
            ])
            .args(filter)
            .env("HEARTHGATE_WSTEST", wstest)
            .env("HEARTHGATE_PYTHON", python)
            .env("HEARTHGATE_NODE_MODULES", node),
    )
}

/// `wstest` in a Python 2.7 environment.
fn autobahn(folder: &Path) -> Result<PathBuf> {
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

/// A Python 3 that has `websockets`.
fn python_client(folder: &Path) -> Result<PathBuf> {
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
fn node_client(folder: &Path) -> Result<PathBuf> {
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
