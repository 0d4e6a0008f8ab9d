//! `cargo xtask test`.

use crate::failures::Failures;
use crate::shell::{execute, execute_watching, succeeds};
use crate::{build, real, workspace::Workspace};
use anyhow::{Result, anyhow};

/// Builds what the tests load, runs them all, then the documentation's examples.
pub fn test(workspace: &Workspace, real: bool, filter: Option<&str>) -> Result<()> {
    build::plugins_and_guests(workspace)?;
    // One set of targets for everything below, so that nothing is compiled twice: the tests start the binaries.
    execute(&mut workspace.cargo(&["build", "--workspace", "--bins", "--examples"]))?;
    if succeeds(&mut workspace.cargo(&["nextest", "--version"])) {
        let no_match = if filter.is_some() { "pass" } else { "fail" };
        let mut failures = Failures::default();
        execute_watching(
            workspace
                .cargo(&["nextest", "run", "--workspace"])
                .args(["--no-tests", no_match])
                .args(filter),
            |line| failures.line(line),
        )
        .map_err(|error| anyhow!("{error}{}", failures.report()))?;
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
        real::test(workspace, filter)
    } else {
        Ok(())
    }
}
