//! `cargo xtask ci`: all that a change must pass, the cheapest first.

use crate::shell::{execute, succeeds};
use crate::workspace::Workspace;
use crate::{build, deny, smoke, test};
use anyhow::{Context, Result, bail};
use std::process::Command;
use std::time::Instant;

/// What is done, and how; it returns what should be told although it is no failure.
type Step = (&'static str, fn(&Workspace) -> Result<Vec<String>>);

const STEPS: &[Step] = &[
    ("format", |workspace| format(workspace).map(silent)),
    ("tests", tests),
    ("release build", |workspace| {
        build::release(workspace).map(silent)
    }),
    ("start and stop", |workspace| {
        smoke::smoke(workspace).map(silent)
    }),
    ("clippy", |workspace| clippy(workspace).map(silent)),
    ("documentation", |workspace| {
        documentation(workspace).map(silent)
    }),
    ("cargo-deny", |workspace| deny::deny(workspace).map(silent)),
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
        match outcome {
            Ok(notes) => notes
                .iter()
                .for_each(|note| report.push_str(&format!("          {note}\n"))),
            Err(error) => {
                eprintln!("{name}: {error:#}");
                report.push_str(&format!("          {error:#}\n"));
                failed.push(*name);
            }
        }
    }
    eprint!("\n{report}");
    if failed.is_empty() {
        Ok(())
    } else {
        bail!("failed: {}", failed.join(", "))
    }
}

fn silent((): ()) -> Vec<String> {
    Vec::new()
}

fn tests(workspace: &Workspace) -> Result<Vec<String>> {
    let flaky = test::test(workspace, "ci", false, None)?;
    let told = |name| format!("passed only when it was tried again, repair it: {name}");
    Ok(flaky.into_iter().map(told).collect())
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
