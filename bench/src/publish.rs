//! From a guest's publish to the client's socket.

use crate::client::{Client, find};
use crate::feed::Dock;
use crate::histogram::Histogram;
use crate::load::{Load, Pace, digits};
use crate::plan::Plan;
use crate::publisher::TOPIC;
use crate::relay::{self, Drive};
use crate::report::Report;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Milliseconds between two events of the guest's own timer.
const PERIOD_MS: u64 = 5;

/// Runs the benchmark.
///
/// # Errors
/// When the gateway or its guest does not come up.
pub fn run(plan: &Plan) -> Result<Report> {
    let mut report = Report::new("publish");
    by_timer(plan, &mut report)?;
    for rate in [100, 1000] {
        by_feed(plan, &mut report, rate)?;
    }
    Ok(report)
}

/// The guest stamps its events with the wall clock right before it publishes them, and tells how long the publish before took.
fn by_timer(plan: &Plan, report: &mut Report) -> Result<()> {
    let setup = relay::setup(plan, "publish", Drive::Timer(PERIOD_MS))?;
    let server = setup.start()?;
    let mut client = Client::connect(server.clients, 0)?;
    client.subscribe(&[TOPIC.to_owned()], false)?;
    let (mut way, mut call) = (Histogram::default(), Histogram::default());
    let end = Instant::now() + plan.stretch;
    while Instant::now() < end {
        let text = client
            .next_message()
            .with_context(|| format!("the gateway printed:\n{}", server.printed()))?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let Some(at) = find(&text, b"\"w\":") else {
            continue;
        };
        let stamp = Duration::from_nanos(digits(&text[at + 4..]).0);
        way.record(u64::try_from(now.saturating_sub(stamp).as_nanos())?);
        if let Some(at) = find(&text, b"\"c\":") {
            call.record(digits(&text[at + 4..]).0);
        }
    }
    for (share, name) in [(0.5, "p50"), (0.99, "p99")] {
        let micros = |histogram: &Histogram| histogram.quantile(share) as f64 / 1000.0;
        report.figure(
            format!("guest's publish to the client, {name}"),
            micros(&way),
            "µs",
        );
        report.figure(format!("guest's publish call, {name}"), micros(&call), "µs");
    }
    report
        .raw
        .push(json!({ "drive": "timer", "way_ns": spread(&way), "call_ns": spread(&call) }));
    Ok(())
}

/// A message travels device → host → guest → event → client.
fn by_feed(plan: &Plan, report: &mut Report, rate: u64) -> Result<()> {
    let dock = Dock::open()?;
    let setup = relay::setup(plan, "publish", Drive::Feed(dock.address()?))?;
    let mut server = setup.start()?;
    let feed = dock.accept(&mut server)?;
    let mut client = Client::connect(server.clients, 0)?;
    client.subscribe(&[TOPIC.to_owned()], false)?;
    let mut load = Load::new(vec![client], Box::new(feed))?;
    load.stretch(&server, Pace::PerSecond(rate), Duration::from_millis(300))?;
    let stretch = load
        .stretch(&server, Pace::PerSecond(rate), plan.stretch)
        .with_context(|| format!("the gateway printed:\n{}", server.printed()))?;
    let name = format!("device to client at {rate}/s");
    let latency = &stretch.latency_us;
    report.figure(format!("{name}, p50"), latency.quantile(0.5) as f64, "µs");
    report.figure(format!("{name}, p99"), latency.quantile(0.99) as f64, "µs");
    let cpu = stretch.server_cpu_ns as f64 / 1000.0 / stretch.published.max(1) as f64;
    report.figure(format!("{name}, server CPU an event"), cpu, "µs");
    report.goal(
        format!("{name}, lost or doubled"),
        (stretch.lost + stretch.doubled) as f64,
        "",
        0.0,
    );
    report.raw.push(json!({
        "drive": "feed", "rate": rate, "published": stretch.published, "lost": stretch.lost,
        "doubled": stretch.doubled, "latency_us": spread(latency), "cpu_us_per_event": cpu,
    }));
    Ok(())
}

fn spread(histogram: &Histogram) -> Value {
    json!({
        "p50": histogram.quantile(0.5), "p90": histogram.quantile(0.9),
        "p99": histogram.quantile(0.99), "max": histogram.largest(),
    })
}
