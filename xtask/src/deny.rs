//! cargo-deny: licences, bans, sources, and advisories where their database can be had.

use crate::shell::{execute, succeeds};
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::process::{Command, Output};

/// The version that `deny.toml` is written for.
const VERSION: &str = "0.20.2";

/// Installs cargo-deny where it is missing and runs its checks.
pub fn deny(workspace: &Workspace) -> Result<()> {
    let program = install(workspace)?;
    execute(
        Command::new(&program)
            .args(["check", "licenses", "bans", "sources"])
            .current_dir(&workspace.root),
    )?;
    advisories(workspace, &program)
}

/// The installed cargo-deny, or one compiled into `target/tools`.
fn install(workspace: &Workspace) -> Result<std::path::PathBuf> {
    if succeeds(Command::new("cargo-deny").arg("--version")) {
        return Ok("cargo-deny".into());
    }
    let folder = workspace.target.join("tools");
    let program = folder.join("bin/cargo-deny");
    if !succeeds(Command::new(&program).arg("--version")) {
        let mut command = workspace.cargo(&[
            "install",
            "--locked",
            "--quiet",
            "cargo-deny",
            "--version",
            VERSION,
            "--root",
        ]);
        // Nobody waits for an optimised checker: without optimisation it is built in a third of the time.
        command
            .arg(&folder)
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
            .env("CARGO_PROFILE_RELEASE_LTO", "off");
        execute(&mut command).context("cargo-deny could not be installed")?;
    }
    Ok(program)
}

/// The advisories need RustSec's database, a git repository. Where the network does not have it, that is said and
/// passed over; a found advisory, or any other failure, is an error.
fn advisories(workspace: &Workspace, program: &std::path::Path) -> Result<()> {
    let fetched = run(workspace, program, &["fetch", "db"])?;
    if !fetched.status.success() {
        println!("SKIPPED: advisories; RustSec's database could not be fetched:");
        println!("{}", last_lines(&fetched, 4));
        return Ok(());
    }
    let checked = run(
        workspace,
        program,
        &["check", "--disable-fetch", "advisories"],
    )?;
    print!(
        "{}{}",
        String::from_utf8_lossy(&checked.stdout),
        String::from_utf8_lossy(&checked.stderr)
    );
    if !checked.status.success() {
        bail!("cargo-deny found advisories");
    }
    Ok(())
}

fn run(workspace: &Workspace, program: &std::path::Path, arguments: &[&str]) -> Result<Output> {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(&workspace.root);
    command
        .output()
        .with_context(|| format!("cannot start {}", program.display()))
}

fn last_lines(output: &Output, count: usize) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}
