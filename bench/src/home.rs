//! A home of 10,000 entities: how long its first reading takes, what it costs in memory, and how little of it a client
//! gets that asks for a hundred entities. Home Assistant is played by the tests' stand-in.

use crate::child::{Folder, Server};
use crate::client::Client;
use crate::gateway::{Setup, get_json};
use crate::plan::Plan;
use crate::report::{Report, median};
use anyhow::{Context, Result, bail, ensure};
use hearthgate_tests::peers::HomeAssistant;
use hearthgate_tests::peers::home_assistant::World;
use serde_json::{Value, json};
use std::fs;
use std::time::{Duration, Instant};

const TOKEN: &str = "a-token-of-the-benchmark";
/// Entities that the client asks for.
const WATCHED: usize = 100;
/// States that the client takes between two looks.
const BETWEEN: usize = 5;
/// How long a reading may take before it counts as failed.
const PATIENCE: Duration = Duration::from_secs(120);

/// What one round saw.
struct Round {
    first_ms: f64,
    again_ms: f64,
    memory: f64,
    /// Bytes that Home Assistant sent, and that the client got: at the first reading, and of the changes.
    first_bytes: (u64, u64),
    live_bytes: (u64, u64),
    live_ms: f64,
}

/// Runs the benchmark.
///
/// # Errors
/// When gateway or plugin are not built, or the home is not read in time.
pub fn run(plan: &Plan) -> Result<Report> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let mut rounds = Vec::new();
    for _ in 0..plan.rounds {
        let home = runtime.block_on(HomeAssistant::start(World::large(TOKEN, plan.entities)));
        rounds.push(measure(plan, &home)?);
    }
    let mid = |of: fn(&Round) -> f64| median(rounds.iter().map(of));
    let share = |(sent, got): (u64, u64)| 100.0 * got as f64 / sent as f64;
    let mut report = Report::new("home");
    report.figure("entities", plan.entities as f64, "");
    report.goal(
        "first reading, login to completed",
        mid(|r| r.first_ms),
        "ms",
        5000.0,
    );
    report.figure("reading anew, nothing differs", mid(|r| r.again_ms), "ms");
    report.goal(
        "memory of the plugin, at its most",
        mid(|r| r.memory) / 1_048_576.0,
        "MiB",
        64.0,
    );
    report.figure(
        "sent by home assistant at the first reading",
        mid(|r| r.first_bytes.0 as f64) / 1e6,
        "MB",
    );
    let first = median(rounds.iter().map(|r| share(r.first_bytes)));
    report.goal("of that to a client of 100 entities", first, "%", 2.0);
    report.figure(
        "sent by home assistant for one change of each",
        mid(|r| r.live_bytes.0 as f64) / 1e6,
        "MB",
    );
    let live = median(rounds.iter().map(|r| share(r.live_bytes)));
    report.goal("of that to the client", live, "%", 2.0);
    let rate = median(
        rounds
            .iter()
            .map(|r| plan.entities as f64 / r.live_ms * 1000.0),
    );
    report.figure("changes through the plugin", rate, "1/s");
    report.raw.extend(rounds.iter().map(|r| {
        json!({ "first_ms": r.first_ms, "again_ms": r.again_ms, "memory_bytes": r.memory,
                "first_bytes": r.first_bytes, "live_bytes": r.live_bytes, "live_ms": r.live_ms })
    }));
    Ok(report)
}

fn setup(plan: &Plan, home: &HomeAssistant) -> Result<Setup> {
    let folder = Folder::new(&plan.results, "home")?;
    let token = folder.path().join("token");
    fs::write(&token, TOKEN)?;
    let (url, token) = (home.url(), token.display().to_string());
    let to = url.trim_end_matches("/api/websocket");
    let sources = format!(
        r#"
[sources.home]
plugin = "home-assistant"
config = {{ url = "{url}" }}
secrets = {{ token = {{ file = "{token}" }} }}
limits = {{ memory = "64MiB", receive-size = "16MiB", state = "16MiB", publish-rate = 10000 }}
[sources.home.grants]
connect = ["{to}"]
publish = ["entity/#", "room/#", "area/#", "adapter/#", "automation/#", "scene/#", "service/#"]
"#
    );
    Ok(Setup {
        binary: plan.gateway.clone(),
        core: plan.server_core,
        folder,
        sources,
    })
}

fn measure(plan: &Plan, home: &HomeAssistant) -> Result<Round> {
    let setup = setup(plan, home)?;
    // The plugin comes when the clients are there, so that nothing of its first reading is missed.
    let server = setup.start()?;
    let mut status = Client::connect(server.clients, 0)?;
    status.subscribe(&["adapter/home/sync".to_owned()], true)?;
    let mut client = Client::connect(server.clients, 1)?;
    let step = plan.entities / WATCHED;
    let topics: Vec<String> = (0..WATCHED)
        .map(|n| format!("entity/{}/state", entity(n * step)))
        .collect();
    for part in topics.chunks(50) {
        client.subscribe(part, true)?;
    }
    setup.install(
        &plan.target.join("plugins/home-assistant.wasm"),
        "home-assistant",
    )?;
    let first_ms = reading(&mut status)?;
    let first_bytes = (home.sent(), receive(&mut client, WATCHED)?);
    let (before, begun, mut got) = (home.sent(), Instant::now(), 0);
    for n in 0..plan.entities {
        home.change(&entity(n), "21.5");
        // In step with what arrives: a home does not change all at once.
        if (n + 1) % (step * BETWEEN) == 0 {
            got += receive(&mut client, BETWEEN)?;
        }
    }
    let live_ms = begun.elapsed().as_secs_f64() * 1000.0;
    let live_bytes = (home.sent() - before, got);
    home.cut();
    let again_ms = reading(&mut status)?;
    Ok(Round {
        first_ms,
        again_ms,
        memory: memory(&server)?,
        first_bytes,
        live_bytes,
        live_ms,
    })
}

fn entity(number: usize) -> String {
    format!("sensor.value_{number:05}")
}

/// From the beginning of a reading to its end, as a client sees it.
fn reading(client: &mut Client) -> Result<f64> {
    let (deadline, mut begun) = (Instant::now() + PATIENCE, None);
    while Instant::now() < deadline {
        let status = client.expect("sync.status")?;
        match status["data"]["status"].as_str() {
            Some("syncing") => {
                begun.get_or_insert_with(Instant::now);
            }
            Some("completed") => {
                let begun: Instant = begun.context("completed without a beginning")?;
                return Ok(begun.elapsed().as_secs_f64() * 1000.0);
            }
            other => bail!("the home can't be read ({other:?}): {status}"),
        }
    }
    bail!("the home was not read within {PATIENCE:?}")
}

/// Takes so many states; returns the bytes of all messages on the way.
fn receive(client: &mut Client, count: usize) -> Result<u64> {
    let (mut seen, mut bytes) = (0, 0);
    while seen < count {
        let message = client.next_message().context("waiting for states")?;
        bytes += message.len() as u64;
        let message: Value = serde_json::from_slice(&message)?;
        ensure!(
            message["type"] != "gap",
            "the client missed something: {message}"
        );
        seen += usize::from(message["type"] == "entity.state_changed");
    }
    Ok(bytes)
}

/// The plugin's memory; it never gets smaller.
fn memory(server: &Server) -> Result<f64> {
    let answer = get_json(server.admin, "/api/v1/plugins")?;
    let list = answer.as_array().or_else(|| answer["plugins"].as_array());
    let home = list.and_then(|list| list.iter().find(|plugin| plugin["instance"] == "home"));
    let home = home.with_context(|| format!("no instance home in {answer}"))?;
    ensure!(home["restarts"] == 0, "the plugin was restarted: {home}");
    home["memory_bytes"].as_f64().context("no memory_bytes")
}
