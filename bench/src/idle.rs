//! What a connection costs in memory while nothing happens.

use crate::child::{Folder, Server};
use crate::client::Client;
use crate::gateway::Setup;
use crate::os::{self, Memory};
use crate::plan::Plan;
use crate::report::Report;
use anyhow::Result;
use serde_json::json;
use std::time::Duration;

/// The memory has settled when it moved less than this between two looks.
const SETTLED_BYTES: u64 = 64 * 1024;
/// Between two looks.
const LOOK: Duration = Duration::from_millis(250);
/// Looks, at most.
const LOOKS: usize = 20;

/// Runs the benchmark.
///
/// # Errors
/// When the gateway does not come up, or refuses a connection.
pub fn run(plan: &Plan) -> Result<Report> {
    let mut report = Report::new("idle");
    let (few, many) = plan.idle;
    for (name, subscribes) in [("no subscription", false), ("one subscription each", true)] {
        let setup = Setup {
            binary: plan.gateway.clone(),
            core: plan.server_core,
            folder: Folder::new(&plan.results, "idle")?,
            sources: String::new(),
        };
        let server = setup.start()?;
        let empty = settled(&server)?;
        let mut clients = Vec::with_capacity(many);
        fill(&server, &mut clients, few, subscribes)?;
        let before = settled(&server)?;
        fill(&server, &mut clients, many, subscribes)?;
        let after = settled(&server)?;
        let each = |bytes: fn(Memory) -> u64| {
            (bytes(after) as f64 - bytes(before) as f64) / (many - few) as f64
        };
        let (resident, proportional) = (each(|m| m.resident), each(|m| m.proportional));
        report.goal(
            format!("{name}: resident a connection"),
            resident,
            "bytes",
            5_000.0,
        );
        report.figure(
            format!("{name}: proportional a connection"),
            proportional,
            "bytes",
        );
        report.figure(
            format!("{name}: gateway without connections"),
            empty.resident as f64 / 1e6,
            "MB",
        );
        report.figure(
            format!("{name}: gateway with {many}"),
            after.resident as f64 / 1e6,
            "MB",
        );
        report.raw.push(json!({
            "clients": name, "few": few, "many": many,
            "resident_bytes": [empty.resident, before.resident, after.resident],
            "proportional_bytes": [empty.proportional, before.proportional, after.proportional],
        }));
    }
    Ok(report)
}

/// Connects until there are so many, each welcomed before the next.
fn fill(server: &Server, clients: &mut Vec<Client>, count: usize, subscribes: bool) -> Result<()> {
    for number in clients.len()..count {
        let mut client = Client::connect(server.clients, number)?;
        if subscribes {
            client.subscribe(&[format!("idle/{number}/state")], false)?;
        }
        clients.push(client);
    }
    Ok(())
}

/// The memory once it has stopped moving.
///
/// # Errors
/// When the process is gone.
pub fn settled(server: &Server) -> Result<Memory> {
    let mut last = os::memory(server.pid())?;
    for _ in 0..LOOKS {
        os::pause(LOOK);
        let now = os::memory(server.pid())?;
        if now.resident.abs_diff(last.resident) < SETTLED_BYTES {
            return Ok(now);
        }
        last = now;
    }
    Ok(last)
}
