//! From the start of the process to the first event at a client, with a cold and a warm cache of compiled plugins.

use crate::child::Folder;
use crate::client::Client;
use crate::gateway::Setup;
use crate::os;
use crate::plan::Plan;
use crate::report::{Report, median};
use anyhow::{Context, Result};
use serde_json::json;
use std::fs;

const SOURCES: &str = r#"
[sources.host]
plugin = "metrics"
grants = { publish = ["metrics/#"], system = true }
"#;

/// When each step was reached, in milliseconds after the start of the process.
struct Steps {
    welcome_ms: f64,
    event_ms: f64,
}

/// Runs the benchmark.
///
/// # Errors
/// When gateway or plugin are not built, or no event comes.
pub fn run(plan: &Plan) -> Result<Report> {
    let setup = Setup {
        binary: plan.gateway.clone(),
        core: plan.server_core,
        folder: Folder::new(&plan.results, "startup")?,
        sources: SOURCES.to_owned(),
    };
    setup.install(&plan.target.join("plugins/metrics.wasm"), "metrics")?;
    let mut report = Report::new("startup");
    for (cache, cold) in [("cold", true), ("warm", false)] {
        let mut rounds = Vec::new();
        for _ in 0..plan.rounds {
            if cold {
                forget(&setup)?;
            }
            rounds.push(measure(&setup)?);
        }
        let welcome = median(rounds.iter().map(|steps| steps.welcome_ms));
        let event = median(rounds.iter().map(|steps| steps.event_ms));
        report.figure(format!("{cache} cache: start to welcome"), welcome, "ms");
        let name = format!("{cache} cache: start to first event");
        if cold {
            report.figure(name, event, "ms");
        } else {
            report.goal(name, event, "ms", 2000.0);
        }
        let raw = rounds.iter().map(|steps| {
            json!({ "cache": cache, "welcome_ms": steps.welcome_ms, "event_ms": steps.event_ms })
        });
        report.raw.extend(raw);
    }
    Ok(report)
}

/// Removes what the gateway keeps between runs.
fn forget(setup: &Setup) -> Result<()> {
    let state = setup.folder.path().join("state");
    if state.exists() {
        fs::remove_dir_all(&state).context("emptying the state folder")?;
    }
    Ok(())
}

fn measure(setup: &Setup) -> Result<Steps> {
    let start = os::monotonic_ns();
    let since = || (os::monotonic_ns() - start) as f64 / 1e6;
    let mut server = setup.spawn()?;
    let mut client = server.wait_until(|s| Client::connect(s.clients, 0).ok())?;
    let welcome_ms = since();
    let event = client
        .subscribe(&["metrics/#".to_owned()], true)
        .and_then(|()| client.expect("metrics.sample"))
        .with_context(|| format!("no event came; the gateway printed:\n{}", server.printed()));
    event?;
    Ok(Steps {
        welcome_ms,
        event_ms: since(),
    })
}
