//! What Debian packages.

use crate::shell::{capture, execute, succeeds};
use anyhow::{Context, Result};
use std::path::PathBuf;
use std::process::Command;

/// A program of a Debian package, installed where it is missing.
pub fn program(package: &str, program: &str) -> Result<PathBuf> {
    if let Some(path) = find(program) {
        return Ok(path);
    }
    let root = succeeds(Command::new("sh").args(["-c", "test $(id -u) = 0"]));
    let apt = |arguments: &[&str]| {
        let mut command = match root {
            true => Command::new("apt-get"),
            false => {
                let mut sudo = Command::new("sudo");
                sudo.arg("apt-get");
                sudo
            }
        };
        command.env("DEBIAN_FRONTEND", "noninteractive");
        execute(command.args(arguments))
    };
    // Lists may be stale or absent; an old one that still knows the package will do.
    let _stale = apt(&["update", "-q"]);
    apt(&["install", "-q", "-y", "--no-install-recommends", package])?;
    find(program).with_context(|| format!("{package} is installed, but there is no {program}"))
}

/// Where a program is; the folders of system programs are searched too.
fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    let search = format!("PATH={path}:/usr/sbin:/sbin command -v {program}");
    let found = capture(Command::new("sh").args(["-c", &search])).ok()?;
    Some(found.trim().into())
}
