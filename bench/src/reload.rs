//! Replacing a plugin under load: how long its inputs wait, and that nothing is lost or doubled.

use crate::child::Server;
use crate::client::Client;
use crate::feed::Dock;
use crate::gateway::{Setup, get_json};
use crate::load::{Load, Pace};
use crate::os;
use crate::plan::Plan;
use crate::publisher::TOPIC;
use crate::relay::{self, Drive, INSTANCE};
use crate::report::{Report, median};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::thread;
use std::time::{Duration, Instant};

/// Messages a second that the plugin is fed with.
const RATE: u64 = 1000;
/// Clients that watch.
const CLIENTS: usize = 10;
/// Between two replacements.
const REST: Duration = Duration::from_secs(1);
/// How long a replacement may take to be noticed, compiled and told about.
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs the benchmark.
///
/// # Errors
/// When a reload does not happen or is refused, or the plugin gives up its feed.
pub fn run(plan: &Plan) -> Result<Report> {
    let dock = Dock::open()?;
    let setup = relay::setup(plan, "reload", Drive::Feed(dock.address()?))?;
    let mut server = setup.start()?;
    let feed = dock.accept(&mut server)?;
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        let mut client = Client::connect(server.clients, number)?;
        client.subscribe(&[TOPIC.to_owned()], false)?;
        clients.push(client);
    }
    let mut load = Load::new(clients, Box::new(feed))?;
    let calm = load.stretch(&server, Pace::PerSecond(RATE), REST)?;
    let (outcomes, stretch) = thread::scope(|scope| {
        let operator = scope.spawn(|| replace_all(plan, &setup, &server));
        let stretch =
            load.stretch_while(&server, Pace::PerSecond(RATE), |_| !operator.is_finished());
        let outcomes = operator
            .join()
            .unwrap_or_else(|_| bail!("the operator's thread panicked"));
        Ok::<_, anyhow::Error>((outcomes?, stretch?))
    })
    .with_context(|| format!("the gateway printed:\n{}", server.printed()))?;
    let pauses: Vec<f64> = outcomes
        .iter()
        .filter_map(|o| o["pause_ms"].as_f64())
        .collect();
    let mut report = Report::new("reload");
    report.figure("reloads under 1,000 events/s", outcomes.len() as f64, "");
    report.figure("pause, median", median(pauses.iter().copied()), "ms");
    let longest = pauses.iter().copied().fold(0.0, f64::max);
    report.goal("pause, longest", longest, "ms", 10.0);
    report.figure(
        "slowest event without reloads",
        calm.latency_us.largest() as f64 / 1000.0,
        "ms",
    );
    report.figure(
        "slowest event with reloads",
        stretch.latency_us.largest() as f64 / 1000.0,
        "ms",
    );
    report.figure("events fed", stretch.published as f64, "");
    report.goal("events lost", stretch.lost as f64, "", 0.0);
    report.goal("events doubled", stretch.doubled as f64, "", 0.0);
    report.raw.push(json!({
        "outcomes": outcomes, "published": stretch.published, "delivered": stretch.delivered,
        "lost": stretch.lost, "doubled": stretch.doubled, "gaps": stretch.gaps,
        "latency_us": { "p50": stretch.latency_us.quantile(0.5), "p99": stretch.latency_us.quantile(0.99),
                        "max": stretch.latency_us.largest() },
    }));
    Ok(report)
}

/// Replaces the plugin's file again and again; returns how each reload went.
fn replace_all(plan: &Plan, setup: &Setup, server: &Server) -> Result<Vec<Value>> {
    let mut outcomes = Vec::new();
    let mut last = last_reload(server)?;
    for version in 1..=plan.reloads {
        os::pause(REST);
        relay::replace(setup, plan, version)?;
        let deadline = Instant::now() + PATIENCE;
        let outcome = loop {
            let now = last_reload(server)?;
            if now != last {
                break now;
            }
            if Instant::now() > deadline {
                bail!("replacement {version} was not noticed within {PATIENCE:?}");
            }
            os::pause(Duration::from_millis(50));
        };
        if outcome["outcome"] != "reloaded" {
            bail!("replacement {version} was not taken: {outcome}");
        }
        outcomes.push(outcome.clone());
        last = outcome;
    }
    Ok(outcomes)
}

/// How the guest's last reload went; null before the first.
fn last_reload(server: &Server) -> Result<Value> {
    let answer = get_json(server.admin, "/api/v1/plugins")?;
    let list = answer.as_array().or_else(|| answer["plugins"].as_array());
    let list = list.with_context(|| format!("no list of plugins in {answer}"))?;
    let ours = list.iter().find(|plugin| plugin["instance"] == INSTANCE);
    let ours = ours.with_context(|| format!("no instance {INSTANCE:?} in {answer}"))?;
    Ok(ours["last_reload"].clone())
}
