//! `cargo xtask ci`: all that a change must pass, the cheapest first.

use crate::shell::{execute, succeeds};
use crate::workspace::Workspace;
use crate::{build, deny, smoke, test};
use anyhow::{Context, Result, bail};
use std::process::Command;
use std::time::Instant;

type Step = (&'static str, fn(&Workspace) -> Result<()>);

const STEPS: &[Step] = &[
    ("format", format),
    ("tests", |workspace| test::test(workspace, false, None)),
    ("release build", build::release),
    ("start and stop", smoke::smoke),
    ("clippy", clippy),
    ("documentation", documentation),
    ("cargo-deny", deny::deny),
];

/// Runs every step, even after one failed, so that one run shows everything there is to repair.
pub fn ci(workspace: &Workspace) -> Result<()> {
    components()?;
    let mut failed = Vec::new();
    let mut report = String::new();
    for (name, step) in STEPS {
        eprintln!("\n\x1b[1m── {name}\x1b[0m");
        let started = Instant::now();
        let outcome = step(workspace);
        let verdict = if outcome.is_ok() { "ok" } else { "FAILED" };
        report.push_str(&format!(
            "{verdict:>8}  {name} ({} s)\n",
            started.elapsed().as_secs()
        ));
        // Told at the end too: a log of an hour is read from there.
        if let Err(error) = outcome {
            eprintln!("{name}: {error:#}");
            report.push_str(&format!("          {error:#}\n"));
            failed.push(*name);
        }
    }
    eprint!("\n{report}");
    if failed.is_empty() {
        Ok(())
    } else {
        bail!("failed: {}", failed.join(", "))
    }
}

/// A machine with a minimal rustup has neither formatter nor linter.
fn components() -> Result<()> {
    for (probe, component) in [("rustfmt", "rustfmt"), ("cargo-clippy", "clippy")] {
        if !succeeds(Command::new(probe).arg("--version")) {
            execute(Command::new("rustup").args(["component", "add", component]))
                .context("rustup could not add it")?;
        }
    }
    Ok(())
}

fn format(workspace: &Workspace) -> Result<()> {
    execute(&mut workspace.cargo(&["fmt", "--all", "--check"]))
}

/// Both for this machine and, the guests' side, for WebAssembly: much of a plugin only exists there.
fn clippy(workspace: &Workspace) -> Result<()> {
    execute(&mut workspace.cargo(&[
        "clippy",
        "--workspace",
        "--all-targets",
        "--features",
        "hearthgate-tests/real",
        "--",
        "-D",
        "warnings",
    ]))?;
    let mut wasm = workspace.cargo(&[
        "clippy",
        "--target",
        "wasm32-wasip2",
        "--package",
        "hearthgate-plugin",
    ]);
    for name in workspace.plugins()?.iter().chain(&workspace.guests()?) {
        wasm.args(["--package", name]);
    }
    execute(wasm.args(["--", "-D", "warnings"]))
}

fn documentation(workspace: &Workspace) -> Result<()> {
    execute(
        workspace
            .cargo(&["doc", "--workspace", "--no-deps"])
            .env("RUSTDOCFLAGS", "-D warnings"),
    )
}
