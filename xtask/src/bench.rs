//! `cargo xtask bench`.

use crate::shell::execute;
use crate::{build, workspace::Workspace};
use anyhow::Result;

/// Builds gateway, plugins and guests as users get them, and runs the benchmarks in release.
pub fn bench(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    build::plugins_and_guests(workspace)?;
    build::release(workspace)?;
    execute(
        workspace
            .cargo(&["run", "--release", "--package", "hearthgate-bench", "--"])
            .args(arguments),
    )
}
