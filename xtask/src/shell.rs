//! Running commands: shown before they run, an error if they fail.

use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// Runs a command with this one's output; fails if it fails.
pub fn execute(command: &mut Command) -> Result<()> {
    let shown = show(command);
    eprintln!("\x1b[1;34m   xtask\x1b[0m {shown}");
    let status = command
        .status()
        .with_context(|| format!("cannot start: {shown}"))?;
    if !status.success() {
        bail!("failed ({status}): {shown}");
    }
    Ok(())
}

/// Like `execute`, and gives each line of its standard error, once shown, to `watch`.
pub fn execute_watching(command: &mut Command, mut watch: impl FnMut(&str)) -> Result<()> {
    let shown = show(command);
    eprintln!("\x1b[1;34m   xtask\x1b[0m {shown}");
    let mut child = command
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start: {shown}"))?;
    let printed = child.stderr.take().context("its standard error is piped")?;
    for line in BufReader::new(printed).split(b'\n') {
        let line = line.with_context(|| format!("cannot read from: {shown}"))?;
        let line = String::from_utf8_lossy(&line);
        eprintln!("{line}");
        watch(&line);
    }
    let status = child
        .wait()
        .with_context(|| format!("cannot wait for: {shown}"))?;
    if !status.success() {
        bail!("failed ({status}): {shown}");
    }
    Ok(())
}

/// Runs a command and returns what it printed; fails if it fails.
pub fn capture(command: &mut Command) -> Result<String> {
    let shown = show(command);
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start: {shown}"))?;
    if !output.status.success() {
        bail!("failed ({}): {shown}", output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether a command can be started and succeeds; says nothing.
pub fn succeeds(command: &mut Command) -> bool {
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn show(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let mut shown = program
        .file_name()
        .unwrap_or(command.get_program())
        .to_string_lossy()
        .into_owned();
    for argument in command.get_args() {
        shown.push(' ');
        shown.push_str(&argument.to_string_lossy());
    }
    shown
}
