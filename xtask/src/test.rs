//! `cargo xtask test`.

use crate::failures::Failures;
use crate::shell::{execute, execute_watching, succeeds};
use crate::{build, real, workspace::Workspace};
use anyhow::{Result, anyhow};

/// Builds what the tests load, runs them all, then the documentation's examples. Returns the tests that passed only when
/// they were tried again, which the profile `ci` of `.config/nextest.toml` does.
pub fn test(
    workspace: &Workspace,
    profile: &str,
    real: bool,
    filter: Option<&str>,
) -> Result<Vec<String>> {
    build::plugins_and_guests(workspace)?;
    // One set of targets for everything below, so that nothing is compiled twice: the tests start the binaries.
    execute(&mut workspace.cargo(&["build", "--workspace", "--bins", "--examples"]))?;
    let mut flaky = Vec::new();
    if succeeds(&mut workspace.cargo(&["nextest", "--version"])) {
        let no_match = if filter.is_some() { "pass" } else { "fail" };
        let mut failures = Failures::default();
        execute_watching(
            workspace
                .cargo(&["nextest", "run", "--workspace", "--profile", profile])
                .args(["--no-tests", no_match])
                .args(filter),
            |line| failures.line(line),
        )
        .map_err(|error| anyhow!("{error}{}", failures.report()))?;
        flaky = failures.flaky();
    } else {
        execute(
            workspace
                .cargo(&["test", "--workspace", "--lib", "--bins", "--tests"])
                .args(filter),
        )?;
    }
    execute(
        workspace
            .cargo(&["test", "--workspace", "--doc"])
            .args(filter),
    )?;
    if real {
        real::test(workspace, filter)?;
    }
    Ok(flaky)
}
